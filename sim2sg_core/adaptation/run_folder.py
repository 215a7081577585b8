"""A run's folder: finished stages are kept, so that a killed run continues with the same command."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import yaml

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.files import atomic_path
from sim2sg_core.learning.train_config import difference
from sim2sg_core.scene.graph import write_json

# They say where and how fast work is done, not what comes out.
MAY_CHANGE = {"workers", "device", "rounds"}
T = TypeVar("T")


def cached(path: Path, make: Callable[[Path], object], read: Callable[[Path], T]) -> T:
    """Returns what a stage left in a file; where the file is missing, makes it first.

    The file appears by an atomic rename, so a file that is there is whole. What has just been made is read back too:
    files of graphs round, and a run that is continued must go on from the same numbers.

    Args:
        path: The file.
        make: Makes the result and writes it to the path that it is given, in the folder of `path`. A stage of several
            files writes the others before.
        read: Reads the file.
    """
    if not path.exists():
        with atomic_path(path) as temporary:
            make(temporary)
    return read(path)


def title_of(stage: Path) -> str:
    """Returns the name of a stage's folder in words: "round 1"."""
    return stage.name.replace("_", " ")


class Run:
    """The folder of one adaptation.

    Every stage leaves its result under its own path, see `cached`; a stage whose result is there is skipped. So there
    is no separate record that could disagree with the files.

    Attributes:
        path: The folder.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def begin(self, settings: dict[str, Any]) -> None:
        """Creates the folder, or checks that it was begun with the same settings.

        Raises:
            Sim2SGError: Other settings, or the folder cannot be made.
        """
        file = self.path / "config.yaml"
        if file.exists():
            begun = yaml.safe_load(file.read_text())
            old, new = ({k: v for k, v in s.items() if k not in MAY_CHANGE} for s in (begun, settings))
            changed = difference(old, new)
            if changed:
                raise Sim2SGError(
                    f"{self.path} was begun with other settings ({changed}): repeat them, or give another --out"
                )
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Sim2SGError(f"{self.path}: cannot be made ({error.strerror}); give another --out") from None
        with atomic_path(file) as temporary:
            temporary.write_text(yaml.safe_dump(settings, sort_keys=False))

    def stage_folder(self, name: str) -> Path:
        """Returns the folder of a stage (source, round_1, …), made if needed."""
        folder = self.path / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @contextlib.contextmanager
    def timed(self, stage: str, message: str) -> Iterator[None]:
        """Says what begins, and adds its wall time to stages.json when it has ended well."""
        print(f"[{stage}] {message}", file=sys.stderr, flush=True)
        started = time.monotonic()
        yield
        spent = time.monotonic() - started
        times = self.stage_times()
        times[stage] = round(times.get(stage, 0.0) + spent, 1)
        write_json(self.path / "stages.json", times, indent=1)

    def stage_times(self) -> dict[str, float]:
        """Returns seconds by stage, over all the times that the run was started."""
        file = self.path / "stages.json"
        return json.loads(file.read_text()) if file.exists() else {}
