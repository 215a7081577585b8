"""JSON files that are one long list with a few facts before it: read entry by entry, however long the list is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.json_reader import JsonObject, decode_json, read_json
from sim2sg_core.limits import ENTRY_BYTES, ENTRY_VALUES

T = TypeVar("T")
SNIFFED = 2  # lines that tell whether a file has an entry a line


class _OtherLayout(Exception):
    """A line is not as it should be: the file has another layout, or is damaged."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line


def read_list(path: Path | str, key: str, kind: str, make: Callable[[JsonObject], T]) -> tuple[JsonObject, list[T]]:
    """Reads a JSON file that holds a mapping, of which one value is a list of mappings.

    Where the file has an entry a line (`{…, "key": [`, the entries, `]}`), the limits hold for each of them, and the
    file may be of any length. In any other layout they hold for the whole, as in `read_json`.

    Args:
        path: The file.
        key: Key of the list.
        kind: What the file should be; see `read_json`.
        make: Makes of an entry what is kept of it.

    Returns:
        The mapping, whose list is empty where the file has an entry a line; and what was made of the entries.

    Raises:
        Sim2SGError: As `read_json`; or an entry is too large, or `make` refuses it.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            lines = _lines(file)
            head = _head(next(lines)[1], path, key, kind)
            return head, [make(entry) for entry in _entries(lines, head, path, key)]
    except _OtherLayout as problem:
        if problem.line > SNIFFED and path.stat().st_size > ENTRY_BYTES:
            raise Sim2SGError(f"{path}: not {kind}: {problem}; make the file again") from None
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        pass  # `read_json` says it
    data = read_json(path, kind)
    return data, [make(entry) for entry in data.objects(key)]


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yields numbers and lines without the spaces around them; the end of the file is an empty line."""
    number = 1
    while True:
        line = file.readline(ENTRY_BYTES + 1)
        if len(line) > ENTRY_BYTES:
            raise _OtherLayout(number, f"more than {ENTRY_BYTES:,} bytes")
        yield number, line.strip()
        number += 1


def _head(line: bytes, path: Path, key: str, kind: str) -> JsonObject:
    """Reads the first line, up to the bracket that opens the list."""
    if line.endswith(b"["):
        try:
            head = JsonObject(decode_json(line + b"]}", str(path)), f"{path}: not {kind}")
        except Sim2SGError:
            raise _OtherLayout(1, "not JSON") from None
        if head.keys()[-1] == key and head.raw(key) == []:
            return head
    raise _OtherLayout(1, "no list begins at its end")


def _entries(lines: Iterator[tuple[int, bytes]], head: JsonObject, path: Path, key: str) -> Iterator[JsonObject]:
    """Yields the entries of the lines after the first one."""
    count, comma = 0, True
    for number, line in lines:
        if line == b"]}" and not (comma and count):
            if next(lines)[1]:
                raise _OtherLayout(number + 1, "more after the end of the list")
            return
        text = line.removesuffix(b",")
        if not comma or text[:1] != b"{" or text[-1:] != b"}":
            raise _OtherLayout(number, "an entry, or the end of the list, is wanted" if comma else "no comma before it")
        place = f"{key}[{count}]"
        try:
            data = decode_json(text, f"{path}: {place}", most=ENTRY_VALUES)
        except Sim2SGError as error:
            raise _OtherLayout(number, str(error).removeprefix(f"{path}: ")) from None
        yield JsonObject(data, head.source, place)
        count, comma = count + 1, text != line
