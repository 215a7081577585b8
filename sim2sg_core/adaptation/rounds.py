"""The loop of Sim2SG: infer, lift, render, train, repeat (Prakash et al., ICCV 2021), and what goes beyond it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from sim2sg_core.adaptation.adapt_config import AdaptConfig
from sim2sg_core.adaptation.appearance.appearance_files import FILE, load_harvest
from sim2sg_core.adaptation.appearance.appearance_fit import harvest_appearance
from sim2sg_core.adaptation.content.recall_correction import expected_counts, make_up_for_missed
from sim2sg_core.adaptation.content.round_layouts import PriorLayout, round_layouts
from sim2sg_core.adaptation.log_frames import Frame, collect_frames
from sim2sg_core.adaptation.run_folder import Run
from sim2sg_core.adaptation.selection.self_consistency import choose_round
from sim2sg_core.adaptation.stages import (
    export_stage,
    infer_frames,
    look_at_frames,
    measure_agreement,
    render_stage,
    shares_found,
    train_round,
    train_source,
    usual_camera,
)
from sim2sg_core.adaptation.summary import report_run
from sim2sg_core.domains import AppearanceSpec, Domain
from sim2sg_core.files import atomic_path
from sim2sg_core.model import load_start
from sim2sg_core.scene import SceneGraph
from sim2sg_core.scene.graph import write_json

PATIENCE = 2  # rounds that may bring nothing: the criterion is noisy


def adapt(config: AdaptConfig, domain: Domain, out: Path) -> Path:
    """Adapts a domain to the logs; a run that was stopped continues.

    Args:
        config: Resolved settings.
        domain: What to look for.
        out: The run's folder.

    Returns:
        Path of the final model, `out/model.onnx`.

    Raises:
        Sim2SGError: Bad settings or logs, told before any work starts.
    """
    if config.start is not None:
        load_start(config.start, domain)  # Told of now, not after an hour.
    run = Run(out)
    run.begin({**config.to_json(), "domain": domain.to_json()})
    assert config.rounds is not None
    with run.timed("frames", f"sampling up to {config.frames} frames of the log"):
        frames, intrinsics, extrinsics = collect_frames(config, domain, out / "frames")
    extrinsics = extrinsics or "estimated from the log"
    if config.method.uses_log_frames and config.rounds <= (config.method.teacher_start_round or 0):
        late = f"no round comes after the {config.method.teacher_start_round} that `teacher_start_round` asks for"
        print(f"  {late}: the log's frames teach nothing by themselves", file=sys.stderr, flush=True)
    print(f"  {len(frames)} frames; intrinsics: {intrinsics}; mount: {extrinsics}", file=sys.stderr, flush=True)
    stages = [source_stage(run, config, domain, frames)]
    scores = [judge(run, domain, frames, stages[0])]
    best, stop = 0, False
    for number in range(1, config.rounds + 1):
        stages.append(round_stage(run, config, domain, frames, stages[-1], number))
        scores.append(judge(run, domain, frames, stages[-1]))
        best, stop = choose_round(scores, PATIENCE) if config.method.select else (number, False)
        if stop and number < config.rounds:
            print(f"  the graphs agree no better than before: no more rounds after {number}", file=sys.stderr)
            break
    final = out / "model.onnx"
    with atomic_path(final) as temporary:
        shutil.copyfile(stages[best] / "model.onnx", temporary)
    names = [stage.name.replace("_", " ") for stage in stages]
    write_json(out / "chosen.json", {"stage": stages[best].name}, indent=1)
    with run.timed("report", "inferring with the last model, drawing"):
        # The other stages' graphs on the log were needed to go on, the last model's are new.
        infer_frames(stages[-1] / "model.onnx", frames, domain, stages[-1] / "inferred.json")
        facts = {
            "intrinsics": intrinsics,
            "mount": extrinsics,
            "log": ", ".join(Path(log).name for log in config.logs),
            "agreement with itself": ", ".join(f"{n} {s:.3f}" for n, s in zip(names, scores, strict=True)),
            "final model": names[best],
        }
        report_run(run, config, domain, frames, stages, best, facts)
    return final


def judge(run: Run, domain: Domain, frames: Sequence[Frame], stage: Path) -> float:
    """Returns how well a stage's model agrees with itself on the log: the criterion that needs no label."""
    with run.timed(f"{stage.name}/agreement", "how well the model agrees with itself on changed views of the log"):
        found = measure_agreement(stage / "model.onnx", frames, domain, stage / "agreement.json")
    print(
        f"  agreement {found.score:.3f} ({found.objects:.3f} objects, {found.relations:.3f} relations)", file=sys.stderr
    )
    return found.score


def source_stage(run: Run, config: AdaptConfig, domain: Domain, frames: Sequence[Frame]) -> Path:
    """Makes the model that only knows prior scenes: trains it on them, or takes the one to start from."""
    folder = run.stage_folder("source")
    rng = np.random.default_rng([config.seed, 0])
    prior = PriorLayout(domain, frames)
    count = config.source_frames or 0
    with run.timed("source/render", f"{count} prior scenes, and those to calibrate on"):
        render_stage(config, domain, folder, count, lambda n: (prior(rng) for _ in range(n)), 0)
    with run.timed("source/train", f"{config.source_steps} steps" if config.start is None else config.start):
        train_source(config, domain, folder)
    with run.timed("source/export", "calibrating and exporting"):
        export_stage(config, domain, folder, frames, frames[0].camera)
    return folder


def round_stage(
    run: Run, config: AdaptConfig, domain: Domain, frames: Sequence[Frame], previous: Path, number: int
) -> Path:
    """One round, from the previous stage's model."""
    name = f"round_{number}"
    folder = run.stage_folder(name)
    rng = np.random.default_rng([config.seed, number])
    method, count = config.method, config.round_frames
    assert count is not None
    with run.timed(f"{name}/infer", f"{len(frames)} frames of the log"):
        graphs = infer_frames(previous / "model.onnx", frames, domain, previous / "inferred.json")
    content = graphs
    if method.tiled_inference:
        with run.timed(f"{name}/closeups", "enlarged parts of the frames"):
            content = look_at_frames(previous / "model.onnx", frames, graphs, domain, previous / "closeups.json")
    looks = domain
    if method.appearance:
        with run.timed(f"{name}/harvest", "colours, materials, light and camera of the log"):
            looks = domain.model_copy(update={"appearance": harvest(domain, frames, content, folder, rng)})
    if method.labels and method.recall_correction:
        content = complete(content, shares_found(previous))
    origin = "rebuilt from the log" if method.labels else "of the prior"
    with run.timed(f"{name}/render", f"{count} scenes {origin}"):
        prior = PriorLayout(domain, frames)
        render_stage(
            config, looks, folder, count, lambda n: round_layouts(content, domain, n, method, rng, prior), number
        )
    with run.timed(f"{name}/train", f"{config.round_steps} steps"):
        train_round(config, domain, folder, previous, frames, graphs, number)
    with run.timed(f"{name}/export", "calibrating and exporting"):
        export_stage(config, domain, folder, frames, usual_camera(graphs))
    return folder


def complete(graphs: Sequence[SceneGraph], found: Mapping[str, float]) -> list[SceneGraph]:
    """Makes up for what was missed, and says how much of what that is."""
    raised = make_up_for_missed(graphs, found)
    before, after = expected_counts(graphs), expected_counts(raised)
    counts = ", ".join(f"{k} {before[k] / len(graphs):.2f} -> {after.get(k, 0.0) / len(graphs):.2f}" for k in before)
    print(f"  objects per frame, found -> with those missed: {counts or 'none'}", file=sys.stderr, flush=True)
    return raised


def harvest(
    domain: Domain, frames: Sequence[Frame], graphs: Sequence[SceneGraph], folder: Path, rng: np.random.Generator
) -> AppearanceSpec:
    """Takes the appearance of the log, or reads what was taken before."""
    place = folder / "harvest"
    seed = int(rng.integers(2**32))  # in any case: later draws must not depend on it
    if (place / FILE).exists():
        return load_harvest(place)
    pairs = ((frame.image(), graph) for frame, graph in zip(frames, graphs, strict=True))
    return harvest_appearance(pairs, domain, place, np.random.default_rng(seed))
