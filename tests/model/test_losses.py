from __future__ import annotations

import math

import pytest
import torch

from sim2sg_core.model.heads import Channels, Dense
from sim2sg_core.model.losses import (
    Targets,
    generalised_iou,
    heat_loss,
    pair_truth,
    regression_losses,
    relation_losses,
)
from sim2sg_core.model.relation_head import PairLogits


def test_heat_loss_is_least_at_the_target_and_blind_under_the_mask():
    heat = torch.zeros(1, 1, 4, 4)
    heat[0, 0, 1, 1] = 1.0
    background = 1 - heat
    good = torch.where(heat > 0, 8.0, -8.0)
    assert heat_loss(good, heat, background) < 0.01
    false_alarm = good.clone()
    false_alarm[0, 0, 3, 3] = 5.0
    assert heat_loss(false_alarm, heat, background) > 4.0
    background[0, 0, 3, 3] = 0.0
    assert heat_loss(false_alarm, heat, background) < 0.01
    assert heat_loss(-good, heat, background) > 4.0  # an object inside an ignored one is still taught


@pytest.mark.parametrize("score", [0.2, 0.5, 0.8])
def test_heat_loss_of_what_may_be_there_is_the_expected_one_and_teaches_no_certainty(score):
    logit = torch.linspace(-8, 8, 1601)
    losses = torch.stack(
        [heat_loss(x.reshape(1, 1, 1, 1), torch.full((1, 1, 1, 1), score), torch.tensor(1 - score)) for x in logit]
    )
    one, none = torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 1)
    x = logit[700].reshape(1, 1, 1, 1)
    expected = score * heat_loss(x, one, none) + (1 - score) * heat_loss(x, none, one)
    torch.testing.assert_close(losses[700], expected)
    best = float(torch.sigmoid(logit[losses.argmin()]))
    assert abs(best - 0.5) <= abs(score - 0.5) + 1e-3 and (best - 0.5) * (score - 0.5) >= -1e-6


def test_generalised_iou_by_hand():
    a = torch.tensor([[0.0, 0, 2, 2], [0, 0, 1, 1], [0, 0, 2, 2]])
    b = torch.tensor([[0.0, 0, 2, 2], [3, 0, 4, 1], [1, 0, 3, 2]])
    torch.testing.assert_close(generalised_iou(a, b), torch.tensor([1.0, -0.5, 1 / 3]))


def one_object() -> Targets:
    return Targets(
        image=torch.zeros(1, 16, 16, 3, dtype=torch.uint8),
        intrinsics=torch.tensor([[100.0, 8, 8]]),
        heat=torch.zeros(1, 1, 4, 4),
        background=torch.ones(1, 1, 4, 4),
        labels=torch.tensor([[0]]),
        stated=torch.tensor([[True]]),
        boxes=torch.tensor([[[2.0, 4, 10, 8]]]),
        centres=torch.tensor([[[7.0, 6]]]),
        depths=torch.tensor([[12.0]]),
        sizes=torch.tensor([[[2.0, 1, 1]]]),
        alphas=torch.tensor([[0.7]]),
        relations=torch.zeros(1, 1, 1, 1, dtype=torch.bool),
        samples=torch.tensor([[0, 5, 0]]),
        sample_weight=torch.tensor([1.0]),
    )


def perfect() -> Dense:
    regression = torch.zeros(1, Channels.COUNT, 4, 4)
    # The centre of cell 5 (row 1, column 1) is at 1.5, 1.5 cells; the box is .5, 1, 2.5, 2 cells.
    cell = regression[0, :, 1, 1]
    cell[Channels.BOX] = torch.log(torch.tensor([1.0, 0.5, 1.0, 0.5]))
    cell[Channels.CENTRE] = torch.tensor([0.25, 0.0])
    cell[Channels.DEPTH] = math.log(2.0)
    cell[Channels.SPREAD] = -3.0
    cell[Channels.SIZE] = torch.tensor([math.log(2.0), 0.0, 0.0])
    cell[Channels.ANGLE] = torch.tensor([math.sin(1.4), math.cos(1.4)])
    return Dense(torch.zeros(1, 1, 4, 4), regression, torch.zeros(1, 8, 4, 4))


def losses_of(dense: Dense) -> dict[str, torch.Tensor]:
    return regression_losses(dense, one_object(), torch.ones(1, 3), torch.tensor([2.0]), 6.0)


def test_regression_losses_vanish_at_the_truth_and_each_sees_its_own_error():
    for name, value in losses_of(perfect()).items():
        assert name == "depth" or abs(value) < 1e-5
    for name, part in {
        "box": Channels.BOX,
        "centre": Channels.CENTRE,
        "depth": Channels.DEPTH,
        "size": Channels.SIZE,
        "angle": Channels.ANGLE,
    }.items():
        wrong = perfect()
        wrong.regression[0, part, 1, 1] += 0.3
        before, after = losses_of(perfect()), losses_of(wrong)
        assert [n for n in before if after[n] > before[n] + 1e-4] == [name]


def test_depth_spread_settles_at_the_error():
    # The scale of a Laplace distribution that explains an error e best is e; its deviation sqrt(2) e.
    dense = perfect()
    dense.regression[0, Channels.DEPTH, 1, 1] += 0.1
    dense.regression.requires_grad_()
    found = []
    for spread in (0.05, 2**0.5 * 0.1, 0.4):
        dense.regression.data[0, Channels.SPREAD, 1, 1] = math.log(spread)
        (gradient,) = torch.autograd.grad(losses_of(dense)["depth"], dense.regression)
        found.append(float(gradient[0, Channels.SPREAD, 1, 1]))
    assert found[0] < 0 < found[2]
    assert abs(found[1]) < 1e-6


def test_unknown_poses_are_not_taught():
    targets = one_object()._replace(depths=torch.zeros(1, 1))
    dense = perfect()
    dense.regression[0, 4:] += 1.0
    losses = regression_losses(dense, targets, torch.ones(1, 3), torch.tensor([2.0]), 6.0)
    assert all(abs(value) < 1e-5 for value in losses.values())


def test_relation_losses_count_valid_pairs_alone():
    truth = torch.zeros(1, 2, 2, 1, dtype=torch.bool)
    truth[0, 0, 1, 0] = True
    logits = PairLogits(torch.where(truth.any(-1), 9.0, -9.0), torch.where(truth, 9.0, -9.0))
    valid = torch.tensor([[[False, True], [True, False]]])
    assert max(relation_losses(logits, truth, valid)) < 1e-3
    wrong = PairLogits(-logits.related, -logits.predicates)
    assert min(relation_losses(wrong, truth, valid)) > 8
    assert max(relation_losses(wrong, truth, torch.zeros_like(valid))) == 0


def test_facts_follow_their_objects():
    truth = torch.zeros(1, 3, 3, 1, dtype=torch.bool)
    truth[0, 0, 2, 0] = True
    moved = pair_truth(truth, torch.tensor([[2, 1, 0, 0]]))
    assert moved[0, ..., 0].nonzero().tolist() == [[2, 0], [3, 0]]
