"""Features that need no renderer: what stands where, as numbers."""

import numpy as np
import torch

from sim2sg_core.scene import Layout


class PlaceFeatures:
    """Of each scene the sums of x, of y and the count, at two "depths" that say the same.

    Stands in for `SceneFeatures`.
    """

    def __init__(self, log: list[Layout]) -> None:
        raw = self._raw(log)
        self._mean, self._spread = raw.mean(0), raw.std(0) + 0.1
        self.log = self._both(raw)
        self.calls = 0

    def of(self, layouts, seeds):
        assert len(layouts) == len(seeds)
        self.calls += len(layouts)
        return self._both(self._raw(layouts))

    def _raw(self, layouts: list[Layout]) -> torch.Tensor:
        rows = [
            np.sum([[*p.position[:2], 1.0] for p in layout.placements] or [[0.0] * 3], axis=0) for layout in layouts
        ]
        return torch.tensor(np.array(rows), dtype=torch.float32)

    def _both(self, raw: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        scaled = (raw - self._mean) / self._spread
        return scaled, scaled.clone()
