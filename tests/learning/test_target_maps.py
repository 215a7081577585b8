from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from sim2sg_core.learning.augment import fit
from sim2sg_core.learning.examples import to_example
from sim2sg_core.learning.target_maps import gaussian, make_targets
from sim2sg_core.model import ModelConfig
from sim2sg_core.model.model_config import STRIDE
from sim2sg_core.runtime.preprocessing import NetworkInput


@pytest.fixture(scope="module")
def config(domain) -> ModelConfig:
    return ModelConfig.from_domain(domain)


@pytest.fixture(scope="module")
def examples(domain, records):
    return [fit(to_example(r.image(), r.graph, domain), NetworkInput(128, 96)) for r in records]


def test_every_object_has_one_peak_on_the_cell_of_its_centre(examples, config):
    targets = make_targets(examples, config)
    heat = targets.heat.numpy()
    for b, example in enumerate(examples):
        cells = set()
        for label, box, ignored in zip(example.labels, example.boxes, example.ignored):
            x, y = ((box[:2] + box[2:]) / 2 / STRIDE).astype(int)
            if not ignored:
                assert heat[b, label, y, x] == 1.0
                cells.add((int(label), int(y), int(x)))
        assert {tuple(c) for c in np.argwhere(heat[b] == 1.0).tolist()} == cells


def test_samples_lie_in_their_box_and_weigh_one_per_object(examples, config):
    targets = make_targets(examples, config)
    columns = config.width // STRIDE
    total = np.zeros(targets.labels.shape)
    for (b, cell, i), weight in zip(targets.samples.tolist(), targets.sample_weight.tolist()):
        x, y = (cell % columns + 0.5) * STRIDE, (cell // columns + 0.5) * STRIDE
        x1, y1, x2, y2 = targets.boxes[b, i].tolist()
        assert x1 - STRIDE < x < x2 + STRIDE
        assert y1 - STRIDE < y < y2 + STRIDE
        total[b, i] += weight
    np.testing.assert_allclose(total, targets.labels.numpy() >= 0, atol=1e-5)


def test_an_object_of_a_class_that_the_domain_lacks_may_be_any(examples, config):
    ignored = np.array([True] + [False] * (len(examples[0].boxes) - 1))
    example = dataclasses.replace(examples[0], ignored=ignored, labels=np.where(ignored, -1, examples[0].labels))
    targets = make_targets([example], config)
    x1, y1, x2, y2 = example.boxes[0]
    middle = int((y1 + y2) / 2 // STRIDE), int((x1 + x2) / 2 // STRIDE)
    assert (targets.background[0][(slice(None), *middle)] == 0).all()
    assert targets.labels[0, 0] == -1
    assert not (targets.samples[:, 2] == 0).any()
    taught = make_targets([dataclasses.replace(examples[0])], config)
    region = slice(int(y1 // STRIDE), int(-(-y2 // STRIDE))), slice(int(x1 // STRIDE), int(-(-x2 // STRIDE)))
    for targets_ in (targets, taught):
        targets_.background[0][(slice(None), *region)] = 0
    assert torch.equal(targets.background, taught.background)


def test_depth_is_normalised_by_the_focal_length(examples, config):
    targets = make_targets(examples, config)
    zoomed = dataclasses.replace(examples[0], intrinsics=examples[0].intrinsics * np.array([2, 1, 1]))
    assert float(targets.depths[0, 0]) == pytest.approx(
        float(examples[0].depths[0] * config.focal_ref / examples[0].intrinsics[0])
    )
    halved = make_targets([zoomed], config).depths[0]
    np.testing.assert_allclose(halved, targets.depths[0, : len(halved)] / 2, rtol=1e-5)


def test_symmetric_predicates_hold_both_ways(examples, config):
    both = dataclasses.replace(config, symmetric=(True, False))
    example = dataclasses.replace(examples[0], relations=np.array([[0, 0, 1], [0, 1, 1]]))
    facts = make_targets([example], both).relations[0]
    assert facts[0, 1].tolist() == [True, True]
    assert facts[1, 0].tolist() == [True, False]


def test_bump_is_one_at_its_middle_and_clipped_at_the_border():
    window, bump = gaussian(np.array([-2.0, 3, 4, 7]), 24, 32)
    assert bump.max() == 1.0
    assert window[0].start >= 0
    assert bump.shape == (window[0].stop - window[0].start, window[1].stop - window[1].start)
    window, bump = gaussian(np.array([31.5, 23.5, 34.0, 26.0]), 24, 32)  # centre beyond the map
    assert (window[0].stop, window[1].stop) == (24, 32)
    assert bump.max() == 1.0


@pytest.mark.parametrize("score", [0.3, 1.0])
def test_where_an_object_is_ignored_its_class_alone_is_left_open(examples, config, score):
    """A table of which a crop leaves little fills the crop: forks that are not there are wrong all the same."""
    count = len(examples[0].boxes)
    example = dataclasses.replace(examples[0], ignored=np.ones(count, bool), scores=np.full(count, score, np.float32))
    targets = make_targets([example], config)
    assert (targets.labels == -1).all() and not len(targets.samples) and not targets.heat.any()
    background, open_ = targets.background[0].numpy(), np.zeros(targets.heat[0].shape, bool)
    for label, box in zip(example.labels, example.boxes / STRIDE):
        (x1, y1), (x2, y2) = np.floor(box[:2]).astype(int), np.ceil(box[2:]).astype(int)
        open_[label, max(y1, 0) : y2, max(x1, 0) : x2] = True
    assert (background[open_] == 0).all() and (background[~open_] == 1).all() and open_.any()


def test_an_inferred_label_weighs_as_much_as_it_is_likely(examples, config):
    scores = np.full(len(examples[0].boxes), 0.75, np.float32)
    sure, inferred = (make_targets([e], config) for e in (examples[0], dataclasses.replace(examples[0], scores=scores)))
    assert torch.equal(inferred.heat, 0.75 * sure.heat) and sure.heat.max() == 1
    # Three times in four it is there, else all of it is background.
    torch.testing.assert_close(inferred.background, 0.75 * sure.background + 0.25)
    torch.testing.assert_close(inferred.sample_weight, 0.75 * sure.sample_weight)
    assert (inferred.labels == sure.labels).all() and not inferred.stated.any()


def test_images_without_objects_are_fine(examples, config):
    empty = dataclasses.replace(
        examples[0],
        boxes=np.zeros((0, 4), np.float32),
        labels=np.zeros(0, np.int64),
        ignored=np.zeros(0, bool),
        scores=np.zeros(0, np.float32),
        centres=np.zeros((0, 2), np.float32),
        depths=np.zeros(0, np.float32),
        sizes=np.zeros((0, 3), np.float32),
        alphas=np.zeros(0, np.float32),
        relations=np.zeros((0, 3), np.int64),
    )
    targets = make_targets([empty, empty], config)
    assert targets.samples.shape == (0, 3)
    assert (targets.labels == -1).all()
