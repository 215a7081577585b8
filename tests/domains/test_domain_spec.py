"""The domain's data: sampling, stored forms, identity."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.domains import Domain, load_domain
from sim2sg_core.errors import Sim2SGError


@pytest.fixture(scope="module", params=["clevr", "dining", "drive"])
def domain(request: pytest.FixtureRequest) -> Domain:
    return load_domain(request.param)


def test_json_round_trip_keeps_everything(domain: Domain) -> None:
    text = json.dumps(domain.to_json())
    for again in (Domain.from_json(text), Domain.from_json(json.loads(text))):
        assert again == domain
        assert again.hash() == domain.hash()


def test_hash_follows_content(domain: Domain) -> None:
    assert len(domain.hash()) == 12
    assert domain.model_copy(update={"max_objects": 7}).hash() != domain.hash()


@pytest.mark.parametrize("data", ["{", "[]", '{"name": "a"}', "7", '{"name": "\\ud800", "\\udfff": 1}'])
def test_from_json_refuses_other_things(data: str) -> None:
    with pytest.raises(Sim2SGError, match="not a domain"):
        Domain.from_json(data)


def test_domain_is_frozen(domain: Domain) -> None:
    with pytest.raises(ValueError, match="frozen"):
        domain.name = "other"  # type: ignore[misc]


def test_rules_follow_predicates(domain: Domain) -> None:
    rules = domain.rules()
    assert tuple(r.name for r in rules) == domain.predicate_names
    assert [r.margin for r in rules] == [p.margin for p in domain.predicates]


def test_published_margins_and_boxes() -> None:
    clevr, drive = load_domain("clevr"), load_domain("drive")
    assert {r.margin for r in clevr.rules()} == {0.2}
    assert {r.margin for r in drive.rules()} == {1.0}
    assert (clevr.box, drive.box) == ("visible", "cuboid")
    assert drive.related_names == ("car", "van", "truck", "pedestrian", "cyclist")
    assert clevr.related_names == clevr.class_names


def test_class_spec_by_name(domain: Domain) -> None:
    for name in domain.class_names:
        assert domain.class_spec(name).name == name
    with pytest.raises(Sim2SGError, match="did you mean"):
        domain.class_spec(domain.class_names[0] + "x")


@given(seed=st.integers(0, 2**32 - 1))
def test_sampled_sizes_stay_within_the_class(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for name in ("clevr", "drive"):
        for spec in load_domain(name).classes:
            size = spec.sample_size(rng)
            if spec.size is None:
                assert tuple(size) in spec.sizes
            else:
                low, high = np.array([spec.size.length, spec.size.width, spec.size.height]).T
                assert (size >= low - 1e-9).all()
                assert (size <= high + 1e-9).all()


@given(seed=st.integers(0, 2**32 - 1))
def test_sampled_cameras_stay_within_the_prior(seed: int) -> None:
    for name in ("clevr", "drive"):
        prior = load_domain(name).camera
        camera = prior.sample(np.random.default_rng(seed))
        assert (camera.width, camera.height) == (prior.width, prior.height)
        fov = 2 * np.degrees(np.arctan(camera.width / 2 / camera.K[0, 0]))
        assert prior.hfov_deg[0] - 1e-6 <= fov <= prior.hfov_deg[1] + 1e-6
        assert camera.ground is not None
        assert prior.height_m[0] <= camera.ground[3] <= prior.height_m[1]
        pitch = np.degrees(np.arcsin(-camera.ground[2]))
        assert prior.pitch_deg[0] - 1e-6 <= pitch <= prior.pitch_deg[1] + 1e-6


def test_camera_keeps_given_intrinsics_and_draws_the_same_mount() -> None:
    prior = load_domain("drive").camera
    K = np.array([[500.0, 0, 300], [0, 500, 90], [0, 0, 1]])
    given_K = prior.sample(np.random.default_rng(3), K, 620, 188)
    drawn = prior.sample(np.random.default_rng(3))
    np.testing.assert_array_equal(given_K.K, K)
    assert (given_K.width, given_K.height) == (620, 188)
    assert given_K.ground is not None
    assert drawn.ground is not None
    np.testing.assert_array_equal(given_K.ground, drawn.ground)


def test_clevr_scene_lies_in_view() -> None:
    """The middle of the floor area of the prior is seen from every camera of the prior."""
    domain = load_domain("clevr")
    middle = np.array([np.mean(domain.layout.distance), 0.0, 0.5])  # type: ignore[union-attr]
    for seed in range(50):
        camera = domain.camera.sample(np.random.default_rng(seed))
        u, v = camera.project(camera.to_camera(middle))
        assert 0.3 * camera.width < u < 0.7 * camera.width
        assert 0.15 * camera.height < v < 0.85 * camera.height
