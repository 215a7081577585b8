"""JSON from files that others wrote: every value is checked as it is taken, and errors name file and place.

annotations.json: annotations[3].bbox: 4 finite numbers are wanted, it is [1, 2]
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.limits import JSON_BYTES, JSON_DEPTH, JSON_VALUES, check_file_size, check_limit

LARGEST = 1e15
"""Of a number: products of a few of them are still finite, and whole ones are exact."""
LARGEST_WHOLE = 2**63 - 1  # nanoseconds since 1970 are beyond `LARGEST`
BLOCK = 1 << 22  # bytes looked at together
SHOWN = 40  # characters of a wrong value in an error

T = TypeVar("T")
_WANTED: Any = object()


class JsonObject:
    """A JSON object, and its place in a file.

    Methods take a key and return its value. With `default` a key may be missing, or null; without, that is an error.
    """

    __slots__ = ("_data", "_place", "_source")

    def __init__(self, data: Any, source: str, place: str = "") -> None:
        """Wraps decoded JSON.

        Args:
            data: What was decoded.
            source: The file, for errors.
            place: Where in the file it is; empty for the whole.

        Raises:
            Sim2SGError: It is not a mapping.
        """
        if not isinstance(data, dict):
            raise Sim2SGError(f"{source}: {place + ': ' if place else ''}a mapping is wanted, it is {_shown(data)}")
        self._data, self._source, self._place = data, source, place

    @property
    def source(self) -> str:
        """The file, as errors name it."""
        return self._source

    def __contains__(self, key: str) -> bool:
        """Whether a key is there and not null."""
        return self._data.get(key) is not None

    def keys(self) -> list[str]:
        """Returns the keys."""
        return list(self._data)

    def place_of(self, key: str) -> str:
        """Returns where a key is, from the top of the file."""
        return f"{self._place}.{key}" if self._place else key

    def error(self, key: str, text: str) -> Sim2SGError:
        """Returns an error that names file and place."""
        return Sim2SGError(f"{self._source}: {self.place_of(key)}: {text}")

    def _wrong(self, key: str, wanted: str) -> Sim2SGError:
        if key not in self._data:
            return self.error(key, f"is missing; {wanted} is wanted")
        return self.error(key, f"{wanted} is wanted, it is {_shown(self._data[key])}")

    def _misses(self, key: str, default: Any) -> bool:
        return default is not _WANTED and self._data.get(key) is None

    @overload
    def text(self, key: str) -> str: ...
    @overload
    def text(self, key: str, default: T) -> str | T: ...
    def text(self, key: str, default: Any = _WANTED) -> Any:
        """Returns a text without NUL that can be written to a file."""
        value = self._data.get(key)
        if isinstance(value, str) and "\0" not in value and _is_encodable(value):
            return value
        if self._misses(key, default):
            return default
        raise self._wrong(key, "a text")

    @overload
    def flag(self, key: str) -> bool: ...
    @overload
    def flag(self, key: str, default: T) -> bool | T: ...
    def flag(self, key: str, default: Any = _WANTED) -> Any:
        """Returns true or false; 1 and 0 mean the same (COCO)."""
        value = self._data.get(key)
        if isinstance(value, bool) or (isinstance(value, int) and value in (0, 1)):
            return bool(value)
        if self._misses(key, default):
            return default
        raise self._wrong(key, "true or false")

    @overload
    def number(self, key: str, least: float = ..., most: float = ...) -> float: ...
    @overload
    def number(self, key: str, least: float = ..., most: float = ..., *, default: T) -> float | T: ...
    def number(self, key: str, least: float = -LARGEST, most: float = LARGEST, *, default: Any = _WANTED) -> Any:
        """Returns a finite number within bounds."""
        value = self._data.get(key)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= most:
            return float(value)
        if self._misses(key, default):
            return default
        raise self._wrong(key, f"a number{_bounds(least, most)}")

    @overload
    def whole(self, key: str, least: int = ..., most: int = ...) -> int: ...
    @overload
    def whole(self, key: str, least: int = ..., most: int = ..., *, default: T) -> int | T: ...
    def whole(self, key: str, least: int = -LARGEST_WHOLE, most: int = LARGEST_WHOLE, *, default: Any = _WANTED) -> Any:
        """Returns a whole number within bounds; 3.0 is one."""
        value = self._data.get(key)
        if isinstance(value, float) and abs(value) <= LARGEST and value == int(value):
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        if self._misses(key, default):
            return default
        raise self._wrong(key, f"a whole number{_bounds(least, most)}")

    @overload
    def numbers(self, key: str, *shape: int) -> np.ndarray: ...
    @overload
    def numbers(self, key: str, *shape: int, default: T) -> np.ndarray | T: ...
    def numbers(self, key: str, *shape: int, default: Any = _WANTED) -> Any:
        """Returns an array of finite numbers of a shape; -1 leaves the length of an axis open."""
        value = self._data.get(key)
        if value is None and self._misses(key, default):
            return default
        if isinstance(value, list) and _has_shape(value, shape):
            return np.array(value, float).reshape(shape)
        count = "x".join("N" if n < 0 else str(n) for n in shape)
        raise self._wrong(key, f"a list of {count} finite numbers")

    @overload
    def object(self, key: str) -> JsonObject: ...
    @overload
    def object(self, key: str, default: T) -> JsonObject | T: ...
    def object(self, key: str, default: Any = _WANTED) -> Any:
        """Returns a mapping."""
        value = self._data.get(key)
        if isinstance(value, dict):
            return JsonObject(value, self._source, self.place_of(key))
        if self._misses(key, default):
            return default
        raise self._wrong(key, "a mapping")

    def objects(self, key: str, most: int = JSON_VALUES, default: tuple[()] | None = None) -> Iterator[JsonObject]:
        """Yields the mappings of a list.

        Args:
            key: Its key.
            most: Largest length.
            default: An empty tuple where the key may be missing.
        """
        for place, value in self._items(key, most, default):
            yield JsonObject(value, self._source, place)

    def texts(self, key: str, most: int = JSON_VALUES) -> tuple[str, ...]:
        """Returns the texts of a list."""
        found = []
        for place, value in self._items(key, most, None):
            if not isinstance(value, str) or "\0" in value or not _is_encodable(value):
                raise Sim2SGError(f"{self._source}: {place}: a text is wanted, it is {_shown(value)}")
            found.append(value)
        return tuple(found)

    def flags(self, key: str, count: int) -> tuple[bool, ...]:
        """Returns a list of `count` trues and falses."""
        value = self._data.get(key)
        if not isinstance(value, list) or len(value) != count or not all(isinstance(v, bool) for v in value):
            raise self._wrong(key, f"a list of {count} true or false")
        return tuple(value)

    def _items(self, key: str, most: int, default: tuple[()] | None) -> Iterator[tuple[str, Any]]:
        value = self._data.get(key)
        if value is None and default is not None:
            return
        if not isinstance(value, list):
            raise self._wrong(key, "a list")
        if len(value) > most:
            raise self.error(key, f"{len(value):,} entries, and at most {most:,} are read")
        start = self.place_of(key)
        for i, item in enumerate(value):
            yield f"{start}[{i}]", item

    def embedded(self, key: str, default: str | None = None) -> Any:
        """Decodes a text that holds JSON; `default` is the text where the key is missing."""
        text = self.text(key) if default is None else self.text(key, default)
        return decode_json(text, f"{self._source}: {self.place_of(key)}")

    def raw(self, key: str) -> Any:
        """Returns a value unchecked; None where it is missing."""
        return self._data.get(key)


def as_json_object(data: dict[str, Any] | JsonObject, source: str) -> JsonObject:
    """Wraps a mapping that was decoded elsewhere; `source` names it in errors."""
    return data if isinstance(data, JsonObject) else JsonObject(data, source)


def read_json(path: Path | str, kind: str = "JSON") -> JsonObject:
    """Reads a JSON file that holds a mapping.

    Args:
        path: The file.
        kind: What it should be, such as "a graphs file"; errors say that it is not.

    Raises:
        Sim2SGError: No such file, too large, not JSON, or no mapping.
    """
    path = Path(path)
    try:
        check_file_size(path, JSON_BYTES)
        return parse_json(path.read_bytes(), str(path), kind)
    except (FileNotFoundError, NotADirectoryError):
        raise Sim2SGError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise Sim2SGError(f"{path}: is a folder; give a JSON file") from None


def parse_json(text: bytes | str, source: str, kind: str = "JSON") -> JsonObject:
    """Decodes a mapping; arguments and errors as of `read_json`."""
    return JsonObject(decode_json(text, source, kind), source if kind == "JSON" else f"{source}: not {kind}")


def decode_json(text: bytes | str, source: str, kind: str = "JSON", most: int | None = None) -> Any:
    """Decodes JSON of any kind in UTF-8, of `JSON_VALUES` at most or as many as `most`; others as of `read_json`.

    Raises:
        Sim2SGError: Too large, too deep, or not JSON.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    check_limit(source, "bytes of JSON", len(data), JSON_BYTES)
    check_limit(source, "values in JSON", sum(data.count(sign) for sign in (b",", b"[", b"{")) + 1, most or JSON_VALUES)
    if _depth(data) > JSON_DEPTH:
        raise Sim2SGError(f"{source}: JSON of more than {JSON_DEPTH} lists and mappings in each other is not read")
    try:
        return json.loads(data.decode("utf-8-sig", "surrogatepass"))
    except UnicodeDecodeError:
        reason = "not a text in UTF-8"
    except (ValueError, RecursionError) as error:
        reason = str(error)
    meant = "" if kind == "JSON" else f", and so not {kind}"
    raise Sim2SGError(f"{source}: not JSON{meant} ({reason}); make the file again")


def _depth(data: bytes) -> int:
    """Returns how many brackets are open at most. Those in texts count too: no sound file has as many."""
    signs, depth, deepest = np.frombuffer(data, np.uint8), 0, 0
    for start in range(0, len(signs), BLOCK):
        part = signs[start : start + BLOCK] | 32  # `[` and `{` differ by that bit alone
        steps = (part == ord("{")).astype(np.int8) - (part == ord("}"))
        depths = depth + steps.cumsum(dtype=np.int32)
        depth, deepest = int(depths[-1]), max(deepest, int(depths.max()))
    return deepest


def _has_shape(value: Any, shape: tuple[int, ...]) -> bool:
    if not shape:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return is_number and -LARGEST <= value <= LARGEST  # NaN is not within
    if not isinstance(value, list) or (shape[0] >= 0 and len(value) != shape[0]):
        return False
    return all(_has_shape(item, shape[1:]) for item in value)


def _is_encodable(value: str) -> bool:
    try:
        value.encode("utf-8", "surrogateescape")  # names of files are bytes
    except UnicodeEncodeError:
        return False
    return True


def _bounds(least: float, most: float) -> str:
    lowest, highest = least <= -LARGEST, most >= LARGEST
    if lowest or highest:
        return "" if lowest and highest else f" up to {most:g}" if lowest else f" from {least:g} up"
    return f" from {least:g} to {most:g}"


def _shown(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "not finite"
    if isinstance(value, int) and abs(value) > 10**SHOWN:
        return "a number of many digits"
    text = json.dumps(value) if not isinstance(value, (dict, list)) or len(value) < 10 else ""
    if text and len(text) <= SHOWN:
        return text
    if isinstance(value, dict):
        return "a mapping"
    return f"a list of {len(value)}" if isinstance(value, list) else f"{text[: SHOWN - 1]}…"
