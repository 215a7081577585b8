"""The tables of docs/interface.md: how they are written, and whether they are current."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
import yaml

pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("sim2sg.msg", reason="the messages are not built")
from sim2sg_core.errors import Sim2SGError
from sim2sg_ros import interface_tables
from sim2sg_ros.parameter_specs import PARAMETER_SPECS

pytestmark = pytest.mark.ros

DOCUMENT = Path(__file__).parents[2] / "docs" / "interface.md"


def test_every_parameter_has_its_row() -> None:
    text = interface_tables.parameters_table()
    rows = [line.split(" | ")[0].strip("| `") for line in text.splitlines()[2:]]
    assert rows == list(PARAMETER_SPECS)
    widths = {line.replace("\\|", "").count("|") for line in text.splitlines()}
    assert widths == {6}, "a cell breaks the table"


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), ("", '""'), (float("nan"), ".nan"), (0.5, "0.5"), ([""], '[""]'), (4, "4")]
)
def test_defaults_stand_as_in_yaml(value: object, text: str) -> None:
    assert interface_tables.value_text(value) == text
    read = yaml.safe_load(text)
    assert read == value or (math.isnan(read) and math.isnan(value))  # type: ignore[arg-type]


def test_names_of_topics_survive_markdown() -> None:
    text = interface_tables.parameters_table()
    assert "`~/<name>/scene_graph`" in text
    outside = re.sub(r"`[^`]*`", "", text)
    assert not set("<>~") & set(outside)


def test_the_document_is_current() -> None:
    text = DOCUMENT.read_text()
    fix = "run: python -m sim2sg_ros.interface_tables docs/interface.md"
    assert interface_tables.with_current_tables(text) == text, fix
    assert {f"<!-- table: {name} -->" for name in interface_tables.TABLES} <= set(text.splitlines())


def test_a_document_is_rewritten_in_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "doc.md"
    file.write_text("before\n<!-- table: services -->\nold\n<!-- end -->\nafter\n")
    assert interface_tables.main([str(file), "--check"]) == 1
    assert "python -m sim2sg_ros.interface_tables" in capsys.readouterr().err
    assert "old" in file.read_text()
    assert interface_tables.main([str(file)]) == 0
    text = file.read_text()
    assert text.startswith("before\n")
    assert text.endswith("<!-- end -->\nafter\n")
    assert "`~/load_model`" in text
    assert "\nold\n" not in text
    assert interface_tables.main([str(file), "--check"]) == 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nothing", "0 tables begin"),
        ("<!-- table: topic -->\n<!-- end -->", "'topic' is unknown"),
        ("<!-- table: topics -->\n<!-- table: services -->\n<!-- end -->", "2 tables begin and 1 end"),
    ],
)
def test_mistakes_in_the_marks_are_told(text: str, reason: str) -> None:
    with pytest.raises(Sim2SGError, match=reason):
        interface_tables.with_current_tables(text)


def test_no_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert interface_tables.main([str(tmp_path / "none.md")]) == 2
    assert "none.md" in capsys.readouterr().err
