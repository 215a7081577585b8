"""Videos as logs: frames with times, damaged ones in one line."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.logs import extract, open_log, open_logs, sample_frames, sampling
from sim2sg_core.logs.videos import VideoLog
from tests.logs.bag_writing import picture

CODECS = {".avi": "MJPG", ".mp4": "mp4v", ".mkv": "mp4v"}


def video(path: Path, count: int = 12, rate: float = 10.0) -> Path:
    made = path.with_name(f"made{path.suffix if path.suffix in CODECS else '.avi'}")
    writer = cv2.VideoWriter(str(made), cv2.VideoWriter_fourcc(*CODECS[made.suffix]), rate, (160, 120))
    for i in range(count):
        writer.write(np.full((120, 160, 3), (20, 40, 15 * i + 20), np.uint8))
    writer.release()
    made.rename(path)
    return path


@pytest.mark.parametrize("suffix", [".avi", ".mp4", ".mkv", ".data"])
def test_frames_with_times(tmp_path, suffix):
    log = open_log(video(tmp_path / f"drive{suffix}"))
    frames = list(log.frames())
    assert np.allclose([f.stamp / 1e9 for f in frames], np.arange(12) / 10, atol=2e-3)
    assert log.timed and log.duration() == pytest.approx(1.1) and log.topics()[0].count == 12
    for i, frame in enumerate(frames):
        image = frame.decode()
        assert image.shape == (120, 160, 3) and np.abs(image.mean(axis=(0, 1)) - (15 * i + 20, 40, 20)).max() < 8
        assert frame.thumbnail().shape == (15, 20)
    names = [frame.name for frame in frames]
    assert names[0] == "drive_00000000000000.jpg" and sorted(set(names)) == names
    assert log.camera() is None and log.extrinsics() is None


def test_frames_are_sampled_read_again_and_extracted(tmp_path):
    log = pickle.loads(pickle.dumps(open_log(video(tmp_path / "drive.mp4"))))
    assert [round(f.stamp / 1e8) for f in sample_frames(log, min_interval_s=0.35)] == [0, 4, 8]
    late = list(log.frames())[9]
    assert late.detach().size == 0 and np.array_equal(late.detach().decode(), late.decode())
    records = extract(log.frames(), tmp_path / "out")
    again = open_log(tmp_path / "out")
    assert [f.stamp for f in again.frames()] == [r["stamp"] for r in records] and again.timed


def test_a_list_of_frames_does_not_decode_the_video_for_each(tmp_path, monkeypatch):
    log = open_log(video(tmp_path / "drive.mp4"))
    whole = [frame.decode() for frame in log.frames()]
    monkeypatch.setattr(sampling, "HELD_BYTES", 0)
    frames = sample_frames(log)
    assert all(0 < frame.size < image.nbytes for frame, image in zip(frames, whole, strict=True))
    passes, decode = [], VideoLog._images
    monkeypatch.setattr(VideoLog, "_images", lambda self, first=0: (passes.append(first), decode(self, first))[1])
    for frame, image in zip(frames, whole, strict=True):
        np.testing.assert_array_equal(frame.decode(), image)
        assert frame.why and not passes
    monkeypatch.setattr(sampling, "PACKED_BYTES", 0)
    last = sample_frames(log)[-1]
    assert last.size == 0
    np.testing.assert_array_equal(last.decode(), whole[-1])


def test_a_folder_of_videos(tmp_path):
    video(tmp_path / "b.avi"), video(tmp_path / "a.mp4")
    assert [log.name for log in open_logs(tmp_path)] == ["a", "b"]


def test_images_beside_a_video_are_read_and_it_is_said(tmp_path, caplog):
    cv2.imwrite(str(tmp_path / "1.png"), picture())
    video(tmp_path / "b.avi")
    assert open_log(tmp_path).topics()[0].type == "image files" and "1 videos are left out" in caplog.text


def test_names_that_are_not_utf8(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/v\xff.avi"))
    video(tmp_path / "v.avi").rename(path)
    frames = list(open_log(path).frames())
    assert len(frames) == 12 and frames[3].decode().shape == (120, 160, 3) and frames[0].name.isprintable()


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
@pytest.mark.parametrize("content", [b"", b"no video" * 50, None])
def test_what_is_no_whole_video_is_one_line(tmp_path, caplog, suffix, content):
    path = video(tmp_path / f"v{suffix}", 40)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if content is None else content)
    try:
        assert 0 < len(list(open_log(path).frames())) < 40, "of a cut AVI what is whole is read"
        assert "of 40 frames could be read" in caplog.text or suffix == ".avi"
    except Sim2SGError as error:
        fixes = ("ffmpeg -i", "untrunc")
        assert any(fix in str(error) for fix in fixes) and "\n" not in str(error)


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_a_recording_that_was_cut_off_is_told_from_a_damaged_one(tmp_path, suffix):
    path = video(tmp_path / "made.mp4", 40).rename(tmp_path / f"v{suffix}")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Sim2SGError, match="its index is missing: the recording was cut off; untrunc can repair it"):
        open_log(path)
    path.write_bytes(whole.replace(b"avc1", b"none").replace(b"mp4v", b"none").replace(b"trak", b"none"))
    with pytest.raises(Sim2SGError, match="damaged, cut off, or of a codec that OpenCV lacks"):
        open_log(path)


def test_a_video_has_no_topics_and_no_messages(tmp_path):
    log = open_log(video(tmp_path / "v.avi"))
    with pytest.raises(Sim2SGError, match="a video has none"):
        log.image_topic("/camera")
    with pytest.raises(Sim2SGError, match="no ROS messages"):
        list(log.messages())
