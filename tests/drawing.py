"""Fixtures of tests that draw: a camera, a renderer, the synthesizer of one domain."""

import os

# Before Mesa is loaded: one thread, as in the workers.
os.environ.setdefault("LP_NUM_THREADS", "0")

import numpy as np
import pytest

from sim2sg_core.domains import load_domain
from sim2sg_core.render.renderer import Renderer
from sim2sg_core.scene import Camera
from sim2sg_core.synthesis.synthesizer import Synthesizer

WIDTH, HEIGHT, FOCAL = 240, 160, 262.0


@pytest.fixture(scope="session")
def camera():
    # A principal point off the middle: K is arbitrary.
    K = np.array([[FOCAL, 0, 131.0], [0, FOCAL, 74.0], [0, 0, 1]])
    return Camera.from_extrinsics(WIDTH, HEIGHT, K, 5.3, np.radians(27), np.radians(2))


@pytest.fixture(scope="session")
def renderer():
    made = Renderer(WIDTH, HEIGHT, shadow_size=128)
    yield made
    made.release()


@pytest.fixture(scope="session")
def clevr():
    return load_domain("clevr")


@pytest.fixture(scope="session")
def synthesizer(clevr):
    made = Synthesizer(clevr, shadow_size=128, samples=0)
    yield made
    made.close()
