"""Reading domains: what is accepted, and that every mistake names its line and the remedy."""

import json
import re

import numpy as np
import pytest

from sim2sg_core import limits
from sim2sg_core.domains import Domain, builtin_domains, load_domain
from sim2sg_core.domains.loading import parse_domain
from sim2sg_core.errors import Sim2SGError

GOOD = """\
name: table
box: visible
input: {width: 320, height: 224}
classes:
  - name: cup
    size: {length: [0.06, 0.1], width: 0.08, height: [0.08, 0.12]}
    supports: [ground, table]
  - name: table
    sizes: [[1.2, 0.8, 0.7]]
    yaw_symmetry: 2
predicates:
  - {name: on, rule: on, margin: 0.02}
  - {name: left_of, rule: left_of, margin: 0.05, inverse: right_of}
  - {name: next_to, rule: next_to, symmetric: true}
camera: {width: 640, height: 480, hfov_deg: 60, height_m: [1.2, 1.6], pitch_deg: [20, 40]}
layout:
  type: scatter
  count: [2, 8]
  distance: [1, 3]
  lateral: [-1, 1]
appearance:
  noise: [0, 1e1]
"""


def test_builtin_domains_load() -> None:
    assert {"clevr", "drive"} <= set(builtin_domains())
    for name in builtin_domains():
        assert load_domain(name).name == name


def test_path_and_yaml_1_2_scalars(tmp_path) -> None:
    path = tmp_path / "table.yaml"
    path.write_text(GOOD)
    domain = load_domain(path)
    assert domain.class_names == ("cup", "table")
    assert domain.predicate_names == ("on", "left_of", "next_to")  # YAML 1.1 reads `on` as true
    assert domain.appearance.noise == (0, 10)  # YAML 1.1 reads 1e1 as text
    assert domain.classes[0].size is not None
    assert domain.classes[0].size.width == (0.08, 0.08)
    assert domain.inverses() == {"left_of": "right_of", "next_to": "next_to"}


# (what is replaced, by what, line, key, words of the message)
MISTAKES = [
    ("box: visible", "bix: visible", 2, "bix", "unknown key; did you mean box?"),
    ("box: visible", "box: modal", 2, "box", "'modal' is not one of 'visible', 'amodal', 'cuboid'"),
    ("box: visible\n", "", 1, "box", "missing key"),
    ("box: visible", "box: visible\nbox: amodal", 3, "box", "given twice (line 2)"),
    ("width: 320", "width: '320'", 3, "input.width", "'320' is a text; write a whole number"),
    ("width: 320", "width: 300", 3, "input.width", "multiple of 32"),
    ("width: 320", "width: 32.5", 3, "input.width", "write a whole number"),
    ("[0.06, 0.1]", "[0.1, 0.06]", 6, "classes[0].size.length", "write [0.06, 0.1]"),
    ("[0.06, 0.1]", "[0.0, 0.1]", 6, "classes[0].size.length", "above 0"),
    ("[0.06, 0.1]", "[0.1]", 6, "classes[0].size.length", "a value is missing"),
    ("[0.06, 0.1]", "[1, 2, 3]", 6, "classes[0].size.length", "3 values given; write at most 2"),
    ("[0.06, 0.1]", "long", 6, "classes[0].size.length", "write a list"),
    ("[0.06, 0.1]", "[.1, no]", 6, "classes[0].size.length[1]", "'no' is a text; write a number"),
    ("[ground, table]", "[ground, tabel]", 7, "classes[0].supports[1]", "did you mean table?"),
    ("name: cup", "name: Wine Glass", 5, "classes[0].name", "e.g. wine_glass"),
    ("name: cup", "name: 3", 5, "classes[0].name", "write a text"),
    ("name: cup", "name: table", 8, "classes[1].name", "there twice"),
    ("yaw_symmetry: 2", "yaw_symmetry: 3", 10, "classes[1].yaw_symmetry", "3 is not one of"),
    ("    sizes: [[1.2, 0.8, 0.7]]\n", "", 8, "classes[1]", "either size:"),
    ("rule: on", "rule: ontop", 12, "predicates[0].rule", "did you mean on?"),
    ("name: on", "name: left_of", 13, "predicates[1].name", "there twice"),
    ("inverse: right_of", "inverse: on", 13, "predicates[1].inverse", "'on' is a predicate itself"),
    ("inverse: right_of", "inverse: left_of", 13, "predicates[1].inverse", "symmetric: true"),
    ("margin: 0.02", "margin: 0.02, inverse: right_of", 13, "predicates[1].inverse", "already the inverse of on"),
    (", margin: 0.02", "", 12, "predicates[0].margin", "needs a margin"),
    ("margin: 0.02", "margin: 0", 12, "predicates[0].margin", "the largest gap that still counts as touching"),
    ("{name: on, rule: on, margin: 0.02}", "{name: a, rule: under}", 12, "predicates[0].margin", "of the two floors"),
    ("symmetric: true", "symmetric: true, margin: 0.1", 14, "predicates[2].margin", "delete this key"),
    ("- name: table", "- name: ground", 8, "classes[1].name", "take another word"),
    ("sizes: [[", "count: 30\n    sizes: [[", 9, "classes[1].count", "at least 30 objects do not fit"),
    ("  distance:", "  around: [{what: table, of: mug}]\n  distance:", 19, "layout.around[0].of", "unknown class"),
    ("symmetric: true", "symmetric: false", 14, "predicates[2].symmetric", "needs symmetric: true"),
    ("symmetric: true", "symmetric: yes", 14, "predicates[2].symmetric", "write true or false"),
    ("hfov_deg: 60", "hfov_deg: 180", 15, "camera.hfov_deg", "less than 170"),
    ("hfov_deg: 60", "hfov_deg: .inf", 15, "camera.hfov_deg", "write"),
    ("type: scatter", "type: street", 18, "layout.count", "unknown key"),
    ("type: scatter", "type: strewn", 17, "layout.type", "'strewn' is not one of 'scatter', 'room', 'street'"),
    ("  type: scatter\n", "", 16, "layout", "type: scatter"),
    ("lateral:", "laterall:", 20, "layout.laterall", "did you mean lateral?"),
    ("count: [2, 8]", "count: [2, 80]", 18, "layout.count", "max_objects: 24"),
    ("count: [2, 8]", "count: [-2, 8]", 18, "layout.count", "negative"),
    ("noise: [0, 1e1]", "jpeg: [50, 101]", 22, "appearance.jpeg", "100"),
    ("noise: [0, 1e1]", "ambient: [0.3, 1.5]", 22, "appearance.ambient", "ends at 1"),
    ("noise: [0, 1e1]", "light_elevation_deg: [-30, -10]", 22, "appearance.light_elevation_deg", "above the horizon"),
    ("noise: [0, 1e1]", "lights: [2, 6]", 22, "appearance.lights", "up to 3 lights"),
    ("noise: [0, 1e1]", "gamma: 0", 22, "appearance.gamma", "not positive"),
    ("noise: [0, 1e1]", "glare: -0.1", 22, "appearance.glare", "negative"),
    ("noise: [0, 1e1]", "contrast: [1.2, 0.8]", 22, "appearance.contrast", "backwards"),
    ("noise: [0, 1e1]", "floor_colors: [[0, 0, 300]]", 22, "appearance.floor_colors[0][2]", "255"),
    ("noise: [0, 1e1]", "floors: [plain, concrette]", 22, "appearance.floors[1]", "did you mean concrete?"),
    ("noise: [0, 1e1]", "skies: [grey]", 22, "appearance.skies[0]", "known: backdrop, clear"),
    ("noise: [0, 1e1]", "materials: [gold]", 22, "appearance.materials[0]", "known: rubber, metal"),
    ("noise: [0, 1e1]", "materials: {gold: 1}", 22, "appearance.materials.gold", "known: rubber, metal"),
    ("noise: [0, 1e1]", "materials: {metal: -1}", 22, "appearance.materials.metal", "-1 is no share"),
    ("noise: [0, 1e1]", "materials: {metal: 0}", 22, "appearance.materials", "all shares are 0"),
    ("noise: [0, 1e1]", "materials: metal", 22, "appearance.materials", "[rubber, metal]"),
    ("noise: [0, 1e1]", "paint_shares: [1]", 22, "appearance.paint_shares", "1 shares for 0 paints"),
    ("noise: [0, 1e1]", "patches: {floor: [a.png]}", 22, "appearance.patches.floor[0]", "relative to this file"),
    ("noise: [0, 1e1]", "", 21, "appearance", "nothing; write a mapping"),
    ("noise: [0, 1e1]", "noise: !!set {0}", 22, "appearance.noise", "write"),
    ("noise: [0, 1e1]", "noise: &n [*n]", 22, "appearance.noise", "alias"),
    ("noise: [0, 1e1]", "noise: !!float loud", 22, "appearance.noise", "'loud' is not what the tag"),
    ("noise: [0, 1e1]", "<<: {noise: 3}", 22, "appearance.<<", "write the merged keys out"),
    ("count: [2, 8]", "count: [2, !!int x]", 18, "layout.count[1]", "'x' is not what the tag"),
    ("count: [2, 8]", "count: [2, 99999999999999999999999]", 18, "layout.count[1]", "is too large; write"),
    ("count: [2, 8]", "count: [2, 8000]", 18, "layout.count", "8000 is too large; write 1000 or less"),
    ("width: 320", f"width: {'9' * 5000}", 3, "input.width", "99999999999999999999… is too large; write"),
    ("symmetric: true", "symmetric: !!bool 1", 14, "predicates[2].symmetric", "'1' is not what the tag"),
]


@pytest.mark.parametrize(("old", "new", "line", "key", "words"), MISTAKES)
def test_mistakes_name_line_key_and_remedy(old, new, line, key, words) -> None:
    assert old in GOOD
    with pytest.raises(Sim2SGError) as caught:
        parse_domain(GOOD.replace(old, new, 1), "my.yaml")
    message = str(caught.value)
    assert message.startswith(f"my.yaml:{line}: "), message
    assert f" {key}: " in message, message
    assert words in message, message
    assert "\n" not in message


def test_what_others_stand_around_is_on_the_ground() -> None:
    text = GOOD.replace("[ground, table]", "[table]").replace("  count: [2, 8]", "  around: [{what: table, of: cup}]")
    with pytest.raises(Sim2SGError, match=r"^f:18: layout.around\[0\].of: cup does not stand on the ground"):
        parse_domain(text.replace("  distance", "  count: 2\n  distance"), "f")


def test_a_room_and_a_street_tell_what_they_cannot_hold() -> None:
    room = GOOD.replace("type: scatter", "type: room").replace("count: [2, 8]", "count: 30")
    with pytest.raises(Sim2SGError, match=r"^f:18: layout.count: 30 objects do not fit in max_objects: 24"):
        parse_domain(room, "f")
    head, _, tail = GOOD.partition("  count: [2, 8]")
    street = head.replace("type: scatter", "type: street").replace("yaw_symmetry: 2", "count: 3")
    with pytest.raises(Sim2SGError, match=r"^f:10: classes\[1\].count: .*parked, moving.*delete this key"):
        parse_domain(street + tail[tail.index("appearance:") :], "f")


def test_several_mistakes_are_told_at_once() -> None:
    text = GOOD.replace("yaw_symmetry: 2", "yaw_symmetry: 9").replace("width: 320", "width: 1")
    with pytest.raises(Sim2SGError, match=r"^f:3: input.width: [^|]* \| line \d+: classes\[\d\].yaw_symmetry: [^|]*$"):
        parse_domain(text, "f")


def test_of_many_mistakes_the_first_are_told() -> None:
    assert "cup" in GOOD
    classes = "".join(f"  - {{name: thing_{i}, assets: [cup], yaw_symmetry: 9}}\n" for i in range(11))
    with pytest.raises(Sim2SGError) as caught:
        parse_domain(GOOD.replace("predicates:", classes + "predicates:", 1), "f")
    told = str(caught.value)
    assert told.count(" | ") == 7 and re.search(r" \(and \d+ more\)$", told) and "\n" not in told
    with pytest.raises(Sim2SGError, match=r"^f:\d+: colour: unknown key \(nor is there shape\); .*known: name, "):
        parse_domain(GOOD + "colour: 1\nshape: 2\n", "f")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [", r"^f:1: not YAML: .*; .*the bracket that opens in line 1 is not closed"),
        ("name: a\n  box: b", r"^f:2: not YAML: .*; indent it like the keys beside it"),
        ("name: a: b", r"^f:1: not YAML: .*put a text that holds `: ` in quotes"),
        ("name: a\n\tbox: b", r"^f:2: not YAML: .*; indent by spaces"),
        ("name: a\nbox\ninput: {}", r"^f:2: not YAML: .*; write `key: value`"),
        ("name: a\nbox: 'b\ninput: {}\n", r"^f:2: not YAML: .*; close the quotes that open in line 2"),
        ("input: {width: 3\nname: b", r"^f:2: not YAML: .*close the bracket that opens in line 1"),
        ("- a\nname: b", r"^f:2: not YAML: .*; indent it like the lines it belongs to"),
        ("name: *no", r"^f:1: not YAML: .*; put a text that starts with \* in quotes"),
        ("name: @no", r"^f:1: not YAML: .*; put the text in quotes"),
        ('name: "a\\q"', r"^f:1: not YAML: .*single quotes"),
        ("a\0b", r"^f:1: not YAML: .*'\\x00'; delete it"),
        ("name: a\n\nbox: \b\ninput: {}", r"^f:3: not YAML: .*'\\x08'; delete it"),
        (f"name: a\nbox: {'[' * 3000}{']' * 3000}\n", r"^f:2: .* nested too deeply; close the brackets"),
        ("", r"^f:1: a domain is a mapping"),
        ("- a", r"^f:1: a domain is a mapping"),
    ],
)
def test_broken_yaml(text: str, message: str) -> None:
    with pytest.raises(Sim2SGError, match=message):
        parse_domain(text, "f")


@pytest.mark.parametrize("name", ["boxes", "shelves", "scissors", "glasses", "bus"])
def test_plurals_are_names_too(name: str) -> None:
    assert parse_domain(GOOD.replace("name: cup", f"name: {name}"), "f").class_names == (name, "table")


def test_no_such_domain(tmp_path) -> None:
    with pytest.raises(Sim2SGError, match=r"no domain 'clever'; did you mean clevr\?"):
        load_domain("clever")
    with pytest.raises(Sim2SGError, match="is a folder"):
        load_domain(tmp_path)
    (tmp_path / "picture").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(Sim2SGError, match="not a text file"):
        load_domain(tmp_path / "picture")
    (tmp_path / "latin.yaml").write_bytes(GOOD.replace("cup", "Käfer").encode("latin-1"))
    with pytest.raises(Sim2SGError, match=r"latin\.yaml:5: not a text file in UTF-8; save"):
        load_domain(tmp_path / "latin.yaml")


def test_class_sizes_are_means_in_class_order() -> None:
    domain = parse_domain(GOOD, "f")
    np.testing.assert_allclose(domain.class_sizes(), [[0.08, 0.08, 0.1], [1.2, 0.8, 0.7]])


def test_patches_are_relative_to_the_file_or_absolute(tmp_path) -> None:
    (tmp_path / "floor.png").touch()
    other = tmp_path / "elsewhere" / "wall.png"
    other.parent.mkdir()
    other.touch()
    file = tmp_path / "my.yaml"
    file.write_text(GOOD.replace("noise: [0, 1e1]", f"patches: {{floor: [floor.png], wall: [{other}]}}"))
    domain = load_domain(file)
    assert domain.appearance.patches == {"floor": (str(tmp_path / "floor.png"),), "wall": (str(other),)}
    # What a model carries along is read where the images are not.
    other.unlink()
    assert Domain.from_json(domain.to_json()) == domain


def test_finishes_are_a_list_or_shares() -> None:
    for text, wanted in (
        ("[metal, rubber]", ("metal", "rubber")),
        ("{metal: 1, rubber: 3}", {"metal": 1, "rubber": 3}),
    ):
        domain = parse_domain(GOOD.replace("noise: [0, 1e1]", f"materials: {text}"), "f")
        assert domain.appearance.materials == wanted
        assert Domain.from_json(json.dumps(domain.to_json())) == domain


def laughs(levels, wide=9):
    rows = ["a0: &a0 [lol, lol]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * wide)}]" for n in range(1, levels)]
    return "\n".join(rows)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (laughs(9), r"\d"),
        (laughs(4000, 2), r"\d+"),
        ("\n".join(f"key{n}: 1" for n in range(9000)), "5000"),
        ("classes:\n" + "  - {name: a, sizes: [[1, 1, 1]]}\n" * 2000, r"\d+"),
        ("a: [" + "1, " * 20_000 + "1]", "1"),
    ],
)
def test_more_values_than_any_domain_has_are_not_made(text, line):
    with pytest.raises(Sim2SGError, match=rf"^f:{line}: more than 10,000 keys and values up to here"):
        parse_domain(text, "f")


def test_files_larger_than_any_domain_are_not_read(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("# " + "x" * limits.YAML_BYTES)
    with pytest.raises(Sim2SGError, match=r"a\.yaml: .* bytes, and at most .* are read"):
        load_domain(path)
