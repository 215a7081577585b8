"""Logs that show nothing of the domain."""

import json

import cv2
import numpy as np
import pytest

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.learning import TrainConfig, train
from sim2sg_core.learning.data import Batches
from sim2sg_core.learning.negatives import LARGEST_SIDE, load_negatives
from sim2sg_core.model import ModelConfig, build_network


@pytest.fixture
def street(tmp_path):
    """A folder of photographs; one is large."""
    (tmp_path / "street").mkdir()
    rng = np.random.default_rng(0)
    for name, size in (("a", (90, 120)), ("b", (60, 3000))):
        cv2.imwrite(str(tmp_path / "street" / f"{name}.png"), rng.integers(0, 256, (*size, 3), np.uint8))
    return tmp_path / "street"


def test_every_image_is_a_record_without_objects_and_large_ones_shrink(street):
    records = load_negatives(street)
    assert [len(record.graph.objects) for record in records] == [0, 0]
    sizes = [record.image().shape[:2] for record in records]
    assert sizes == [(90, 120), (26, LARGEST_SIDE)]
    assert [(r.graph.height, r.graph.width) for r in records] == sizes


def test_all_of_them_counts_as_background(street, domain):
    config, model = TrainConfig(steps=1, batch=2), ModelConfig.from_domain(domain)
    targets = Batches([(load_negatives(street), 1.0)], domain, model, config).batch(0)
    assert float(targets.heat.abs().sum()) == 0
    assert float(targets.background.min()) == 1


def test_a_run_says_what_it_was_trained_on_and_goes_on_with_the_same_shares_alone(street, folder, domain, tmp_path):
    config = TrainConfig(steps=1, batch=2, workers=0)
    out = tmp_path / "run"
    for _ in range(2):
        train(build_network(domain), domain, [(folder, 1.0)], config, out, negatives=[(street, 0.5)])
    written = json.loads((out / "train.json").read_text())
    assert (written["shares"], written["negatives"]) == ([1.0, 0.5], ["../street"])
    with pytest.raises(Sim2SGError, match="other settings"):
        train(build_network(domain), domain, [(folder, 1.0)], config, out, negatives=[(street, 0.2)])


def test_a_folder_without_images_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(Sim2SGError, match="empty"):
        load_negatives(tmp_path / "empty")
