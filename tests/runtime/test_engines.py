"""Where TensorRT engines are kept, and what happens where none can be built."""

from __future__ import annotations

import os

import onnxruntime
import pytest

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.runtime import engines
from sim2sg_core.runtime.engine_build import build_engine
from sim2sg_core.runtime.engines import default_cache, engine_folder, find_engine
from sim2sg_core.runtime.providers import PROVIDERS
from tests.runtime.constant_model import empty_outputs

HAS_TENSORRT = PROVIDERS["tensorrt"] in onnxruntime.get_available_providers()


def test_the_folder_depends_on_the_model_and_the_precision_alone(make_model, tmp_path):
    model, other = make_model(empty_outputs(2, 1)), make_model(empty_outputs(3, 1), "other.onnx")
    folders = {engine_folder(path, tmp_path, fp16) for path in (model, other) for fp16 in (False, True)}
    assert len(folders) == 4 and {folder.parent for folder in folders} == {tmp_path}
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(model.read_bytes())
    assert engine_folder(copy, tmp_path) == engine_folder(model, tmp_path)


def test_a_driver_that_does_not_answer_is_one_line(make_model, tmp_path, monkeypatch):
    tool = tmp_path / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\nexec sleep 60\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent), prepend=os.pathsep)
    monkeypatch.setattr(engines, "ANSWER_S", 0.2)
    with pytest.raises(Sim2SGError, match=r"nvidia-smi does not answer within 0\.2 s: .*--provider cpu"):
        engine_folder(make_model(empty_outputs(2, 1)), tmp_path)


def test_the_default_cache_follows_the_users_choice(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "sim2sg" / "tensorrt"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert default_cache() == tmp_path / "home" / ".cache" / "sim2sg" / "tensorrt"


def test_an_engine_is_found_where_it_fits_and_not_when_it_is_empty(make_model, tmp_path):
    model = make_model(empty_outputs(2, 1))
    assert find_engine(model, tmp_path) == []
    folder = engine_folder(model, tmp_path)
    folder.mkdir()
    (folder / "part.engine").touch()  # a build that was cut off
    (folder / "part.timing").write_bytes(b"x")
    assert find_engine(model, tmp_path) == []
    (folder / "part.engine").write_bytes(b"x")
    assert find_engine(model, tmp_path) == [folder / "part.engine"]
    assert find_engine(model, tmp_path, fp16=True) == [], "an engine of another precision"
    changed = make_model(empty_outputs(2, 1), "changed.onnx", model_id="another")
    assert find_engine(changed, tmp_path) == [], "an engine of another model"


@pytest.mark.skipif(HAS_TENSORRT, reason="this onnxruntime has TensorRT")
def test_without_tensorrt_nothing_is_built(make_model, tmp_path):
    with pytest.raises(Sim2SGError, match=r"no provider tensorrt.*sim2sg\[gpu\]"):
        build_engine(make_model(empty_outputs(2, 1)), tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
