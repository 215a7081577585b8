"""SceneGen's part: an autoregressive model of layouts, object after object over a grid seen from above (torch).

After Tan et al., "SceneGen: Learning to Generate Realistic Traffic Scenes", CVPR 2021: which class comes next, or none;
in which cell; how large, and heading where. The original learns from labelled scenes and a map; here it learns from the
scenes that were rebuilt from the log, and knows no map. A convolutional network of the cells that are taken stands for
the original's convolutional LSTM: what has been placed so far is all there is to remember.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sim2sg_core.adaptation.content.ground_cells import GroundCells
from sim2sg_core.adaptation.content.ground_groups import GroundGroup, RoomFinder, ground_groups
from sim2sg_core.domains import Domain
from sim2sg_core.scene import Camera, Layout
from sim2sg_core.scene.layout import wrap_angle

ROWS, COLUMNS = 16, 16
WIDTH = 16  # channels
HEADINGS = 16
BATCH = 32
RATE = 1e-2
FAST_RATE = 5e-2  # of the class that comes next, and of the map of usual places, of which each cell is seen rarely
STEPS = 400
TRIES = 10  # of an object that has no room
LEAST_SPREAD = 0.02  # of the logarithm of a size


class LayoutNetwork(nn.Module):
    """What comes next in a scene of which (B, C, ROWS, COLUMNS) counts of each class are placed."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes
        layers: list[nn.Module] = [nn.Conv2d(classes + 2, WIDTH, 5, padding=2), nn.ReLU()]
        for dilation in (2, 4):
            layers += [nn.Conv2d(WIDTH, WIDTH, 3, padding=dilation, dilation=dilation), nn.ReLU()]
        self.trunk = nn.Sequential(*layers)
        self.next_class = nn.Linear(2 * WIDTH + classes, classes + 1)
        self.place = nn.Conv2d(WIDTH, classes, 1)
        self.usual_place = nn.Parameter(torch.zeros(classes, ROWS, COLUMNS))
        self.form = nn.Linear(WIDTH + classes, HEADINGS + 4)
        """headings; mean logarithm of length, width, height relative to the class's; logarithm of their spread"""

    def features(self, placed: Tensor) -> Tensor:
        """Returns (B, WIDTH, ROWS, COLUMNS)."""
        rows = torch.linspace(-1, 1, ROWS)[:, None].expand(len(placed), 1, ROWS, COLUMNS)
        columns = torch.linspace(-1, 1, COLUMNS).expand(len(placed), 1, ROWS, COLUMNS)
        return self.trunk(torch.cat([placed, rows, columns], dim=1))

    def class_logits(self, features: Tensor, placed: Tensor) -> Tensor:
        """Returns (B, C + 1): the next object's class, or the end."""
        return self.next_class(torch.cat([features.mean((2, 3)), features.amax((2, 3)), placed.sum((2, 3))], dim=1))

    def cell_logits(self, features: Tensor, label: Tensor) -> Tensor:
        """Returns (B, ROWS * COLUMNS) for an object of (B,) class."""
        everywhere = self.place(features) + self.usual_place
        return everywhere[torch.arange(len(label)), label].flatten(1)

    def form_of(self, features: Tensor, label: Tensor, cell: Tensor) -> Tensor:
        """Returns (B, HEADINGS + 4) for an object of (B,) class in (B,) cell."""
        here = features.flatten(2)[torch.arange(len(cell)), :, cell]
        return self.form(torch.cat([here, F.one_hot(label, self.classes).to(here.dtype)], dim=1))


class LayoutSteps:
    """Scenes as sequences, near to far: what is placed, and what comes next."""

    def __init__(self, domain: Domain, cells: GroundCells, scenes: Sequence[Layout]) -> None:
        self._cells, self._classes = cells, len(domain.classes)
        index = {name: k for k, name in enumerate(domain.class_names)}
        sizes = {spec.name: spec.mean_size() for spec in domain.classes}
        self._scenes: list[np.ndarray] = []  # (N, 6) class, cell, yaw, relative size
        for scene in scenes:
            roots = sorted((g.root for g in ground_groups(scene.placements)), key=lambda p: float(p.position[0]))
            rows = [[index[p.label], cells.cell_of(p.position), p.yaw, *np.log(p.size / sizes[p.label])] for p in roots]
            self._scenes.append(np.array(rows).reshape(-1, 6))
        # One step for each object, and one for the end of each scene.
        self._steps = [(s, k) for s, rows in enumerate(self._scenes) for k in range(len(rows) + 1)]

    def batch(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Returns (B, C, ROWS, COLUMNS) placed, (B,) next class or C for the end, (B, 5) cell, yaw, relative size."""
        placed = np.zeros((BATCH, self._classes, ROWS * COLUMNS))
        label, rest = np.full(BATCH, self._classes), np.zeros((BATCH, 5))
        for b, chosen in enumerate(rng.integers(len(self._steps), size=BATCH)):
            scene, k = self._steps[chosen]
            rows = self._scenes[scene]
            np.add.at(placed[b], (rows[:k, 0].astype(int), rows[:k, 1].astype(int)), 1)
            if k < len(rows):
                label[b], rest[b] = rows[k, 0], rows[k, 1:]
        shape = (BATCH, self._classes, ROWS, COLUMNS)
        return (
            torch.tensor(placed.reshape(shape), dtype=torch.float32),
            torch.tensor(label),
            torch.tensor(rest, dtype=torch.float32),
        )


def step_loss(network: LayoutNetwork, placed: Tensor, label: Tensor, rest: Tensor) -> Tensor:
    """Returns the mean negative log-likelihood of the next steps; see `LayoutSteps.batch`."""
    features = network.features(placed)
    loss = F.cross_entropy(network.class_logits(features, placed), label)
    more = label < network.classes
    if not more.any():
        return loss
    features, label, rest = features[more], label[more], rest[more]
    cell = rest[:, 0].long()
    loss = loss + F.cross_entropy(network.cell_logits(features, label), cell)
    form = network.form_of(features, label, cell)
    loss = loss + F.cross_entropy(form[:, :HEADINGS], heading_of(rest[:, 1]))
    spread = LEAST_SPREAD + F.softplus(form[:, HEADINGS + 3 :])
    away = (rest[:, 2:] - form[:, HEADINGS : HEADINGS + 3]) / spread
    return loss + (away**2 / 2 + torch.log(spread)).mean()


def heading_of(yaw: Tensor) -> Tensor:
    """Returns the sector of (B,) yaws, radians."""
    return torch.floor((yaw / (2 * np.pi) % 1.0) * HEADINGS).long().clamp(0, HEADINGS - 1)


def fit_scenegen(scenes: Sequence[Layout], domain: Domain, steps: int, seed: int) -> dict[str, Any]:
    """Learns the layouts of scenes that were rebuilt from the log. Returns what `LearnedPrior` is built from.

    Args:
        scenes: The scenes.
        domain: Their domain.
        steps: Of the optimiser; each of `BATCH` placements.
        seed: Everything random follows from it.
    """
    cells = GroundCells.over(scenes, ROWS, COLUMNS)
    if cells is None:  # Nothing was found: there is nothing to learn.
        return {"network": {}, "scenes": [], "cells": {}, "history": {"loss": []}}
    rng, examples = np.random.default_rng(seed), LayoutSteps(domain, cells, scenes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = LayoutNetwork(len(domain.classes))
    fast = [network.usual_place, *network.next_class.parameters()]
    slow = [p for p in network.parameters() if all(p is not other for other in fast)]
    rates = [FAST_RATE, RATE]
    optimiser, losses = torch.optim.Adam([{"params": fast}, {"params": slow}]), []
    for step in range(steps):
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * (1 - step / steps)
        loss = step_loss(network, *examples.batch(rng))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return {
        "network": network.state_dict(),
        "scenes": [scene.to_json(exact=True) for scene in scenes],
        "cells": cells.to_json(),
        "history": {"loss": losses},
    }


class LearnedPrior:
    """Draws scenes like those of the log."""

    def __init__(self, draw: Callable[[np.random.Generator], Layout], domain: Domain, fitted: dict[str, Any]) -> None:
        """Builds the model; where nothing was found in the log, scenes come from `draw`."""
        self._draw, self._names = draw, domain.class_names
        self._sizes = [spec.mean_size() for spec in domain.classes]
        scenes = [Layout.from_json(scene) for scene in fitted["scenes"]]
        self._cameras = [scene.camera for scene in scenes]
        if not scenes:
            return
        self._room, self._cells = RoomFinder(domain), GroundCells.from_json(fitted["cells"])
        self._known: dict[str, list[GroundGroup]] = {name: [] for name in self._names}
        for scene in scenes:
            for group in ground_groups(scene.placements):
                self._known[group.root.label].append(group)
        self._network = LayoutNetwork(len(self._names)).requires_grad_(False)
        self._network.load_state_dict(fitted["network"])
        self._most = 2 * max(len(ground_groups(scene.placements)) for scene in scenes)

    def __call__(self, rng: np.random.Generator) -> Layout:
        """Draws one scene."""
        if not self._cameras:
            return self._draw(rng)
        camera: Camera = self._cameras[int(rng.integers(len(self._cameras)))]
        placed, groups = torch.zeros(1, len(self._names), ROWS, COLUMNS), list[GroundGroup]()
        for _ in range(self._most):
            features = self._network.features(placed)
            label = _draw(self._network.class_logits(features, placed)[0], rng)
            if label == len(self._names):
                break
            found = self._place(features, label, groups, rng)
            if found is not None:
                groups.append(found)
                placed.view(len(self._names), -1)[label, self._cells.cell_of(found.root.position)] += 1
        return Layout(camera, tuple(p for group in groups for p in group.placements))

    def _place(
        self, features: Tensor, label: int, groups: Sequence[GroundGroup], rng: np.random.Generator
    ) -> GroundGroup | None:
        """Draws an object of a class with room among others; None where there is none."""
        known, index = self._known[self._names[label]], torch.tensor([label])
        for _ in range(TRIES if known else 0):
            cell = _draw(self._network.cell_logits(features, index)[0], rng)
            form = self._network.form_of(features, index, torch.tensor([cell]))[0]
            yaw = 2 * np.pi * (_draw(form[:HEADINGS], rng) + rng.random()) / HEADINGS
            spread = LEAST_SPREAD + F.softplus(form[HEADINGS + 3]).item()
            size = self._sizes[label] * np.exp(form[HEADINGS : HEADINGS + 3].double().numpy() + spread * rng.normal())
            # A size that the log shows: where there are two, what lies between is none.
            nearest = min(known, key=lambda group: float(np.abs(np.log(group.root.size / size)).sum()))
            group = nearest.moved(self._cells.place_in(cell, rng), wrap_angle(float(yaw)))
            if self._room.fits(group, groups):
                return group
        return None


def _draw(logits: Tensor, rng: np.random.Generator) -> int:
    """Draws an index by its (N,) logits."""
    chances = torch.softmax(logits.double(), dim=0).numpy()
    return min(int(np.searchsorted(np.cumsum(chances), rng.random() * chances.sum(), side="right")), len(chances) - 1)
