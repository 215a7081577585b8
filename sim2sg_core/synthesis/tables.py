"""Tables in YAML beside the code that they belong to: colours, proportions, profiles. Each row fills a dataclass."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BeforeValidator, ConfigDict, TypeAdapter, ValidationError

from sim2sg_core.domains.fields import nearest
from sim2sg_core.domains.yaml_errors import UniqueKeyLoader, yaml_mistake
from sim2sg_core.errors import Sim2SGError

Row = TypeVar("Row")


@cache
def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Sim2SGError(f"{path}: cannot be read: {error}") from None
    try:
        data = yaml.load(text, Loader=UniqueKeyLoader)
    except yaml.YAMLError as error:
        raise Sim2SGError(yaml_mistake(error, str(path), text)) from None
    if not isinstance(data, dict):
        raise Sim2SGError(f"{path}: holds no rows; write them as `name: {{column: value, …}}`")
    return data


def read_table(path: Path, kind: type[Row], section: str = "") -> dict[str, Row]:
    """Reads the rows of a table, in the order of the file.

    A row with `base: NAME` takes over what the row NAME above it says, but for what it says itself.

    Args:
        path: The YAML file.
        kind: The dataclass of a row: its fields are the columns, its annotations what they may hold.
        section: Key in the file below which the rows stand; "" when they are the whole file.

    Raises:
        Sim2SGError: The file cannot be read, or a row is wrong: `file: section.row.column: what is wrong`.
    """
    data: Any = _read_yaml(path)
    rows = data.get(section) if section else data
    where = f"{path}: {section}." if section else f"{path}: "
    if not isinstance(rows, dict):
        raise Sim2SGError(f"{path}: {section}: holds no rows; write them as `name: {{column: value, …}}`")
    table = TypeAdapter(dict[str, kind], config=ConfigDict(extra="forbid"))  # type: ignore[valid-type]
    try:
        return table.validate_python(_with_bases(rows, where))
    except ValidationError as error:
        raise Sim2SGError(where + _told(error, kind)) from None


def names_row_of(table: Mapping[str, Any]) -> BeforeValidator:
    """For columns that name a row of another table and hold that row: they are `Annotated` with this."""

    def row(name: Any) -> Any:
        if not isinstance(name, str) or name not in table:
            raise ValueError(f"no row {name}; {nearest(name, table)}")
        return table[name]

    return BeforeValidator(row)


def _with_bases(rows: dict[str, Any], where: str) -> dict[str, Any]:
    """Fills rows that name a base."""
    made: dict[str, Any] = {}
    for name, row in rows.items():
        if isinstance(row, dict) and "base" in row:
            base = made.get(str(row["base"]))
            if not isinstance(base, dict):
                raise Sim2SGError(f"{where}{name}.base: no row {row['base']} above it; {nearest(row['base'], made)}")
            row = {**base, **{key: value for key, value in row.items() if key != "base"}}
        made[name] = row
    return made


def _told(error: ValidationError, kind: type) -> str:
    """Says in one line what is wrong with a table, and what would be right."""
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    if first["type"] == "unexpected_keyword_argument":
        columns = [f.name for f in dataclasses.fields(kind)] if len(first["loc"]) == 2 else []
        remedy = nearest(first["loc"][-1], columns) if columns else "delete it or correct its name"
        return f"{place}: unknown key; {remedy}"
    if first["type"] == "missing":
        return f"{place}: is missing; add it"
    if first["type"] == "value_error":
        return f"{place}: {first['ctx']['error']}"
    if first["type"] == "domain":
        return f"{place}: {first['msg']}"
    return f"{place}: {first['msg']}, not {textwrap.shorten(repr(first['input']), 60, placeholder='…')}"
