"""The messages and services: every field explained, every field installed."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*ROOT.glob("msg/*.msg"), *ROOT.glob("srv/*.srv")])
# type, name, and for a constant its value
FIELD = re.compile(r"^(?P<type>[A-Za-z][\w/]*(\[[<=\d]*\])?)\s+(?P<name>\w+)\s*(=(?P<value>.*))?$")


def parse(path: Path) -> list[tuple[int, str, str, bool, str]]:
    """Returns (part, type, name, whether a constant, comment above) of each field."""
    fields, comment, part = [], [], 0
    for line in path.read_text().splitlines():
        if line.startswith("#"):
            comment.append(line.lstrip("# "))
        elif line == "---":
            part, comment = part + 1, []
        elif not line.strip():
            comment = []
        else:
            match = FIELD.match(line)
            assert match, f"{path.name}: {line!r} is no field"
            constant = match["value"] is not None
            fields.append((part, match["type"], match["name"], constant, " ".join(comment)))
            comment = []
    return fields


def test_all_interfaces_are_there_and_built() -> None:
    names = {p.name for p in FILES}
    assert names == {
        "GraphInfo.msg",
        "SceneGraph.msg",
        "SceneObject.msg",
        "SceneRelation.msg",
        "GetSceneGraph.srv",
        "LoadModel.srv",
    }
    built = re.findall(r"(?:msg|srv)/\w+\.(?:msg|srv)", (ROOT / "CMakeLists.txt").read_text())
    assert {Path(b).name for b in built} == names


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_every_field_has_a_comment(path: Path) -> None:
    fields = parse(path)
    assert fields
    for _, _, name, _, comment in fields:
        assert len(comment) >= 15, f"{path.name}: {name} has no comment of its own"
    assert path.read_text().startswith("# ")
    assert max(map(len, path.read_text().splitlines())) <= 110


@pytest.mark.ros
@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_installed_interfaces_match_the_sources(path: Path) -> None:
    kind = importlib.import_module(f"sim2sg.{path.suffix[1:]}")
    interface = getattr(kind, path.stem)
    types = [interface] if path.suffix == ".msg" else [interface.Request, interface.Response]
    for part, type_ in enumerate(types):
        wanted = [name for p, _, name, constant, _ in parse(path) if p == part and not constant]
        assert list(type_.get_fields_and_field_types()) == wanted
        for p, _, name, constant, _ in parse(path):
            if p == part and constant:
                assert isinstance(getattr(type_, name), str)


@pytest.mark.ros
def test_relation_frames_are_those_of_the_core() -> None:
    from sim2sg.msg import SceneRelation

    from sim2sg_core.scene.predicates import FRAMES

    constants = {SceneRelation.NONE, SceneRelation.VIEWER, SceneRelation.OBJECT, SceneRelation.WORLD}
    assert constants == {"none", "viewer", "object", "world"}
    assert set(FRAMES.values()) <= constants


@pytest.mark.ros
def test_documented_quaternion_turns_object_axes_into_camera_axes() -> None:
    """The formula in SceneObject.msg against the definition of yaw, for a level camera."""
    import numpy as np

    for yaw in np.linspace(-3, 3, 13):
        c, s = np.cos(yaw / 2), np.sin(yaw / 2)
        x, y, z, w = np.array([c, s, -s, c]) / np.sqrt(2)
        rotation = np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
            ]
        )
        # Right-handed about down (camera +y), from camera +x: towards -z.
        heading, up = np.array([np.cos(yaw), 0, -np.sin(yaw)]), np.array([0, -1, 0])
        np.testing.assert_allclose(rotation, np.stack([heading, np.cross(up, heading), up], axis=1), atol=1e-12)
