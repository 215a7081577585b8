"""What the node's benchmarks compute, and that they start without ROS as far as one line that says so."""

import math
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
import node  # noqa: E402
import node_interrupts  # noqa: E402
import node_processes  # noqa: E402
import node_soak  # noqa: E402

MS = 1_000_000
STATUS = {
    "received": "9", "published": "8", "image_age p50 ms": "21.00", "total p50 ms": "18.50", "decode p50 ms": "0.50",
    "preprocess p50 ms": "0.25", "inference p50 ms": "16.00", "inference p99 ms": "17.00", "wait p50 ms": "0.10",
}  # fmt: skip


def test_the_figures_are_those_of_the_measured_images():
    sent = {"warm_up": [0, 1], "measured": [n * 100 * MS for n in range(1, 9)]}
    # A slow one from the warm-up, then seven of 22 to 28 ms, 20 ms of them in the node; the last image has none.
    graphs = [[1, 1 + 500 * MS, 400 * MS]]
    graphs += [[stamp, stamp + (22 + i) * MS, 20 * MS] for i, stamp in enumerate(sent["measured"][:7])]
    found = node.figures(sent, graphs, STATUS, cpu=70.0, overload=False)
    assert (found["sent"], found["received"], found["processed"], found["dropped"], found["graphs"]) == (10, 9, 8, 2, 8)
    assert found["cpu_ms_per_graph"] == 10
    assert found["total_p50_ms"] == 25 and found["transport_p50_ms"] == 5
    assert found["total_p99_ms"] == pytest.approx(27.94)
    assert found["transport_in_p50_ms"] == 2.5 and found["preprocess_p50_ms"] == 0.75
    assert found["overhead_p50_ms"] == 25 - 16
    # A stage that the node does not have is left out, not nought.
    assert "tracking_p50_ms" not in found and "preprocess_p99_ms" not in found
    assert not any(map(math.isnan, found.values()))
    overload = node.figures(sent, graphs, STATUS, cpu=70.0, overload=True)
    assert overload["age_p50_ms"] == 25 and overload["age_over_inference_p50"] == 25 / 16
    assert "total_p50_ms" not in overload


def test_no_graph_at_all_ends_the_benchmark():
    with pytest.raises(SystemExit, match="none of 1 images"):
        node.figures({"warm_up": [], "measured": [5]}, [[3, 4, 1]], STATUS, 1.0, overload=False)


@given(st.floats(-5, 5), st.floats(-100, 100), st.integers(2, 30))
def test_the_slope_of_a_line(slope, offset, count):
    samples = [(float(x), slope * x + offset) for x in range(count)]
    assert node_soak.slope(samples) == pytest.approx(slope, abs=1e-6)


def test_gaps_with_and_without_a_transition():
    arrivals = [0.0, 1.0, 4.0, 4.5, 10.0, 12.0]
    assert node_soak.gaps(arrivals, []) == (5.5, 0.0)
    assert node_soak.gaps(arrivals, [(5.0, 6.0)]) == (3.0, 5.5)
    assert node_soak.gaps(arrivals, [(3.9, 4.6)]) == (2.0, 5.5)
    assert node_soak.gaps([], [(0.0, 1.0)]) == (0.0, 0.0)


def test_what_counts_as_a_clean_end():
    def found(status, signal, complaint="", works=True):
        return {"status": status, "signal": signal, "complaint": complaint, "works": works, "end_s": 0.5}

    clean = [found(0, 2), found(130, 2), found(-2, 2), found(0, 15), found(143, 15)]
    crashes = [found(-11, 2), found(None, 2), found(-6, 15)]
    others = [found(1, 2), found(143, 2), found(0, 2, "Traceback"), found(-15, 2)]
    assert all(map(node_interrupts.is_clean, clean)) and not any(map(node_interrupts.is_clean, crashes + others))
    rows = node_interrupts.rows_of([*clean, *crashes, found(0, 2, works=False)])
    assert (rows["works"]["clean"]["mean"], rows["works"]["crashes"]["n"]) == (5 / 8, 8)
    assert rows["works"]["crashes"]["mean"] == 3 / 8 and rows["begins"]["clean"]["mean"] == 1
    assert "begins" not in node_interrupts.rows_of(clean)


def test_something_every_few_seconds():
    done = []
    task = node_soak.Repeat(2.0, lambda: done.append(now))
    for now in np.arange(0.0, 9.0, 0.5):
        task.run_when_due(float(now))
    assert done == [2, 4, 6, 8]


def test_cpu_and_memory_of_a_process():
    code = "import sys; hold = bytearray(b'x') * 2**26; print('begun', flush=True)\nwhile True: pass"
    with node_processes.Processes() as processes:
        process = processes.start("-c", code, env=dict(os.environ), stdout=subprocess.PIPE)
        node_processes.expect(process, "begun", "process")
        before, memory = node_processes.cpu_ms(process.pid), node_processes.resident_mib(process.pid)
        deadline = time.monotonic() + 120
        while (spent := node_processes.cpu_ms(process.pid) - before) < 50:
            assert time.monotonic() < deadline, "a busy process uses CPU time"
        assert spent < 125_000
        assert 64 < memory < 500
    assert process.poll() is not None, "it ends with the block"


def test_a_process_that_dies_is_told_of():
    with node_processes.Processes() as processes:
        process = processes.start("-c", "raise SystemExit(3)", env=dict(os.environ), stdout=subprocess.PIPE)
        with pytest.raises(SystemExit, match="the camera ended with status 3"):
            node_processes.expect(process, "done", "camera")


def test_the_profile_is_for_our_side_alone(monkeypatch):
    monkeypatch.delenv("FASTDDS_DEFAULT_PROFILES_FILE", raising=False)
    monkeypatch.delenv("RMW_IMPLEMENTATION", raising=False)
    ours, naive = (node_processes.environment(shared_memory=value) for value in (True, False))
    assert {name for name in ours if name.endswith("DEFAULT_PROFILES_FILE")}
    assert not {name for name in naive if name.endswith("DEFAULT_PROFILES_FILE")}
    assert ours["ROS_DOMAIN_ID"] == naive["ROS_DOMAIN_ID"]


@pytest.mark.parametrize("script", ["node.py", "node_soak.py", "node_interrupts.py"])
def test_a_missing_model_is_one_line(script, tmp_path):
    pytest.importorskip("rclpy", reason="rclpy is not installed")
    pytest.importorskip("sim2sg.msg", reason="the messages are not built")
    command = [sys.executable, str(BENCHMARKS / script), "--model", str(tmp_path / "none.onnx"), "--smoke"]
    command += ["--out", str(tmp_path)] if script == "node_interrupts.py" else []
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "none.onnx: no such file" in done.stderr


@pytest.mark.ros
def test_pictures_are_cut_to_the_aspect_and_their_calibration_with_them():
    pytest.importorskip("sensor_msgs.msg", reason="the ROS messages are not installed")
    import node_camera

    from sim2sg_core.scene import Camera

    image = np.zeros((320, 480, 3), np.uint8)
    image[100:110, 300:310] = (255, 0, 0)
    camera = Camera(480, 320, np.array([[525.0, 0, 240], [0, 525, 160], [0, 0, 1]]))
    for width, height in ((640, 480), (1280, 720), (480, 320)):
        small = node_camera.fitted(image, width, height)
        assert small.shape == (height, width, 3)
        rows, columns = np.nonzero(small[..., 2] > 128)  # BGR: red is last.
        K = np.array(node_camera.camera_info(camera, width, height).k).reshape(3, 3)
        # The ray through the middle of the patch is the same before and after.
        ray = (np.array([305, 105]) - camera.K[:2, 2]) / camera.K[[0, 1], [0, 1]]
        seen = (np.array([columns.mean(), rows.mean()]) + 0.5 - K[:2, 2]) / K[[0, 1], [0, 1]]
        np.testing.assert_allclose(seen, ray, atol=1.5 / K[0, 0])
    message = node_camera.message_of(small, "raw")
    assert (message.encoding, message.step) == ("bgr8", 3 * 480)
    assert len(node_camera.message_of(small, "jpeg").data) < len(message.data)
    assert node_camera.camera_info(None, 640, 480) is None
