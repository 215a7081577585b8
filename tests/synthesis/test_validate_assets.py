"""What a domain's file names and what cannot be drawn: each is told with its line and key."""

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest

from sim2sg_core.domains.loading import parse_domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.render.textures import SPARE_LAYERS
from sim2sg_core.synthesis.validate_assets import validate_assets

GOOD = """\
name: yard
box: visible
input: {width: 320, height: 224}
classes:
  - name: crate
    size: {length: 0.4, width: 0.3, height: 0.2}
    meshes:
      - meshes
  - {name: ball, sizes: [[0.1, 0.1, 0.1]], assets: [cube, sphere]}
  - {name: bottle, sizes: [[0.1, 0.1, 0.3]]}
camera: {width: 240, height: 160, hfov_deg: 60, height_m: 1.5, pitch_deg: 20}
layout: {type: scatter, count: 3, distance: [1, 3], lateral: [-1, 1]}
appearance:
  patches:
    floor: [floor.png]
    wall: [floor.png]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files that GOOD names, and bad ones."""
    corners = [f"v {x} {y} {z}" for x, y, z in itertools.product((0, 0.4), (0, 0.3), (0, 0.2))]
    faces = ["f 1 2 4 3", "f 5 7 8 6", "f 1 5 6 2", "f 3 4 8 7", "f 1 3 7 5", "f 2 6 8 4"]
    for name, lines in (("meshes/a", corners + faces), ("meshes/b", corners + faces), ("bad/hollow", corners)):
        file = tmp_path / f"{name}.obj"
        file.parent.mkdir(exist_ok=True)
        file.write_text("\n".join(lines) + "\n")
    cv2.imwrite(str(tmp_path / "floor.png"), np.full((8, 8, 3), 90, np.uint8))
    (tmp_path / "text.png").write_text("no image")
    return tmp_path


def read(text: str, folder: Path) -> None:
    parse_domain(text, str(folder / "my.yaml"), validate_assets)


def test_what_can_be_drawn_is_accepted(folder: Path) -> None:
    read(GOOD, folder)


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "words"),
    [
        ("sphere]", "spere]", 9, "classes[1].assets[1]", "no asset 'spere'; did you mean sphere?"),
        ("name: bottle", "name: gizmo", 10, "classes[2]", "no built-in asset is called gizmo; list some under assets:"),
        ("- meshes", "- bad", 7, "classes[0].meshes", "hollow.obj: has no faces"),
        ("- meshes", "- meshes/a.obj\n      - bad/hollow.obj", 7, "classes[0].meshes", "hollow.obj: has no faces"),
        ("floor: [", "flor: [", 15, "appearance.patches.flor", "unknown surface; did you mean floor"),
        ("wall: [", "wall: [text.png, ", 16, "appearance.patches.wall[0]", "text.png: cannot be read as an image"),
        (
            "floor: [",
            "floor: [" + "floor.png, " * SPARE_LAYERS,
            14,
            "appearance.patches",
            f"{SPARE_LAYERS + 2} texture patches, room for {SPARE_LAYERS}; give fewer",
        ),
    ],
)
def test_what_cannot_be_drawn_names_line_and_key(old, new, line, key, words, folder: Path) -> None:
    assert old in GOOD
    with pytest.raises(Sim2SGError) as caught:
        read(GOOD.replace(old, new, 1), folder)
    message = str(caught.value)
    assert message.startswith(f"{folder / 'my.yaml'}:{line}: {key}: "), message
    assert words in message
    assert "\n" not in message


def test_several_are_told_at_once(folder: Path) -> None:
    with pytest.raises(Sim2SGError, match=r"my\.yaml:9: classes\[1\]\.assets\[0\]: .* \| line .* \| line [^|]*$"):
        read(GOOD.replace("[cube, sphere]", "[cub, spere]").replace("wall:", "walll:"), folder)
