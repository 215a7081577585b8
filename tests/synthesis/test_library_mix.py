import pytest

from sim2sg_core.domains import Domain, load_domain
from sim2sg_core.domains.loading import parse_domain
from sim2sg_core.domains.mesh_library import FOLDERS, library_models
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.packs.pack import installed_packs
from sim2sg_core.scene import Camera
from sim2sg_core.synthesis import library_mix
from sim2sg_core.synthesis.assets.registry import asset_names, class_assets, load_asset
from sim2sg_core.synthesis.library_mix import with_library
from sim2sg_core.synthesis.synthesizer import sample_layout
from tests.small_library import needs_library, write_library

LISTED = 'sweethome3d:\n  car:\n    - Small#cart\n    - {id: "Small#cart", turn_deg: 180}\n    - Small#gone\n'


@pytest.fixture
def listed(tmp_path, monkeypatch):
    """Writes what a pack of the name drive lists, beside the small library."""
    monkeypatch.setenv(FOLDERS, str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_library(tmp_path)
    file = tmp_path / "library.yaml"
    monkeypatch.setattr(library_mix, "shipped_files", lambda name: {"drive": file} if file.is_file() else {})

    def write(text):
        file.write_text(text)
        return file

    write(LISTED)
    return write


def test_library_meshes_stand_beside_all_of_the_domains_own(listed):
    drive = load_domain("drive")
    mix = with_library(drive, "sweethome3d")
    car = mix.domain.class_spec("car")
    assert car.assets == asset_names("car")
    assert [(m.id, m.turn_deg) for m in car.meshes] == [("Small#cart", 0), ("Small#cart", 180)]
    assert (car.size, mix.domain.class_spec("van")) == (drive.class_spec("car").size, drive.class_spec("van"))
    assert str(mix) == "2 meshes of sweethome3d beside the domain's own: car 2; this version of it has no Small#gone"
    assert mix.domain.hash() != drive.hash() and mix.domain.credits
    again = Domain.from_json(mix.domain.to_json())
    assert again == mix.domain and again.hash() == mix.domain.hash()
    names = class_assets(mix.domain, "car")
    assert names[-2:] == ("library:sweethome3d/Small%23cart", "library:sweethome3d/Small%23cart?turn_deg=180")


def test_streets_draw_from_both_and_keep_the_proportions_of_every_mesh(listed):
    import numpy as np

    domain = with_library(load_domain("drive"), "sweethome3d").domain
    camera = Camera.from_extrinsics(
        1242, 375, np.array([[720.0, 0, 621], [0, 720.0, 187], [0, 0, 1]]), height_m=1.65, pitch=0.0
    )
    cars = []
    for seed in range(12):
        layout = sample_layout(domain, camera, np.random.default_rng(seed))
        cars += [p for p in layout.placements if p.label == "car"]
    used = {p.asset.split(":")[0] for p in cars}
    assert "library" in used and len(used) > 5
    stretch = np.array([p.size / load_asset(p.asset).size for p in cars])
    scale = np.array(next(v.mesh_scale for v in domain.layout.vehicles if v.what == "car"))
    np.testing.assert_allclose(stretch, np.broadcast_to(scale, stretch.shape), rtol=0.065)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("other: {}", "nothing says which meshes of sweethome3d fit the domain drive"),
        ("[car]", r"library\.yaml: write \{library: \{class: \[id, …\]\}\}"),
        ("sweethome3d: {lorry: [x]}", r"library\.yaml: lorry is no class of drive"),
        ("sweethome3d: {car: x}", r"library\.yaml: car: write a list of ids"),
        ("sweethome3d: {car: [{id: x, turn: 90}]}", "unknown key; did you mean turn_deg"),
    ],
)
def test_mistakes_in_what_is_listed_are_told(listed, text, told):
    listed(text)
    with pytest.raises(Sim2SGError, match=told) as error:
        with_library(load_domain("drive"), "sweethome3d")
    assert "\n" not in str(error.value)


def test_domains_that_nobody_has_looked_at_are_told_how(listed):
    clevr = load_domain("clevr")
    with pytest.raises(Sim2SGError, match=r"fit the domain clevr \(known: drive\); list them in its file"):
        with_library(clevr, "sweethome3d")


@needs_library
@pytest.mark.parametrize("name", ["dining", "drive"])
def test_every_mesh_that_packs_list_is_in_the_library(name):
    assert installed_packs()[name].file("library.yaml")
    mix = with_library(load_domain(name), "sweethome3d")
    assert mix.missing == () and sum(mix.counts.values()) > 30
    models = library_models("sweethome3d")
    for spec in mix.domain.classes:
        assert len({m.id for m in spec.meshes}) == len(spec.meshes)
        for mesh in spec.meshes:  # About the class's size: they are scaled to it.
            model = models[mesh.id]
            own = (model.size[1], model.size[0], model.size[2]) if mesh.turn_deg % 180 else model.size
            for extent, (low, high) in zip(own, (spec.size.length, spec.size.width, spec.size.height)):
                assert low / 2.2 < extent < high * 2.2, (mesh.id, own)


def test_a_domain_file_of_a_packs_name_may_be_mixed_too(listed, tmp_path):
    text = """
name: drive
box: visible
input: {width: 64, height: 64}
camera: {width: 96, height: 64, hfov_deg: 50, height_m: 1.2, pitch_deg: 35}
layout: {type: scatter, count: 3, distance: [3, 5], lateral: [-2, 2]}
classes: [{name: car, meshes: [{library: sweethome3d, id: "Small#shelf"}]}]
"""
    mix = with_library(parse_domain(text, str(tmp_path / "own.yaml")), "sweethome3d")
    (car,) = mix.domain.classes
    assert car.assets == () and [m.id for m in car.meshes] == ["Small#shelf", "Small#cart", "Small#cart"]
