"""The worked example: its domains, its meshes, and what the page about it says of both."""

import math
import re
import shutil
from pathlib import Path

import pytest

from sim2sg_core.cli.domain_check import raw_extents
from sim2sg_core.cli.main import main
from sim2sg_core.domains import Domain, load_domain
from sim2sg_core.logs import load_calibration
from sim2sg_core.report.domain_appearance import mesh_warnings
from sim2sg_core.report.domain_places import standing_on
from sim2sg_core.synthesis.synthesizer import Synthesizer

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "examples" / "warehouse"
PAGE = (ROOT / "docs" / "warehouse.md").read_text(encoding="utf-8")
CLASSES = {"shelf", "pallet", "box", "forklift", "person"}
COMMANDS = re.findall(r"(?m)^    (sim2sg .*)$", PAGE)
BROKEN = sorted(FOLDER.glob("broken_*.yaml"))
SCENES = 8
MOST_BYTES = 60_000


@pytest.fixture(scope="module", params=["warehouse", "other_warehouse"])
def domain(request: pytest.FixtureRequest) -> Domain:
    return load_domain(FOLDER / f"{request.param}.yaml")


def test_scenes_show_every_class_and_nothing_floats(domain: Domain) -> None:
    assert set(domain.class_names) == CLASSES
    camera = domain.camera.model_copy(update={"width": 240, "height": 160})
    synthesizer = Synthesizer(domain.model_copy(update={"camera": camera}), samples=0)
    seen: set[str] = set()
    held: set[str] = set()
    true: set[str] = set()
    for seed in range(SCENES):
        frame = synthesizer.frame(synthesizer.sample(seed), seed)
        seen |= {o.label for o in frame.graph.objects if (o.visibility or 0) > 0.5}
        true |= {r.predicate for r in frame.graph.relations}
        for item in frame.layout.placements:
            support = standing_on(domain, item, frame.layout)
            assert support in domain.class_spec(item.label).supports, (seed, item)
            held.add(support)
    synthesizer.close()
    assert seen == CLASSES
    assert true == set(domain.predicate_names)
    assert held >= {"ground", "pallet", "shelf"}


def test_meshes_are_of_every_format_small_and_fit_their_classes(domain: Domain) -> None:
    assert mesh_warnings(domain, raw_extents(domain), FOLDER) == []
    files = [path for path in (FOLDER / "meshes").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".obj", ".mtl", ".glb", ".ply"}
    assert max(path.stat().st_size for path in files) <= MOST_BYTES


def test_the_stand_in_has_the_classes_predicates_and_lens_of_the_example() -> None:
    mine, other = (load_domain(FOLDER / f"{name}.yaml") for name in ("warehouse", "other_warehouse"))
    assert (mine.class_names, mine.rules()) == (other.class_names, other.rules())
    camera = load_calibration(FOLDER / "camera.yaml", other.camera.width, other.camera.height)
    wide = 2 * math.degrees(math.atan(camera.width / 2 / camera.K[0, 0]))
    assert other.camera.hfov_deg[0] == pytest.approx(wide, abs=0.1)
    low, high = mine.camera.hfov_deg
    assert low < wide < high


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_broken_files_are_told_in_one_line(path, capsys) -> None:
    assert main(["domain", "check", str(path)]) == 2
    assert re.fullmatch(rf"error: {re.escape(str(path))}:\d+: [^\n]+\n", capsys.readouterr().err)


def test_there_are_broken_files() -> None:
    assert len(BROKEN) == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_read_what_is_there_or_was_written_before(command: str) -> None:
    commands = "\n".join(COMMANDS[: COMMANDS.index(command) + 1])
    written = tuple(re.findall(r"--(?:out|overlay) (\S+)", commands))
    for path in re.findall(r"(?:examples|runs)/\S+", command):
        assert (ROOT / path).exists() if path.startswith("examples/") else path.startswith(written), path


def test_the_page_shows_the_example_as_it_is() -> None:
    yaml = (FOLDER / "warehouse.yaml").read_text(encoding="utf-8")
    [excerpt] = re.findall(r"(?s)```yaml\n(.*?)```", PAGE)
    assert excerpt.rstrip(" ") in yaml


def test_a_mesh_in_the_wrong_unit_is_told(tmp_path: Path) -> None:
    text = (FOLDER / "warehouse.yaml").read_text(encoding="utf-8")
    folder = shutil.copytree(FOLDER, tmp_path / "warehouse")
    path = folder / "changed.yaml"
    path.write_text(text.replace("forklift.obj, unit: cm, up: y", "forklift.obj"), encoding="utf-8")
    domain = load_domain(path)
    [warning] = mesh_warnings(domain, raw_extents(domain), folder)
    assert "forklift.obj" in warning and "unit: cm" in warning
