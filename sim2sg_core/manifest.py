"""What the finished files of a folder were when they were finished: `manifest.json`, with their sizes and hashes.

A file that is not in it, or is not as it says, is never used. Every entry of a chain also says by `after` what the
artefacts before it were: where one of those has been made anew and came out differently, what follows does not hold.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim2sg_core.errors import Sim2SGError, expecting
from sim2sg_core.files import atomic_path

NAME = "manifest.json"
BLOCK = 1 << 20  # bytes read at a time


@dataclass(frozen=True)
class Artefact:
    """Something finished in the folder.

    Attributes:
        path: A file; or the folder of many files that have one entry together.
        files: Lists those files, the ones that say which others there are first; None for a single file.
    """

    path: Path
    files: Callable[[], Sequence[Path]] | None = None


@dataclass(frozen=True)
class Entry:
    """What is known of an artefact.

    Attributes:
        size: Bytes.
        sha256: Of the file; of the names and hashes of many.
        after: What came before it in the chain; "" for whatever stands in no chain.
        earlier: Hash that it may have too: that of the file which it was about to replace.
    """

    size: int
    sha256: str
    after: str = ""
    earlier: str = ""


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run: its files are results, and no log."""
    return (folder / NAME).is_file()


class Manifest:
    """The manifest of a folder.

    Attributes:
        path: Its file.
        facts: What else is known of the folder, JSON-ready.
        origin: Hash of the artefacts that were found or entered so far: the next one comes after them.
    """

    def __init__(self, folder: Path) -> None:
        """Reads it; one that is damaged is named on stderr, and nothing of the folder holds."""
        self.path = folder / NAME
        self.origin = ""
        self.facts: dict[str, Any] = {}
        self._entries: dict[str, Entry] = {}
        if self.path.exists():
            try:
                self.facts, self._entries = _read(self.path)
            except (Sim2SGError, OSError, RecursionError):
                _say(f"{self.path}: damaged: everything in the folder is made anew")

    def lists(self, path: Path) -> bool:
        """Whether something is known of an artefact, be it as it was or not."""
        return self._name(path) in self._entries

    def holds(self, artefacts: Sequence[Artefact]) -> list[bool]:
        """Returns of each artefact whether it is as it was entered, after the same ones; one that is not is named.

        Where all are, they belong to the chain.
        """
        found = [self._holds(artefact) for artefact in artefacts]
        if all(found):
            self._pass(artefacts)
        return found

    def enter(self, artefacts: Sequence[Artefact]) -> None:
        """Enters artefacts that have just been finished, as the next of the chain."""
        for artefact in artefacts:
            self._entries[self._name(artefact.path)] = Entry(*_measured(artefact), after=self.origin)
        self.save()
        self._pass(artefacts)

    def forget(self, artefacts: Sequence[Artefact]) -> None:
        """Strikes artefacts that are about to be made anew. Damaged files go first: unknown, they might be taken up."""
        known = [artefact for artefact in artefacts if self._name(artefact.path) in self._entries]
        for artefact in known:
            if artefact.files is None and not artefact.path.is_dir():
                artefact.path.unlink(missing_ok=True)
            del self._entries[self._name(artefact.path)]
        if known:
            self.save()

    def knows(self, path: Path) -> bool:
        """Whether a file outside of the chain is as `write` left it; one that was changed is named."""
        return self._holds(Artefact(path))

    def write(self, path: Path, text: str) -> None:
        """Writes a file that changes from start to start, outside of the chain.

        Its entry comes first and remembers the one before, so that a kill between the two leaves a file that is known.
        """
        before, code = self._entries.get(self._name(path)), text.encode()
        digest = hashlib.sha256(code).hexdigest()
        earlier = before.sha256 if before and before.sha256 != digest else ""
        self._entries[self._name(path)] = Entry(len(code), digest, earlier=earlier)
        self.save()
        with atomic_path(path) as temporary:
            temporary.write_bytes(code)

    def note(self, path: Path) -> None:
        """Enters a file outside of the chain that is always made anew and never read: for whoever gets the folder."""
        self._entries[self._name(path)] = Entry(*_measured(Artefact(path)))
        self.save()

    def take_over(self, other: Manifest, part: str, without: Collection[str] = ()) -> None:
        """Enters what another manifest says of the files below folder `part`, whatever came before them there.

        Those whose names are in `without` are left out.
        """
        for name, entry in other._entries.items():
            if name.startswith(f"{part}/") and Path(name).name not in without:
                self._entries[name] = dataclasses.replace(entry, after="")
        self.save()

    def save(self) -> None:
        """Writes it."""
        files = {
            name: {k: v for k, v in dataclasses.asdict(entry).items() if v != ""}
            for name, entry in self._entries.items()
        }
        with atomic_path(self.path) as temporary:
            temporary.write_text(json.dumps({**self.facts, "files": files}, indent=1), encoding="utf-8")

    def _name(self, path: Path) -> str:
        return path.relative_to(self.path.parent).as_posix()

    def _holds(self, artefact: Artefact) -> bool:
        entry = self._entries.get(self._name(artefact.path))
        if entry is None:
            return False
        try:
            size, digest = _measured(artefact)
        except (OSError, ValueError):  # Damaged lists name files of no such path.
            _say(f"{artefact.path}: is not there any more, or not whole: made anew")
            return False
        if digest not in (entry.sha256, entry.earlier):
            _say(f"{artefact.path}: is not as it was when it was finished ({size} bytes, {entry.size} then): made anew")
            return False
        return entry.after in ("", self.origin)

    def _pass(self, artefacts: Sequence[Artefact]) -> None:
        for artefact in artefacts:
            name = self._name(artefact.path)
            self.origin = hashlib.sha256(f"{self.origin}\n{name} {self._entries[name].sha256}".encode()).hexdigest()[
                :16
            ]


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Entry]]:
    """Reads a manifest. Raises Sim2SGError, OSError or RecursionError when it is not one."""
    with expecting(f"{path}: not a manifest", "delete it"):
        data = json.loads(path.read_text(encoding="utf-8"))
        files = {str(name): Entry(**entry) for name, entry in data.pop("files").items()}
        return dict(data), files


def _measured(artefact: Artefact) -> tuple[int, str]:
    """Returns size and hash. Raises OSError when a file is not there."""
    if artefact.files is None:
        return artefact.path.stat().st_size, file_sha256(artefact.path)
    size, whole = 0, hashlib.sha256()
    for file in artefact.files():
        size += file.stat().st_size
        whole.update(f"{file.relative_to(artefact.path).as_posix()} {file_sha256(file)}\n".encode())
    return size, whole.hexdigest()


def file_sha256(file: Path) -> str:
    """Returns the hash of a file's contents. Raises OSError when it cannot be read."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _say(text: str) -> None:
    print(f"note: {text}", file=sys.stderr, flush=True)
