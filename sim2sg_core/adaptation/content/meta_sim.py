"""Meta-Sim's part: attributes of prior scenes are moved until renders look like the log; structure stays (torch).

After Kar et al., "Meta-Sim: Learning to Generate Synthetic Datasets", ICCV 2019. A scene is a graph; an auto-encoder of
graph convolutions first learns to give back positions, headings and sizes as they are. Then its encoder is frozen and
its decoder taught by the squared MMD between features of renders and of the log's frames. Things move by what the
decoder says beyond what it said before that: what it gives back is metres off on a wide street. The renderer has no
gradient: central differences stand for it. The original's task term needs labels of the target and is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sim2sg_core.adaptation.content.feature_distance import Features, squared_mmd
from sim2sg_core.adaptation.content.ground_groups import GroundGroup, ground_groups
from sim2sg_core.adaptation.content.scene_features import SceneFeatures
from sim2sg_core.domains import Domain
from sim2sg_core.scene import Layout

ATTRIBUTES = 4  # x, y, turn, size
HIDDEN = 64
STEP = 0.03  # of a central difference, in normalised attributes
RATE = 1e-3
SAMPLES = 128  # prior scenes that say what normal is
IMITATION_STEPS = 300
SCENES, PROBES = 8, 6  # of a step: scenes, and attributes of each whose differences are rendered
REAL = 64  # frames of the log that a step compares with
NEAREST_M = 0.5  # before the camera

Draw = Callable[[np.random.Generator], Layout]


@dataclass(frozen=True, eq=False)
class SceneGraphs:
    """A batch of scenes as graphs, padded.

    Attributes:
        nodes: (B, N, F) class, attributes and heading of each group.
        attributes: (B, N, 4) normalised: x, y, turn (0: as it is), logarithm of the size.
        mutable: (B, N, 4) bool; False where padded too.
    """

    nodes: Tensor
    attributes: Tensor
    mutable: Tensor

    @property
    def mask(self) -> Tensor:
        """(B, N) float: which nodes there are."""
        return self.mutable[..., 0].to(self.nodes.dtype)


class GraphCoder:
    """Turns scenes into graphs and back.

    Attributes:
        bounds: (2, 2) least and greatest x, y of the prior's groups, metres: 0 and 1 when normalised.
    """

    def __init__(self, domain: Domain, bounds: np.ndarray) -> None:
        self.bounds = np.asarray(bounds, float)
        self._index = {name: k for k, name in enumerate(domain.class_names)}
        self._sizes = {spec.name: spec.mean_size() for spec in domain.classes}
        self._freedom = 2 * domain.training.size_freedom  # that sizes may change by, as their logarithm

    @classmethod
    def of_prior(cls, domain: Domain, layouts: Sequence[Layout]) -> GraphCoder:
        """Takes the bounds from prior scenes."""
        places = [g.root.position[:2] for layout in layouts for g in ground_groups(layout.placements)]
        points = np.array(places or [np.zeros(2), np.ones(2)])
        low = points.min(axis=0)
        return cls(domain, np.array([low, np.maximum(points.max(axis=0), low + 1.0)]))

    def encode(self, scenes: Sequence[Sequence[GroundGroup]]) -> SceneGraphs:
        """Returns the graphs of scenes, each as its groups."""
        count = max(1, *map(len, scenes))
        features = len(self._index) + ATTRIBUTES + 2
        nodes, values = np.zeros((len(scenes), count, features)), np.zeros((len(scenes), count, ATTRIBUTES))
        mutable = np.zeros((len(scenes), count, ATTRIBUTES), bool)
        for b, groups in enumerate(scenes):
            for n, group in enumerate(groups):
                root = group.root
                place = (root.position[:2] - self.bounds[0]) / (self.bounds[1] - self.bounds[0])
                scale = float(np.log(root.size / self._sizes[root.label]).mean()) / max(self._freedom, 1e-9)
                values[b, n] = [*place, 0.0, scale if self._freedom else 0.0]
                nodes[b, n, self._index[root.label]] = 1
                nodes[b, n, len(self._index) :] = [*values[b, n], np.cos(root.yaw), np.sin(root.yaw)]
                mutable[b, n] = [True, True, True, bool(self._freedom) and not group.carried]
        return SceneGraphs(
            torch.tensor(nodes, dtype=torch.float32), torch.tensor(values, dtype=torch.float32), torch.tensor(mutable)
        )

    def decode(self, groups: Sequence[GroundGroup], before: np.ndarray, after: np.ndarray) -> list[GroundGroup]:
        """Moves groups from (N, 4) attributes to others; sizes change by no more than the domain lets them."""
        moved = []
        for group, old, new in zip(groups, before, after, strict=False):
            place = self.bounds[0] + np.clip(new[:2], -0.5, 1.5) * (self.bounds[1] - self.bounds[0])
            place[0] = max(place[0], NEAREST_M)
            turned = group.moved(place, group.root.yaw + np.pi * float(np.clip(new[2], -1, 1)))
            moved.append(turned.sized(group.root.size * np.exp(self._freedom * np.clip(new[3] - old[3], -1, 1))))
        return moved


class GraphConvolution(nn.Module):
    """A layer in which every node hears the mean of all others of its scene (Kipf and Welling, 2017)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.own, self.others = nn.Linear(inputs, outputs), nn.Linear(inputs, outputs, bias=False)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Maps (B, N, inputs) to (B, N, outputs); `mask` (B, N) says which nodes there are."""
        x = x * mask[..., None]
        count = (mask.sum(1, keepdim=True) - mask).clamp(min=1.0)
        return self.own(x) + self.others((x.sum(1, keepdim=True) - x) / count[..., None])


class GraphAutoEncoder(nn.Module):
    """Graph in, attributes of every node out."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.encoder = nn.ModuleList([GraphConvolution(features, HIDDEN), GraphConvolution(HIDDEN, HIDDEN)])
        self.decoder, self.imitating = _decoder(), _decoder()
        self.imitating.requires_grad_(False)

    def end_imitation(self) -> None:
        """Freezes the encoder, and keeps the decoder as it is beside the one that is taught on."""
        self.encoder.requires_grad_(False)
        self.imitating.load_state_dict(self.decoder.state_dict())

    def given_back(self, graphs: SceneGraphs) -> Tensor:
        """Returns the (B, N, 4) attributes that the decoder gives back."""
        return self._decoded(self.decoder, graphs)

    def forward(self, graphs: SceneGraphs) -> Tensor:
        """Returns (B, N, 4) attributes, moved by what the decoder has learned since `end_imitation`."""
        change = self._decoded(self.decoder, graphs) - self._decoded(self.imitating, graphs)
        return torch.where(graphs.mutable, graphs.attributes + change, graphs.attributes)

    def _decoded(self, decoder: nn.ModuleList, graphs: SceneGraphs) -> Tensor:
        x, layers = graphs.nodes, [*self.encoder, *decoder]
        for layer in layers[:-1]:
            x = torch.relu(layer(x, graphs.mask))
        return torch.where(graphs.mutable, layers[-1](x, graphs.mask), graphs.attributes)


def _decoder() -> nn.ModuleList:
    return nn.ModuleList([GraphConvolution(HIDDEN, HIDDEN), GraphConvolution(HIDDEN, ATTRIBUTES)])


def fit_meta_sim(draw: Draw, domain: Domain, features: SceneFeatures, steps: int, seed: int) -> dict[str, Any]:
    """Teaches the attributes of prior scenes to look like the log. Returns what `MovedPrior` is built from.

    Args:
        draw: Draws a prior scene.
        domain: Its domain.
        features: Of renders and of the log.
        steps: Of the decoder; each renders `SCENES` x (1 + 2 x `PROBES`) scenes.
        seed: Everything random follows from it.
    """
    rng = np.random.default_rng(seed)
    scenes = [draw(rng) for _ in range(SAMPLES)]
    coder = GraphCoder.of_prior(domain, scenes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = GraphAutoEncoder(len(domain.classes) + ATTRIBUTES + 2)
    imitate(network, coder, scenes, rng)
    network.end_imitation()
    optimiser = torch.optim.Adam(network.decoder.parameters(), lr=RATE)
    losses = []
    for _ in range(steps):
        chosen = [scenes[int(k)] for k in rng.integers(len(scenes), size=SCENES)]
        losses.append(_step(network, coder, chosen, features, optimiser, rng))
    return {"network": network.state_dict(), "bounds": coder.bounds.tolist(), "history": {"squared_mmd": losses}}


def imitate(network: GraphAutoEncoder, coder: GraphCoder, scenes: Sequence[Layout], rng: np.random.Generator) -> float:
    """Teaches the network to give back the attributes of prior scenes. Returns the last mean squared error."""
    optimiser, groups = torch.optim.Adam(network.parameters(), lr=5e-3), [ground_groups(s.placements) for s in scenes]
    error = 0.0
    for step in range(IMITATION_STEPS):
        optimiser.param_groups[0]["lr"] = 5e-3 * (1 - step / IMITATION_STEPS)
        graphs = coder.encode([groups[int(k)] for k in rng.integers(len(groups), size=32)])
        loss = ((network.given_back(graphs) - graphs.attributes) ** 2).sum() / graphs.mutable.sum().clamp(min=1)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        error = loss.item()
    return error


def _step(
    network: GraphAutoEncoder,
    coder: GraphCoder,
    scenes: Sequence[Layout],
    features: SceneFeatures,
    optimiser: torch.optim.Optimizer,
    rng: np.random.Generator,
) -> float:
    """One step of the decoder. Returns the squared MMD before it."""
    groups = [ground_groups(scene.placements) for scene in scenes]
    graphs = coder.encode(groups)
    moved = network(graphs)
    before, after = graphs.attributes.double().numpy(), moved.detach().double().numpy()
    seeds = rng.integers(2**32, size=len(scenes)).tolist()

    def rendered(attributes: np.ndarray) -> Features:
        layouts = [
            Layout(scene.camera, tuple(p for g in coder.decode(gs, b, a) for p in g.placements))
            for scene, gs, b, a in zip(scenes, groups, before, attributes, strict=True)
        ]
        return features.of(layouts, seeds)

    real = rng.permutation(len(features.log[0]))[:REAL]
    here = [x.requires_grad_() for x in rendered(after)]
    loss = torch.stack([squared_mmd(x, y[real]) for x, y in zip(here, features.log, strict=True)]).sum()
    gradient = attribute_gradient(torch.autograd.grad(loss, here), rendered, after, graphs.mutable.numpy(), rng)
    optimiser.zero_grad(set_to_none=True)
    (moved * torch.tensor(gradient, dtype=moved.dtype)).sum().backward()
    optimiser.step()
    return loss.item()


def attribute_gradient(
    slopes: Sequence[Tensor],
    rendered: Callable[[np.ndarray], Features],
    at: np.ndarray,
    mutable: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Estimates the loss's gradient by attributes through a renderer that has none, by central differences.

    Of each scene `PROBES` mutable attributes are drawn; their derivatives are weighed so that the whole is unbiased.

    Args:
        slopes: (B, F) gradients of the loss by the features, at each depth.
        rendered: Features of (B, N, 4) attributes; the same looks every time.
        at: (B, N, 4) where the gradient is wanted.
        mutable: (B, N, 4) which attributes may change.
        rng: Random numbers.

    Returns:
        (B, N, 4), 0 at attributes that were not drawn.
    """
    gradient = np.zeros_like(at)
    orders = [rng.permutation(np.argwhere(m)) for m in mutable]
    for probe in range(PROBES):
        ahead, behind = at.copy(), at.copy()
        for b, order in enumerate(orders):
            if probe < len(order):
                ahead[(b, *order[probe])] += STEP
                behind[(b, *order[probe])] -= STEP
        changes = [(x - y) / (2 * STEP) for x, y in zip(rendered(ahead), rendered(behind), strict=True)]
        along = torch.stack([(slope * change).sum(1) for slope, change in zip(slopes, changes, strict=True)]).sum(0)
        for b, order in enumerate(orders):
            if probe < len(order):
                gradient[(b, *order[probe])] = float(along[b]) * len(order) / min(PROBES, len(order))
    return gradient


class MovedPrior:
    """Draws prior scenes and moves them as was learned. Moved things may overlap: nothing in the loss forbids it."""

    def __init__(self, draw: Draw, domain: Domain, fitted: dict[str, Any]) -> None:
        self._draw = draw
        self._coder = GraphCoder(domain, np.array(fitted["bounds"]))
        self._network = GraphAutoEncoder(len(domain.classes) + ATTRIBUTES + 2).requires_grad_(False)
        self._network.load_state_dict(fitted["network"])

    def __call__(self, rng: np.random.Generator) -> Layout:
        """Draws one scene."""
        scene = self._draw(rng)
        groups = ground_groups(scene.placements)
        graphs = self._coder.encode([groups])
        before, after = (x[0].double().numpy() for x in (graphs.attributes, self._network(graphs)))
        return Layout(scene.camera, tuple(p for g in self._coder.decode(groups, before, after) for p in g.placements))
