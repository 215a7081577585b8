"""Changes data in ways that damaged and malicious files differ from sound ones; a function of the seed alone."""

from __future__ import annotations

import json
import random
import re
from typing import Any

WHOLE = [0, 1, 2, -1, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64, 10**20]
NUMBERS = [*WHOLE, 10**9, 10**400, 0.5, -0.0, 1e-300, 1e16, 1e308, float("nan"), float("inf"), -float("inf")]
HOSTILE = ["../../etc/passwd", "/etc/passwd", "\0", "\x1b[31m", "<script>alert(1)</script>", "x" * 5000, "\n", "\ud800"]
TEXTS = ["", "a", *HOSTILE, "\udcff", "é", "nan", "1e999", "3", "left_of", "cube"]
_MARKS = "[ ] { } : #|null ~ .nan .inf 1e400 -1 99999999999999999999 0x10 true 2020-01-01".replace("|", " ").split()
YAML_TOKENS = [*_MARKS, "- ", "&a ", "*a", "!!int ", "!!binary ", "!!timestamp ", "? ", "|\n", "<<: *a", '"', "'", "\t"]
YAML_TOKENS += ["---\n", "...\n", "\x07", "\u2028", "\ufeff"]
YAML_NUMBERS = ["-1", "0", "1e308", ".nan", "1e-300", "1000000", "[1, 2]", "{}", '"3"', "~", "99999999999"]


def some_value(rng: random.Random) -> Any:
    """Returns a value of any kind."""
    some = [None, True, False, [], {}, [[]], [1, 2, 3], {"a": 1}]
    return rng.choice([*some, *rng.sample(NUMBERS, 4), *rng.sample(TEXTS, 2)])


def tree(rng: random.Random, data: Any, copy: bool = True) -> Any:
    """Replaces, removes, repeats or adds nodes of nested dicts and lists."""
    data = json.loads(json.dumps(data)) if copy else data
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        places = list(_places(data, ()))
        place = rng.choice(places)
        if not place:
            data = some_value(rng) if rng.random() < 0.1 else data
            continue
        inner = data
        for key in place[:-1]:
            inner = inner[key]
        kind = rng.randrange(5)
        if kind == 0:
            del inner[place[-1]]
        elif kind == 1 and isinstance(inner, list):
            inner.append(inner[place[-1]])
        elif kind == 2 and isinstance(inner, dict):
            inner[rng.choice(TEXTS)] = some_value(rng)
        else:
            inner[place[-1]] = some_value(rng)
    return data


def _places(data: Any, place: tuple[Any, ...]) -> Any:
    yield place
    if isinstance(data, dict):
        for key in data:
            yield from _places(data[key], (*place, key))
    elif isinstance(data, list):
        for key in range(len(data)):
            yield from _places(data[key], (*place, key))


def json_text(rng: random.Random, data: Any) -> bytes:
    """Returns JSON of changed data; now and then damaged, or nested without end."""
    if rng.random() < 0.02:
        return rng.choice([b"[", b'{"a":']) * 100_000
    text = json.dumps(tree(rng, data)).encode("utf-8", "surrogatepass")
    return some_bytes(rng, text) if rng.random() < 0.15 else text


def some_bytes(rng: random.Random, data: bytes) -> bytes:
    """Flips, sets, drops, repeats and inserts bytes, numbers of common widths among them."""
    found = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 3, 5, 10, 30])):
        found = found or bytearray(b"\0")
        at, kind = rng.randrange(len(found)), rng.randrange(8)
        if kind == 0:
            found[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            found[at] = rng.randrange(256)
        elif kind == 2:
            width = rng.choice([1, 2, 4, 8])
            number = abs(rng.choice([*WHOLE, len(found)])) & ((1 << 8 * width) - 1)
            found[at : at + width] = number.to_bytes(width, rng.choice(["little", "big"]))
        elif kind == 3:
            del found[at : at + rng.randrange(1, 40)]
        elif kind == 4:
            found[at:at] = rng.randbytes(rng.randrange(1, 40))
        elif kind == 5:
            source, length = rng.randrange(len(found)), rng.randrange(1, 200)
            found[at : at + length] = found[source : source + length]
        elif kind == 6 and rng.random() < 0.4:
            del found[at:]
        else:
            length = rng.randrange(1, 64)
            found[at : at + length] = bytes([rng.choice([0, 255, 0x20, 0x2D])]) * length
    return bytes(found)


def head(rng: random.Random, data: bytes, length: int) -> bytes:
    """Changes the first bytes alone, where most formats say what follows."""
    return some_bytes(rng, data[:length]) + data[length:]


def lines(rng: random.Random, text: str, others: list[str]) -> str:
    """Drops, repeats, cuts and exchanges lines."""
    rows = text.split("\n")
    for _ in range(rng.choice([1, 1, 2, 4, 8])):
        at, kind = rng.randrange(len(rows)), rng.randrange(5)
        if kind == 0 and len(rows) > 1:
            del rows[at]
        elif kind == 1:
            rows.insert(at, rng.choice(rows))
        elif kind == 2:
            rows[at] = rows[at][: len(rows[at]) // 2]
        else:
            rows[at] = rng.choice(others)
    return "\n".join(rows)


def yaml_text(rng: random.Random, text: str) -> str:
    """Changes lines, numbers and signs of YAML."""
    for _ in range(rng.choice([1, 1, 2, 4, 8])):
        rows = text.split("\n")
        at, kind = rng.randrange(len(rows)), rng.randrange(6)
        row = rows[at]
        if kind == 0 and len(rows) > 1:
            del rows[at]
        elif kind == 1:
            rows.insert(at, rng.choice(rows))
        elif kind == 2:
            place = rng.randrange(len(row) + 1)
            rows[at] = row[:place] + rng.choice(YAML_TOKENS) + row[place:]
        elif kind == 3 and (numbers := list(re.finditer(r"-?\d+\.?\d*", row))):
            number = rng.choice(numbers)
            rows[at] = row[: number.start()] + rng.choice(YAML_NUMBERS) + row[number.end() :]
        elif kind == 4 and ":" in row:
            rows[at] = f"{row.split(':')[0]}: {rng.choice(YAML_TOKENS + TEXTS[:5])}"
        else:
            rows[at] = " " * rng.randrange(6) + row.lstrip()
        text = "\n".join(rows)
    return some_bytes(rng, text.encode()).decode("utf-8", "replace") if rng.random() < 0.1 else text
