"""The vocabulary of domain files: ranges, names, colours, and mistakes that say what would be right."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from sim2sg_core.domains.mesh_checks import check_picture
from sim2sg_core.domains.mesh_files import SUFFIXES, conversion
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.files import is_within


def mistake(message: str, *at: str | int) -> PydanticCustomError:
    """Returns an error with `message`, at the path `at` below the model that raises it."""
    # Pydantic fills {…} in messages from the context, so the text goes in as context.
    return PydanticCustomError("domain", "{text}", {"text": message, "at": at})


def nearest(word: object, known: Iterable[str]) -> str:
    """Returns "did you mean …? known: …" for an unknown `word`, the closest names first."""
    names = list(known)
    close = difflib.get_close_matches(str(word), names, n=2, cutoff=0.6)
    close = close or [name for name in names if name in str(word) or str(word) in name][:2]
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    return f"{hint}known: {', '.join(names)}"


class Spec(BaseModel):
    """Base of every part: frozen, finite numbers, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    renamed: ClassVar[dict[str, str]] = {}
    """Earlier name of a key -> its name now: files and models of earlier versions stay readable."""

    def changes(self, key: str) -> bool:
        """Whether a key has another value than its default."""
        return bool(getattr(self, key) != type(self).model_fields[key].get_default(call_default_factory=True))

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, data: Any) -> Any:
        if isinstance(data, dict) and cls.model_config.get("extra") == "forbid":
            for old, new in cls.renamed.items():
                if old in data and new in data:
                    raise mistake(f"is the earlier name of {new}, which is given too; delete one", old)
            data = {cls.renamed.get(key, key): value for key, value in data.items()}
            unknown = [key for key in data if key not in cls.model_fields]
            if unknown:
                also = f" (nor is there {', '.join(unknown[1:9])})" if len(unknown) > 1 else ""
                raise mistake(f"unknown key{also}; {nearest(unknown[0], cls.model_fields)}", unknown[0])
        return data


def _widen(value: Any) -> Any:
    if isinstance(value, str | dict):
        kind = "a text" if isinstance(value, str) else "a mapping"
        raise mistake(f"{value!r} is {kind}; write a list [least, most], or a single number")
    return (value, value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _ordered(value: tuple[Any, Any]) -> tuple[Any, Any]:
    if value[0] > value[1]:
        raise mistake(f"the range runs backwards; write [{value[1]:g}, {value[0]:g}]")
    return value


def _not_negative(value: tuple[Any, Any]) -> tuple[Any, Any]:
    if value[0] < 0:
        raise mistake(f"{value[0]:g} is negative; this range starts at 0 or above")
    return value


def _countable(value: tuple[Any, Any]) -> tuple[Any, Any]:
    if value[1] > MOST:
        raise mistake(f"{value[1]} is too large; write {MOST} or less")
    return value


def positive(value: tuple[Any, Any]) -> tuple[Any, Any]:
    """Refuses ranges that do not start above 0."""
    if value[0] <= 0:
        raise mistake(f"{value[0]:g} is not positive; this range starts above 0")
    return value


MOST = 1000  # of a count: a scene holds at most 256 objects, and what is drawn in vain costs time

# Strict: `count: "3"` and `width: yes` are mistakes, not numbers.
Number = Annotated[float, Strict()]
Whole = Annotated[int, Strict()]
Share = Annotated[float, Strict(), Field(ge=0, le=1)]


def _range_schema(kind: str, **bounds: int) -> WithJsonSchema:
    """What a range looks like to an editor: one number, or the two ends."""
    end = {"type": kind, **bounds}
    return WithJsonSchema({"anyOf": [end, {"type": "array", "items": end, "minItems": 2, "maxItems": 2}]})


Range = Annotated[tuple[Number, Number], BeforeValidator(_widen), AfterValidator(_ordered), _range_schema("number")]
# Ranges of numbers >= 0, and > 0.
Amount = Annotated[Range, AfterValidator(_not_negative), _range_schema("number", minimum=0)]
Extent = Annotated[Range, AfterValidator(positive), _range_schema("number", exclusiveMinimum=0)]
Count = Annotated[
    tuple[Whole, Whole],
    BeforeValidator(_widen),
    AfterValidator(_ordered),
    AfterValidator(_not_negative),
    AfterValidator(_countable),
    _range_schema("integer", minimum=0),
]
# Ranges of whole numbers from 1 up.
Several = Annotated[Count, AfterValidator(positive), _range_schema("integer", minimum=1)]
Channel = Annotated[int, Strict(), Field(ge=0, le=255)]
RGB = tuple[Channel, Channel, Channel]
Metres = Annotated[float, Strict(), Field(gt=0)]


def _identifier(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", value):
        fixed = re.sub(r"[^a-z0-9]+", "_", value.lower()).strip("_")
        example = fixed if re.fullmatch(r"[a-z][a-z0-9_]*", fixed) else "wine_glass"
        raise mistake(f"{value!r} is not a name; use lower-case letters, digits and _, e.g. {example}")
    return value


Identifier = Annotated[
    str, AfterValidator(_identifier), WithJsonSchema({"type": "string", "pattern": "^[a-z][a-z0-9_]*$"})
]


# What the synthesis knows, see `synthesis.appearance`.
FLOORS = ("plain", "speckle", "concrete", "tiles", "wood", "ripples", "checker", "mottle", "weave", "grass", "soil",
          "gravel", "asphalt", "paving", "planks")  # fmt: skip
BACKDROP = "backdrop"
SKIES = (BACKDROP, "clear", "cloudy", "overcast")


def _one_of(kinds: tuple[str, ...]) -> AfterValidator:
    def known(value: str) -> str:
        if value not in kinds:
            raise mistake(f"unknown kind {value!r}; {nearest(value, kinds)}")
        return value

    return AfterValidator(known)


Floor = Annotated[str, _one_of(FLOORS), WithJsonSchema({"type": "string", "enum": list(FLOORS)})]
Sky = Annotated[str, _one_of(SKIES), WithJsonSchema({"type": "string", "enum": list(SKIES)})]

MATERIALS = ("rubber", "metal", "paint", "plastic")
MaterialName = Literal["rubber", "metal", "paint", "plastic"]


def _check_materials(value: Any) -> Any:
    # Checked by hand: pydantic would report the mistakes of both members of the union.
    if not isinstance(value, list | tuple | dict):
        raise mistake(f"{value!r} is no list; write e.g. [rubber, metal], or shares: {{rubber: 0.7, metal: 0.3}}")
    for place, name in enumerate(value):
        if name not in MATERIALS:
            raise mistake(f"unknown material; {nearest(name, MATERIALS)}", name if isinstance(value, dict) else place)
    if isinstance(value, dict):
        for name, share in value.items():
            if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share < float("inf"):
                raise mistake(f"{share!r} is no share; write a number from 0 up", name)
        if value and sum(value.values()) <= 0:
            raise mistake("all shares are 0; write how common each material is")
    return value


MaterialShares = Annotated[tuple[MaterialName, ...] | dict[MaterialName, float], BeforeValidator(_check_materials)]


def _existing(what: str, suffixes: tuple[str, ...] = (), folders: bool = False) -> AfterValidator:
    """Makes paths absolute, and refuses those where there is no such file, nor a folder where these will do."""

    def found(value: str, info: ValidationInfo) -> str:
        """Returns the absolute path; what is wrong with it is a ValueError, as pydantic has it."""
        # Only a domain read from a file says where its files are; what a model carries along is taken as it is.
        folder = (info.context or {}).get("folder")
        if info.context is None or folder is None:
            return value
        path = folder / value
        path = path.parent.resolve() / path.name  # A link keeps its own name: what it leads to may have no suffix.
        if not (path.is_file() or (folders and path.is_dir())):
            raise mistake(f"no {what} {path}; give a path that is absolute or relative to this file")
        if not info.context.get("allow_outside") and not is_within(path, folder):
            raise mistake(f"{path} lies outside {folder}; move it there, or give --allow-outside if you trust it")
        if path.is_file() and suffixes == SUFFIXES and (remedy := conversion(path)):
            raise mistake(f"{path.name}: {remedy}")
        if path.is_file() and suffixes and path.suffix.lower() not in suffixes:
            raise mistake(f"{path.name} is not a {what} that can be read; known: {', '.join(suffixes)}")
        if path.is_file() and not suffixes:
            try:
                check_picture(path)
            except Sim2SGError as error:
                raise mistake(str(error)) from None
        return str(path)

    return AfterValidator(found)


ImageFile = Annotated[str, _existing("image")]
# A folder stands for the meshes in it: `ClassSpec` takes it apart.
MeshFile = Annotated[str, _existing("mesh", SUFFIXES, folders=True)]
