"""The log's frames and where their camera comes from."""

import json

import cv2
import numpy as np
import pytest

from sim2sg_core.adaptation.adapt_config import AdaptConfig
from sim2sg_core.adaptation.log_frames import collect_frames, read_frames
from sim2sg_core.adaptation.run_folder import Run
from sim2sg_core.domains import load_domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.lifting.extrinsics import extrinsics_of_ground
from sim2sg_core.model import ModelConfig

CLEVR = load_domain("clevr")


@pytest.fixture
def log(tmp_path):
    folder = tmp_path / "log"
    folder.mkdir()
    for i in range(5):
        cv2.imwrite(str(folder / f"{i}.png"), np.full((32, 48, 3), 40 * i, np.uint8))
    return folder


def collect(log, folder, **settings):
    return collect_frames(AdaptConfig(logs=(str(log),), **settings), CLEVR, Run(folder))


def test_without_calibration_the_lens_is_guessed_and_extrinsics_left_open(log, tmp_path):
    frames, intrinsics, extrinsics = collect(log, tmp_path / "run")
    assert len(frames) == 5 and intrinsics == "prior of the domain" and extrinsics == ""
    assert frames[0].camera.ground is None and frames[0].image().shape == (32, 48, 3)
    fov = 2 * np.degrees(np.arctan(24 / frames[0].camera.K[0, 0]))
    assert CLEVR.camera.hfov_deg[0] <= fov <= CLEVR.camera.hfov_deg[1]


def test_options_give_the_extrinsics(log, tmp_path):
    frames, _, extrinsics = collect(log, tmp_path / "run", camera_height=5.0, camera_pitch=0.4)
    assert extrinsics == "options"
    assert extrinsics_of_ground(frames[0].camera.ground) == pytest.approx([5.0, 0.4, 0.0])


@pytest.mark.parametrize("known", [{"camera_height": 5.0}, {"camera_pitch": 0.4}, {"camera_roll": 0.1}])
def test_extrinsics_that_are_given_in_part_leave_the_others_open(log, tmp_path, known):
    frames, _, extrinsics = collect(log, tmp_path / "run", **known)
    assert extrinsics == "options, the others estimated from the log" and frames[0].camera.ground is None


def test_a_calibration_file_gives_the_lens(log, tmp_path):
    file = tmp_path / "camera.yaml"
    matrix = {"rows": 3, "cols": 3, "data": [100, 0, 48, 0, 100, 32, 0, 0, 1]}
    file.write_text(json.dumps({"image_width": 96, "image_height": 64, "camera_matrix": matrix}))
    frames, intrinsics, _ = collect(log, tmp_path / "run", camera_file=str(file))
    assert intrinsics == "calibration file" and frames[0].camera.K[0, 0] == pytest.approx(50)


def test_a_camera_on_its_side_is_turned_upright_with_its_calibration(log, tmp_path):
    file = tmp_path / "camera.yaml"
    matrix = {"rows": 3, "cols": 3, "data": [100, 0, 40, 0, 110, 30, 0, 0, 1]}
    file.write_text(json.dumps({"image_width": 96, "image_height": 64, "camera_matrix": matrix}))
    settings = {"camera_file": str(file), "rotate": 90, "camera_height": 5.0, "camera_pitch": 0.4}
    frames, _, _ = collect(log, tmp_path / "run", **settings)
    camera = frames[0].camera
    assert frames[0].image().shape == (48, 32, 3) and (camera.width, camera.height, camera.rotate) == (32, 48, 0)
    # What was down is left: x is 64 - y, y is x.
    assert np.allclose(camera.K, [[55, 0, 17], [0, 50, 20], [0, 0, 1]])
    assert extrinsics_of_ground(camera.ground) == pytest.approx([5.0, 0.4, 0.0])
    with pytest.raises(Sim2SGError, match="--rotate is 45: one of 0, 90, 180, 270"):
        AdaptConfig(logs=(str(log),), rotate=45).resolved(CLEVR)


def test_frames_are_sampled_once_and_then_kept(log, tmp_path):
    first, _, _ = collect(log, tmp_path / "run", frames=3)
    assert len(first) == 3
    for file in log.iterdir():
        file.unlink()
    again, _, _ = collect(log, tmp_path / "run", frames=3)
    assert [f.file for f in again] == [f.file for f in first]


def test_near_duplicates_are_dropped_and_the_list_says_why_a_frame_is_in_it(log, tmp_path):
    all_of_them, _, _ = collect(log, tmp_path / "all")
    frames, _, _ = collect(log, tmp_path / "run", distinct=8)  # they differ in nothing but light
    assert len(all_of_them) == 5 and [frame.file for frame in frames] == ["0.jpg"]
    [entry] = json.loads((tmp_path / "run/frames/frames.json").read_text())["frames"]
    assert (entry["log"], entry["why"]) == ("log", "first")


@pytest.mark.parametrize("file", ["frames.json", "0.jpg"])
def test_a_damaged_frame_or_list_is_named_and_sampled_anew(log, tmp_path, capsys, file):
    collect(log, tmp_path / "run")
    path = tmp_path / "run/frames" / file
    if not path.exists():
        path = next((tmp_path / "run/frames").glob("*.jpg"))
    whole = path.read_bytes()
    for code in (whole[: len(whole) // 2], b"[]", b""):
        path.write_bytes(code)
        capsys.readouterr()
        collect(log, tmp_path / "run")
        assert path.read_bytes() == whole
        assert f"{path}: is not as it was when it was finished" in capsys.readouterr().err


def test_two_logs_with_the_same_names_keep_all_their_frames(log, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    cv2.imwrite(str(other / "0.png"), np.zeros((32, 48, 3), np.uint8))
    config = AdaptConfig(logs=(str(log), str(other)))
    frames, _, _ = collect_frames(config, CLEVR, Run(tmp_path / "run"))
    assert len({f.file for f in frames}) == len(frames) == 6
    assert all(f.path.exists() for f in frames)


def test_an_empty_log_says_so(tmp_path):
    (tmp_path / "log").mkdir()
    with pytest.raises(Sim2SGError):
        collect(tmp_path / "log", tmp_path / "run")


@pytest.mark.parametrize(("width", "height"), [(48, 32), (32, 48), (96, 32)])
def test_without_calibration_the_lens_is_the_one_that_networks_presume(tmp_path, width, height):
    (tmp_path / "log").mkdir()
    cv2.imwrite(str(tmp_path / "log" / "0.png"), np.zeros((height, width, 3), np.uint8))
    wide = CLEVR.camera.model_copy(update={"hfov_deg": (40.0, 80.0)})
    domain = CLEVR.model_copy(update={"camera": wide})
    frames, _, _ = collect_frames(AdaptConfig(logs=(str(tmp_path / "log"),)), domain, Run(tmp_path / "run"))
    network = ModelConfig.from_domain(domain)
    scale = min(network.width / width, network.height / height)
    np.testing.assert_allclose(
        frames[0].camera.K, [[network.focal / scale, 0, width / 2], [0, network.focal / scale, height / 2], [0, 0, 1]]
    )


def test_the_list_says_where_the_camera_is_from(log, tmp_path):
    collect(log, tmp_path / "run", camera_height=5.0, camera_pitch=0.4)
    assert read_frames(tmp_path / "run/frames/frames.json")[1:] == ("prior of the domain", "options")


def test_an_interval_of_ones_own_needs_times(log, tmp_path):
    assert len(collect(log, tmp_path / "default")[0]) == 5, "the default counts for nothing where there are no times"
    with pytest.raises(Sim2SGError, match=r"contain no times.*--every"):
        collect(log, tmp_path / "frames", min_interval=0.5)


def test_damaged_frames_are_left_out(log, tmp_path, caplog):
    (log / "2.png").write_bytes((log / "2.png").read_bytes()[:60])
    frames, _, _ = collect(log, tmp_path / "frames")
    assert [f.file for f in frames] == ["0.jpg", "1.jpg", "3.jpg", "4.jpg"]
    assert "1 of 5 frames are damaged" in caplog.text and "2.png" in caplog.text
    with pytest.raises(Sim2SGError, match=r"2\.png"):
        collect(log, tmp_path / "strict", strict=True)


def test_frames_that_are_too_small_are_left_out(log, tmp_path, caplog):
    cv2.imwrite(str(log / "2.png"), np.zeros((3, 40, 3), np.uint8))
    frames, _, _ = collect(log, tmp_path / "frames")
    assert [f.file for f in frames] == ["0.jpg", "1.jpg", "3.jpg", "4.jpg"]
    assert "40x3 is too small, less than 16 on a side" in caplog.text


def test_dark_frames_are_flagged(log, tmp_path):
    frames, _, _ = collect(log, tmp_path / "frames")
    assert [f.flags for f in frames] == [("dark",), (), (), (), ()]
    assert [f.flags for f in read_frames(tmp_path / "frames/frames/frames.json")[0]] == [f.flags for f in frames]


def test_a_video_is_a_log(tmp_path):
    path = tmp_path / "drive.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (48, 32))
    for i in range(10):
        writer.write(np.full((32, 48, 3), 20 * i, np.uint8))
    writer.release()
    frames, _, _ = collect(path, tmp_path / "frames", min_interval=0.3)
    assert [round(f.stamp / 1e8) for f in frames] == [0, 3, 6, 9]
