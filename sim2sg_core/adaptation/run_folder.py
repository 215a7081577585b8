"""A run's folder: what is finished is kept, so that a killed run continues with the same command."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import yaml

from sim2sg_core.adaptation.log_contents import Input, require_logs, same_inputs
from sim2sg_core.domains import Domain
from sim2sg_core.errors import Sim2SGError, expecting
from sim2sg_core.files import atomic_path
from sim2sg_core.fleet import ONE_MACHINE, Fleet
from sim2sg_core.learning.train_config import difference
from sim2sg_core.manifest import Artefact, Manifest
from sim2sg_core.progress import heartbeat
from sim2sg_core.scene import SceneGraph

# They say where, how fast and how long work is done, or what ends it, not what comes out.
MAY_CHANGE = {"workers", "ranks", "device", "rounds", "strict", "real_frames", "anonymise"}
# Known by their contents: they may lie elsewhere.
INPUTS = {"logs", "camera_file"}
OPTIONS = {"frames": "max", "min_interval": "every"}
"""Settings whose options have other names."""
T = TypeVar("T")


def title_of(stage: Path) -> str:
    """Returns the name of a stage's folder in words: "round 1"."""
    return stage.name.replace("_", " ")


class Schedule(Protocol):
    """What is known in advance of a run's stages; see `plan.Plan`."""

    def place(self, name: str) -> str:
        """Returns which of how many a stage is."""

    def remaining(self, name: str, spent: Mapping[str, float]) -> str:
        """Returns about how long a stage and all after it take, by the seconds of those that have ended."""


class Watcher(Protocol):
    """Is told of what a run has done; see `live_view.LiveView`."""

    def training(self, folder: Path, tell: Callable[..., object]) -> Callable[..., object]:
        """Returns what is to be told of a training's progress, in place of `tell`."""

    def inferred(self, stage: Path, graphs: Sequence[SceneGraph]) -> None:
        """Is told what the model of a stage finds on the log."""

    def rebuilt(self, stage: Path, graphs: Sequence[SceneGraph], domain: Domain) -> None:
        """Is told of what a round rebuilds its scenes, and the domain that it renders them in."""


class Run:
    """The folder of one adaptation, which nobody else may be working in (see `folder_lock`).

    Whatever goes from stage to stage goes through a file, and the manifest says of every file what it was when it was
    finished. One that is not so any more is made anew, and so is what comes after it, unless it comes out the same.

    Attributes:
        path: The folder.
        manifest: What was finished.
        identity: Hash of the logs and of all settings that decide the result; "" before `begin`.
        plan: What the run will do, to say how far it is; None where nobody planned.
        view: Watches the run; None where nobody does.
        fleet: Who does its work.
    """

    def __init__(self, path: Path | str, fleet: Fleet = ONE_MACHINE) -> None:
        """Reads what earlier starts left."""
        self.path, self.fleet = Path(path), fleet
        self.manifest = Manifest(self.path)
        self.identity = ""
        self.plan: Schedule | None = None
        self.view: Watcher | None = None
        self._settled: set[Path] = set()  # found or made in this start
        self._times: dict[str, float] = {}
        if self.manifest.knows(self._stages):
            self._times = json.loads(self._stages.read_text())

    def begin(self, settings: dict[str, Any], inputs: Sequence[Input]) -> None:
        """Keeps settings and logs in the folder, which may have been begun with the same; see `check`."""
        inputs = self.check(settings, inputs)
        digest = _digest(_deciding(settings))
        self.identity = _digest([digest, [item.digest for item in inputs]])
        self.manifest.facts = {"settings": digest, "inputs": [list(item) for item in inputs]}
        self.manifest.write(self._config, yaml.safe_dump(settings, sort_keys=False))

    def check(self, settings: dict[str, Any], inputs: Sequence[Input]) -> Sequence[Input]:
        """Checks that the folder is new, or was begun with the same settings and logs. Nothing is written.

        Returns:
            `inputs`, by what the run was begun with.

        Raises:
            Sim2SGError: Other settings or logs, or a run without a manifest.
        """
        config, facts = self._config, self.manifest.facts
        if config.exists() and not self.manifest.path.exists():
            raise Sim2SGError(
                f"{self.path}: holds a run of an earlier version, or one that has lost its manifest.json: nothing says"
                " that its files are whole; give another --out"
            )
        # Damaged frames are struck before they are sampled anew: layouts were made of them all the same.
        if "inputs" in facts and any(map(self.manifest.lists, (self.frames, self.path / "source" / "layouts.json"))):
            with expecting(f"{self.manifest.path}: damaged", "give another --out"):
                begun_with = [Input(*map(str, item)) for item in facts["inputs"]]
            inputs = same_inputs(self.path, begun_with, inputs)
        else:  # Nothing was taken from them yet.
            require_logs(settings["logs"])
        known = self.manifest.knows(config)
        # Where the manifest is lost, an unknown config.yaml may still say that this is another run's folder.
        begun = _read_config(config) if known or not facts else {}
        changed = changed_option(_deciding(begun), _deciding(settings)) if begun else ""
        digest = _digest(_deciding(settings))
        if facts.get("settings", digest) != digest:
            changed = changed or "its config.yaml is damaged and does not say which"
        if changed:
            raise Sim2SGError(
                f"{self.path} was begun with other settings ({changed}): repeat them, or give another --out"
            )
        return inputs

    def ensure(self, artefacts: Callable[[], Sequence[Artefact]], make: Callable[[], object]) -> None:
        """Makes what a stage leaves, unless it is there as it was finished.

        Args:
            artefacts: Lists what the stage leaves; asked again when it is made.
            make: Makes all of it.
        """
        there = artefacts()
        if {artefact.path for artefact in there} <= self._settled:
            return
        found = self.manifest.holds(there)
        if not all(found):
            self.manifest.forget([artefact for artefact, held in zip(there, found, strict=True) if not held])
            make()
            there = artefacts()
            self.manifest.enter(there)
        self._settled |= {artefact.path for artefact in there}

    def cached(
        self, path: Path, make: Callable[[Path], object], read: Callable[[Path], T], whole: Artefact | None = None
    ) -> T:
        """Returns what a stage left in a file; where it is not there, or not as it was finished, makes it first.

        What has just been made is read back too: files of graphs round, and a run that is continued must go on from
        the same numbers.

        Args:
            path: The file.
            make: Makes the result and writes it to the path that it is given, in the folder of `path`.
            read: Reads the file.
            whole: The file with others that `make` writes before.
        """

        def write() -> None:
            with atomic_path(path) as temporary:
                make(temporary)

        self.ensure(lambda: [whole or Artefact(path)], write)
        return read(path)

    def stage_folder(self, name: str) -> Path:
        """Returns the folder of a stage (source, round_1, …), made if needed."""
        folder = self.path / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @contextlib.contextmanager
    def timed(self, stage: str, message: str) -> Iterator[None]:
        """Says what begins and that it goes on, and adds its wall time to stages.json when it has ended well."""
        place = self.plan.place(stage) if self.plan else ""
        left = self.plan.remaining(stage, self._times) if self.plan else ""
        print(f"{place}[{stage}] {message}{left}", file=sys.stderr, flush=True)
        started = time.monotonic()
        with heartbeat(stage):
            yield
        spent = time.monotonic() - started
        self._times[stage] = round(self._times.get(stage, 0.0) + spent, 1)
        self.manifest.write(self._stages, json.dumps(self._times, indent=1))

    def stage_times(self) -> dict[str, float]:
        """Returns seconds by stage, over all the times that the run was started."""
        return dict(self._times)

    @property
    def frames(self) -> Path:
        """Where the frames of the log are listed."""
        return self.path / "frames" / "frames.json"

    @property
    def _config(self) -> Path:
        return self.path / "config.yaml"

    @property
    def _stages(self) -> Path:
        return self.path / "stages.json"


def _deciding(settings: dict[str, Any]) -> dict[str, Any]:
    """Returns the settings that decide what comes out, apart from the logs."""
    return {k: v for k, v in settings.items() if k not in MAY_CHANGE | INPUTS}


def changed_option(begun: dict[str, Any], given: dict[str, Any]) -> str:
    """Names an option by which two runs differ: domain and start, which decide others, before those; "" for none."""
    domains = [settings.get("domain") or {} for settings in (begun, given)]
    if domains[0] != domains[1]:
        there, here = (domain.get("name") for domain in domains)
        key = difference(domains[0], domains[1]).partition(":")[0]
        return f"--domain: {there} with other {key}" if there == here else f"--domain: {there} there, {here} here"
    starts = [{"start": settings.get("start")} for settings in (begun, given)]
    path, _, values = (difference(starts[0], starts[1]) or difference(begun, given)).partition(": ")
    name = path.rpartition(".")[2]
    if name.endswith("_digest"):
        return f"--{name.removesuffix('_digest')}: another content there"
    values = re.sub(r"\bNone (there|here)\b", r"nothing \1", values)
    if path.startswith("method."):  # Not every switch has an option.
        return f"--method: {name} {values}"
    return f"--{OPTIONS.get(name, name).replace('_', '-')}: {values}" if path else ""


def _read_config(file: Path) -> dict[str, Any]:
    """Returns the settings in a file; none where it is damaged."""
    try:
        settings = yaml.safe_load(file.read_text())
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return settings if isinstance(settings, dict) else {}


def _digest(data: Any) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:16]
