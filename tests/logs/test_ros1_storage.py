"""ROS 1 bags without an index, cut off in mid-write, of other versions, and with lying sizes."""

from __future__ import annotations

import re
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rosbags import rosbag1

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.logs import open_log
from tests.logs.bag_writing import T0, BagBuilder, bag, picture

TOPIC = "/cam/image_raw/compressed"


def field(data: bytes, name: bytes) -> int:
    return data.index(name + b"=") + len(name) + 1


def unended(data: bytes) -> bytes:
    """A bag as it lies on the disk while it is recorded: no index, and nothing behind the last chunk's index."""
    at = field(data, b"index_pos")
    (index,) = struct.unpack_from("<Q", data, at)
    return data[:at] + bytes(8) + data[at + 8 : index]


def record(fields: dict[bytes, bytes], data: bytes) -> bytes:
    head = b"".join(struct.pack("<I", len(k) + 1 + len(v)) + k + b"=" + v for k, v in fields.items())
    return struct.pack("<I", len(head)) + head + struct.pack("<I", len(data)) + data


def compressed_bag(path, compression=None, count=6):
    writer = rosbag1.Writer(path)
    if compression:
        writer.set_compression(compression)
    with writer:
        builder = BagBuilder(writer, True)
        for i in range(count):
            builder.compressed(TOPIC, picture(i), T0 + i * 10**8)
    return path


FORMATS = [None, rosbag1.Writer.CompressionFormat.BZ2, rosbag1.Writer.CompressionFormat.LZ4]


@pytest.mark.parametrize("compression", FORMATS)
def test_bags_of_every_compression_with_and_without_an_index(tmp_path, caplog, compression):
    path = compressed_bag(tmp_path / "a.bag", compression)
    assert len(list(open_log(path).frames())) == 6 and not caplog.text
    active = tmp_path / "a.bag.active"
    active.write_bytes(unended(path.read_bytes()))
    path.unlink()
    for opened in (active, tmp_path):
        frames = list(open_log(opened).frames())
        assert [f.stamp for f in frames] == [T0 + i * 10**8 for i in range(6)]
        assert all(np.abs(f.decode().astype(int) - picture(i)).mean() < 3 for i, f in enumerate(frames))
    assert "its recording was not ended" in caplog.text and "rosbag reindex" in caplog.text


def test_the_chunk_that_was_being_written_lies_open(tmp_path, caplog):
    data = compressed_bag(tmp_path / "a.bag").read_bytes()
    start = 13 + 4 + struct.unpack_from("<I", data, 13)[0]
    start += 4 + struct.unpack_from("<I", data, start)[0]  # behind the bag's header
    length = struct.unpack_from("<I", data, start)[0]
    body = start + 8 + length
    inner = data[body : body + struct.unpack_from("<I", data, body - 4)[0]]
    empty = record({b"op": b"\5", b"compression": b"none", b"size": bytes(4)}, b"")
    cut = inner[: int(0.8 * len(inner))]
    (tmp_path / "b.bag.active").write_bytes(unended(data)[:start] + empty + cut)
    frames = list(open_log(tmp_path / "b.bag.active").frames())
    assert 3 <= len(frames) < 6 and all(f.decode().shape == (48, 64, 3) for f in frames)
    assert "its end is cut off" in caplog.text


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_of_a_bag_that_is_cut_off_what_is_whole_is_read(tmp_path, caplog, share):
    with rosbag1.Writer(tmp_path / "a.bag") as writer:
        writer.chunk_threshold = 2000
        builder = BagBuilder(writer, True)
        for i in range(30):
            builder.compressed(TOPIC, picture(i), T0 + i * 10**8)
    data = (tmp_path / "a.bag").read_bytes()
    (tmp_path / "a.bag").write_bytes(data[: int(share * len(data))])
    frames = list(open_log(tmp_path / "a.bag").frames())
    assert 0 < len(frames) <= 30 and "cut off" in caplog.text


def test_other_versions_and_encrypted_bags_are_named(tmp_path):
    data = compressed_bag(tmp_path / "a.bag").read_bytes()
    (tmp_path / "old.bag").write_bytes(b"#ROSBAG V1.2\n" + data[13:])
    with pytest.raises(Sim2SGError, match=r"version V1\.2, and only V2\.0 is known.*rosbag fix"):
        open_log(tmp_path / "old.bag")


@given(st.integers(0, 10**6), st.integers(0, 255))
@settings(max_examples=30, deadline=None)
def test_any_changed_byte_gives_frames_or_a_line(tmp_path_factory, at, value):
    path = tmp_path_factory.mktemp("fuzz") / "a.bag"
    data = bytearray(compressed_bag(path, count=3).read_bytes())
    data[at % len(data)] = value
    path.write_bytes(data)
    try:
        for frame in open_log(path).frames():
            frame.decode()
    except Sim2SGError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("compression", FORMATS[1:])
def test_a_chunk_that_claims_too_much_is_refused(tmp_path, compression):
    path = compressed_bag(tmp_path / "a.bag", compression)
    data = path.read_bytes()
    at = next(re.finditer(b"size=", data)).end()
    path.write_bytes(data[:at] + struct.pack("<I", 2**31 - 1) + data[at + 4 :])
    with pytest.raises(Sim2SGError, match="claims 2147483647 bytes, more than 512 MiB"):
        list(open_log(path).frames())


def test_camera_and_extrinsics_of_an_unended_bag(tmp_path):
    half = (-0.5, 0.5, -0.5, 0.5)
    with bag(tmp_path / "a.bag", "ros1") as b:
        b.transforms([("base_footprint", "cam", (0, 0, 1.5), half)])
        b.info("/cam/camera_info", T0)
        b.compressed(TOPIC, picture(), T0)
    path = tmp_path / "a.bag.active"
    path.write_bytes(unended((tmp_path / "a.bag").read_bytes()))
    log = open_log(path)
    assert log.camera().focal == 305 and log.extrinsics() == pytest.approx((1.5, 0, 0), abs=1e-9)
