from __future__ import annotations

import dataclasses

import pytest
import torch

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.learning import AlignConfig, TrainConfig


def test_numbers_of_images_per_step():
    off = TrainConfig(steps=20, batch=8)
    assert (off.labelled, off.unlabelled) == (8, 0)
    reversal = dataclasses.replace(off, align=AlignConfig(prediction=0.1))
    assert (reversal.labelled, reversal.unlabelled) == (8, 4)
    assert dataclasses.replace(reversal, batch=1).unlabelled == 1
    for share, real in ((0.5, 4), (0.25, 2), (0.01, 1), (0.99, 7)):
        taught = dataclasses.replace(off, align=AlignConfig(teacher=1.0, real_share=share, feature=0.1))
        assert taught.labelled + taught.unlabelled == 8
        assert taught.unlabelled == real


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_cuda_without_a_gpu_is_refused():
    with pytest.raises(Sim2SGError, match="no NVIDIA GPU here; use --device cpu"):
        TrainConfig(steps=1, device="cuda").validate()
