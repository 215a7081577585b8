"""The one exception that users are meant to see, and how others become one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from os import PathLike, fspath


class Sim2SGError(Exception):
    """A mistake that the user can mend: one line that says what is wrong and what to do.

    The command line prints it without a stack trace and exits with status 2. Its text may hold names and keys of
    files of others: see `printable`.
    """

    def __str__(self) -> str:
        return printable(super().__str__())


@contextlib.contextmanager
def expecting(what: str, fix: str) -> Iterator[None]:
    """Turns what Python raises on data of another form into one line: `what (the error): fix`.

    Args:
        what: What is wrong, such as "a.json: not a COCO file".
        fix: What to do about it.

    Raises:
        Sim2SGError: The block raised an AttributeError, IndexError, KeyError, TypeError or ValueError.
    """
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise Sim2SGError(f"{what} ({error!r}): {fix}") from None


def first_line(error: BaseException) -> str:
    """Returns the first line of what another library says of its failure, at most 200 characters."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]


def printable(name: str | PathLike[str]) -> str:
    r"""Returns a file's or topic's name as text that any terminal and file takes.

    Bytes that are not UTF-8 (Python's surrogates) and control characters become escapes such as `\xff`.
    """
    text = _decoded(fspath(name))
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _decoded(name: str) -> str:
    try:
        return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # surrogates of another origin, such as JSON
        return name.encode("utf-8", "backslashreplace").decode()
