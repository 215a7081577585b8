"""Features of frames and of rendered scenes, at two depths of a network's backbone (torch)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sim2sg_core.adaptation.content.feature_distance import Features
from sim2sg_core.domains import Domain
from sim2sg_core.model import SceneGraphNetwork
from sim2sg_core.runtime.preprocessing import Letterbox, letterbox
from sim2sg_core.scene import Layout
from sim2sg_core.synthesis.synthesizer import Synthesizer

DEPTHS = (2, 3)  # of the backbone's levels: strides 16 and 32
CELLS = (2, 3)  # rows and columns over which features are averaged: where things are is told coarsely
BATCH = 8
SHADOW_SIZE = 256  # texels: soft shadows do, and are fast
ALIKE = 1e-3  # of the spread of features within a frame, under which the log's frames are all the same


class SceneFeatures:
    """Renders layouts as the network sees them, and takes features; standardised by those of the log.

    Attributes:
        log: Of the log's frames, standardised.
        renders: How many images were rendered.
    """

    def __init__(self, network: SceneGraphNetwork, domain: Domain, frames: Iterable[np.ndarray]) -> None:
        """Takes the features of the log's frames.

        Args:
            network: Its backbone.
            domain: What renders look like.
            frames: (h, w, 3) uint8 RGB each, of the log.
        """
        self._network = network
        self._synthesizer = Synthesizer(domain, SHADOW_SIZE, samples=0)
        self._scale: list[tuple[Tensor, Tensor]] = []
        self.renders = 0
        raw = self._features(letterbox(frame, network.config.input)[0] for frame in frames)
        for values in raw:
            self._scale.append(scale_of(values))
        self.log = self._standardised(raw)

    def of(self, layouts: Sequence[Layout], seeds: Sequence[int]) -> Features:
        """Returns the features of rendered layouts; the same seed gives the same looks."""
        return self._standardised(self._features(map(self._render, layouts, seeds)))

    def close(self) -> None:
        """Frees the renderer."""
        self._synthesizer.close()

    def _render(self, layout: Layout, seed: int) -> np.ndarray:
        frame, camera = self._network.config.input, layout.camera.without_lens()
        box = Letterbox.fit(camera.width, camera.height, frame)
        small = Layout(camera.scaled(*box.target), layout.placements)
        self.renders += 1
        return letterbox(self._synthesizer.frame(small, seed).image, frame)[0]

    @torch.no_grad()
    def _features(self, images: Iterable[np.ndarray]) -> Features:
        parts = []
        for batch in _batches(images):
            levels = self._network.backbone(self._network.centred(torch.from_numpy(batch)))
            parts.append([F.adaptive_avg_pool2d(levels[k], CELLS).flatten(1) for k in DEPTHS])
        return tuple(torch.cat(depth) for depth in zip(*parts, strict=True))

    def _standardised(self, raw: Features) -> Features:
        return tuple((x - mean) / spread for x, (mean, spread) in zip(raw, self._scale, strict=True))


def scale_of(values: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the (F,) means of (N, F) features and what differences are measured in.

    That is their spread over the frames; of one frame, or the same again and again, that within a frame.
    """
    spread, within = values.std(0, unbiased=False), values.std(1, unbiased=False).mean()
    if float(spread.mean()) < ALIKE * float(within):
        spread = within.expand_as(spread)
    return values.mean(0), spread + 0.1 * spread.mean() + 1e-6


def _batches(images: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    waiting: list[np.ndarray] = []
    for image in images:
        waiting.append(image)
        if len(waiting) == BATCH:
            yield np.stack(waiting)
            waiting = []
    if waiting:
        yield np.stack(waiting)
