"""The verbs by which users bring domains: new, schema, check."""

import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import cv2
import jsonschema
import numpy as np
import pytest
import yaml

from sim2sg_core.cli.domain_check import used_meshes
from sim2sg_core.cli.main import main
from sim2sg_core.domains import builtin_domains, load_domain
from sim2sg_core.domains.loading import _Loader, parse_domain
from sim2sg_core.domains.schema import domain_schema, key_table, schema_text
from sim2sg_core.domains.template import domain_template
from sim2sg_core.packs.pack import shipped_files
from sim2sg_core.report.domain_appearance import look_alikes, mesh_warnings, told_apart
from sim2sg_core.report.domain_statistics import content_warnings, ground_in_view

DOCS = Path(__file__).parents[2] / "docs"

FAULTY = """
name: faulty
box: visible
input: {width: 320, height: 224}
max_objects: 8
classes:
  - {name: cube, sizes: [[1, 1, 1]], assets: [cube], yaw_symmetry: 4}
  - {name: crate, size: {length: [0.8, 1.2], width: 1, height: 1}, assets: [cube]}
  - {name: pebble, sizes: [[0.1, 0.1, 0.1]], assets: [sphere], yaw_symmetry: 0}
  - {name: post, sizes: [[0.5, 0.5, 2]], assets: [cylinder], frequency: 1.0e-9}
predicates:
  - {name: left_of, rule: left_of, margin: 50}
  - {name: in_front_of, rule: in_front_of, margin: 0.2}
camera: {width: 240, height: 160, hfov_deg: 49, height_m: 5, pitch_deg: 26}
layout: {type: scatter, count: [5, 6], distance: [6, 13], lateral: [-4, 4]}
"""

SIZE = "size: {length: [0.8, 1.2], width: 1, height: 1}, assets: [cube]"


def uncommented(text: str, which: int | None = None) -> str:
    """The text with its optional lines switched on: all, or those of one block."""
    lines = text.split("\n")
    optional = [bool(re.match(r" *#(?=[a-z-] ?)", line)) for line in lines]
    block = np.cumsum([o and not (i and optional[i - 1]) for i, o in enumerate(optional)])
    return "\n".join(
        line.replace("#", "", 1) if on and which in (None, number) else line
        for line, on, number in zip(lines, optional, block)
    )


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """A folder with the files that the template's comments speak of."""
    (tmp_path / "textures").mkdir()
    (tmp_path / "textures" / "floor.png").touch()
    (tmp_path / "textures" / "yard.hdr").touch()
    (tmp_path / "meshes").mkdir()
    corners = [f"v {x} {y} {z}" for x, y, z in itertools.product((0, 45), (0, 90), (0, 45))]
    faces = ["1 2 4 3", "5 7 8 6", "1 5 6 2", "3 4 8 7", "1 3 7 5", "2 6 8 4"]
    (tmp_path / "meshes" / "chair.obj").write_text("\n".join([*corners, *(f"f {f}" for f in faces)]) + "\n")
    return tmp_path


@pytest.mark.parametrize("layout", ["scatter", "room"])
def test_template_loads_as_it_is_and_with_every_option(layout: str, beside: Path) -> None:
    text = domain_template("mine", layout, "mine.yaml", "mine.schema.json")
    assert text.startswith("# yaml-language-server: $schema=mine.schema.json\n")
    assert "@" not in text
    plain = parse_domain(text, str(beside / "mine.yaml"))
    assert plain.layout.type == layout
    whole = parse_domain(uncommented(text), str(beside / "mine.yaml"))
    assert "chair" in whole.class_names
    assert whole.layout.groups
    # Single blocks too; a mapping's items need their heading, which is a block of its own only at the file's end.
    head = text.index("#appearance:")
    blocks = sum(1 for _ in re.finditer(r"(?m)(?:^ *#[a-z-].*\n)+", text[:head]))
    assert blocks >= 9
    for k in range(1, blocks + 1):
        changed = uncommented(text, k)
        assert changed != text
        parse_domain(changed, str(beside / "mine.yaml"))
    validator = jsonschema.Draft202012Validator(domain_schema())
    for version in (text, uncommented(text)):
        validator.validate(yaml.load(version, Loader=_Loader))


def test_template_names_every_key() -> None:
    """A new key of the models must be explained to whoever starts a domain; a street has no template."""
    text = "".join(uncommented(domain_template("mine", layout, "f", "s")) for layout in ("scatter", "room"))
    schema = domain_schema()
    for name, part in [("Domain", schema), *schema["$defs"].items()]:
        for key in part["properties"] if not name.startswith("Street") else ():
            assert re.search(rf"(?m)(^|[ {{-]){key}:", text), f"{name}.{key}"


def test_new_writes_a_domain_and_its_schema_once(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["domain", "new", "yard", "--layout", "room"]) == 0
    assert load_domain("yard.yaml").layout.type == "room"
    assert json.loads(Path("yard.schema.json").read_text()) == domain_schema()
    Path("yard.yaml").write_text("mine")
    capsys.readouterr()
    assert main(["domain", "new", "yard"]) == 2
    assert "is there already" in capsys.readouterr().err
    assert Path("yard.yaml").read_text() == "mine"
    assert main(["domain", "new", "My Yard"]) == 2
    assert "e.g. my_yard" in capsys.readouterr().err
    assert main(["domain", "new", "clevr"]) == 2
    assert main(["domain", "new", "other", "--out", "sub/other.yaml"]) == 0
    assert sorted(p.name for p in Path("sub").iterdir()) == ["other.schema.json", "other.yaml"]


def test_light_verbs_import_neither_renderer_nor_torch(tmp_path) -> None:
    code = (
        "import sys; from sim2sg_core.cli.main import main\n"
        "for a in (['show', 'clevr'], ['new', 'mine'], ['schema']): assert main(['domain', *a]) == 0\n"
        "assert not {'torch', 'moderngl', 'trimesh', 'sim2sg_core.synthesis'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)


def test_schema_is_published_described_and_accepts_the_built_in_domains(capsys) -> None:
    assert main(["domain", "schema"]) == 0
    text = capsys.readouterr().out
    assert text == schema_text()
    path = DOCS / "domain.schema.json"
    assert path.read_text(encoding="utf-8") == text, "renew it: sim2sg domain schema --out docs/domain.schema.json"
    schema = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(schema)
    for name, part in [("Domain", schema), *schema["$defs"].items()]:
        assert not [k for k, v in part["properties"].items() if not v.get("description")], name
    for name in builtin_domains():
        source = shipped_files("domain.yaml")[name].read_text(encoding="utf-8")
        jsonschema.Draft202012Validator(schema).validate(yaml.load(source, Loader=_Loader))


@pytest.mark.parametrize(
    ("old", "new", "valid"),
    [
        ("count: [5, 6]", "count: 5", True),
        ("count: [5, 6]", "count: [5]", False),
        ("count: [5, 6]", "count: -5", False),
        ("count: [5, 6]", "cuont: 5", False),
        ("assets: [sphere]", "meshes: [ball.obj, {file: b.obj, unit: cm}]", True),
        ("assets: [sphere]", "meshes: [{file: b.obj, unit: miles}]", False),
        (SIZE, "size: {height: 0.8}, meshes: [b.obj]", True),
        (SIZE, "size: {height: 0.8}", False),
        (SIZE, "size: {height: [0.7, 0.8]}, meshes: [b.obj]", False),
        (SIZE, "size: {height: 0.8, width: 0.4}, meshes: [b.obj]", False),
        ("max_objects: 8", "appearance: {materials: [metal]}", True),
        ("max_objects: 8", "appearance: {materials: {metal: 2}}", True),
        ("max_objects: 8", "appearance: {materials: metal}", False),
        ("type: scatter", "type: strewn", False),
        ("name: pebble", "name: Big Pebble", False),
    ],
)
def test_schema_says_what_loading_says(old: str, new: str, valid: bool) -> None:
    data = yaml.load(FAULTY.replace(old, new, 1), Loader=_Loader)
    assert jsonschema.Draft202012Validator(domain_schema()).is_valid(data) == valid


def test_docs_list_the_keys() -> None:
    text = (DOCS / "domains.md").read_text(encoding="utf-8")
    assert key_table() in text, "renew the tables of docs/domains.md: sim2sg domain schema --markdown"


def test_check_draws_and_warns(tmp_path, capsys) -> None:
    path = tmp_path / "faulty.yaml"
    path.write_text(FAULTY)
    command = ["domain", "check", str(path), "--out", str(tmp_path / "out"), "--count", "5"]
    assert main(command) == 0
    out = capsys.readouterr().out
    sheet = cv2.imread(str(tmp_path / "out" / "contact_sheet.png"))
    assert sheet.shape[1] == 4 * 480 + 3 * 4
    assert sheet.std() > 10
    for words in (
        "pebble is 3 pixels large",
        "post is never placed; raise layout: count",
        "left_of is never true; lower its margin (now 50 m)",
        "cube and crate look alike: both are cube",
    ):
        assert f"warning: {words}" in out, out
    assert "in_front_of is" not in out
    assert "\n4 warnings\n" in out
    assert main([*command, "--strict", "--seed", "7"]) == 1


def test_check_of_a_sound_domain_is_silent(tmp_path, capsys) -> None:
    assert main(["domain", "check", "clevr", "--out", str(tmp_path), "--count", "6", "--strict"]) == 0
    assert capsys.readouterr().out.endswith("no warnings\n")


def test_check_of_a_mistake_names_its_line(tmp_path, capsys) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(FAULTY.replace("name: post, sizes", "name: post, size"))
    assert main(["domain", "check", str(path)]) == 2
    assert capsys.readouterr().err.startswith(f"error: {path}:10: classes[3].size: ")
    assert main(["domain", "check", "clevr", "--count", "0"]) == 2


@pytest.mark.parametrize(
    "command",
    [
        "domain show {file}",
        "domain check {file} --out {folder}/out",
        "synth --domain {file} --count 1 --out {folder}/out",
        "adapt --domain {file} --log {folder} --out {folder}/out",
    ],
)
def test_what_cannot_be_drawn_is_told_with_its_line(command, tmp_path, capsys) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(FAULTY.replace("[sphere]", "[spere]"))
    assert main(command.format(file=file, folder=tmp_path).split()) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {file}:9: classes[2].assets[0]: no asset 'spere'; did you mean sphere?")
    assert [p.name for p in tmp_path.iterdir()] == ["mine.yaml"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("check clevr --seed -1", "--seed -1: at least 0"),
        ("check clevr --out {file}", "{file}: is a file, not a folder; give another path, or move it away"),
        ("check clevr --out {file}/in/it", "{file}: is a file, not a folder; give another path, or move it away"),
        ("new yard --out {file}/yard.yaml", "{file}: is a file, not a folder; give another path, or move it away"),
        ("schema --out {folder}", "{folder}: is a folder; give the path of a file"),
    ],
)
def test_options_that_cannot_be_met_are_told_before_any_work(arguments, message, tmp_path, capsys) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    command = arguments.format(file=file, folder=tmp_path).split()
    assert main(["domain", *command]) == 2
    assert capsys.readouterr().err == f"error: {message.format(file=file, folder=tmp_path)}\n"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert file.read_text() == "mine"


def test_camera_that_looks_past_the_objects() -> None:
    domain = parse_domain(FAULTY.replace("pitch_deg: 26", "pitch_deg: 80"), "f")
    near, far = ground_in_view(domain)
    np.testing.assert_allclose(far, 5 / np.tan(np.radians(80) - np.arctan(np.tan(np.radians(24.5)) * 2 / 3)))
    assert near == 0
    from sim2sg_core.scene import Layout, SceneGraph

    camera = domain.camera.sample(np.random.default_rng(0))
    found = content_warnings(domain, [SceneGraph(240, 160)] * 3, [Layout(camera, ())] * 3)
    assert len(found) == 1
    assert "sees the ground from 0.0 to" in found[0]
    assert "objects stand 6 to 13 m away" in found[0]
    wordless = domain.model_copy(update={"predicates": ()})
    found = content_warnings(wordless, [SceneGraph(240, 160)] * 3, [Layout(camera, ())] * 3)
    assert "no predicates: no model can be trained for it" in found[1]


def meshed(size: str, mesh: str) -> str:
    return FAULTY.replace("sizes: [[0.5, 0.5, 2]], assets: [cylinder]", f"{size}, meshes: [{mesh}]")


@pytest.mark.parametrize(
    ("mesh", "extents", "words"),
    [
        ("{file: a.obj}", (0.5, 0.5, 2), None),
        ("{file: a.obj}", (50, 50, 200), "unit: cm, up: z would fit"),
        ("{file: a.obj}", (0.5, 2, 0.5), "unit: m, up: y would fit"),
        ("{file: a.glb}", (0.5, 0.5, 2), "unit: m, up: z would fit"),
        ("{file: a.glb}", (500, 2000, 500), "unit: mm, up: y would fit"),
        ("{file: a.obj}", (9, 9, 0.1), "no unit or axis fits"),
        ("{file: a.obj}", (9, 9, 0.1), "mesh a.obj of post measures"),
        ("{file: /yard/in/a.obj}", (9, 9, 0.1), "mesh in/a.obj of post measures"),
        ("{file: /yards/a.obj}", (9, 9, 0.1), "mesh /yards/a.obj of post measures"),
    ],
)
def test_mesh_that_does_not_fit_its_size(mesh, extents, words) -> None:
    from sim2sg_core.domains import Domain

    data = yaml.load(meshed("sizes: [[0.5, 0.5, 2]]", mesh), Loader=_Loader)
    domain = Domain.model_validate(data)
    found = mesh_warnings(domain, {domain.classes[3].meshes[0].file: np.array(extents, float)}, Path("/yard"))
    assert found == [] if words is None else (len(found) == 1 and words in found[0]), found


@pytest.mark.parametrize(
    ("extents", "unit", "words"),
    [
        ((0.4, 0.3, 0.2), "m", None),
        ((49, 3, 2), "m", None),
        ((0.001, 0.001, 0.01), "m", None),
        ((400, 300, 200), "m", "measures 400 x 300 x 200 m with unit: m, up: z: hardly true; correct its unit: or up:"),
        ((400, 300, 200), "m", "unit: mm would make it 0.4 x 0.3 x 0.2 m"),
        ((0.4, 0.3, 0.2), "mm", "unit: m would make it 0.4 x 0.3 x 0.2 m"),
        ((1e9, 1e9, 1e9), "m", "hardly true; correct its unit: or up:, or export it again"),
    ],
)
def test_mesh_that_gives_its_class_a_size_hardly_true(extents, unit, words) -> None:
    from sim2sg_core.domains import Domain
    from sim2sg_core.domains.mesh_files import METRES

    length, width, height = (float(v) * METRES[unit] for v in extents)
    size = f"size: {{length: {length:.9f}, width: {width:.9f}, height: {height:.9f}}}"
    domain = Domain.model_validate(yaml.load(meshed(size, f"{{file: a.obj, unit: {unit}}}"), Loader=_Loader))
    found = mesh_warnings(domain, {"a.obj": np.array(extents, float)}, Path())
    assert found == [] if words is None else (len(found) == 1 and words in found[0]), found


def test_meshes_of_one_name_are_told_apart_by_their_paths() -> None:
    from sim2sg_core.domains import Domain

    text = FAULTY.replace("sizes: [[1, 1, 1]], assets: [cube]", "sizes: [[1, 1, 1]], meshes: [/yard/a/model.obj]")
    text = text.replace("height: 1}, assets: [cube]", "height: 1}, meshes: [/yard/b/model.obj]")
    domain = Domain.model_validate(yaml.load(text, Loader=_Loader))
    assets = {name: (name,) for name in domain.class_names}
    meshes = used_meshes(domain, assets, Path("/yard"))
    assert meshes == {"cube": ("a/model.obj",), "crate": ("b/model.obj",), "pebble": ("pebble",), "post": ("post",)}
    assert look_alikes(domain, meshes, {}) == []
    both = Domain.model_validate(yaml.load(text.replace("/b/", "/a/"), Loader=_Loader))
    [found] = look_alikes(both, used_meshes(both, assets, Path("/yard")), {})
    assert found.startswith("cube and crate look alike: both are a/model.obj of overlapping sizes")


def test_supports_and_max_objects() -> None:
    from sim2sg_core.scene import Layout, Placement, SceneGraph, SceneObject

    domain = parse_domain(FAULTY.replace("assets: [sphere]", "assets: [sphere], supports: [ground, cube]"), "f")
    camera = domain.camera.sample(np.random.default_rng(0))
    size, thing = np.ones(3), SceneObject("cube", 1.0, np.array([0.0, 0, 40, 40]), visibility=1.0)
    graph = SceneGraph(240, 160, (thing,) * 9)

    def warnings(height: float) -> str:
        things = [Placement("cube", np.array([8.0, 0, 0]), 0.3, size)]
        things += [Placement("pebble", np.array([8.2, 0, z]), 0.0, size * 0.1) for z in (0, height)]
        return "\n".join(content_warnings(domain, [graph], [Layout(camera, tuple(things))]))

    assert "up to 9) than max_objects: 8" in warnings(1.0)
    assert "pebble never stands on cube" in warnings(0.0)
    assert "never stands" not in warnings(1.0)


def test_pictures_that_look_alike_whatever_the_meshes() -> None:
    rng = np.random.default_rng(0)

    def crops(draw, count=24):
        made = []
        for _ in range(count):
            image = np.full((32, 32, 3), rng.integers(60, 200), np.uint8)
            draw(image, int(rng.integers(-2, 3)), tuple(int(v) for v in rng.integers(0, 255, 3)))
            made.append(image)
        return made

    def disc(image, shift, color):
        cv2.circle(image, (16 + shift, 16), 12, color, -1)

    def square(image, shift, color):
        cv2.rectangle(image, (5 + shift, 5), (27 + shift, 27), color, -1)

    assert told_apart(crops(disc), crops(square)) > 0.9
    domain = parse_domain(FAULTY, "f")
    meshes = {name: (name,) for name in domain.class_names}
    found = look_alikes(domain, meshes, {"cube": crops(disc), "post": crops(disc)})
    assert len(found) == 1
    assert "cube and post look alike in the pictures" in found[0]
    assert told_apart(crops(disc, 5), crops(disc, 5)) is None
