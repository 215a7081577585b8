"""JSON Schema of domain files, for editors, and the same as a table for people.

Both come out of the models: the descriptions are those of the `Attributes:` of their docstrings.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from typing import Any

from pydantic.json_schema import models_json_schema

from sim2sg_core.domains.domain_spec import Domain
from sim2sg_core.domains.fields import Spec
from sim2sg_core.packs.pack import layout_types

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def domain_schema() -> dict[str, Any]:
    """Returns the JSON Schema (draft 2020-12) of a domain file.

    It accepts what `load_domain` accepts as far as a schema can tell: that names fit together, files exist and ranges
    run forwards is for `load_domain` alone.
    """
    schema = Domain.model_json_schema(mode="validation")
    _add_layouts(schema)
    described = {model.__name__: model for model in _subclasses(Spec)}
    for name, part in [("Domain", schema), *schema["$defs"].items()]:
        part["description"] = read_docstring(described[name])[0]
        keys = {k: v for base in reversed(described[name].__mro__) for k, v in read_docstring(base)[1].items()}
        part.pop("title", None)
        for key, value in part["properties"].items():
            value.pop("title", None)
            if key in keys:
                value["description"] = keys[key]
    # What `MeshSpec` makes of a text before it is checked.
    entries = schema["$defs"]["ClassSpec"]["properties"]["meshes"]
    entries["items"] = {"anyOf": [{"type": "string"}, entries["items"]]}
    _allow_one_extent(schema["$defs"]["SizeSpec"], schema["$defs"]["ClassSpec"])
    return {"$schema": DIALECT, "title": "A domain of sim2sg", **schema}


def _add_layouts(schema: dict[str, Any]) -> None:
    """Puts the layout types of the installed packs in the place of their base."""
    kinds = {name: kind.spec for name, kind in layout_types().items()}
    _, parts = models_json_schema([(spec, "validation") for spec in kinds.values()], ref_template="#/$defs/{model}")
    schema["$defs"] |= parts["$defs"]
    del schema["$defs"]["LayoutSpec"]
    places = {name: f"#/$defs/{spec.__name__}" for name, spec in sorted(kinds.items())}
    schema["properties"]["layout"] = {
        "discriminator": {"mapping": places, "propertyName": "type"},
        "oneOf": [{"$ref": place} for place in places.values()],
    }


def _allow_one_extent(size: dict[str, Any], of_class: dict[str, Any]) -> None:
    """Says what a class with meshes makes of one extent before its size is checked."""
    alone = {"minProperties": 1, "maxProperties": 1, "additionalProperties": {"type": "number"}}
    size["anyOf"] = [{"required": size.pop("required")}, alone]
    of_class["if"] = {"properties": {"size": {"type": "object", "maxProperties": 1}}, "required": ["size"]}
    of_class["then"] = {"required": ["meshes"]}


def schema_text() -> str:
    """Returns the schema as the text of a file."""
    return json.dumps(domain_schema(), indent=2, ensure_ascii=False) + "\n"


def read_docstring(model: type) -> tuple[str, dict[str, str]]:
    """Returns the text of a Google docstring before its `Attributes:`, and the text of each attribute."""
    head, _, rest = inspect.cleandoc(model.__doc__ or "").partition("\nAttributes:\n")
    keys: dict[str, str] = {}
    for part in re.split(r"\n(?=    \w)", "\n" + rest):
        key, colon, text = part.strip().partition(":")
        if colon:
            keys[key] = " ".join(text.split())
    return " ".join(head.split()), keys


def key_table() -> str:
    """Returns Markdown tables of all keys: one for each part of a domain file."""
    schema = domain_schema()
    parts = []
    for name, part in [("Domain", schema), *_in_order(schema)]:
        rows = ["| key | value | default | meaning |", "| --- | --- | --- | --- |"]
        required = part.get("required") or part.get("anyOf", [{}])[0].get("required", [])
        for key, value in part["properties"].items():
            default = "required" if key in required else _default(value)
            cells = (f"`{key}`", _kind(value), default, value.get("description", ""))
            rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        parts.append("\n".join([f"### {name}", "", part["description"], "", *rows]))
    return "\n\n".join(parts) + "\n"


def _subclasses(model: type[Spec]) -> Iterator[type[Spec]]:
    for child in model.__subclasses__():
        yield child
        yield from _subclasses(child)


def _in_order(schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The parts in the order in which a reader of the file meets them."""
    found: dict[str, dict[str, Any]] = {}

    def visit(part: dict[str, Any]) -> None:
        for name in re.findall(r'"#/\$defs/(\w+)"', json.dumps(part["properties"])):
            if name not in found:
                found[name] = schema["$defs"][name]
                visit(found[name])

    visit(schema)
    return list(found.items())


def _kind(value: dict[str, Any]) -> str:
    """Says in a few words what may be written for a key."""
    if "$ref" in value:
        name = value["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return ", ".join(f"`{v}`" for v in value["enum"])
    if options := value.get("anyOf") or value.get("oneOf"):
        kinds = [_kind(v) for v in options if v.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if value.get("type") == "array":
        if "prefixItems" in value:
            kinds = [_kind(v) for v in value["prefixItems"]]
            return "[r, g, b]" if all("255" in kind for kind in kinds) else f"[{', '.join(kinds)}]"
        if value.get("maxItems") == 2:
            return "[lo, hi]"
        return f"list of {_kind(value['items'])}"
    if value.get("type") == "object":
        inner = value.get("additionalProperties") or next(iter(value["patternProperties"].values()))
        return f"mapping to {_kind(inner)}"
    bounds = [("exclusiveMinimum", "> "), ("minimum", "≥ "), ("maximum", "≤ "), ("multipleOf", "multiple of ")]
    notes = [f"{sign}{value[word]:g}" for word, sign in bounds if word in value]
    words = {"integer": "whole number", "string": "text", "boolean": "true or false"}
    return " ".join([words.get(value["type"], value["type"]), ", ".join(notes)]).strip()


def _default(value: dict[str, Any]) -> str:
    default = value.get("default")
    if default is None or default == [] or default == {}:
        return "none"
    if isinstance(default, dict):
        return "see there"
    return f"`{json.dumps(default)}`"
