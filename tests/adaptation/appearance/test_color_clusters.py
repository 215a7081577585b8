"""Clusters of colours."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.adaptation.appearance.color_clusters import cluster_colors


@given(st.integers(0, 1000))
def test_a_vivid_minority_keeps_its_color(seed):
    rng = np.random.default_rng(seed)
    colors = np.concatenate([np.full((95, 3), 0.2), np.tile([0.6, 0.02, 0.02], (5, 1))])
    noisy = np.clip(colors * rng.normal(1, 0.05, (100, 1)), 0, 1)
    clusters = cluster_colors(noisy, np.ones(100), rng)
    vivid = clusters.colors[:, 0] > 5 * clusters.colors[:, 1]
    assert vivid.sum() == 1
    assert abs(np.array(clusters.shares)[vivid].sum() - 0.05) < 1e-3
    assert abs(sum(clusters.shares) - 1) < 1e-3
