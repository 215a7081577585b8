"""Meta-Sim2's part: the structure of scenes, how many of what stand where, learned by REINFORCE (torch).

After Devaranjan et al., "Meta-Sim2: Unsupervised Learning of Scene Structure for Synthetic Data Generation", ECCV 2020.
A recurrent policy says, class by class and cell by cell of the ground, how many objects stand there. It first imitates
the prior and then earns log KDE(features of the log) - log KDE(features of renders), less a moving average. Counts per
ground cell take the place of the original's grammar; what stands on others comes with what carries it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sim2sg_core.adaptation.content.feature_distance import Features, log_density, mean_squares
from sim2sg_core.adaptation.content.ground_cells import GroundCells
from sim2sg_core.adaptation.content.ground_groups import GroundGroup, RoomFinder, ground_groups
from sim2sg_core.adaptation.content.scene_features import SceneFeatures
from sim2sg_core.domains import Domain
from sim2sg_core.scene import Layout

ROWS, COLUMNS = 3, 3
HIDDEN = 48
SAMPLES = 256  # prior scenes that the policy imitates, and whose groups are set down anew
IMITATION_STEPS = 200
SCENES = 16  # rendered for one step
RATE, MOMENTUM = 5e-3, 0.5  # of the first step, and of all
MEMORY = 0.9  # of the moving averages of the reward and of its spread
RECALLED = 64  # earlier renders among which the density of renders is taken
BANDWIDTH = 0.25  # of the density, times the median mean squared difference of two frames of the log
SAME = 1e-4  # mean squared difference up to which two frames are the same
TRIES = 10  # of a group that has no room
HEADROOM = 2  # more of a class in a cell than the prior ever has
DOUBT = 0.1  # of the prior's objects, that more are tried

Draw = Callable[[np.random.Generator], Layout]


class CountPolicy(nn.Module):
    """A recurrent network that writes a scene's counts one after another, each knowing those before.

    Attributes:
        items: How many counts a scene has.
        most: The greatest.
    """

    def __init__(self, items: int, most: int) -> None:
        super().__init__()
        self.items, self.most = items, most
        self.item, self.before = nn.Embedding(items, HIDDEN), nn.Embedding(most + 2, HIDDEN)
        self.memory = nn.GRU(2 * HIDDEN, HIDDEN, batch_first=True)
        self.logits = nn.Linear(HIDDEN, most + 1)

    def distributions(self, counts: Tensor) -> Tensor:
        """Returns (B, items, most + 1) log-probabilities of each count of (B, items), given those before it."""
        start = torch.full_like(counts[:, :1], self.most + 1)
        before = torch.cat([start, counts[:, :-1]], dim=1)
        item = self.item(torch.arange(self.items)).expand(len(counts), -1, -1)
        found, _ = self.memory(torch.cat([item, self.before(before)], dim=-1))
        return F.log_softmax(self.logits(found), dim=-1)

    def log_prob(self, counts: Tensor) -> Tensor:
        """Returns (B,) log-probabilities of whole scenes of (B, items) counts."""
        return self.distributions(counts).gather(2, counts[..., None]).squeeze(2).sum(1)

    @torch.no_grad()
    def sample(self, scenes: int, rng: np.random.Generator) -> Tensor:
        """Draws (scenes, items) counts."""
        before, state = torch.full((scenes, 1), self.most + 1), None
        drawn = []
        for k in range(self.items):
            item = self.item(torch.tensor([[k]])).expand(scenes, -1, -1)
            found, state = self.memory(torch.cat([item, self.before(before)], dim=-1), state)
            chances = torch.softmax(self.logits(found[:, 0]).double(), dim=-1).numpy()
            edges = np.cumsum(chances, axis=1)
            count = (edges < rng.random((scenes, 1)) * edges[:, -1:]).sum(axis=1)
            before = torch.tensor(np.minimum(count, self.most))[:, None]
            drawn.append(before)
        return torch.cat(drawn, dim=1)


def imitate(policy: CountPolicy, counts: Tensor, rng: np.random.Generator, steps: int = IMITATION_STEPS) -> None:
    """Teaches the policy (N, items) counts of prior scenes, a little unsure, so that it will try others too.

    What it tries beyond them is rather one more than several, anywhere, and `DOUBT` of the objects of a scene in all.
    """
    optimiser = torch.optim.Adam(policy.parameters(), lr=1e-2)
    tried = 0.5 ** torch.arange(policy.most + 1, dtype=torch.float32)
    tried[0] = 0.0
    tried /= tried.sum()
    doubt = DOUBT * counts.double().mean().item() / (tried * torch.arange(policy.most + 1)).sum().item()
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = 1e-2 * (1 - step / steps)
        chosen = counts[rng.integers(len(counts), size=64)]
        found = policy.distributions(chosen)
        loss = F.nll_loss(found.flatten(0, 1), chosen.flatten()) - doubt * (found * tried).sum(2).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()


def reinforce(
    policy: CountPolicy, reward: Callable[[Tensor], np.ndarray], steps: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Teaches the policy what pays (Williams 1992), against a moving average of the reward.

    What pays depends on what was rendered lately, so that a policy that learns fast swings round the log's counts for
    ever. The learning rate goes to zero, and the momentum is small.

    Args:
        policy: Is taught.
        reward: (B,) of (B, items) counts.
        steps: Each of `SCENES` scenes.
        rng: Random numbers.

    Returns:
        (items,) mean counts that were drawn, for each step.
    """
    optimiser = torch.optim.Adam(policy.parameters(), lr=RATE, betas=(MOMENTUM, 0.999))
    usual, spread, drawn = None, 1.0, []
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = RATE * (1 - step / steps)
        counts = policy.sample(SCENES, rng)
        earned = reward(counts)
        if usual is None:
            usual, spread = float(earned.mean()), float(earned.std())
        advantage = torch.tensor((earned - usual) / max(spread, 1e-6), dtype=torch.float32)
        loss = -(advantage * policy.log_prob(counts)).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters(), 5.0)
        optimiser.step()
        usual = MEMORY * usual + (1 - MEMORY) * float(earned.mean())
        spread = MEMORY * spread + (1 - MEMORY) * float(earned.std())
        drawn.append(counts.double().mean(0).numpy())
    return drawn


class DensityReward:
    """log KDE of the log's features less log KDE of renders', at renders: high where the log is and they are not."""

    def __init__(self, log: Features) -> None:
        apart = torch.stack([mean_squares(x, x) for x in log]).mean(0)
        known = apart[apart > SAME]  # None where there is one frame, or the same again and again.
        self._bandwidth = max(BANDWIDTH * float(known.median()), 1e-3) if len(known) else 1.0
        self._log, self._recalled = log, tuple(x[:0] for x in log)

    def __call__(self, renders: Features) -> np.ndarray:
        """Returns the (B,) rewards of renders, which are recalled at the next call."""
        among = tuple(torch.cat([x, y]) for x, y in zip(renders, self._recalled, strict=True))
        found = log_density(renders, self._log, self._bandwidth)
        usual = log_density(renders, among, self._bandwidth, without_self=True)
        self._recalled = tuple(x[:RECALLED] for x in among)
        counts = np.log(len(self._log[0])) - np.log(max(len(among[0]) - 1, 1))
        return np.asarray((found - usual).double().numpy() - counts)


class SceneComposer:
    """Sets groups of prior scenes down as counts say.

    Attributes:
        cells: Where things may stand.
        labels: The classes that stand on the ground: of each, one count for each cell.
        most: The greatest count.
    """

    def __init__(self, domain: Domain, cells: GroundCells, pool: Sequence[Layout]) -> None:
        self.cells, self._room = cells, RoomFinder(domain)
        self.labels = [spec.name for spec in domain.classes if spec.on_ground]
        self._groups: dict[str, list[GroundGroup]] = {name: [] for name in self.labels}
        self._within: dict[tuple[str, int], list[GroundGroup]] = {}
        for layout in pool:
            for group in ground_groups(layout.placements):
                if group.root.label in self._groups:
                    self._groups[group.root.label].append(group)
                    at = (group.root.label, cells.cell_of(group.root.position))
                    self._within.setdefault(at, []).append(group)
        self.most = HEADROOM + max((int(self.counts(layout).max()) for layout in pool), default=1)

    def counts(self, layout: Layout) -> np.ndarray:
        """Returns the (classes x cells,) counts of a scene."""
        found = np.zeros((len(self.labels), self.cells.count), int)
        for group in ground_groups(layout.placements):
            if group.root.label in self._groups:
                found[self.labels.index(group.root.label), self.cells.cell_of(group.root.position)] += 1
        return found.ravel()

    def compose(self, counts: np.ndarray, base: Layout, rng: np.random.Generator) -> Layout:
        """Returns a scene of (classes x cells,) counts before the camera of `base`; what finds no room is left out."""
        placed: list[GroundGroup] = []
        for wanted in rng.permutation(np.repeat(np.arange(len(counts)), counts)):
            kind, cell = divmod(int(wanted), self.cells.count)
            label = self.labels[kind]
            for attempt in range(TRIES if self._groups[label] else 0):
                group = self._draw(label, cell, rng, as_it_was=attempt < TRIES // 2)
                if self._room.fits(group, placed):
                    placed.append(group)
                    break
        return Layout(base.camera, tuple(p for group in placed for p in group.placements))

    def _draw(self, label: str, cell: int, rng: np.random.Generator, as_it_was: bool) -> GroundGroup:
        """A group that the prior has in that cell, or else one brought there."""
        within = self._within.get((label, cell), [])
        if within and as_it_was:
            return within[int(rng.integers(len(within)))]
        group = self._groups[label][int(rng.integers(len(self._groups[label])))]
        return group.moved(self.cells.place_in(cell, rng), group.root.yaw)


def fit_meta_sim2(
    draw: Draw, seen: Sequence[Layout], domain: Domain, features: SceneFeatures, steps: int, seed: int
) -> dict[str, Any]:
    """Teaches the structure of scenes to look like the log. Returns what `CountedPrior` is built from.

    Args:
        draw: Draws a prior scene.
        seen: Scenes rebuilt from the log: they say which ground is covered, beside the prior's.
        domain: Its domain.
        features: Of renders and of the log.
        steps: Each renders `SCENES` scenes.
        seed: Everything random follows from it.
    """
    rng = np.random.default_rng(seed)
    pool = [draw(rng) for _ in range(SAMPLES)]
    cells = GroundCells.over([*pool, *seen], ROWS, COLUMNS) or GroundCells(np.zeros(2), np.ones(2), ROWS, COLUMNS)
    composer = SceneComposer(domain, cells, pool)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        policy = CountPolicy(len(composer.labels) * cells.count, composer.most)
    imitate(policy, torch.tensor(np.stack([composer.counts(layout) for layout in pool])), rng)
    density, rewards, by_class = DensityReward(features.log), [], []

    def reward(counts: Tensor) -> np.ndarray:
        bases = [pool[int(k)] for k in rng.integers(len(pool), size=len(counts))]
        scenes = [composer.compose(c, base, rng) for c, base in zip(counts.numpy(), bases, strict=True)]
        earned = density(features.of(scenes, rng.integers(2**32, size=len(scenes)).tolist()))
        rewards.append(float(earned.mean()))
        found = np.mean([composer.counts(scene) for scene in scenes], axis=0)  # what found no room is not among them
        by_class.append(found.reshape(len(composer.labels), -1).sum(axis=1).tolist())
        return earned

    reinforce(policy, reward, steps, rng)
    shown = np.mean([composer.counts(layout) for layout in pool], axis=0).reshape(len(composer.labels), -1)
    history = {"reward": rewards, "classes": composer.labels, "counts": by_class, "prior": shown.sum(axis=1).tolist()}
    scenes = [layout.to_json(exact=True) for layout in pool]
    return {"network": policy.state_dict(), "cells": cells.to_json(), "pool": scenes, "history": history}


class CountedPrior:
    """Draws scenes of learned structure from the groups of prior scenes."""

    def __init__(self, draw: Draw, domain: Domain, fitted: dict[str, Any]) -> None:
        self._draw = draw
        pool = [Layout.from_json(scene) for scene in fitted["pool"]]
        self._composer = SceneComposer(domain, GroundCells.from_json(fitted["cells"]), pool)
        items = len(self._composer.labels) * self._composer.cells.count
        self._policy = CountPolicy(items, self._composer.most).requires_grad_(False)
        self._policy.load_state_dict(fitted["network"])

    def __call__(self, rng: np.random.Generator) -> Layout:
        """Draws one scene, before the camera of a prior one."""
        return self._composer.compose(self._policy.sample(1, rng)[0].numpy(), self._draw(rng), rng)
