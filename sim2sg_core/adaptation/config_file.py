"""Settings from a file: `config.yaml`, as a run keeps it, or any part of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from sim2sg_core.adaptation.adapt_config import AdaptConfig
from sim2sg_core.adaptation.method import DEFAULT, METHODS, Method, resolve_method
from sim2sg_core.domains import Domain
from sim2sg_core.domains.digests import named_files
from sim2sg_core.domains.fields import nearest
from sim2sg_core.domains.yaml_errors import UniqueKeyLoader, check_yaml_size, yaml_mistake
from sim2sg_core.errors import Sim2SGError

DERIVED = ("start_digest", "witness_digest", "negatives_digest")  # a run says what was in its files; they are read anew
OPTIONS = {
    "log": "logs",
    "camera": "camera_file",
    "max": "frames",
    "every": "min_interval",
    "feature_alignment": "feature",
    "prediction_alignment": "prediction",
}
"""Options of `sim2sg adapt` whose settings have other names."""
SWITCHED_OFF = ("real_frames", "average")
"""Settings whose options begin with `--no-`."""
RADIANS = ("camera_pitch", "camera_roll")
"""Settings whose options are in degrees."""
Settings = TypeVar("Settings", AdaptConfig, Method)


def read_config(file: Path, *, allow_outside: bool = False) -> tuple[AdaptConfig, Domain | None]:
    """Reads settings of `sim2sg adapt`.

    Args:
        file: YAML with the keys of a run's `config.yaml`; `method` may be a name, or what differs from the default one.
            Paths are as from this folder.
        allow_outside: Whether files that its domain names may lie outside the folder of `file`.

    Returns:
        The settings, those that are left out at their defaults (no logs), and the domain if there is one.

    Raises:
        Sim2SGError: It cannot be read, or has keys or values that no setting has.
    """
    data = _read(file)
    domain = None
    if data.get("domain") is not None:
        domain = _domain(file, data.pop("domain"), allow_outside)
    settings: dict[str, Any] = {"logs": [], **data}
    for key in DERIVED:
        settings.pop(key, None)
    method = settings.pop("method", None)
    if isinstance(method, str):
        settings["method"] = resolve_method(method)
    elif method is not None:
        place = f"{file}: method"
        settings["method"] = _checked(Method, _completed(method, METHODS[DEFAULT], place), place)
    return _checked(AdaptConfig, settings, str(file)), domain


def _read(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
        check_yaml_size(text, str(file))
        data = yaml.load(text, Loader=UniqueKeyLoader)
    except OSError as error:
        raise Sim2SGError(f"{file}: cannot be read ({error.strerror}); give the config.yaml of a run") from None
    except UnicodeDecodeError:
        raise Sim2SGError(f"{file}: not a text file in UTF-8; give the config.yaml of a run") from None
    except yaml.YAMLError as error:
        raise Sim2SGError(yaml_mistake(error, str(file), text)) from None
    if not isinstance(data, dict):
        raise Sim2SGError(f"{file}: holds no settings; give the config.yaml of a run")
    return data


def _completed(given: Any, default: Method, place: str) -> dict[str, Any]:
    """Returns all parts of a method of which some are given; those of a run are all given."""
    if not isinstance(given, dict):
        raise Sim2SGError(f"{place}: write the name of a method, or parts of it as `{{part: value}}`")
    return {**dataclasses.asdict(default), **given}


def _checked(kind: type[Settings], data: Any, place: str) -> Settings:
    """Makes a dataclass of plain data, its types checked."""
    known = [field.name for field in dataclasses.fields(kind)]
    for key in data if isinstance(data, dict) else ():
        if key not in known:
            raise Sim2SGError(f"{place}: no setting {key!r}; {_remedy(str(key), known)}")
    try:
        return TypeAdapter(kind).validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise Sim2SGError(f"{place}: {where}: {first['msg'][:1].lower()}{first['msg'][1:]}") from None


def _remedy(key: str, known: list[str]) -> str:
    """Says where a key that is no setting belongs, if it is an option's name, or what is nearest to it."""
    option = key.replace("-", "_")
    bare = option.removeprefix("no_")
    off = bare != option and bare in SWITCHED_OFF
    name = OPTIONS.get(option, bare if off else option)
    value = "false" if off else "RADIANS" if name in RADIANS else "…"
    if name in known:
        return f"the option --{option.replace('_', '-')} is `{name}: {value}` here"
    if name in {field.name for field in dataclasses.fields(Method)}:
        return f"it is a part of the method: write `method: {{{name}: {value}}}`"
    return nearest(key, known)


def _domain(file: Path, data: Any, allow_outside: bool) -> Domain:
    """Reads the domain of a run, with what is in the files that it names now."""
    if not isinstance(data, dict):
        raise Sim2SGError(f"{file}: domain: not a domain as a run writes it; give --domain NAME beside --config")
    try:
        domain = Domain.from_json(data)
    except Sim2SGError as error:
        raise Sim2SGError(f"{file}: domain: {error}; give --domain FILE beside --config") from None
    folder = file.resolve().parent
    for name in named_files(domain.to_json()):
        if not allow_outside and not Path(name).resolve().is_relative_to(folder):
            raise Sim2SGError(
                f"{file}: domain: {name} lies outside the folder of this file; give --domain FILE beside --config, or"
                " --allow-outside if you trust it"
            )
    return domain.with_sources()
