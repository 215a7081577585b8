"""Whom the meshes of libraries are owed to, in a file beside whatever was made with them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sim2sg_core.domains.domain_spec import Domain
from sim2sg_core.files import atomic_path

FILE = "CREDITS.txt"
HEAD = """\
Scenes in or behind what is in this folder show models of others, from the libraries below. The models were changed:
scaled and thinned, some parts painted in other colours or left out."""


LEVELS = 3
"""Folders above a file in which its credits may lie: those of RUN/round_1/train/checkpoint.pt are in RUN."""


def write_credits(folder: Path, domain: Domain | None = None, sources: Iterable[Path] = ()) -> None:
    """Writes `FILE` where anything is owed: catalogues, their licenses, their models with the authors.

    What a `FILE` says that is there already is kept: the folder may hold other results.

    Args:
        folder: Where to.
        domain: Has meshes of libraries, perhaps.
        sources: Files and folders of what was used besides; what is owed for them is repeated, see `credits_of`.
    """
    owed = {head: dict.fromkeys(lines) for head, lines in (domain.credits if domain is not None else {}).items()}
    for place in [folder / FILE, *filter(None, map(credits_of, sources))]:
        for head, lines in _read(place).items():
            owed.setdefault(head, {}).update(dict.fromkeys(lines))
    if owed:
        paragraphs = ["\n".join([head, *(f"- {line}" for line in lines)]) for head, lines in owed.items()]
        with atomic_path(folder / FILE) as temporary:
            temporary.write_text("\n\n".join([HEAD, *paragraphs]) + "\n", encoding="utf-8")


def credits_of(source: Path) -> Path | None:
    """Returns the nearest `FILE` of a file or folder: in it, or in one of the folders above, as of a run."""
    folder = (source.parent if source.is_file() else source).absolute()
    above = [folder, *folder.parents][: LEVELS if source.is_file() else 1]
    return next((place / FILE for place in above if (place / FILE).is_file()), None)


def _read(file: Path) -> dict[str, list[str]]:
    """Returns lines by head of what a `FILE` says; nothing where there is none."""
    if not file.is_file():
        return {}
    owed = {}
    for paragraph in file.read_text(encoding="utf-8").strip().split("\n\n")[1:]:
        head, *lines = paragraph.split("\n")
        owed[head] = [line.removeprefix("- ") for line in lines]
    return owed
