"""How streets look: hard sun that burns and deep shade, and overcast days."""

import cv2
import numpy as np
import pytest

from sim2sg_core.domains import load_domain
from sim2sg_core.render.environment import map_directions
from sim2sg_core.synthesis.appearance import sample_appearance
from sim2sg_core.synthesis.synthesizer import Synthesizer

DRIVE = load_domain("drive")
SIZE = (310, 94)


def images(**update):
    """Frames of the same streets, without what is random in a sensor."""
    calm = {"noise": (0.0, 0.0), "exposure": (0.5, 0.5), "gamma": (1.3, 1.3), "contrast": (1.1, 1.1)}
    look = DRIVE.appearance.model_copy(update=calm | update)
    made = Synthesizer(DRIVE.model_copy(update={"appearance": look}), shadow_size=256, samples=0)
    frames = np.stack([made.frame(made.sample(seed, size=SIZE), seed).image for seed in range(6)])
    made.close()
    return frames


@pytest.fixture(scope="module")
def sunny():
    return images(skies=("clear",), ambient=(0.1, 0.1))


def test_hard_sun_burns_and_leaves_deep_shade(sunny):
    brightness = sunny.mean(axis=-1)
    assert (brightness > 245).mean() > 0.05
    assert (brightness < 30).mean() > 0.08


def test_overcast_days_have_less_deep_shade_on_the_ground(sunny):
    overcast = images(skies=("overcast",), ambient=(0.1, 0.1))
    shade = [(frames[:, SIZE[1] // 2 :].mean(axis=-1) < 30).mean() for frames in (overcast, sunny)]
    assert shade[0] < 0.6 * shade[1]


def test_more_exposure_burns_more(sunny):
    longer = images(skies=("clear",), ambient=(0.1, 0.1), exposure=(1.2, 1.2))
    assert (longer.mean(axis=-1) > 245).mean() > 1.3 * (sunny.mean(axis=-1) > 245).mean()


def test_a_backdrop_among_the_skies_is_one_of_them():
    def share(*skies):
        look = DRIVE.appearance.model_copy(update={"skies": skies})
        domain = DRIVE.model_copy(update={"appearance": look})
        drawn = [sample_appearance(domain, np.random.default_rng(seed)) for seed in range(40)]
        return np.mean([not any(light.directional for light in made.lights) for made in drawn])

    assert share("backdrop") == 1 and share("clear", "overcast") == 0
    assert 0.25 < share("backdrop", "clear") < 0.75


def test_streets_mirror_a_dark_row_under_a_bright_sky():
    _, y, z = np.moveaxis(map_directions(), -1, 0)
    beside = (np.abs(y) > 0.8) & (z > 0.02) & (z < 0.15)
    lights = [sample_appearance(DRIVE, np.random.default_rng(seed)).environment.mean(axis=-1) for seed in range(12)]
    assert np.median([light[beside].mean() / light[z > 0.8].mean() for light in lights]) < 0.6


def test_a_picture_of_the_surroundings_takes_the_place_of_the_drawn_one(tmp_path):
    picture = np.full((32, 64, 3), 90, np.uint8)
    cv2.imwrite(str(tmp_path / "around.jpg"), picture)
    look = DRIVE.appearance.model_copy(update={"environment": str(tmp_path / "around.jpg")})
    made = sample_appearance(DRIVE.model_copy(update={"appearance": look}), np.random.default_rng(0))
    np.testing.assert_allclose(made.environment, np.broadcast_to(made.ambient_up, made.environment.shape), rtol=0.05)
