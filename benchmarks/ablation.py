"""What each part of the method is worth on one target: the rows and the rules of such a benchmark.

A row is one method of `sim2sg adapt`, or what the benchmark adds (`variants`: a method with other options; `controls`:
anything else). All rows of a seed branch from one source checkpoint and take equally many optimiser steps on equally
many labelled (or pseudo-labelled) images; the oracle alone is trained on labelled target images. Labels of the target
are read by the evaluator alone. Resumable: every run keeps its own result and every stage its files, the same command
goes on.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import multiprocessing
import os
import shutil
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, ClassVar

import yaml
from ablation_table import collect, notes
from common import RESULTS, print_rows, sim2sg, write_results

from sim2sg_core.adaptation import METHODS, AdaptConfig
from sim2sg_core.adaptation.log_frames import read_frames
from sim2sg_core.adaptation.stages import export_stage, train_round
from sim2sg_core.domains import load_domain
from sim2sg_core.manifest import Manifest
from sim2sg_core.scene.graph import write_json

RECORD = RESULTS / "dev_evaluations.jsonl"
THRICE = ("source", "fair_source", "self_training", "paper", "ours", "ours_learned_layouts", "oracle")
SMOKE_ROWS = ("paper", "ours", "oracle")
OF_ANOTHER_LOG = ("inferred.json", "self_consistency.json", "criteria.json")  # files of a stage
SELF_TRAINING = {
    "self_training_average": ("self_training", ("--teacher-update", "average")),  # the teacher learns from itself
    "self_training_conditional": ("self_training", ("--teacher-update", "conditional")),
}
LEARNED_LAYOUTS = {"ours_learned_layouts": ("ours", ("--layout-prior", "learned"))}
RULES = {"rule_relations": "rule", "fused_relations": "both"}


def run(kind: type[Ablation], description: str) -> None:
    """The whole script of a benchmark: reads the command line, runs what is missing, writes the table."""
    args = arguments(description, kind)
    if not (args.data / kind.log).exists():
        raise SystemExit(
            f"error: {args.data / kind.log}: no such log; the head of {kind.name}.py says where it is from"
        )
    cores, seeds = os.cpu_count() or 1, 1 if args.smoke else args.seeds
    jobs = args.jobs or cores
    # One thread for each of two runs trains 1.4 times as much as two threads for one.
    threads = max(1, cores // jobs)
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    results = args.out / "results" if args.smoke else RESULTS / args.results
    work = kind(args.data, args.out, args.options, threads, results, args.smoke, time.time() + 60 * args.until, args)
    # Seed by seed, so that a table of one seed is whole early.
    wanted = [(row, seed) for seed in range(seeds) for row in args.rows if seed == 0 or row in kind.repeated]
    work.refuse_others()
    if "oracle" in args.rows:
        for fold in range(kind.folds):
            for part in ("data", "held_out"):
                work.oracle_data(part, fold)
    with stopping(60 * args.until), in_own_groups(jobs) as pool:
        sources = {seed for row, seed in wanted if kind.branches(row)}
        for _ in pool.map(work.train_source, sorted(sources)):
            pass
        for _ in pool.map(work.result, *zip(*wanted, strict=True)):
            pass
    table = collect(results, kind.gaps, kind.other_targets)
    if not table:
        print("no row is done yet: the same command goes on")
        return
    print_rows(table)
    more = work.comparisons()
    for name, value in more.items():
        print(f"{name}: {value}")
    if args.smoke:
        print("smoke: nothing is written")
        return
    missing = [f"{row} of seed {seed}" for row, seed in wanted if not work.file(row, seed).exists()]
    unfinished = f" Not run yet: {', '.join(missing)}." if missing else ""
    print(write_results(args.results, table, notes=notes(results, jobs, kind.gaps) + unfinished, **more))


@contextlib.contextmanager
def stopping(seconds: float) -> Iterator[None]:
    """Ends all workers and the verbs that they run, after some time or with the script: runs go on where they were."""
    ended = threading.Event()

    def end() -> None:
        ended.set()
        for worker in multiprocessing.active_children():
            try:
                os.killpg(worker.pid or 0, signal.SIGKILL)  # a group of its own, see `in_own_groups`
            except ProcessLookupError:  # not yet: it has only just begun
                worker.kill()

    def end_with_script(number: int, _: object) -> None:
        end()
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end_with_script) for number in (signal.SIGINT, signal.SIGTERM)}
    timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except BrokenProcessPool:
        if not ended.is_set():
            raise
        print("stopped at --until: the same command goes on")
    finally:
        timer.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)


def in_own_groups(jobs: int) -> ProcessPoolExecutor:
    """Returns a pool whose workers each lead a group of processes, so that what they start ends with them."""
    return ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=os.setsid)


def arguments(description: str, kind: type[Ablation]) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the target's log and its labelled sets")
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs, outside the repository")
    parser.add_argument(
        "--rows", nargs="+", choices=kind.rows(), help="only these (default: all; of a smoke test, some)"
    )
    seeds = f"of {', '.join(kind.repeated)}; others take one (default: {kind.seeds})"
    parser.add_argument("--seeds", type=int, default=kind.seeds, help=seeds)
    parser.add_argument(
        "--results",
        default=kind.name,
        metavar="NAME",
        help="name of the table, in benchmarks/results: another one for rows of another version (default: %(default)s)",
    )
    parser.add_argument("--jobs", type=int, default=0, help="runs at a time (default: one per core)")
    parser.add_argument("--until", type=float, default=1e9, metavar="MIN", help="stop after so many minutes")
    parser.add_argument(
        "--with",
        nargs=argparse.REMAINDER,
        dest="options",
        default=[],
        metavar="OPTION",
        help="last: all that follows goes to every `sim2sg adapt`, as --with --device cuda --start dining",
    )
    parser.add_argument("--smoke", action="store_true", help="minutes: does it work at all? Its figures mean nothing")
    kind.add_arguments(parser)
    args = parser.parse_args()
    args.rows = args.rows or kind.default_rows(args)
    return args


@dataclasses.dataclass(frozen=True)
class Ablation(ABC):
    """Runs and scores the rows of a benchmark, each in `out/seed_S/ROW`; what has a result file is done.

    Attributes:
        name: Of the benchmark, and of its table unless `--results` names another.
        source: The source prior: a domain's name or file.
        log: Where the unlabelled log lies in `data`.
        test: Where the labelled images lie that rows are scored on.
        form: Their format, as `sim2sg eval` names it.
        metrics: What is kept of each evaluation.
        gaps: Those of which the closed part of the gap from fair source to oracle is told.
        methods: Rows that are methods of `sim2sg adapt`.
        variants: Further rows: their method, and options of `sim2sg adapt` that change it.
        controls: Rows beyond the methods, their variants and the oracle.
        other_targets: Those of them that have another target, so that the gap to the oracle means nothing there.
        rules: Rows that `ours` gets with relations from elsewhere, see `sim2sg eval --relations`.
        repeated: Rows that are run with every seed.
        seeds: How many there are.
        folds: Oracles that are trained, each without a part of the labelled images.
        smoke_options: Of every `sim2sg adapt` in a smoke test.
        data: The target.
        out: Folder of the runs.
        options: Of every `sim2sg adapt`; kept in each result.
        workers: Processes of each that render.
        results: Folder of the result files, one per run: `seed_S/ROW.json`.
        smoke: Few frames and steps.
        deadline: Seconds since 1970 after which nothing is begun.
        arguments: The whole command line.
    """

    name: ClassVar[str]
    source: ClassVar[str]
    log: ClassVar[str] = "log"
    test: ClassVar[str]
    form: ClassVar[str]
    metrics: ClassVar[tuple[str, ...]]
    gaps: ClassVar[tuple[str, ...]]
    methods: ClassVar[tuple[str, ...]] = tuple(METHODS)
    variants: ClassVar[dict[str, tuple[str, tuple[object, ...]]]] = {**SELF_TRAINING, **LEARNED_LAYOUTS}
    controls: ClassVar[tuple[str, ...]] = ()
    other_targets: ClassVar[tuple[str, ...]] = ()
    rules: ClassVar[dict[str, str]] = RULES
    repeated: ClassVar[tuple[str, ...]] = THRICE
    seeds: ClassVar[int] = 3
    folds: ClassVar[int] = 1
    smoke_options: ClassVar[tuple[object, ...]] = ("--rounds", 2)

    data: Path
    out: Path
    options: Sequence[str]
    workers: int
    results: Path
    smoke: bool
    deadline: float
    arguments: argparse.Namespace = dataclasses.field(default_factory=argparse.Namespace)

    @abstractmethod
    def convert_oracle(self, out: Path, held_out: bool, fold: int = 0) -> None:
        """Writes the labelled images of one oracle as `sim2sg synth` does: most to train on, or those held out."""

    @classmethod
    def rows(cls) -> tuple[str, ...]:
        """All rows that can be asked for."""
        return (*cls.methods, *cls.variants, "oracle", *cls.controls)

    @classmethod
    def default_rows(cls, args: argparse.Namespace) -> tuple[str, ...]:
        """The rows that are run where none are named."""
        return SMOKE_ROWS if args.smoke else cls.rows()

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Adds arguments of this benchmark alone; most have none."""
        return

    @classmethod
    def branches(cls, row: str) -> bool:
        """Whether a row begins with the source model."""
        return True

    def variant(self, row: str) -> tuple[str, Sequence[object]]:
        """Returns the method of a row and options of `sim2sg adapt` that change it."""
        return self.variants.get(row, (row, ()))

    def comparisons(self) -> dict[str, Any]:
        """Returns what else is told of the rows; it is kept beside the table."""
        return {}

    def control(self, row: str, seed: int, folder: Path) -> None:
        """Runs one of `controls` and writes its result."""
        raise NotImplementedError(row)

    def source_model(self, seed: int) -> Path:
        """Returns the run whose model the rows of this seed branch from."""
        return self.out / f"seed_{seed}" / "source_model"

    def train_source(self, seed: int) -> None:
        """Trains the source model of a seed; once, before any row: two rows at a time would wait for its folder."""
        if time.time() < self.deadline:
            # Its log gives the lens and nothing else. Of a run that is whole, the verb sees whether it is this one.
            self.adapt("source", seed, self.source_model(seed), self.data / self.log, ["--rounds", 0])

    def result(self, row: str, seed: int) -> None:
        """Runs one row with one seed, unless its result is there."""
        folder = self.out / f"seed_{seed}" / row
        if self.file(row, seed).exists() or time.time() > self.deadline:
            return
        print(f"=== {row}, seed {seed}", flush=True)
        if row in self.controls:
            self.control(row, seed, folder)
            return
        if row == "oracle":
            self.oracle(seed, folder)
        else:
            method, changes = self.variant(row)
            self.branch(method, seed, folder, self.data / self.log, changes)
        if row == "ours":
            for name, relations in self.rules.items():
                figures = self.evaluate(folder, f"eval_{name}.json", extra=["--relations", relations])
                self.keep(name, seed, {"metrics": figures})
        self.score(row, seed, folder)

    def refuse_others(self) -> None:
        """Ends the script where a row has a result that was made with other options: one table, one kind of run."""
        for file in sorted(self.results.glob("seed_*/*.json")):
            if (old := json.loads(file.read_text()).get("options", [])) != list(self.options):
                raise SystemExit(
                    f"error: {file} was made --with {' '.join(old) or 'nothing'}: repeat that, or move the results away"
                )

    def keep(self, row: str, seed: int, result: dict[str, Any]) -> None:
        """Writes the result of a run."""
        write_json(self.file(row, seed), {"options": list(self.options), **result}, indent=1)

    def file(self, row: str, seed: int) -> Path:
        """Where the result of a run is kept."""
        return self.results / f"seed_{seed}" / f"{row}.json"

    def branch(self, method: str, seed: int, folder: Path, log: Path, changes: Sequence[object] = ()) -> None:
        """Adapts by a method, from the source model of this seed."""
        copy_stage(self.source_model(seed), folder)
        self.adapt(method, seed, folder, log, [*changes, *(self.smoke_options if self.smoke else ())])

    def adapt(self, method: str, seed: int, folder: Path, log: Path, more: Sequence[object]) -> None:
        """Runs `sim2sg adapt`, its messages kept beside its results."""
        words = ["adapt", "--domain", self.source, "--log", log, "--method", method, "--seed", seed, "--out", folder]
        words += ["--workers", self.workers, *self.options]
        if self.smoke:
            words += ["--round-steps", 6, "--round-frames", 12, "--batch", 4, "--max", 12]
            words += [] if "--start" in self.options else ["--source-steps", 10, "--source-frames", 16]
        sim2sg(*words, *more, log=folder / "log.txt")

    def oracle(self, seed: int, folder: Path, fold: int = 0) -> None:
        """Trains the source model on labelled target images, in as many steps and stages as the other rows take."""
        domain, source = load_domain(self.source), self.source_model(seed)
        begun = yaml.safe_load((source / "config.yaml").read_text())
        names = {f.name for f in dataclasses.fields(AdaptConfig)} - {"method", "rounds"}
        given = [*self.options, *(self.smoke_options if self.smoke else ())]
        rounds = {"rounds": int(str(given[given.index("--rounds") + 1]))} if "--rounds" in given else {}
        config = AdaptConfig(
            **{k: v for k, v in begun.items() if k in names}, **rounds, method=METHODS["fair_source"]
        ).resolved(domain)
        frames, _, _ = read_frames(source / "frames/frames.json")
        previous = source / "source"
        for number in range(1, config.rounds + 1):
            stage = folder / f"round_{number}"
            for part in ("data", "held_out"):
                copy_folder(self.oracle_data(part, fold), stage / part)

            if not (stage / "model.onnx").exists():
                train_round(config, domain, stage, [previous], frames, [], number, origin="oracle")
                export_stage(domain, stage, f"{domain.name}-oracle-{stage.name}", frames, frames[0].camera)
            previous = stage
        shutil.copyfile(previous / "model.onnx", folder / "model.onnx")

    def oracle_data(self, part: str, fold: int = 0) -> Path:
        """Converts the labelled target images: most to train on, some for the temperatures."""
        folder = self.out / "oracle_data" / (f"fold_{fold}" if self.folds > 1 else "") / part
        if not (folder / "annotations.json").exists():
            self.convert_oracle(folder, held_out=part == "held_out", fold=fold)
        return folder

    def score(self, row: str, seed: int, folder: Path, simulated: Path | None = None) -> None:
        """Scores a run and writes its result file.

        Args:
            row: Its row.
            seed: Its seed.
            folder: Its folder.
            simulated: A labelled set of simulated images; None takes the target's, on which the stages on the run's
                way are scored too, for the study of the criterion.
        """
        result: dict[str, Any] = {"metrics": self.evaluate(folder, "eval.json", simulated)}
        times = folder / "stages.json"
        if times.exists():
            spent = {k: v for k, v in json.loads(times.read_text()).items() if not k.startswith("source/")}
            result["metrics"]["minutes"] = round(sum(spent.values()) / 60, 2)
        if simulated is None and not self.smoke:
            result["stages"] = {
                file.parent.name: {
                    "self_consistency": json.loads(file.read_text()),
                    **self.evaluate(file.parent, "eval.json"),
                }
                for file in sorted(folder.glob("*/self_consistency.json"))
            }
        self.keep(row, seed, result)

    def evaluate(
        self, run: Path, name: str, simulated: Path | None = None, extra: Sequence[object] = ()
    ) -> dict[str, float]:
        """Evaluates `run/model.onnx` by the verb; every look at the target's labels goes on record."""
        out = run / name
        record = ["--log-evaluations", RECORD] if simulated is None and not self.smoke else []
        data, form = (simulated, "coco") if simulated else (self.data / self.test, self.form)
        words = ["eval", "--model", run / "model.onnx", "--data", data, "--format", form, "--out", out]
        sim2sg(*words, *extra, *record, log=out.with_suffix(".txt"))
        metrics: dict[str, float] = json.loads(out.read_text())["metrics"]
        return {name: metrics[name] or 0.0 for name in self.metrics}


def copy_stage(source: Path, target: Path) -> None:
    """Copies the source stage of a run into another, without what it said of another log."""
    if not (target / "source").exists():
        target.mkdir(parents=True, exist_ok=True)
        Manifest(target).take_over(Manifest(source), "source", OF_ANOTHER_LOG)
    copy_folder(source / "source", target / "source", *OF_ANOTHER_LOG)


def copy_folder(source: Path, target: Path, *without: str) -> None:
    """Copies a folder, whole or not at all, unless it is there."""
    if not target.exists():
        temporary = target.with_name(f".copy_{target.name}")
        shutil.copytree(source, temporary, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*without))
        temporary.rename(target)
