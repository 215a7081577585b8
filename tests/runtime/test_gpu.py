"""On an NVIDIA GPU: the same graphs as on the CPU, how fast, and with how much memory (shown with `pytest -rP`)."""

from __future__ import annotations

import os
import subprocess
import time

import numpy as np
import onnxruntime
import pytest

from sim2sg_core.domains import load_domain
from sim2sg_core.runtime import DecodeOptions, Predictor
from sim2sg_core.runtime.engine_build import build_engine
from sim2sg_core.runtime.engines import find_engine
from sim2sg_core.runtime.metadata import OUTPUTS
from sim2sg_core.runtime.providers import PROVIDERS, has_cuda_graph, open_session
from sim2sg_core.runtime.session import Runner, is_fixed

torch = pytest.importorskip("torch", reason="exporting needs the [train] extra")

AVAILABLE = [name for name, full in PROVIDERS.items() if full in onnxruntime.get_available_providers()]
# Of boxes in pixels of the input and of scores. CUDA computes convolutions in TF32, TensorRT reorders sums;
# half precision has 11 bits.
TOLERANCES = {"cuda": (0.5, 0.01), "tensorrt": (0.5, 0.01), "fp16": (2.0, 0.05)}


def needs(provider: str) -> pytest.MarkDecorator:
    reason = f"onnxruntime without {provider}: install sim2sg[gpu]"
    return pytest.mark.skipif(provider not in AVAILABLE, reason=reason)


pytestmark = pytest.mark.gpu
PROVIDER = [pytest.param(name, marks=needs(name)) for name in ("cuda", "tensorrt")]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The real network with chance weights, of a real input size."""
    from sim2sg_core.model import build_network, export_onnx

    torch.manual_seed(0)
    domain = load_domain("clevr")
    network = build_network(domain, backbone="small", pretrained=False, width=320, height=224).eval()
    with torch.no_grad():  # scores of all sizes, as a trained network has
        network.heads.heat[-1].weight.normal_(std=0.1)
        network.heads.heat[-1].bias.zero_()
    path = tmp_path_factory.mktemp("gpu") / "model.onnx"
    export_onnx(network, domain, path, model_id="random")
    return path


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("engines")


def images(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, 224, 320, 3), dtype=np.uint8)


def compare(one: list[np.ndarray], other: list[np.ndarray], tolerance: tuple[float, float]) -> None:
    """Nearly every object has a partner; objects of nearly equal scores may come in another order, or not at all."""
    first, second = (dict(zip(OUTPUTS, values)) for values in (one, other))
    np.testing.assert_allclose(first["scores"], second["scores"], atol=tolerance[1])
    boxes = np.abs(first["boxes"][:, :, None] - second["boxes"][:, None]).max(axis=-1) <= tolerance[0]
    scores = np.abs(first["scores"][:, :, None] - second["scores"][:, None]) <= tolerance[1]
    classes = first["classes"][:, :, None] == second["classes"][:, None]
    paired = (boxes & scores & classes).any(axis=2)
    print(f"{paired.sum()} of {paired.size} objects have the same class, score and box")
    assert paired.mean() >= 0.9


def memory() -> str:
    """What this process holds on the GPU, by nvidia-smi."""
    query = ["nvidia-smi", "--query-compute-apps=pid,used_memory", "--format=csv,noheader"]
    lines = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False).stdout.splitlines()
    mine = [line.split(",")[1].strip() for line in lines if line.split(",")[0].strip() == str(os.getpid())]
    return mine[0] if mine else "unknown (not shown inside this container)"


@pytest.mark.parametrize("provider", PROVIDER)
def test_the_same_outputs_as_on_the_cpu(model, cache, provider):
    cpu = Runner(open_session(model, "cpu")[0])
    session, running = open_session(model, provider, require_provider=True, cache=cache)
    assert running == provider and is_fixed(session)
    batch = images(3)
    compare(cpu(batch), Runner(session, running)(batch), TOLERANCES[provider])


@needs("tensorrt")
def test_half_precision_is_close(model, cache):
    cpu = Runner(open_session(model, "cpu")[0])
    session, running = open_session(model, "tensorrt", require_provider=True, cache=cache, fp16=True)
    compare(cpu(images(3)), Runner(session, running)(images(3)), TOLERANCES["fp16"])


@needs("cuda")
def test_a_cuda_graph_computes_what_its_kernels_do(model):
    captured, _ = open_session(model, "cuda", require_provider=True)
    assert has_cuda_graph(captured)
    plain = onnxruntime.InferenceSession(str(model), providers=["CUDAExecutionProvider"])
    runner, reference = Runner(captured, "cuda"), Runner(plain, "cuda")
    for _ in range(3):  # the first runs capture, the others replay
        for image in images(4)[:, None]:
            compare(reference(image), runner(image), TOLERANCES["cuda"])


@needs("tensorrt")
def test_an_engine_is_built_once(model, tmp_path):
    first = build_engine(model, tmp_path)
    assert first.new and find_engine(model, tmp_path) and first.size > 0
    again = build_engine(model, tmp_path)
    assert not again.new and again.folder == first.folder
    print(f"built in {first.seconds:.1f} s, loaded in {again.seconds:.1f} s, {first.size / 1e6:.1f} MB")
    assert again.seconds < first.seconds


@pytest.mark.parametrize("provider", PROVIDER)
def test_latency_and_memory(model, cache, provider):
    predictor = Predictor(model, provider, True, cache=cache)
    predictor.warm_up(5)
    image = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    stages = []
    for _ in range(100):
        started = time.perf_counter()
        predictor.predict(image, options=DecodeOptions(0.3))
        stages.append(((time.perf_counter() - started) * 1e3, predictor.last_timing.inference_ms))
    total, inference = np.percentile(stages, 50, axis=0)
    print(f"{provider}: p50 {total:.2f} ms of which inference {inference:.2f} ms; memory {memory()}")
    cpu = Predictor(model, "cpu")
    cpu.warm_up(3)
    assert inference < cpu.last_timing.inference_ms
