"""A run's folder: finished stages are kept, so that a killed run continues with the same command."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.files import atomic_path
from sim2sg_core.scene.graph import write_json

# They say where and how fast work is done, not what comes out.
MAY_CHANGE = {"workers", "device", "rounds"}


class Run:
    """The folder of one adaptation.

    Every stage leaves its result under its own path by an atomic rename; a stage whose result is there is
    skipped. So there is no separate record that could disagree with the files.

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
            old = yaml.safe_load(file.read_text())
            changed = [k for k in settings if k not in MAY_CHANGE and old.get(k) != settings[k]]
            if changed:
                raise Sim2SGError(
                    f"{self.path} was begun with other settings ({_differences(old, settings, changed)}):"
                    " repeat them, or give another --out"
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


def _differences(old: dict[str, Any], new: dict[str, Any], keys: list[str]) -> str:
    """A short line of what changed."""
    short = [f"{k}: {old.get(k)} -> {new[k]}" for k in keys if len(str(old.get(k))) + len(str(new[k])) < 80]
    return ", ".join(short[:4]) or ", ".join(keys[:4])
