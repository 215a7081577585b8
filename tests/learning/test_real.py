from __future__ import annotations

import dataclasses
import os

import cv2
import numpy as np
import pytest
import torch

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.learning import AlignConfig, AugmentConfig, RealImage, TrainConfig
from sim2sg_core.learning.data import prepared
from sim2sg_core.learning.real import RealBatches
from sim2sg_core.model import ModelConfig
from sim2sg_core.scene import Camera


@pytest.fixture(scope="module")
def model(domain) -> ModelConfig:
    return ModelConfig.from_domain(domain)


def settings(augment: AugmentConfig | None = None, **align) -> TrainConfig:
    align = align or {"feature": 1.0}
    return TrainConfig(steps=20, batch=4, augment=augment or AugmentConfig(), align=AlignConfig(**align))


def test_both_views_share_their_geometry(tmp_path, domain, model):
    """A dot at the principal point is found where the intrinsics say, in either view."""
    image = np.full((120, 160, 3), 40, np.uint8)
    image[48:53, 88:93] = 250
    cv2.imwrite(str(tmp_path / "dot.png"), image)
    camera = Camera(160, 120, np.array([[150.0, 0, 90.5], [0, 150, 50.5], [0, 0, 1]]))
    augment = AugmentConfig(zoom=1.0, zoom_range=(0.8, 1.2), color=1.0, cutout=0, jpeg=0.5)
    batches = RealBatches([RealImage(tmp_path / "dot.png", camera)], domain, model, settings(augment))
    places = set()
    for position in range(12):
        weak, strong, intrinsics = batches.views(position)
        u, v = np.round(intrinsics[1:] - 0.5).astype(int)
        if not (4 <= u < 124 and 4 <= v < 92):
            continue
        places.add((u, v))
        for view in (weak, strong):
            window = view[v - 1 : v + 2, u - 1 : u + 2].mean()
            assert window > view[v - 4, u - 4 : u + 5].mean() + 20
            assert window > view[v + 4, u - 4 : u + 5].mean() + 20
        # Zooming changes the focal length as it changes sizes; 0.8 input pixels make one of the image.
        assert 0.8 * 0.8 * 0.99 < intrinsics[0] / 150 < 0.8 * 1.2 * 1.01
    assert len(places) > 4


def test_views_differ_in_looks_alone(real_images, domain, model):
    plain = RealBatches(real_images, domain, model, settings(AugmentConfig.weak())).batch(2)
    assert torch.equal(plain.weak, plain.strong)
    strong = RealBatches(real_images, domain, model, settings()).batch(2)
    assert strong.weak.shape == (2, 96, 128, 3)
    assert strong.weak.dtype == strong.strong.dtype == torch.uint8
    assert not torch.equal(strong.weak, strong.strong)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_a_step_decides_its_images(real_images, domain, model, workers):
    batches = RealBatches(real_images, domain, model, settings())
    ahead = list(prepared(batches.batch, 3, 6, workers))
    for step, batch in zip((5, 4, 3), reversed(ahead)):
        assert all(torch.equal(a, b) for a, b in zip(batch, batches.batch(step)))
    other = RealBatches(real_images, domain, model, dataclasses.replace(settings(), seed=1))
    assert not torch.equal(other.batch(3).weak, ahead[0].weak)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_what_cannot_be_read_is_told_in_one_line_whoever_reads_it(real_images, domain, model, workers):
    wrong = dataclasses.replace(real_images[0], camera=Camera(10, 10, np.eye(3)))
    batches = RealBatches([wrong], domain, model, settings())
    with pytest.raises(Sim2SGError, match=r"^[^\n]*its camera 10x10[^\n]*$"):
        list(prepared(batches.batch, 0, 2, workers))


def test_a_dead_loader_is_told_in_one_line():
    with pytest.raises(Sim2SGError, match=r"^a process that prepares images died[^\n]*--workers[^\n]*$"):
        list(prepared(lambda step: os._exit(1), 0, 3, workers=2))


def test_every_image_is_seen_before_any_is_seen_twice(real_images, domain, model):
    batches = RealBatches(real_images, domain, model, settings())
    names = [batches.image(i).path.name for i in range(10)]
    assert len(set(names[:5])) == len(set(names[5:])) == 5


def test_styles_are_small_and_without_padding(real_images, domain, model):
    styles = RealBatches(real_images, domain, model, settings()).styles()
    assert [s.shape for s in styles] == [(24, 32, 3)] * 5


def test_mistakes_are_named(tmp_path, real_images, domain, model):
    with pytest.raises(Sim2SGError, match="need real images"):
        RealBatches([], domain, model, settings())
    with pytest.raises(Sim2SGError, match="not there"):
        RealBatches([RealImage(tmp_path / "no.png", real_images[0].camera)], domain, model, settings())
    wrong = Camera(80, 60, np.array([[75.0, 0, 40], [0, 75, 30], [0, 0, 1]]))
    with pytest.raises(Sim2SGError, match="160x120 pixels, its camera 80x60"):
        RealBatches([RealImage(real_images[0].path, wrong)], domain, model, settings()).batch(0)
