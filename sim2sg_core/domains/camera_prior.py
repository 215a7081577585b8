"""What cameras a domain has: ranges of intrinsics and extrinsics."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from pydantic import Field, Strict, model_validator

from sim2sg_core.domains.fields import Extent, Range, Spec, mistake
from sim2sg_core.scene import Camera


class CameraPrior(Spec):
    """Cameras of the domain, for want of a better source (calibration, the log itself).

    Attributes:
        width: Image width, pixels.
        height: Image height, pixels.
        hfov_deg: Horizontal field of view.
        height_m: Height over the ground.
        pitch_deg: Positive looks down.
        roll_deg: Positive turns clockwise.
    """

    width: Annotated[int, Strict(), Field(gt=0, le=16384)]
    height: Annotated[int, Strict(), Field(gt=0, le=16384)]
    hfov_deg: Extent
    height_m: Extent
    pitch_deg: Range
    roll_deg: Range = (0.0, 0.0)

    @model_validator(mode="after")
    def _possible(self) -> CameraPrior:
        if self.hfov_deg[1] >= 170:
            raise mistake("a pinhole camera sees less than 170 degrees", "hfov_deg")
        if self.pitch_deg[0] < -60 or self.pitch_deg[1] > 89:
            raise mistake("pitch lies between -60 (up) and 89 (down) degrees", "pitch_deg")
        return self

    def pixels_in(self, camera: Camera) -> float:
        """Returns how many pixels of a camera's image lie where one of this prior's does."""
        return camera.width * camera.height / (self.width * self.height)

    def middle_focal(self) -> float:
        """Returns the focal length in the middle of the field of view, pixels of an image of the prior's width."""
        return self.width / 2 / math.tan(math.radians(sum(self.hfov_deg) / 2) / 2)

    def sample(
        self,
        rng: np.random.Generator,
        K: np.ndarray | None = None,
        width: int | None = None,
        height: int | None = None,
    ) -> Camera:
        """Draws a camera.

        Args:
            rng: Consumes the same numbers whatever is given.
            K: (3, 3) known intrinsics, pixels of `width` x `height`; None draws the field of view.
            width: Image width, pixels; None takes the prior's.
            height: Image height, pixels; None takes the prior's.
        """
        width, height = width or self.width, height or self.height
        fov, height_m, pitch, roll = (
            rng.uniform(*r) for r in (self.hfov_deg, self.height_m, self.pitch_deg, self.roll_deg)
        )
        if K is None:
            focal = width / 2 / np.tan(np.radians(fov) / 2)
            K = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
        return Camera.from_extrinsics(width, height, K, height_m, np.radians(pitch), np.radians(roll))
