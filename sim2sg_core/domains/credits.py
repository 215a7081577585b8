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


def write_credits(folder: Path, domain: Domain | None = None, sources: Iterable[Path] = ()) -> None:
    """Writes `FILE` where anything is owed: catalogues, their licenses, their models with the authors.

    Args:
        folder: Where to.
        domain: Has meshes of libraries, perhaps.
        sources: Folders of what was used besides; what their own `FILE` says is repeated.
    """
    owed = domain.credits if domain is not None else {}
    paragraphs = ["\n".join([head, *(f"- {line}" for line in lines)]) for head, lines in owed.items()]
    for source in sources:
        if (source / FILE).is_file():
            paragraphs += (source / FILE).read_text(encoding="utf-8").strip().split("\n\n")[1:]
    if paragraphs:
        with atomic_path(folder / FILE) as temporary:
            temporary.write_text("\n\n".join([HEAD, *dict.fromkeys(paragraphs)]) + "\n", encoding="utf-8")
