"""What a round's prior scenes are drawn from: the domain's layout, or one that was fitted to the log."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sim2sg_core.adaptation.content import meta_sim, meta_sim2, scenegen
from sim2sg_core.adaptation.content.scene_features import SceneFeatures
from sim2sg_core.adaptation.content.scene_rebuilding import SceneRebuilder
from sim2sg_core.adaptation.log_frames import SampledFrame
from sim2sg_core.adaptation.method import LAYOUT_PRIORS, ResolvedMethod
from sim2sg_core.adaptation.resolved_config import ResolvedConfig
from sim2sg_core.adaptation.run_folder import Run
from sim2sg_core.adaptation.stages import stage_network
from sim2sg_core.domains import Domain
from sim2sg_core.manifest import Artefact
from sim2sg_core.scene import Layout, SceneGraph
from sim2sg_core.scene.graph import write_json

PRIOR_FILE, HISTORY_FILE = "layout_prior/prior.pt", "layout_prior/history.json"
MOST_FRAMES = 200  # of the log, whose features are compared with
MOVED_RENDERS, COUNTED_RENDERS = 8, 4  # for each scene of the round: what fitting costs
LEARNED_STEPS = 10  # likewise, of the optimiser, up to `scenegen.STEPS`
DRAWS = 3  # of each frame's objects by their scores, to learn layouts from

Draw = Callable[[np.random.Generator], Layout]
BUILT_AS: dict[str, Callable[[Draw, Domain, dict[str, Any]], Draw]] = {
    "moved": meta_sim.MovedPrior,
    "counted": meta_sim2.CountedPrior,
    "learned": scenegen.LearnedPrior,
}


def round_prior(
    run: Run,
    config: ResolvedConfig,
    domain: Domain,
    folder: Path,
    previous: Path,
    frames: Sequence[SampledFrame],
    graphs: Sequence[SceneGraph],
    draw: Draw,
) -> Draw:
    """Returns what draws the prior scenes of a round; one that has to be fitted is fitted once.

    Args:
        run: The run.
        config: Its settings.
        domain: What renders look like.
        folder: Of the round; the fit and its course are kept in `layout_prior`.
        previous: Folder of the stage before, whose backbone tells what looks alike.
        frames: Of the log.
        graphs: What was inferred on them.
        draw: Draws a scene of the domain's own layout.
    """
    kind = config.method.layout_prior
    if kind == LAYOUT_PRIORS[0]:
        return draw
    file, history = folder / PRIOR_FILE, folder / HISTORY_FILE
    seed = int(np.random.SeedSequence([config.seed, int(folder.name.split("_")[1]), 4]).generate_state(1)[0])

    def fit(path: Path) -> None:
        fitted = _fit(kind, config, domain, previous, frames, graphs, draw, seed)
        write_json(history, fitted.pop("history"), indent=1)
        with path.open("wb") as opened:  # By its name, torch would write that into the file.
            torch.save(fitted, opened)

    with run.timed(f"{folder.name}/layouts", f"fitting the prior's layouts to the log ({kind})"):
        whole = Artefact(file.parent, lambda: [file, history])
        fitted = run.cached(file, fit, lambda path: torch.load(path, weights_only=True), whole)
    return BUILT_AS[kind](draw, domain, fitted)


def _fit(
    kind: str,
    config: ResolvedConfig,
    domain: Domain,
    previous: Path,
    frames: Sequence[SampledFrame],
    graphs: Sequence[SceneGraph],
    draw: Draw,
    seed: int,
) -> dict[str, Any]:
    """Fits a layout prior; `history` is its course, for reports."""
    count, seen = config.round_frames, rebuilt(graphs, domain, config.method, seed)
    if kind == "learned":
        return scenegen.fit_scenegen(seen, domain, min(LEARNED_STEPS * count, scenegen.STEPS), seed)
    chosen = np.unique(np.linspace(0, len(frames) - 1, min(MOST_FRAMES, len(frames))).round().astype(int))
    features = SceneFeatures(stage_network(previous), domain, (frames[k].image() for k in chosen))
    try:
        if kind == "moved":
            each = meta_sim.SCENES * (1 + 2 * meta_sim.PROBES)
            fitted = meta_sim.fit_meta_sim(draw, domain, features, max(1, MOVED_RENDERS * count // each), seed)
        else:
            steps = max(1, COUNTED_RENDERS * count // meta_sim2.SCENES)
            fitted = meta_sim2.fit_meta_sim2(draw, seen, domain, features, steps, seed)
        fitted["history"] |= {"renders": features.renders, "log_frames": len(chosen)}
        return fitted
    finally:
        features.close()


def rebuilt(graphs: Sequence[SceneGraph], domain: Domain, method: ResolvedMethod, seed: int) -> list[Layout]:
    """Returns scenes rebuilt from the log to learn layouts from: every object by its score, refined, none exchanged."""
    rng = np.random.default_rng([seed, 1])
    rebuild = SceneRebuilder(domain, dataclasses.replace(method, threshold=None, class_swap=0.0, refine=True))
    return [rebuild(graph, rng) for _ in range(DRAWS) for graph in graphs]
