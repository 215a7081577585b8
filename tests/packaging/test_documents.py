"""The documents: their links lead somewhere, and what they name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sim2sg_ros import launching

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors(path: Path) -> set[str]:
    """The names that GitHub gives a document's headings."""
    heads = re.findall(r"^#+ (.*)$", path.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_links_lead_somewhere(path: Path) -> None:
    for link in LINK.findall(path.read_text()):
        if link.startswith(("http://", "https://")):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor:
            assert anchor in anchors(target), link


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_launch_files_and_their_arguments_exist(path: Path) -> None:
    text = path.read_text()
    for name, words in re.findall(r"ros2 launch sim2sg (\S+)([^\n`#]*)", text):
        source = (ROOT / "launch" / name).read_text()
        own = set(re.findall(r'^    "(\w+)": \(', source, flags=re.MULTILINE))
        for argument in re.findall(r"(\w+):=", words):
            assert argument in own | launching.ARGUMENTS.keys(), f"{name} has no argument {argument}"


def test_the_guide_for_robots_names_what_there_is() -> None:
    pytest.importorskip("rclpy", reason="rclpy is not installed")
    from sim2sg_ros import node_interface
    from sim2sg_ros.parameters import PARAMETER_SPECS

    text = (ROOT / "docs" / "ros.md").read_text()
    for name in ("transport", "max_rate", "max_age", "target_frame", "require_provider", "silence_timeout"):
        assert f"`{name}" in text
        assert name in PARAMETER_SPECS
    known = {item.name for item in (*node_interface.TOPICS, *node_interface.SERVICES)}
    known |= {node_interface.for_camera(name, "front") for name in known if not name.startswith("/")}
    for name in re.findall(r"`(~/[\w/]+|front/[\w/]+)`", text):
        assert name in known
