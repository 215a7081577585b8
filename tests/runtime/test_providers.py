"""Which provider runs, and how loudly a fall-back is told."""

from __future__ import annotations

import logging

import onnxruntime
import pytest

from sim2sg_core.cores import usable_cores
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.runtime import Predictor
from sim2sg_core.runtime.providers import PROVIDERS, open_session, short_name
from tests.runtime.constant_model import empty_outputs

MISSING = [name for name, full in PROVIDERS.items() if full not in onnxruntime.get_available_providers()]
without_gpu = pytest.mark.skipif(not MISSING, reason="this onnxruntime has every provider")


@pytest.fixture
def model(make_model):
    return make_model(empty_outputs(2, 1))


def test_cpu(model, caplog):
    assert Predictor(model, "cpu", require_provider=True).info.provider == "cpu"
    assert not caplog.records


@without_gpu
def test_a_fall_back_is_a_warning(model, caplog):
    with caplog.at_level(logging.WARNING):
        predictor = Predictor(model, MISSING[0])
    assert predictor.info.provider not in MISSING
    assert f"no provider {MISSING[0]}" in caplog.text and "sim2sg[gpu]" in caplog.text


@without_gpu
def test_a_fall_back_is_an_error_when_the_provider_is_required(model):
    with pytest.raises(Sim2SGError, match=rf"no provider {MISSING[0]}.*sim2sg\[gpu\]"):
        Predictor(model, MISSING[0], require_provider=True)


def test_unknown_providers_list_the_known(model):
    with pytest.raises(Sim2SGError, match="'npu' is not known: use auto, tensorrt, cuda, cpu"):
        Predictor(model, "npu")


def test_threads_are_explicit_and_do_not_spin(model):
    for threads, expected in ((0, usable_cores()), (1, 1), (3, 3)):
        session, _ = open_session(model, "cpu", threads=threads)
        options = session.get_session_options()
        assert options.intra_op_num_threads == expected
        assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_a_negative_device_is_refused(model):
    with pytest.raises(Sim2SGError, match="device -1 is not a GPU"):
        Predictor(model, "cpu", device=-1)


@without_gpu
def test_half_precision_without_tensorrt_is_a_warning(model, caplog):
    Predictor(model, "cpu", fp16=True)
    assert "half precision is TensorRT's alone: cpu computes in single precision" in caplog.text


def test_names():
    assert [short_name(full) for full in PROVIDERS.values()] == ["tensorrt", "cuda", "cpu"]
    assert short_name("CoreMLExecutionProvider") == "coreml"
    assert list(PROVIDERS) == ["tensorrt", "cuda", "cpu"], "best first"
