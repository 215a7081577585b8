"""Real images without labels, each seen twice: as it is, and distorted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from sim2sg_core.domains import Domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.images import read_image
from sim2sg_core.learning.augment import distort, reshape
from sim2sg_core.learning.examples import to_example
from sim2sg_core.learning.train_config import TrainConfig
from sim2sg_core.model.model_config import ModelConfig
from sim2sg_core.model.ranks import ALONE, Ranks
from sim2sg_core.runtime.preprocessing import Letterbox, NetworkInput, resize
from sim2sg_core.scene import Camera, SceneGraph

STYLES = 256
"""At most so many images lend their style to the labelled ones."""
SHRINK = 4
"""And they are kept at this fraction of the network's input: means and low frequencies need no more."""


@dataclass(frozen=True, eq=False)
class RealImage:
    """An image without labels.

    Attributes:
        path: Its file.
        camera: That took it, of the image's size.
    """

    path: Path
    camera: Camera


class RealBatch(NamedTuple):
    """Two views of real images. Pixels are those of the network's input, and the same in both views."""

    weak: Tensor
    """(B, H, W, 3) uint8 RGB: only cropped, zoomed, mirrored"""
    strong: Tensor
    """(B, H, W, 3) uint8 RGB: colours and quality changed too"""
    intrinsics: Tensor
    """(B, 3) focal length, principal point"""

    def to(self, device: torch.device) -> RealBatch:
        """Copies the batch to a device."""
        return RealBatch(*(field.to(device, non_blocking=True) for field in self))


class RealBatches:
    """The real images of a training run; which ones a step sees is a function of seed and step alone."""

    def __init__(
        self,
        images: Sequence[RealImage],
        domain: Domain,
        model: ModelConfig,
        config: TrainConfig,
        ranks: Ranks = ALONE,
    ) -> None:
        """Prepares batches, or of each the slice that is this process's among `ranks`.

        Raises:
            Sim2SGError: No images, or a file is not there.
        """
        if not images:
            raise Sim2SGError("align and augment.style_transfer need real images: give the log's, or switch them off")
        for image in images:
            if not image.path.exists():
                raise Sim2SGError(f"{image.path}: a real image that is not there: extract the log again")
        self.images, self.domain, self.model, self.config = images, domain, model, config
        self.ranks = ranks

    def image(self, position: int) -> RealImage:
        """Returns the image at one position of the endless sequence: all once before any twice."""
        epoch, index = divmod(position, len(self.images))
        order = np.random.default_rng([self.config.seed, 3, epoch]).permutation(len(self.images))
        return self.images[order[index]]

    def batch(self, step: int) -> RealBatch | None:
        """Builds the batch of one step; None where the step has none."""
        count = self.config.unlabelled
        views = [self.views(step * count + i) for i in self.ranks.share(count)]
        if not views:
            return None
        weak, strong, intrinsics = (torch.from_numpy(np.stack(part)) for part in zip(*views))
        return RealBatch(weak, strong, intrinsics)

    def views(self, position: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns both views, (H, W, 3) uint8, and the intrinsics, (3,), of the image at one position."""
        rng = np.random.default_rng([self.config.seed, 4, position])
        image = self.image(position)
        pixels = read_image(image.path)
        height, width = pixels.shape[:2]
        if (width, height) != (image.camera.width, image.camera.height):
            raise Sim2SGError(
                f"{image.path}: {width}x{height} pixels, its camera {image.camera.width}x{image.camera.height}: "
                "give the camera of these images"
            )
        example = to_example(pixels, SceneGraph(width, height, (), (), camera=image.camera), self.domain)
        example = reshape(example, self.domain, self.config.augment, self.model.input, rng)
        strong = distort(example.image, self.config.augment, rng)
        return example.image, np.ascontiguousarray(strong), example.intrinsics

    def styles(self) -> list[np.ndarray]:
        """Reads images to take the style from: evenly chosen, small, without padding. (h, w, 3) uint8 each."""
        chosen = np.unique(np.linspace(0, len(self.images) - 1, STYLES).round().astype(int))
        small, frame = [], NetworkInput(self.model.width // SHRINK, self.model.height // SHRINK)
        for index in chosen:
            image = read_image(self.images[index].path)
            box = Letterbox.fit(image.shape[1], image.shape[0], frame)
            small.append(resize(image, *box.target))
        return small
