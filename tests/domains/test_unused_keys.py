"""Keys that scenes of a layout type do not use are refused in files; models and runs that hold them can be read."""

import pytest

from sim2sg_core.domains import Domain, load_domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.packs.pack import shipped_files


@pytest.mark.parametrize(
    ("name", "there", "written", "says"),
    [
        ("drive", "lights: [1, 1]", "lights: [2, 3]", "appearance.lights: a street under the sky has one light"),
        (
            "drive",
            "  - name: van\n",
            "  - name: van\n    frequency: 3\n",
            "classes[1].frequency: a street is filled by",
        ),
        ("dining", "lights: [1, 3]", "skies: [clear]", "appearance.skies: layout room has no sky"),
        ("clevr", "skies: [backdrop]", "skies: [backdrop, clear]", "appearance.skies: layout scatter has no sky"),
    ],
)
def test_what_a_layout_does_not_use(tmp_path, name, there, written, says):
    text = shipped_files("domain.yaml")[name].read_text()
    assert there in text
    file = tmp_path / "own.yaml"
    file.write_text(text.replace(there, written, 1))
    with pytest.raises(Sim2SGError) as caught:
        load_domain(file)
    assert says in str(caught.value) and str(caught.value).endswith("; delete this key")


def test_what_a_layout_does_not_use_in_the_data_of_a_model():
    data = load_domain("drive").to_json()
    data["appearance"]["lights"] = [2, 3]
    assert Domain.from_json(data).appearance.lights == (2, 3)


def test_a_street_before_a_backdrop_has_lamps(tmp_path):
    text = shipped_files("domain.yaml")["drive"].read_text()
    file = tmp_path / "own.yaml"
    file.write_text(text.replace("lights: [1, 1]", "lights: [2, 3]\n  skies: [backdrop, clear]"))
    assert load_domain(file).appearance.lights == (2, 3)
