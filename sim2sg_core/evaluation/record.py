"""A record of every look at labels: one line each, kept in a repository."""

from __future__ import annotations

import datetime
import json
import subprocess
from pathlib import Path
from typing import Any


def append_evaluation(path: Path, result: dict[str, Any]) -> None:
    """Appends one line: date, commit of the repository that holds `path`, and the result.

    The record is meant to be kept in a repository: of files and folders it names the last part alone.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    named = {key: Path(result[key]).name for key in ("source", "data")}
    line = json.dumps({"date": now, "commit": commit_of(path.parent), **result, **named})
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def commit_of(folder: Path) -> str | None:
    """Returns the commit of a work tree, with a + when tracked files are changed; None outside git."""

    def git(*command: str) -> str:
        done = subprocess.run(["git", "-C", str(folder), *command], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None
