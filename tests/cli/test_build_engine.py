"""`sim2sg build-engine`, on machines with TensorRT and without."""

from __future__ import annotations

import argparse
import subprocess
import sys

import onnxruntime
import pytest

from sim2sg_core.cli import build_engine
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.runtime.engines import engine_folder
from sim2sg_core.runtime.providers import PROVIDERS
from tests.runtime.constant_model import empty_outputs, write_model

HAS_TENSORRT = PROVIDERS["tensorrt"] in onnxruntime.get_available_providers()


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path / "model.onnx", empty_outputs(2, 1))


def run(*arguments: object) -> int:
    parser = argparse.ArgumentParser()
    build_engine.add_arguments(parser)
    return build_engine.run(parser.parse_args([str(a) for a in arguments]))


@pytest.mark.skipif(HAS_TENSORRT, reason="this onnxruntime has TensorRT")
def test_without_tensorrt_it_says_what_to_install(model, tmp_path):
    with pytest.raises(Sim2SGError, match=r"no provider tensorrt.*pip install 'sim2sg\[gpu\]'"):
        run("--model", model, "--cache", tmp_path / "cache")


def test_a_model_that_is_not_ours_is_refused(tmp_path):
    (tmp_path / "other.onnx").write_bytes(b"not ONNX")
    for extra in ([], ["--check"]):
        with pytest.raises(Sim2SGError, match="not an ONNX model"):
            run("--model", tmp_path / "other.onnx", *extra)


def test_check_tells_by_words_and_exit_code(model, tmp_path, capsys):
    cache = tmp_path / "cache"
    assert run("--model", model, "--cache", cache, "--check") == 1
    folder = engine_folder(model, cache)
    assert capsys.readouterr().out == f"no fitting engine in {folder}\n"
    assert not cache.exists(), "a check leaves no trace"
    folder.mkdir(parents=True)
    (folder / "graph_sm90.engine").write_bytes(bytes(1_500_000))
    assert run("--model", model, "--cache", cache, "--check") == 0
    assert capsys.readouterr().out == f"{folder / 'graph_sm90.engine'}: fits, 1.5 MB\n"
    assert run("--model", model, "--cache", cache, "--check", "--fp16") == 1


def test_the_module_is_light():
    code = (
        "import sys, sim2sg_core.cli.build_engine\n"
        "assert not {'onnxruntime', 'torch', 'numpy', 'cv2'} & set(sys.modules), 'heavy'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.gpu
@pytest.mark.skipif(not HAS_TENSORRT, reason="onnxruntime without TensorRT: install sim2sg[gpu]")
def test_a_built_engine_is_found_and_used_again(model, tmp_path, capsys):
    cache = tmp_path / "cache"
    assert run("--model", model, "--cache", cache) == 0
    assert "built and loaded in" in capsys.readouterr().out
    assert run("--model", model, "--cache", cache, "--check") == 0
    assert run("--model", model, "--cache", cache) == 0
    assert "was there; loaded in" in capsys.readouterr().out
