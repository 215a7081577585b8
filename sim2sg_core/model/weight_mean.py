"""The mean of several networks' weights (Wortsman et al., "Model soups", ICML 2022; "WiSE-FT", CVPR 2022).

Networks that were trained on from one start lie in one basin of the loss: their mean is a network too, and often a
better one than each. What one stage of an adaptation forgot, an earlier stage brings back.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.model.checkpoint import load_network
from sim2sg_core.model.network import SceneGraphNetwork


def mean_network(checkpoints: Sequence[Path | str]) -> SceneGraphNetwork:
    """Averages the weights of networks of one architecture, each by its averaged (EMA) weights where it has any.

    The calibration is undone: the scores of the mean have to be calibrated anew.

    Args:
        checkpoints: One or more, of networks that go back to one start.

    Raises:
        Sim2SGError: No checkpoint, one that cannot be read, or networks of different shapes.
    """
    if not checkpoints:
        raise Sim2SGError("no checkpoints to average: give one at least")
    networks = [load_network(path)[0] for path in checkpoints]
    first = networks[0]
    for path, network in zip(checkpoints, networks, strict=True):
        if network.config != first.config:
            raise Sim2SGError(f"{path}: a network of another shape than {checkpoints[0]}; average those of one run")
    states = [network.state_dict() for network in networks]
    mean = {
        name: torch.stack([state[name].double() for state in states]).mean(0).to(value.dtype)
        if value.is_floating_point()
        else value
        for name, value in states[0].items()
    }
    first.load_state_dict(mean)
    first.set_calibration()
    return first.eval()
