"""What models say about themselves, and files that are no models of ours."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import onnx
import pytest

from sim2sg_core.domains import load_domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.runtime import Predictor, load_info
from sim2sg_core.scene import Camera
from tests.runtime.constant_model import FOCAL_REF, HEIGHT, WIDTH, empty_outputs

CAMERA = Camera.from_extrinsics(640, 480, np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]), 1.5, 0.2)
CAMERA_JSON = json.dumps({"width": 640, "height": 480, **CAMERA.to_json()})
DOMAIN_WITH_AN_UNKNOWN_KEY = json.dumps({**load_domain("clevr").to_json(), "weather": "rain"})


def test_all_is_read(make_model):
    info = load_info(make_model(empty_outputs(7, 3), camera=CAMERA_JSON))
    domain = load_domain("clevr")
    assert (info.model_id, info.domain) == ("constants", domain)
    assert info.classes == domain.class_names and info.predicates == domain.predicate_names
    assert info.rules == domain.rules()
    assert info.related.tolist() == info.grounded.tolist() == [True] * 3 and info.surfaces == ((1.0,),) * 3
    assert (info.width, info.height, info.max_objects, info.focal_ref) == (WIDTH, HEIGHT, 7, FOCAL_REF)
    assert info.calibrated is True and info.provider == ""
    assert (info.quantized, info.weight_bits) == ("", 32)
    np.testing.assert_allclose(info.camera.K, CAMERA.K)
    np.testing.assert_allclose(info.camera.ground, CAMERA.ground)


@pytest.mark.parametrize(("written", "read"), [("7", 7), ("8", 8), (None, 8)])
def test_bits_of_quantised_weights(make_model, written, read):
    """A model that does not say may have 8."""
    info = load_info(make_model(empty_outputs(2, 1), quantized="int8", weight_bits=written))
    assert (info.quantized, info.weight_bits) == ("int8", read)


def test_the_training_camera_fits_its_aspect_ratio_alone(make_model):
    info = load_info(make_model(empty_outputs(2, 1), camera=CAMERA_JSON))
    half = info.camera_for(320, 240)
    np.testing.assert_allclose(half.K, [[250, 0, 160], [0, 250, 120], [0, 0, 1]])
    assert info.camera_for(640, 486) is not None, "within 2 %"
    assert info.camera_for(640, 360) is None
    assert load_info(make_model(empty_outputs(2, 1))).camera_for(640, 480) is None


def refuse(path, reason):
    for use in (load_info, Predictor):
        with pytest.raises(Sim2SGError, match=reason) as caught:
            use(path)
        assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_missing_files_folders_and_checkpoints(tmp_path):
    refuse(tmp_path / "none.onnx", "no such file")
    refuse(tmp_path, "a folder")
    (tmp_path / "c.pt").write_bytes(b"x")
    refuse(tmp_path / "c.pt", "sim2sg export")


@pytest.mark.parametrize("content", [b"", b"hello" * 50])
def test_what_is_not_onnx(tmp_path, content):
    (tmp_path / "m.onnx").write_bytes(content)
    refuse(tmp_path / "m.onnx", r"not an ONNX model|not one of sim2sg")


def test_half_a_model(make_model):
    path = make_model(empty_outputs(5, 3))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refuse(path, "not an ONNX model")


def test_an_onnx_of_somebody_else(make_model):
    refuse(make_model(empty_outputs(2, 1), sim2sg_format=None), "not one of sim2sg")


def test_a_newer_format(make_model):
    refuse(make_model(empty_outputs(2, 1), sim2sg_format="2"), "model format 2, .*reads format 1.*upgrade")


@pytest.mark.parametrize(
    "change",
    [
        {"classes": None},
        {"classes": '["cube"]'},
        {"predicates": "5"},
        {"domain": None},
        {"domain": "{"},
        {"domain": "{}"},
        {"domain": "[]"},
        {"domain": DOMAIN_WITH_AN_UNKNOWN_KEY},
        {"input_width": "wide"},
        {"camera": "[1]"},
        {"weight_bits": "8"},
        {"quantized": "int8", "weight_bits": "seven"},
        {"quantized": "int8", "weight_bits": "4"},
        {"quantized": "int8", "weight_bits": "32"},
        {"input_width": "1000000000"},
        {"input_width": "64", "input_height": "32"},
        {"input_width": "-5"},
        {"input_width": "٣"},
        {"max_objects": "999999999999"},
        {"max_objects": "1"},
        {"principal": "[1]"},
        {"principal": '["1", 2]'},
        {"principal": "[1e9, 2]"},
        {"principal": "[NaN, 2]"},
        {"focal_ref": "nan"},
        {"focal_ref": "0"},
        {"focal_ref": "inf"},
        {"classes": '"abc"'},
        {"classes": "[[1], 2, null]"},
        {"predicates": "[]"},
        {"domain": "[" * 100_000 + "]" * 100_000},
        {"domain": json.dumps({**load_domain("clevr").to_json(), "predicates": [1, 2]})},
        {"domain": json.dumps({**load_domain("clevr").to_json(), "classes": [1]})},
        {"camera": '{"width": 1e999, "height": 3, "K": [[1,0,0],[0,1,0],[0,0,1]]}'},
        {"camera": '{"width": 0, "height": 0, "K": [[1,0,0],[0,1,0],[0,0,1]]}'},
        {"camera": '{"width": 9, "height": 9, "K": [[NaN,0,0],[0,NaN,0],[0,0,1]]}'},
        {"camera": '{"width": 9, "height": 9, "K": [[1,0,0],[0,1,0],[0,0,1]], "ground": [0,0,0,1]}'},
        {"camera": json.dumps({**json.loads(CAMERA_JSON), "distortion": [1] * 40})},
        {"camera": json.dumps({**json.loads(CAMERA_JSON), "distortion": [1], "distortion_model": "x"})},
        {"model_id": "\x1b[31mred"},
        {"model_id": "two\nlines"},
        {"model_id": ""},
        {"model_id": "x" * 201},
        {"relations": "zzz"},
    ],
)
def test_damaged_metadata(make_model, change):
    refuse(make_model(empty_outputs(2, 1, len(load_domain("clevr").predicates)), **change), "metadata is damaged")


def test_a_missing_output(make_model):
    outputs = empty_outputs(2, 1)
    del outputs["alphas"], outputs["pairs"]
    refuse(make_model(outputs), "lacks alphas, pairs")


def test_a_model_without_its_weights_file(make_model):
    path = make_model(empty_outputs(9, 9))
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    path.with_name("weights.bin").unlink()
    refuse(path, "not an ONNX model")


def test_without_onnxruntime_the_extras_are_named(make_model):
    """An interpreter that cannot import onnxruntime: importing works, loading says what to install."""
    program = (
        "import sys; sys.modules['onnxruntime'] = None\n"
        "from sim2sg_core.errors import Sim2SGError\n"
        "from sim2sg_core.runtime import Predictor\n"
        "try:\n    Predictor(sys.argv[1])\nexcept Sim2SGError as error:\n    print(error)\n"
    )
    path = make_model(empty_outputs(2, 1))
    result = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
    assert "sim2sg[cpu]" in result.stdout and "sim2sg[gpu]" in result.stdout


def test_the_runtime_needs_neither_torch_nor_ros(make_model):
    program = (
        "import sys\nfor name in ('torch', 'rclpy', 'onnx'): sys.modules[name] = None\n"
        "import numpy as np\nfrom sim2sg_core.runtime import Predictor\n"
        "print(len(Predictor(sys.argv[1]).predict(np.zeros((48, 64, 3), np.uint8)).objects))\n"
    )
    path = make_model(empty_outputs(2, 1))
    result = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
    assert result.stdout == "0\n"


def test_a_model_of_before_the_principal_point_was_written_has_that_of_its_domain(make_model):
    info = load_info(make_model(empty_outputs(7, 3), principal=None))
    assert info.principal == load_domain("clevr").principal(WIDTH, HEIGHT) == pytest.approx((160.0, 320 / 3))
    assert load_info(make_model(empty_outputs(7, 3), "other.onnx")).principal == (160.0, 120.0)
