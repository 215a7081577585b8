"""The task loss: detection, 3D and relations on a labelled batch."""

from __future__ import annotations

import torch
from torch import Tensor

from sim2sg_core.model.heads import Dense
from sim2sg_core.model.losses import (
    Targets,
    heat_loss,
    match_objects,
    pair_truth,
    regression_losses,
    relation_losses,
)
from sim2sg_core.model.network import SceneGraphNetwork
from sim2sg_core.model.ranks import ALONE, Ranks


def dense_maps(network: SceneGraphNetwork, image: Tensor, amp: bool = False) -> Dense:
    """Runs the convolutions on (B, H, W, 3) uint8, in mixed precision or not; float32 maps."""
    with torch.autocast(image.device.type, torch.bfloat16, enabled=amp):
        dense = network.dense(image)
    return Dense(*(field.float() for field in dense))


def task_losses(
    network: SceneGraphNetwork, dense: Dense, synthetic: Targets, ranks: Ranks = ALONE
) -> dict[str, Tensor]:
    """Computes the losses of a labelled batch, each unweighted, from its maps.

    Of a batch that several processes share these are this one's parts of the sums, over the counts of all.
    """
    losses = {"heat": heat_loss(dense.heat, synthetic.heat, synthetic.background, ranks)}
    losses |= regression_losses(
        dense, synthetic, network.class_sizes, network.yaw_symmetry, network.config.typical_depth, ranks
    )
    # Relations between the true boxes: the head learns from the first step on.
    taught = synthetic.labels >= 0
    labels = synthetic.labels.clamp(min=0)
    stated = taught & synthetic.stated & network.relations.stated[labels]
    given = network.objects_at(dense, synthetic.boxes, labels)
    logits = network.relate(given, taught.float(), synthetic.intrinsics)
    losses["related"], losses["relations"] = relation_losses(logits, synthetic.relations, pairs(stated), ranks)
    # And between what is found, as it will be used.
    found = network.detect(dense)
    index, hit = match_objects(found, synthetic)
    distinct = index[:, :, None] != index[:, None, :]
    logits = network.relate(found, intrinsics=synthetic.intrinsics)
    valid = pairs(hit & stated.gather(1, index)) & distinct
    truth = pair_truth(synthetic.relations, index)
    _, losses["relations_found"] = relation_losses(logits, truth, valid, ranks)
    return losses


def pairs(objects: Tensor) -> Tensor:
    """(B, N, N) pairs of two different objects of a (B, N) choice."""
    both = objects[:, :, None] & objects[:, None, :]
    return both & ~torch.eye(objects.shape[1], dtype=torch.bool, device=objects.device)
