"""Which provider runs, and how loudly a fall-back is told."""

from __future__ import annotations

import logging

import onnxruntime
import pytest

from sim2sg_core.cores import usable_cores
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.runtime import Predictor
from sim2sg_core.runtime.providers import PROVIDERS, fell_back, open_session, short_name
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


@pytest.fixture
def gpu_build(monkeypatch, tmp_path):
    """An onnxruntime that is built for GPUs: returns what sessions are asked for, and the set of what works."""
    asked, works = [], set()
    create = onnxruntime.InferenceSession

    def open_fake(path, options=None, providers=(), **_):
        names = [name for name, _ in providers]
        asked.append((short_name(names[0]), dict(providers[0][1])))
        session = create(path, options, providers=["CPUExecutionProvider"])
        # As onnxruntime-gpu does where a library is missing: it takes the next that works, and raises nothing.
        session.get_providers = lambda: [
            name for name in names if short_name(name) in works or name == PROVIDERS["cpu"]
        ]
        return session

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: list(PROVIDERS.values()))
    monkeypatch.setattr(onnxruntime, "InferenceSession", open_fake)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return asked, works


def test_auto_takes_the_first_that_works_with_its_own_options(model, gpu_build, caplog):
    asked, works = gpu_build
    works |= {"cuda"}
    assert open_session(model)[1] == "cuda"
    assert [name for name, _ in asked] == ["tensorrt", "cuda"]
    assert asked[-1][1]["enable_cuda_graph"] == "1", "not the options of a stand-in for TensorRT"
    assert not caplog.records and not fell_back("auto", "cuda")
    works |= {"tensorrt"}
    assert open_session(model)[1] == "tensorrt"


def test_auto_without_a_folder_for_engines_takes_the_next(model, gpu_build, monkeypatch, tmp_path):
    _, works = gpu_build
    works |= {"tensorrt", "cuda"}
    file = tmp_path / "file"
    file.touch()
    assert open_session(model, cache=file)[1] == "cuda"
    with pytest.raises(Sim2SGError, match=r"file/.*no folder for TensorRT's engines \(Not a directory\)"):
        open_session(model, "tensorrt", cache=file)


def test_auto_on_the_cpu_of_a_build_for_gpus_is_a_warning(model, gpu_build, caplog):
    asked, _ = gpu_build
    assert open_session(model)[1] == "cpu"
    assert [name for name, _ in asked] == ["tensorrt", "cuda", "cpu"]
    [record] = caplog.records
    assert "tensorrt: onnxruntime took cpu instead; cuda: onnxruntime took cpu" in record.message
    assert fell_back("auto", "cpu") and not fell_back("cpu", "cpu") and fell_back("cuda", "cpu")
    with pytest.raises(Sim2SGError, match="provider tensorrt is required"):
        open_session(model, require_provider=True)


def test_auto_goes_on_after_an_error(model, gpu_build, monkeypatch, caplog):
    create = onnxruntime.InferenceSession

    def fail(path, options=None, providers=(), **more):
        if providers[0][0] != PROVIDERS["cpu"]:
            raise RuntimeError("CUDA failure 35: driver too old")
        return create(path, options, providers=providers, **more)

    monkeypatch.setattr(onnxruntime, "InferenceSession", fail)
    assert open_session(model)[1] == "cpu"
    assert "driver too old" in caplog.text


def test_auto_on_the_cpu_of_a_build_without_gpus_is_as_it_should_be(model, monkeypatch, caplog):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [PROVIDERS["cpu"]])
    assert open_session(model)[1] == "cpu"
    assert not caplog.records and not fell_back("auto", "cpu")


def test_names():
    assert [short_name(full) for full in PROVIDERS.values()] == ["tensorrt", "cuda", "cpu"]
    assert short_name("CoreMLExecutionProvider") == "coreml"
    assert list(PROVIDERS) == ["tensorrt", "cuda", "cpu"], "best first"
