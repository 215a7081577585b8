"""Reads domains from YAML. Every mistake is named with its file, line and key."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from sim2sg_core.domains.domain_spec import Domain
from sim2sg_core.domains.fields import nearest
from sim2sg_core.domains.yaml_errors import check_yaml_size, too_many, yaml_mistake
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.limits import YAML_BYTES, YAML_VALUES, check_file_size
from sim2sg_core.packs.pack import shipped_files

FILE = "domain.yaml"  # of a pack
Place = tuple[str | int, ...]  # keys and indices from the top of the file
Further = Callable[[Domain], Iterable[tuple[Place, str]]]  # finds mistakes that cannot be seen from here
TOLD = 8  # mistakes at once
LARGEST = 10**15  # of whole numbers: a double holds it exactly, and the arithmetic on it


class _Loader(yaml.SafeLoader):
    """YAML 1.2's core schema: `on` and `no` are words, `1e-3` is a number."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
):
    # The first pattern that matches wins, and only it is tried on plain scalars.
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}",
        re.compile(f"^(?:{_pattern})$"),
        ["" if c == "\0" else c for c in _first],
    )


def builtin_domains() -> tuple[str, ...]:
    """Returns the names of the domains that installed packs bring."""
    return tuple(sorted(shipped_files(FILE)))


def load_domain(name_or_path: str | Path, further: Further | None = None, *, allow_outside: bool = False) -> Domain:
    """Reads a domain.

    Args:
        name_or_path: Name of a built-in domain, or path of a YAML file.
        further: What else a file must stand, e.g. `synthesis.validate_assets` before scenes are drawn; it finds the
            places in the file, keys and indices from its top, and what is wrong there.
        allow_outside: Whether meshes and pictures that it names may lie outside the file's folder.

    Raises:
        Sim2SGError: No such domain, or a mistake in it: `file:line: key: what is wrong; what would be
            right`.
    """
    if (source := shipped_files(FILE).get(str(name_or_path))) is not None:
        return parse_domain(source.read_text(encoding="utf-8"), str(source))
    path = Path(name_or_path)
    if path.is_dir():
        raise Sim2SGError(f"{path}: is a folder; give the domain's YAML file")
    try:
        check_file_size(path, YAML_BYTES, "a domain has some kilobytes")
        return parse_domain(path.read_text(encoding="utf-8"), str(path), further, allow_outside=allow_outside)
    except FileNotFoundError:
        hint = nearest(name_or_path, builtin_domains())
        raise Sim2SGError(f"no domain {str(name_or_path)!r}; {hint}, or give the path of a YAML file") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise Sim2SGError(f"{path}:{line}: not a text file in UTF-8; save the domain as one") from None
    except OSError as error:
        raise Sim2SGError(f"{path}: cannot be read: {error.strerror}") from None


def parse_domain(text: str, file: str, further: Further | None = None, *, allow_outside: bool = False) -> Domain:
    """Reads a domain from YAML text; `file` names it in errors, and paths in it are relative to its folder.

    The other arguments are as of `load_domain`.
    """
    lines: dict[Place, int] = {(): 1}
    try:
        check_yaml_size(text, file)
        root = yaml.compose(text, Loader=_Loader)
        if not isinstance(root, yaml.MappingNode):
            raise Sim2SGError(f"{file}:1: a domain is a mapping that starts with `name: …`")
        data = _to_data(root, (), lines, file, ())
    except yaml.YAMLError as error:
        raise Sim2SGError(yaml_mistake(error, file, text)) from None
    try:
        domain = Domain.model_validate(data, context={"folder": Path(file).parent, "allow_outside": allow_outside})
    except ValidationError as error:
        raise Sim2SGError(_told(_mistakes(error, lines), lines, file)) from None
    if further is not None and (found := list(further(domain))):
        raise Sim2SGError(_told(found, lines, file))
    return domain


def _to_data(node: yaml.Node, place: Place, lines: dict[Place, int], file: str, parents: tuple[yaml.Node, ...]) -> Any:
    """Turns a YAML node into plain data and notes the line of every key and item."""
    lines.setdefault(place, node.start_mark.line + 1)
    line = node.start_mark.line + 1
    if len(lines) > YAML_VALUES:  # aliases of aliases: each is written out
        raise too_many(file, line)
    if node in parents:
        raise Sim2SGError(f"{file}:{line}: {_dotted(place[:-1])}: an alias holds itself; write the values out")
    if isinstance(node, yaml.SequenceNode):
        return [_to_data(n, (*place, i), lines, file, (*parents, node)) for i, n in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key, at = str(key_node.value), key_node.start_mark.line + 1
            if key == "<<":
                where = _dotted((*place, key))
                raise Sim2SGError(f"{file}:{at}: {where}: merge keys are not supported; write the merged keys out here")
            if key in data:
                first = lines[(*place, key)]
                raise Sim2SGError(f"{file}:{at}: {_dotted((*place, key))}: key given twice (line {first}); delete one")
            lines[(*place, key)] = at
            data[key] = _to_data(value_node, (*place, key), lines, file, (*parents, node))
        return data
    return _to_scalar(node, place, file)


def _to_scalar(node: yaml.Node, place: Place, file: str) -> Any:
    kind = node.tag.rsplit(":", 1)[-1]
    if kind == "str":
        return node.value
    if kind == "null":
        return None
    where = f"{file}:{node.start_mark.line + 1}: {_dotted(place)}"
    shown = node.value if len(node.value) < 50 else f"{node.value[:20]}…"
    if kind not in ("bool", "int", "float"):
        raise Sim2SGError(f"{where}: the tag {node.tag} is not allowed; write a plain value")
    try:
        if kind == "bool":
            return {"true": True, "false": False}[node.value.lower()]
        size = float(node.value)  # First, as Python reads no whole numbers of thousands of digits.
        if kind == "float" or abs(size) < LARGEST:
            return size if kind == "float" else int(node.value)
    except (KeyError, ValueError):  # Only a tag can call it what it is not.
        raise Sim2SGError(f"{where}: {shown!r} is not what the tag {node.tag} says; write a plain value") from None
    raise Sim2SGError(f"{where}: {shown} is too large; write a whole number under {LARGEST:g}")


def _told(mistakes: list[tuple[Place, str]], lines: dict[Place, int], file: str) -> str:
    """Returns all mistakes in the order of the file, as one line; of many the first ones."""
    found = []
    for place, text in mistakes:
        known = place
        while known not in lines:  # A missing key has no line: take that of what should hold it.
            known = known[:-1]
        found.append((lines[known], _dotted(place), text))
    found.sort(key=lambda f: f[0])
    (line, key, text), *others = found
    told = [f"{file}:{line}: {key}: {text}", *(f"line {line}: {key}: {text}" for line, key, text in others[: TOLD - 1])]
    more = f" (and {len(found) - TOLD} more)" if len(found) > TOLD else ""
    return " | ".join(told) + more


def _mistakes(error: ValidationError, lines: dict[Place, int]) -> list[tuple[Place, str]]:
    """Returns where mistakes are in the file, and what they are."""
    found = []
    for item in error.errors():
        if item["type"] == "too_short" and len(item["input"]) > item["ctx"]["actual_length"]:
            continue  # Pydantic counts the items without a mistake; the others' are listed too.
        loc: Place = tuple(item["loc"])
        at = item.get("ctx", {}).get("at", ())
        place = _real_place((*loc, *at), lines)
        if item["type"] == "missing" and isinstance(place[-1], int):  # An item of a list, not a key.
            place = place[:-1]
        found.append((place, _describe(item)))
    return found


def _real_place(loc: Place, lines: dict[Place, int]) -> Place:
    """Drops the steps that only pydantic knows (the chosen member of a union)."""
    place: Place = ()
    for i, step in enumerate(loc):
        if (*place, step) in lines or i == len(loc) - 1:
            place = (*place, step)
    return place


def _describe(item: Any) -> str:
    """Says what is wrong and what would be right, in the words of somebody who writes YAML."""
    kind, context, given = item["type"], item.get("ctx", {}), item.get("input")
    shown = repr(given) if len(repr(given)) < 50 else "this"
    if kind == "domain":
        return str(context["text"])
    if kind == "missing":
        return "a value is missing; lengthen the list" if isinstance(given, list) else "missing key; add it"
    if kind == "literal_error":
        return f"{shown} is not one of {str(context['expected']).replace(' or ', ', ')}"
    wanted = {
        "float_type": "a number",
        "int_type": "a whole number",
        "string_type": "a text",
        "bool_type": "true or false",
        "bool_parsing": "true or false",
        "tuple_type": "a list, e.g. [1, 2]",
        "model_type": "a mapping of keys",
        "model_attributes_type": "a mapping of keys",
        "dict_type": "a mapping of keys",
    }.get(kind)
    if wanted:
        if kind == "tuple_type" and isinstance(given, str):
            wanted = f"a list: [{given}]"
        return f"{shown} is {_yaml_type(given)}; write {wanted}"
    bounds = {
        "greater_than_equal": ("small", "{ge:g} or more"),
        "greater_than": ("small", "more than {gt:g}"),
        "less_than_equal": ("large", "{le:g} or less"),
        "less_than": ("large", "less than {lt:g}"),
    }
    if kind in bounds:
        excess, bound = bounds[kind]
        return f"{shown} is too {excess}; write {bound.format(**context)}"
    if kind == "too_short" or kind == "too_long":
        least, most = context.get("min_length"), context.get("max_length")
        bound = f"at least {least}" if least is not None and kind == "too_short" else f"at most {most}"
        return f"{context.get('actual_length')} values given; write {bound}"
    text = str(item["msg"])
    return f"{shown}: {text[0].lower()}{text[1:]}"


def _yaml_type(value: Any) -> str:
    if value is None:
        return "nothing"
    names = {bool: "true or false", int: "a number", float: "a number", str: "a text", list: "a list"}
    return names.get(type(value), "a mapping" if isinstance(value, dict) else type(value).__name__)


def _dotted(place: Place) -> str:
    text = ""
    for step in place:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text or "domain"
