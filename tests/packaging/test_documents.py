"""The documents: their links lead somewhere, and what they name is there."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import pytest
import yaml

import sim2sg_core
from sim2sg_core.cli.main import load_verb
from sim2sg_ros import launching

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
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


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_commands_are_understood(path: Path) -> None:
    text = re.sub(r"\\\n\s*", " ", path.read_text())
    for line in re.findall(r"(?m)^ *(sim2sg [a-z].*)$", text):
        words = shlex.split(line, comments=True)
        try:
            parser_of(words[1]).parse_args(words[2:])
        except SystemExit:
            pytest.fail(f"not understood: {line}")
    for span in re.findall(r"`(sim2sg [^`]+)`", text):
        for verb, words in re.findall(r"sim2sg ([a-z-]+)([^;]*)", span):
            unknown = set(re.findall(r"--[a-z][\w-]*", words)) - options(parser_of(verb)) - {"--help"}
            assert not unknown, f"{span}: no such option"


def parser_of(verb: str) -> argparse.ArgumentParser:
    """The parser of one verb."""
    module = load_verb(verb)
    parser = argparse.ArgumentParser(prog=verb)
    module.add_arguments(parser)
    return parser


def options(parser: argparse.ArgumentParser) -> set[str]:
    """All options of a parser and of its commands."""
    found = {name for action in parser._actions for name in action.option_strings}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found = found.union(*(options(command) for command in action.choices.values()))
    return found


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().split()) <= 1000


def test_the_citation_and_the_issue_forms_are_whole() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert citation["version"] == sim2sg_core.__version__
    forms = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
    assert len(forms) == 3
    for form in forms:
        data = yaml.safe_load(form.read_text())
        assert form.name == "config.yml" or {"name", "description", "body"} <= data.keys()


def test_topics_and_services_of_the_guide_for_robots_exist() -> None:
    pytest.importorskip("rclpy", reason="rclpy is not installed")
    from sim2sg_ros import node_interface

    text = (ROOT / "docs" / "ros.md").read_text()
    known = {item.name for item in (*node_interface.TOPICS, *node_interface.SERVICES)}
    known |= {node_interface.for_camera(name, "front") for name in known if not name.startswith("/")}
    for name in re.findall(r"`(~/[\w/]+|front/[\w/]+)`", text):
        assert name in known
