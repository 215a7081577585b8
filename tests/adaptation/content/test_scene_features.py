"""What differences of features are measured in."""

import pytest
import torch

from sim2sg_core.adaptation.content.scene_features import scale_of


def features(frames):
    return torch.randn(frames, 50, generator=torch.Generator().manual_seed(0))


def test_differences_are_measured_in_the_spread_of_the_log():
    values = features(40) * 0.1 + features(1)
    mean, unit = scale_of(values)
    assert mean.allclose(values.mean(0)) and unit.mean().item() == pytest.approx(0.11, rel=0.1)


@pytest.mark.parametrize("frames", [1, 6])
def test_of_frames_that_are_all_the_same_in_that_within_a_frame(frames):
    mean, unit = scale_of(features(1).expand(frames, -1))
    assert mean.allclose(features(1)[0]) and unit.mean().item() == pytest.approx(1.1, rel=0.2)
