from __future__ import annotations

import math

import torch

from sim2sg_core.learning.augment import fit
from sim2sg_core.learning.examples import to_example
from sim2sg_core.learning.target_maps import make_targets
from sim2sg_core.learning.task import dense_maps, task_losses
from sim2sg_core.model import build_network


def test_a_mask_hides_what_is_ignored(records, domain):
    """Nothing that an ignored object's cells say changes the heat-map loss."""
    network = build_network(domain, seed=0).eval()
    example = fit(to_example(records[0].image(), records[0].graph, domain), 128, 96)
    example.ignored[:] = True
    targets = make_targets([example], network.config)
    losses = task_losses(network, dense_maps(network, targets.image), targets)
    assert all(math.isfinite(v.item()) for v in losses.values())
    assert all(losses[k].item() == 0 for k in ("box", "depth", "relations", "relations_found"))
    torch.stack(list(losses.values())).sum().backward()
