"""One training step: losses, gradient, update."""

from __future__ import annotations

import torch
from torch import Tensor

from sim2sg_core.learning.real import RealBatch
from sim2sg_core.learning.task import dense_maps, task_losses
from sim2sg_core.learning.train_config import TrainConfig
from sim2sg_core.learning.unlabelled import Unlabelled
from sim2sg_core.model.heads import Dense
from sim2sg_core.model.losses import WEIGHTS, Targets
from sim2sg_core.model.network import SceneGraphNetwork
from sim2sg_core.model.ranks import ALONE, Ranks

BFLOAT16 = ("amx_bf16", "avx512_bf16")
"""Instructions with which forward and backward take half as long or less."""


def fast_in_bfloat16(device: torch.device) -> bool:
    """Whether mixed precision makes training faster: on CUDA devices, and on CPUs that multiply in bfloat16."""
    can = torch.cpu.get_capabilities()
    return device.type == "cuda" or (device.type == "cpu" and any(can.get(name, False) for name in BFLOAT16))


def train_step(
    network: SceneGraphNetwork,
    optimiser: torch.optim.Optimizer,
    synthetic: Targets,
    config: TrainConfig,
    real: RealBatch | None = None,
    unlabelled: Unlabelled | None = None,
    step: int = 0,
    ranks: Ranks = ALONE,
) -> dict[str, Tensor]:
    """Takes one optimiser step. Returns the unweighted losses, their weighted sum and the gradient's norm.

    Of a step that several processes share, the losses are this one's parts of sums; gradient and update are of all.

    Args:
        network: Is taught.
        optimiser: Of it and of the domain classifiers.
        synthetic: Labelled images.
        config: Settings.
        real: Images without labels, if the step has any.
        unlabelled: What to do with them.
        step: The number of steps taken before.
        ranks: Who has the rest of the step's images.
    """
    amp = config.amp and fast_in_bfloat16(synthetic.image.device)
    if real is None or unlabelled is None:
        losses = task_losses(network, dense_maps(network, synthetic.image, amp), synthetic, ranks)
        total = torch.stack([WEIGHTS[name] * value for name, value in losses.items()]).sum()
    else:
        # One batch of both: the network is run, and its gradient found, once.
        dense = dense_maps(network, torch.cat([synthetic.image, real.strong]), amp)
        labelled = Dense(*(field[: len(synthetic.image)] for field in dense))
        losses = task_losses(network, labelled, synthetic, ranks)
        total = torch.stack([WEIGHTS[name] * value for name, value in losses.items()]).sum()
        more, values = unlabelled.losses(network, dense, synthetic.intrinsics, real, step, amp, ranks)
        total, losses = total + more, losses | values
    optimiser.zero_grad(set_to_none=True)
    total.backward()
    more_parameters = unlabelled.discriminators.parameters() if unlabelled is not None else ()
    ranks.sum_gradients([*network.parameters(), *more_parameters])
    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), config.clip)
    if unlabelled is not None and unlabelled.discriminators:
        torch.nn.utils.clip_grad_norm_(unlabelled.discriminators.parameters(), config.clip)
    optimiser.step()
    return {"loss": total.detach(), **{k: v.detach() for k, v in losses.items()}, "gradient": norm}
