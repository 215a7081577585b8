"""Which files make a bag: split recordings, metadata.yaml, compressed files, and what is missing."""

from __future__ import annotations

import contextlib
import re
import shutil

import numpy as np
import pytest
import yaml
from rosbags import rosbag2
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.logs import open_log, open_logs
from tests.logs.bag_writing import T0, BagBuilder, bag, picture

TOPIC = "/cam/image_raw/compressed"
HALF = (-0.5, 0.5, -0.5, 0.5)
SUFFIX = {"mcap": ".mcap", "sqlite3": ".db3", "ros1": ".bag"}


def split(folder, form, count=3, prefix="drive"):
    """Writes parts of two frames each, of which only the first knows where the camera is."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in range(count):
        target = folder / f"{prefix}_{part}{SUFFIX[form]}"
        made = target if form == "ros1" else folder / "made"
        with bag(made, form) as b:
            if part == 0:
                b.transforms([("base_footprint", "cam", (0, 0, 1.5), HALF)])
            for i in (2 * part, 2 * part + 1):
                b.compressed(TOPIC, picture(i), T0 + i * 10**8)
        if form != "ros1":
            next(made.glob(f"*{SUFFIX[form]}")).rename(target)
            shutil.rmtree(made)
    return folder


@pytest.mark.parametrize("count", [2, 11])
def test_split_bags_without_metadata_are_one_log(tmp_path, form, count):
    folder = split(tmp_path / "d", form, count)
    [log] = open_logs(folder)
    assert log.name == "drive" and log.path == folder
    assert [f.stamp for f in log.frames()] == [T0 + i * 10**8 for i in range(2 * count)], "part 10 behind part 9"
    assert log.extrinsics() == pytest.approx((1.5, 0, 0), abs=1e-9)
    assert log.topics()[0].count == 2 * count and log.duration() == pytest.approx((2 * count - 1) / 10)
    [together] = open_logs(sorted(folder.iterdir()))
    assert len(list(together.frames())) == 2 * count, "the same from the shell's *"
    frames = [f.detach() for f in log.frames()]
    assert np.abs(frames[-1].decode().astype(int) - picture(2 * count - 1)).mean() < 3


@pytest.mark.parametrize("prefix", ["run_", ""])
def test_parts_whose_names_hold_the_times_of_the_splits_are_one_log(tmp_path, prefix):
    folder = split(tmp_path / "d", "ros1", 3)
    (folder / "drive_0.bag").rename(folder / f"{prefix}2024-03-01-10-00-00_0.bag")
    (folder / "drive_1.bag").rename(folder / f"{prefix}2024-03-01-10-05-00_1.bag")
    (folder / "drive_2.bag").rename(folder / f"{prefix}2024-03-01-10-10-00_2.bag.active")
    [log] = open_logs(folder)
    assert [f.stamp for f in log.frames()] == [T0 + i * 10**8 for i in range(6)]
    assert log.name == f"{prefix}2024-03-01-10-00-00" and log.path == folder
    assert log.extrinsics() == pytest.approx((1.5, 0, 0), abs=1e-9), "of the first part"
    for number, name in enumerate(("2024-03-02-09-00-00_0", "2024-03-02-09-05-00_1")):
        shutil.copy(next(folder.glob(f"*_{number}.bag")), folder / f"{prefix}{name}.bag")
    assert [len(list(log.frames())) for log in open_logs(folder)] == [6, 4], "another recording is another log"


def test_recordings_that_are_no_parts_stay_apart(tmp_path):
    split(tmp_path, "mcap", 2, "a"), split(tmp_path, "mcap", 2, "b")
    shutil.copy(tmp_path / "a_0.mcap", tmp_path / "c_7.mcap")
    shutil.copy(tmp_path / "a_0.mcap", tmp_path / "single.mcap")
    assert [log.name for log in open_logs(tmp_path)] == ["a", "b", "c_7", "single"]


def test_an_empty_part_is_left_out_and_told(tmp_path, caplog):
    folder = split(tmp_path / "d", "mcap")
    (folder / "drive_2.mcap").write_bytes(b"")
    assert len(list(open_log(folder).frames())) == 4
    assert "a part is left out" in caplog.text and "drive_2.mcap: is empty" in caplog.text


def test_images_beside_bags_are_left_out_and_told(tmp_path, caplog):
    split(tmp_path, "mcap", 1)
    (tmp_path / "a.jpg").write_bytes(b"")
    assert len(open_logs(tmp_path)) == 1 and "its bags are read, and 1 images or videos are left out" in caplog.text


@pytest.mark.parametrize("kind", ["bags", "images", "videos"])
def test_bags_in_folders_below_are_left_out_and_told(tmp_path, caplog, kind):
    split(tmp_path / "below", "mcap", 1)
    if kind == "bags":
        split(tmp_path / "other", "mcap", 1).rename(tmp_path / "parts")
        for part in (tmp_path / "parts").glob("*.mcap"):
            part.rename(tmp_path / part.name)
    else:
        (tmp_path / ("a.jpg" if kind == "images" else "a.mp4")).write_bytes(b"")
    with contextlib.suppress(Sim2SGError):  # of the empty video
        open_logs(tmp_path)
    assert f"its {kind} are read, and" in caplog.text and "folders of bags, images or videos below" in caplog.text


def test_hidden_companions_are_no_bags(tmp_path):
    split(tmp_path, "mcap", 1)
    (tmp_path / "._drive_0.mcap").write_bytes(b"\0\5\x16\7")
    assert len(open_logs(tmp_path)) == 1


def compressed(path, plugin, mode):
    writer = rosbag2.Writer(path, version=9, storage_plugin=plugin)
    writer.set_compression(mode, CompressionFormat.ZSTD)
    with writer:
        builder = BagBuilder(writer, False)
        for i in range(4):
            builder.compressed(TOPIC, picture(i), T0 + i * 10**8)
    return path


@pytest.mark.parametrize(
    ("plugin", "mode"),
    [
        (StoragePlugin.MCAP, CompressionMode.FILE),
        (StoragePlugin.SQLITE3, CompressionMode.FILE),
        (StoragePlugin.SQLITE3, CompressionMode.MESSAGE),
    ],
)
def test_bags_that_rosbag2_compressed(tmp_path, plugin, mode):
    folder = compressed(tmp_path / "b", plugin, mode)
    log = open_log(folder)
    assert [f.stamp for f in log.frames()] == [T0 + i * 10**8 for i in range(4)]
    assert all(f.detach().decode().shape == (48, 64, 3) for f in log.frames())
    [file] = [p for p in folder.iterdir() if p.name != "metadata.yaml"]
    (folder / "metadata.yaml").unlink()
    for path in (file, folder):
        if mode == CompressionMode.FILE:
            with pytest.raises(
                Sim2SGError, match=f"is compressed as a whole: unpack it with `zstd -d {re.escape(file.name)}`"
            ):
                open_log(path)
        else:
            assert len([f.decode() for f in open_log(path).frames()]) == 4


def test_a_compressed_file_that_is_cut_off(tmp_path):
    folder = compressed(tmp_path / "b", StoragePlugin.MCAP, CompressionMode.FILE)
    [file] = folder.glob("*.zstd")
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(Sim2SGError, match=r"cannot be unpacked.*copy it again"):
        open_log(folder)


def edit(folder, change):
    path = folder / "metadata.yaml"
    data = yaml.safe_load(path.read_text())
    change(data["rosbag2_bagfile_information"])
    path.write_text(yaml.safe_dump(data))


def test_a_part_that_metadata_names_is_missing(drive):
    folder = drive()
    edit(folder, lambda info: info["relative_file_paths"].append("drive_1.mcap"))
    with pytest.raises(Sim2SGError, match=r"drive_1\.mcap is missing, which its metadata\.yaml names.*reindex"):
        open_log(folder)


def test_an_unknown_version_is_told_and_read(drive, caplog):
    folder = drive()
    edit(folder, lambda info: info.update(version=42))
    assert len(list(open_log(folder).frames())) == 5
    assert "version 42 is not known" in caplog.text


def test_counts_of_metadata_are_checked(drive, caplog):
    folder = drive()
    edit(folder, lambda info: info["topics_with_message_count"][0].update(message_count=99))
    assert len(list(open_log(folder).frames())) == 5
    assert "5 messages found, 99 claimed by metadata.yaml" in caplog.text


def test_files_outside_of_the_folder_are_never_read(drive, tmp_path):
    folder = drive()
    shutil.copy(next(folder.glob("*.mcap")), tmp_path / "outside.mcap")
    edit(folder, lambda info: info.update(relative_file_paths=["../outside.mcap"]))
    with pytest.raises(Sim2SGError, match=r"outside\.mcap is missing"):
        open_log(folder)


@pytest.mark.parametrize("text", ["", "- 1", "a: [", "[" * 2000, "rosbag2_bagfile_information: 3", "\0"])
def test_damaged_metadata_is_one_line(drive, text):
    folder = drive()
    (folder / "metadata.yaml").write_text(text)
    with pytest.raises(Sim2SGError, match=r"metadata\.yaml: (damaged|names no files)") as caught:
        open_log(folder)
    assert "\n" not in str(caught.value)
