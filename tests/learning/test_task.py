from __future__ import annotations

import math

import torch

from sim2sg_core.learning.augment import fit
from sim2sg_core.learning.examples import to_example
from sim2sg_core.learning.target_maps import make_targets
from sim2sg_core.learning.task import dense_maps, task_losses
from sim2sg_core.model import build_network
from sim2sg_core.runtime.preprocessing import NetworkInput


def test_a_mask_hides_what_is_ignored(records, domain):
    """Nothing that an ignored object's cells say changes the heat-map loss."""
    network = build_network(domain, seed=0).eval()
    example = fit(to_example(records[0].image(), records[0].graph, domain), NetworkInput(128, 96))
    example.ignored[:] = True
    targets = make_targets([example], network.config)
    losses = task_losses(network, dense_maps(network, targets.image), targets)
    assert all(math.isfinite(v.item()) for v in losses.values())
    assert all(losses[k].item() == 0 for k in ("box", "depth", "relations", "relations_found"))
    torch.stack(list(losses.values())).sum().backward()


def test_relations_of_what_was_inferred_are_not_taught(records, domain):
    """They are not known, and none must be taken for a fact that does not hold; the objects are taught as before."""
    network = build_network(domain, seed=0).eval()
    graph = records[0].graph

    def losses(score):
        inferred = graph.with_scores([score] * len(graph.objects))
        targets = make_targets(
            [fit(to_example(records[0].image(), inferred, domain), NetworkInput(128, 96))], network.config
        )
        return task_losses(network, dense_maps(network, targets.image), targets)

    known, unknown = losses(1.0), losses(0.9)
    for name in ("box", "depth", "size", "angle"):  # Means over objects, all of which weigh alike.
        torch.testing.assert_close(known[name], unknown[name])
    assert known["relations"] > 0 and all(unknown[k] == 0 for k in ("related", "relations", "relations_found"))
