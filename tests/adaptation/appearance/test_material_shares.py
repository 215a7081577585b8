"""Shares of materials."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.adaptation.appearance.image_measures import Crop
from sim2sg_core.adaptation.appearance.material_shares import material_shares


@given(st.integers(0, 1000), st.floats(0.15, 0.85))
def test_shares_of_materials_are_found_and_twins_are_not_split(seed, share):
    rng = np.random.default_rng(seed)

    def crops(mean, count):
        return [Crop("cube", 1.0, np.ones(3), rng.normal(mean, 1.0, 12)) for _ in range(count)]

    reference = {"rubber": crops(0.0, 60), "metal": crops(1.5, 60), "plastic": crops(0.0, 60)}
    seen = round(150 * share)
    shares, posterior = material_shares(crops(1.5, seen) + crops(0.0, 150 - seen), reference, ("rubber",))
    assert abs(shares["metal"] - seen / 150) < 0.08
    assert shares["plastic"] == 0
    np.testing.assert_allclose(posterior.sum(axis=1), 1)
