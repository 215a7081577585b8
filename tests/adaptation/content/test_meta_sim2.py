"""Structure that is learned by reward."""

import numpy as np
import pytest
import torch

from sim2sg_core.adaptation.content.ground_cells import GroundCells
from sim2sg_core.adaptation.content.meta_sim2 import (
    CountedPrior,
    CountPolicy,
    DensityReward,
    SceneComposer,
    fit_meta_sim2,
    imitate,
    reinforce,
)
from sim2sg_core.scene import Layout, Placement
from tests.adaptation.content.scenes import CAMERA, CLEVR, laid_table, table_domain
from tests.adaptation.content.toy_features import PlaceFeatures


def policy(items, most):
    torch.manual_seed(0)
    return CountPolicy(items, most)


def cubes(rng, count, label="cube"):
    places = rng.permutation(9)[:count]
    return Layout(
        CAMERA,
        tuple(
            Placement(label, np.array([7.0 + 2 * (k // 3), 2.0 * (k % 3) - 2, 0]), 0.0, np.full(3, 0.9)) for k in places
        ),
    )


def test_the_known_best_arm_is_found():
    learner, rng = policy(1, 1), np.random.default_rng(0)
    imitate(learner, torch.tensor([[0]] * 4 + [[1]]), rng)  # the prior prefers the worse arm
    assert learner.log_prob(torch.tensor([[1]])).exp().item() == pytest.approx(0.3, abs=0.1)
    drawn = reinforce(learner, lambda counts: counts[:, 0].numpy() * 1.0 + rng.normal(size=len(counts)), 150, rng)
    assert learner.log_prob(torch.tensor([[1]])).exp().item() > 0.9
    assert np.mean(drawn[:5]) < 0.6 < 0.85 < np.mean(drawn[-5:])


def test_the_policy_imitates_what_it_is_shown():
    learner, rng = policy(2, 2), np.random.default_rng(0)
    shown = torch.tensor([[2, 0]] * 3 + [[0, 1]])  # the second count depends on the first
    imitate(learner, shown, rng)
    drawn = learner.sample(2000, rng)
    alike = [(drawn == row).all(1).double().mean().item() for row in shown[[0, 3]]]
    assert alike[0] == pytest.approx(3 * alike[1], rel=0.35) and sum(alike) > 0.8
    assert (drawn >= 0).all() and (drawn <= 2).all()


def test_it_tries_a_tenth_more_than_the_prior_has_and_anywhere():
    learner, rng = policy(12, 6), np.random.default_rng(0)
    shown = torch.tensor(rng.poisson(0.4, (256, 12)).clip(max=4))
    shown[:, 0] = 0  # a cell that the prior leaves empty
    imitate(learner, shown, rng)
    drawn = learner.sample(2000, rng).double()
    assert drawn.sum(1).mean().item() == pytest.approx(1.1 * shown.double().sum(1).mean().item(), rel=0.08)
    assert 0.005 < (drawn[:, 0] > 0).double().mean().item() < 0.1


def test_log_probabilities_are_those_of_the_draws():
    learner, rng = policy(2, 2), np.random.default_rng(1)
    everything = torch.cartesian_prod(torch.arange(3), torch.arange(3))
    chances = learner.log_prob(everything).exp()
    assert chances.sum().item() == pytest.approx(1, abs=1e-5)
    drawn = learner.sample(4000, rng)
    seen = torch.stack([(drawn == row).all(1).double().mean() for row in everything])
    assert seen.tolist() == pytest.approx(chances.tolist(), abs=0.03)


def test_it_pays_to_be_where_the_log_is_and_renders_are_not():
    rng = np.random.default_rng(0)
    log = (torch.tensor(rng.normal(size=(60, 4)), dtype=torch.float32),)
    reward = DensityReward(log)
    far = torch.full((8, 4), 5.0) + 0.1 * torch.tensor(rng.normal(size=(8, 4)), dtype=torch.float32)
    near = torch.tensor(rng.normal(size=(8, 4)), dtype=torch.float32)
    earned = reward((torch.cat([near, far]),))
    assert earned[:8].mean() > earned[8:].mean() + 5
    # Where many renders have been lately, it pays less.
    first = DensityReward(log)((near,)).mean()
    again = DensityReward(log)
    again((near + 0.01,))
    assert again((near,)).mean() < first


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_a_log_of_one_frame_again_and_again_rewards_what_is_near_it(frames):
    log = torch.randn(1, 7, generator=torch.Generator().manual_seed(0)).expand(frames, -1)
    reward = DensityReward((log,))
    near, far = (reward((log[:1] + away + 0.1 * torch.eye(4, 7),)).mean() for away in (0.1, 3.0))
    assert np.isfinite(near) and near > far


def test_scenes_have_the_counts_that_were_asked_for():
    domain = table_domain()
    pool = [Layout(CAMERA, tuple(laid_table()))]
    cells = GroundCells(np.array([5.0, -4.0]), np.array([14.0, 5.0]), 3, 3)
    composer = SceneComposer(domain, cells, pool)
    assert composer.labels == ["cube", "cylinder"]  # spheres stand on others
    wanted = np.zeros(2 * cells.count, int)
    wanted[[0, 8, cells.count + 4]] = [1, 2, 1]
    made = composer.compose(wanted, pool[0], np.random.default_rng(0))
    assert composer.counts(made).tolist() == wanted.tolist()
    assert [p.label for p in made.placements].count("sphere") == 3  # each table brings its ball
    assert composer.compose(wanted * 0, pool[0], np.random.default_rng(0)).placements == ()


def test_the_number_of_things_comes_near_that_of_the_log():
    log = [cubes(np.random.default_rng(k), 6) for k in range(40)]

    def draw(rng):
        return cubes(rng, int(rng.integers(1, 4)))

    features = PlaceFeatures(log)
    fitted = fit_meta_sim2(draw, log, CLEVR, features, 25, 0)
    history = fitted["history"]
    counts = np.array(history["counts"]).sum(1)
    assert len(counts) == 25 and counts[:3].mean() < 4.5 < counts[-5:].mean() < 9
    assert np.mean(history["reward"][-5:]) > np.mean(history["reward"][:5])
    drawn = CountedPrior(draw, CLEVR, fitted)
    assert np.mean([len(drawn(np.random.default_rng(k)).placements) for k in range(20)]) > 3.5
