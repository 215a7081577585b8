"""The loop of Sim2SG: infer, lift, render, train, repeat (Prakash et al., ICCV 2021), and what goes beyond it."""

from __future__ import annotations

import dataclasses
import functools
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sim2sg_core.adaptation.appearance.appearance_files import (
    APPEARANCE_FILE,
    load_appearance,
    save_appearance,
    textures_beside,
)
from sim2sg_core.adaptation.appearance.appearance_fit import fit_appearance
from sim2sg_core.adaptation.content.log_extrinsics import median_camera
from sim2sg_core.adaptation.content.recall_correction import (
    correct_recall,
    describe_correction,
    expected_counts,
)
from sim2sg_core.adaptation.content.round_layouts import PriorLayout, round_layouts
from sim2sg_core.adaptation.live_view import LiveView
from sim2sg_core.adaptation.log_contents import Input, read_inputs, require_logs
from sim2sg_core.adaptation.log_frames import SampledFrame, collect_frames, count_frames, open_checked
from sim2sg_core.adaptation.log_inference import LogInference
from sim2sg_core.adaptation.log_witness import LogWitness, Testimony
from sim2sg_core.adaptation.machine import check_machine
from sim2sg_core.adaptation.method import CRITERIA, ResolvedMethod
from sim2sg_core.adaptation.plan import Plan
from sim2sg_core.adaptation.resolved_config import ResolvedConfig, SourceTraining, StartCheckpoint
from sim2sg_core.adaptation.run_folder import Run, title_of
from sim2sg_core.adaptation.selection.round_selection import choose_round
from sim2sg_core.adaptation.stage_criteria import ranked_stages
from sim2sg_core.adaptation.stage_layouts import round_prior
from sim2sg_core.adaptation.stages import (
    average_stages,
    checkpoint_of,
    export_stage,
    found_shares_of,
    mix_stage,
    negatives_of,
    render_stage,
    train_round,
    train_source,
)
from sim2sg_core.adaptation.summary import report_run
from sim2sg_core.adaptation.verdict import verdict_on
from sim2sg_core.domains import Domain
from sim2sg_core.domains.credits import write_credits
from sim2sg_core.files import atomic_path
from sim2sg_core.fleet import ONE_MACHINE, Fleet
from sim2sg_core.folder_lock import locked
from sim2sg_core.logs.frame_flags import describe_flags
from sim2sg_core.logs.output_places import check_apart
from sim2sg_core.manifest import NAME as MANIFEST
from sim2sg_core.manifest import Artefact
from sim2sg_core.model import load_start
from sim2sg_core.model.checkpoint import find_checkpoint
from sim2sg_core.report.rerun_adaptation import RerunAdaptation
from sim2sg_core.scene import Camera, SceneGraph
from sim2sg_core.scene.graph import load_graphs, write_json


def adapt(
    config: ResolvedConfig, domain: Domain, out: Path, fleet: Fleet = ONE_MACHINE, shown: RerunAdaptation | None = None
) -> Path:
    """Adapts a domain to the logs; a run that was stopped continues.

    Args:
        config: Settings.
        domain: What to look for.
        out: The run's folder.
        fleet: Who does the work that can be shared; what comes out is the same.
        shown: Where the run is shown while it goes on; None for nowhere.

    Returns:
        Path of the final model, `out/model.onnx`.

    Raises:
        Sim2SGError: Bad settings or logs, told before any work starts.
    """
    found = _check(config, domain, out)
    with locked(out):
        fleet.check(out)
        run = Run(out, fleet)
        run.begin(_settings(config, domain), found.inputs)
        run.plan = Plan(dataclasses.replace(config, frames=found.frames), domain)
        print(run.plan.describe(run.stage_times()), file=sys.stderr, flush=True)
        return _adapt(run, config, domain, found.witness, shown)


def describe_plan(config: ResolvedConfig, domain: Domain, out: Path) -> str:
    """Returns what `adapt` would do, after the checks that it begins with. Nothing is written."""
    found = _check(config, domain, out)
    run = Run(out)
    run.check(_settings(config, domain), found.inputs)
    return Plan(dataclasses.replace(config, frames=found.frames), domain).describe(run.stage_times())


class _Found(NamedTuple):
    """What the checks before a run find."""

    inputs: list[Input]
    witness: LogWitness | None
    frames: int
    """the most that the logs give"""


def _check(config: ResolvedConfig, domain: Domain, out: Path) -> _Found:
    """Raises Sim2SGError for all that is known to be wrong before any work starts."""
    if not (out / MANIFEST).exists():
        require_logs(config.logs)
    check_machine(config, domain)
    inputs = read_inputs([*config.logs, *([config.camera_file] if config.camera_file else [])])
    if isinstance(config.source, StartCheckpoint):
        load_start(config.source.start, domain)
    witness = LogWitness(config.witness, domain) if config.witness else None
    frames = config.frames
    if all(Path(log).exists() for log in config.logs):  # A run that has its frames needs no log any more.
        logs = open_checked(config)
        check_apart(out, logs, "--out")
        frames = min(frames, count_frames(config, logs) or frames)
    return _Found(inputs, witness, frames)


def _settings(config: ResolvedConfig, domain: Domain) -> dict[str, Any]:
    return {**config.to_json(), "domain": domain.to_json()}


def _adapt(
    run: Run, config: ResolvedConfig, domain: Domain, witness: LogWitness | None, shown: RerunAdaptation | None
) -> Path:
    """Runs what is left of a run, in a folder that is locked and checked."""
    with run.timed("frames", f"sampling up to {config.frames} frames of the log"):
        frames, intrinsics, extrinsics = collect_frames(config, domain, run)
    run.plan = Plan(dataclasses.replace(config, frames=len(frames)), domain)
    run.view = LiveView(shown, config, frames) if shown else None
    extrinsics = extrinsics or "estimated from the log"
    first = config.method.teacher_start_round + 1
    if config.method.learns_from_log and 0 < config.rounds < first:
        _say(f"training learns from the log's frames themselves from round {first} on: for that, give --rounds {first}")
    flags = describe_flags(frame.flags for frame in frames)
    _say(f"{len(frames)} frames{flags and f' ({flags})'}; intrinsics: {intrinsics}; extrinsics: {extrinsics}")
    seen = None
    if witness is not None:
        with run.timed("witness", f"what the witness finds of {', '.join(sorted(witness.known))}"):
            seen = witness.look(run, frames)
    stages = [source_stage(run, config, domain, frames)]
    inference = LogInference(run, stages[0], frames, domain, config.extrinsics)
    scores = [stage_score(run, inference)]
    best, ranked = 0, scores
    for number in range(1, config.rounds + 1):
        stages.append(round_stage(run, config, domain, frames, inference, stages, seen))
        inference = LogInference(run, stages[-1], frames, domain, config.extrinsics)
        scores.append(stage_score(run, inference))
        ranked = ranked_stages(run, config.method.criterion, stages, frames, scores)
        best, stop = choose_round(ranked) if config.method.select else (number, False)
        if stop and number < config.rounds:
            _say(f"the model is no better than before ({config.method.criterion}): no more rounds after {number}")
            break
    chosen, why = stages[best], reason_of_choice(stages, ranked, best, config.method)
    if config.method.average and len(stages) > 1:
        chosen = average_stage(run, domain, frames, stages, inference.graphs())
        inference = LogInference(run, chosen, frames, domain, config.extrinsics)
        scores.append(stage_score(run, inference))
        why = f"the mean of the weights of {names_of(stages)}"
    with run.timed("report/infer", f"{len(frames)} frames of the log"):
        last = inference.graphs()
    if run.view:
        run.view.inferred(inference.stage, last)
    final = hand_over(run, config, domain, chosen, why)
    _say(f"final model: {why}")
    before, after = (load_graphs(stage / "inferred.json")[1] for stage in (stages[0], chosen))
    flagged = [frame.flags for frame in frames]
    verdict = verdict_on(before, after, flagged, rounds=len(stages) - 1, changed=chosen != stages[0])
    with run.timed("report", "drawing"):
        measured = map(title_of, dict.fromkeys([*stages, chosen]))
        facts = {
            "intrinsics": intrinsics,
            "extrinsics": extrinsics,
            "log": ", ".join(Path(log).name for log in config.logs),
            "self-consistency": ", ".join(f"{n} {s:.3f}" for n, s in zip(measured, scores, strict=True)),
            "final model": why,
            **({"witness": witness.describe()} if witness else {}),
        }
        run.manifest.note(report_run(run, config, domain, frames, stages, chosen, facts, verdict))
    print("", *verdict.sentences, sep="\n", file=sys.stderr, flush=True)
    return final


def hand_over(run: Run, config: ResolvedConfig, domain: Domain, chosen: Path, why: str) -> Path:
    """Makes a stage's model the run's, and says which it is in `chosen.json`. Returns the model's path."""
    final, note = run.path / "model.onnx", run.path / "chosen.json"

    def copy() -> None:
        with atomic_path(final) as temporary:
            shutil.copyfile(chosen / "model.onnx", temporary)
        write_json(note, {"stage": chosen.name, "why": why}, indent=1)

    run.ensure(lambda: [Artefact(final), Artefact(note)], copy)
    start = [find_checkpoint(config.source.start)] if isinstance(config.source, StartCheckpoint) else []
    write_credits(run.path, domain, [*start, *(log for log, _ in negatives_of(config))])
    return final


def names_of(stages: Sequence[Path]) -> str:
    """Returns the names of stages in words: "source, round 1 and round 2"."""
    names = [title_of(stage) for stage in stages]
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def reason_of_choice(stages: Sequence[Path], scores: Sequence[float], best: int, method: ResolvedMethod) -> str:
    """Says which stage's model is the final one and why; warns where all rounds were in vain."""
    name = names_of([stages[best]])
    if not method.select or len(stages) == 1:
        return f"{name}, the last"
    most = "the most self-consistent" if method.criterion == CRITERIA[0] else f"the best by {method.criterion}"
    reason = f"{name}, {most} ({scores[best]:.3f})"
    if (highest := max(scores)) > scores[best]:  # Within the tolerance of `choose_round` a later stage is preferred.
        reason = f"{name}, the latest of those close to {most} ({scores[best]:.3f} of {highest:.3f})"
    if best == 0:
        return f"{reason}: NO ROUND CHANGED IT; try {names_of(stages[1:])} too (RUN/round_N/model.onnx)"
    return reason


def average_stage(
    run: Run, domain: Domain, frames: Sequence[SampledFrame], stages: Sequence[Path], graphs: Sequence[SceneGraph]
) -> Path:
    """Makes the mean of the stages' weights, calibrated on the last stage's held-out scenes."""
    folder = run.stage_folder("mean")
    run.ensure(lambda: [Artefact(checkpoint_of(folder))], lambda: average_stages(domain, folder, stages))
    camera = median_camera(graphs)
    message = f"averaging the weights of {names_of(stages)}, calibrating and exporting"
    make_model(run, domain, folder, frames, camera, message, held_out=stages[-1] / "held_out")
    return folder


def make_model(
    run: Run,
    domain: Domain,
    folder: Path,
    frames: Sequence[SampledFrame],
    camera: Camera,
    message: str = "calibrating and exporting",
    held_out: Path | None = None,
) -> None:
    """Calibrates and exports what a stage has trained; see `export_stage`."""

    def export() -> None:
        with run.timed(f"{folder.name}/export", message):
            model_id = f"{domain.name}-{run.identity[:8]}-{folder.name}"
            export_stage(domain, folder, model_id, frames, camera, held_out)

    run.ensure(lambda: [Artefact(folder / name) for name in ("calibration.json", "model.onnx")], export)


def stage_score(run: Run, inference: LogInference) -> float:
    """Returns how consistent a stage's model is with itself on the log: the criterion that needs no label."""
    stage = inference.stage.name
    with run.timed(f"{stage}/self_consistency", "how consistent the model is with itself on changed views of the log"):
        found = inference.self_consistency()
    _say(f"self-consistency {found.score:.3f} ({found.objects:.3f} objects, {found.relations:.3f} relations)")
    return found.score


def source_stage(run: Run, config: ResolvedConfig, domain: Domain, frames: Sequence[SampledFrame]) -> Path:
    """Makes the model that only knows prior scenes: trains it on them, or takes the one to start from."""
    folder = run.stage_folder("source")
    rng = np.random.default_rng([config.seed, 0])
    prior = PriorLayout(domain, [frame.camera for frame in frames])
    if isinstance(config.source, StartCheckpoint):
        count, message = 0, config.source.start
    else:
        count, message = config.source.source_frames, f"{config.source.source_steps} steps"
    with run.timed("source/render", f"{count} prior scenes, and those to calibrate on"):
        render_stage(run, config, domain, folder, count, lambda n: (prior(rng) for _ in range(n)), 0)

    def teach() -> None:
        with run.timed("source/train", message):
            train_source(config, domain, folder, run.manifest.origin, run.fleet, run.view)

    run.ensure(lambda: trained_by(folder, isinstance(config.source, SourceTraining)), teach)
    make_model(run, domain, folder, frames, frames[0].camera)
    return folder


def trained_by(folder: Path, taught: bool = True) -> list[Artefact]:
    """Returns what a stage's training leaves; one that was not taught has no settings and metrics."""
    more = ("train.json", "metrics.jsonl") if taught else ()
    return [Artefact(path) for path in (checkpoint_of(folder), *(folder / "train" / name for name in more))]


def round_stage(
    run: Run,
    config: ResolvedConfig,
    domain: Domain,
    frames: Sequence[SampledFrame],
    inference: LogInference,
    stages: Sequence[Path],
    seen: Testimony | None = None,
) -> Path:
    """One round, from what the last of `stages` infers on the log and, where there is one, a witness saw."""
    number = len(stages)
    name, previous = f"round_{number}", stages[-1]
    folder = run.stage_folder(name)
    rng = np.random.default_rng([config.seed, number])
    method, count = config.method, config.round_frames
    with run.timed(f"{name}/infer", f"{len(frames)} frames of the log"):
        graphs = content = inference.graphs()
    if run.view:
        run.view.inferred(previous, graphs)
    if method.tiled_inference:
        with run.timed(f"{name}/tiled", "enlarged tiles of the frames"):
            content, shares = inference.tiled_graphs(graphs, method.half_scale_inference)
    else:
        shares = found_shares_of(previous)
    inference.close()
    # What the witness saw says how many objects there are: for these classes no other correction is needed.
    expected = None
    if seen is not None:
        content = inference.witnessed_graphs(content, seen)
        expected = {k: v for k, v in expected_counts(content).items() if k in seen.known}
        shares = {k: v for k, v in shares.items() if k not in seen.known}
    known, rendered = content, domain
    if method.appearance:
        with run.timed(f"{name}/appearance", "colours, materials, light and camera of the log"):
            rendered = with_appearance_of_log(run, domain, frames, content, folder / APPEARANCE_FILE, rng)
    if method.labels and method.recall_correction:
        found, content = content, correct_recall(content, shares)
        _say(f"objects per frame, found -> with those missed: {describe_correction(found, content)}")
    prior = PriorLayout(domain, [frame.camera for frame in frames])
    drawn = round_prior(run, config, rendered, folder, previous, frames, content, prior)
    origin = "rebuilt from the log" if method.labels else "of the prior"
    with run.timed(f"{name}/render", f"{count} scenes {origin}"):
        draw = functools.partial(round_layouts, content, domain, method=method, rng=rng, prior_layout=drawn)
        render_stage(run, config, rendered, folder, count, draw, number)
    if run.view and method.labels:
        run.view.rebuilt(folder, content, rendered)
    if method.mixing:
        with run.timed(f"{name}/mix", "objects rendered into frames of the log"):
            mix_stage(run, config, rendered, folder, frames, known, number)

    def teach() -> None:
        with run.timed(f"{name}/train", f"{config.round_steps} steps"):
            origin, fleet = run.manifest.origin, run.fleet
            train_round(config, domain, folder, stages, frames, graphs, number, origin, expected, fleet, run.view)

    run.ensure(lambda: trained_by(folder), teach)
    make_model(run, domain, folder, frames, median_camera(graphs))
    return folder


def with_appearance_of_log(
    run: Run,
    domain: Domain,
    frames: Sequence[SampledFrame],
    graphs: Sequence[SceneGraph],
    file: Path,
    rng: np.random.Generator,
) -> Domain:
    """Returns the domain in the appearance of the log, which is kept in `file`."""
    seed = int(rng.integers(2**32))  # in any case: later draws must not depend on it

    def fit(path: Path) -> None:
        pairs = ((frame.image(), graph) for frame, graph in zip(frames, graphs, strict=True))
        save_appearance(fit_appearance(pairs, domain, np.random.default_rng(seed)), path)

    whole = Artefact(file.parent, lambda: [file, *textures_beside(file)])
    return domain.model_copy(update={"appearance": run.cached(file, fit, load_appearance, whole)})


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)
