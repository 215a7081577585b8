"""MCAP files with any part of their index, of any encoding, whole, cut off, or lying about their sizes."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.images import encode_jpeg
from sim2sg_core.logs import open_log, storage
from sim2sg_core.logs.bag_messages import typestore
from sim2sg_core.logs.mcap_storage import McapStorage
from tests.logs.bag_writing import T0, K, picture
from tests.logs.foxglove_writing import foxglove_channel, foxglove_message, foxglove_schema
from tests.logs.mcap_writing import Channel, McapFile

TOPIC = "/cam/image_raw/compressed"
KIND = "sensor_msgs/msg/CompressedImage"
ALL = {"message", "chunk", "statistics", "channels"}


def image_message(i: int, ros1: bool = False) -> bytes:
    store = typestore(ros1)
    stamp = store.types["builtin_interfaces/msg/Time"](*divmod(T0 + i * 10**8, 10**9))
    header = store.types["std_msgs/msg/Header"](*((0,) if ros1 else ()), stamp, "cam")
    message = store.types[KIND](header, "jpeg", np.frombuffer(encode_jpeg(picture(i)), np.uint8))
    return bytes((store.serialize_ros1 if ros1 else store.serialize_cdr)(message, KIND))


def drive(count: int = 7, **options) -> McapFile:
    messages = [(1, T0 + i * 10**8 + 5, image_message(i)) for i in range(count)]
    return McapFile([Channel(TOPIC, KIND)], messages, **options)


def check(log, count: int = 7):
    assert [(t.name, t.type, t.count) for t in log.topics()] == [(TOPIC, KIND, count)]
    frames = list(log.frames())
    assert [f.stamp for f in frames] == [T0 + i * 10**8 for i in range(count)]
    assert all(np.abs(f.decode().astype(int) - picture(i)).mean() < 3 for i, f in enumerate(frames))
    assert log.duration() == pytest.approx((count - 1) / 10)


@pytest.mark.parametrize("missing", [set(), *({p} for p in sorted(ALL)), {"message", "statistics"}, ALL])
@pytest.mark.parametrize("compression", ["", "lz4", "zstd"])
def test_files_that_lack_parts_of_their_index_are_read_whole(tmp_path, caplog, compression, missing):
    path = drive(compression=compression, parts=ALL - missing).write(tmp_path / "a.mcap")
    check(open_log(path))
    assert not caplog.text


def test_messages_outside_of_chunks(tmp_path):
    for name, parts in (("a", ALL), ("b", set())):
        check(open_log(drive(chunk=0, parts=parts).write(tmp_path / f"{name}.mcap")))


def test_a_file_is_known_by_its_content(tmp_path):
    check(open_log(drive().write(tmp_path / "recording.data")))


def test_overlapping_chunks_come_out_in_the_order_of_time(tmp_path):
    made = drive()
    made.messages = [made.messages[i] for i in (3, 0, 5, 1, 6, 2, 4)]
    check(open_log(made.write(tmp_path / "a.mcap")))


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.95, 0.999])
@pytest.mark.parametrize("compression", ["", "zstd"])
def test_of_a_file_that_is_cut_off_what_is_whole_is_read(tmp_path, caplog, share, compression):
    data = drive(20, chunk=2, compression=compression).build()
    (tmp_path / "a.mcap").write_bytes(data[: int(share * len(data))])
    frames = list(open_log(tmp_path / "a.mcap").frames())
    assert 20 * share - 4 <= len(frames) <= 20 and all(f.decode().shape == (48, 64, 3) for f in frames)
    assert "cut off after" in caplog.text and "mcap recover" in caplog.text


@given(st.integers(0, 10**6), st.integers(0, 255))
@settings(max_examples=60, deadline=None)
def test_any_changed_byte_gives_frames_or_a_line(tmp_path_factory, at, value):
    data = bytearray(drive(4, compression="zstd").build())
    data[at % len(data)] = value
    path = tmp_path_factory.mktemp("fuzz") / "a.mcap"
    path.write_bytes(data)
    try:
        for frame in open_log(path).frames():
            frame.decode()
    except Sim2SGError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("claimed", [6 << 30, 2**60])
@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_a_chunk_that_claims_too_much_is_refused(tmp_path, compression, claimed):
    path = drive(compression=compression, claimed=claimed).write(tmp_path / "a.mcap")
    with pytest.raises(Sim2SGError, match=f"claims {claimed} bytes, more than 512 MiB"):
        list(open_log(path).frames())


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_a_chunk_that_holds_more_than_it_claims_is_not_unpacked(tmp_path, compression):
    path = drive(compression=compression, claimed=900).write(tmp_path / "a.mcap")
    with pytest.raises(Sim2SGError, match="hold more than the 900 bytes that it claims"):
        list(open_log(path).frames())


@pytest.mark.parametrize("compression", ["lz4", "zstd", "bz2"])
def test_bombs_are_noticed_before_they_go_off(compression, monkeypatch):
    import bz2

    import lz4.frame

    monkeypatch.setattr(storage, "CHUNK_BYTES", 1 << 20)
    pack = {"lz4": lz4.frame.compress, "zstd": storage.zstd_module().compress, "bz2": bz2.compress}[compression]
    with pytest.raises(Sim2SGError, match="more than the 1048576 bytes"):
        storage.decompress(pack(bytes(8 << 20)), compression)
    assert storage.decompress(pack(b"ab" * 500_000) + pack(b"c"), compression) == b"ab" * 500_000 + b"c"
    with pytest.raises(Sim2SGError, match=r"too early|damaged"):
        storage.decompress(pack(np.random.default_rng(0).bytes(9999))[:5000], compression)


def test_a_damaged_chunk_is_left_out_and_the_rest_read(tmp_path, caplog):
    data = drive(9).build()
    at = data.index(image_message(4)) + 300
    (tmp_path / "a.mcap").write_bytes(data[:at] + b"\xff\xff\xff" + data[at + 3 :])
    frames = list(open_log(tmp_path / "a.mcap").frames())
    assert [(f.stamp - T0) // 10**8 for f in frames] == [0, 1, 2, 6, 7, 8]
    assert "a chunk is left out: damaged (its checksum does not fit)" in caplog.text
    assert "6 messages read, and 9 claimed" in caplog.text


def test_fewer_messages_than_claimed_are_told(tmp_path, caplog):
    assert len(list(open_log(drive(5).write(tmp_path / "a.mcap")).frames())) == 5 and not caplog.text
    made = drive(5)
    made.count = 50
    assert len(list(open_log(made.write(tmp_path / "b.mcap")).frames())) == 5
    assert f"{TOPIC}: 5 messages read, and 50 claimed by the bag's index" in caplog.text


def test_unknown_versions_are_named(tmp_path):
    data = drive().build()
    (tmp_path / "a.mcap").write_bytes(data.replace(b"\x89MCAP0", b"\x89MCAP7"))
    with pytest.raises(Sim2SGError, match="MCAP version '7' is not known, only 0"):
        open_log(tmp_path / "a.mcap")


def test_ros1_messages(tmp_path):
    messages = [(1, T0 + i * 10**8, image_message(i, ros1=True)) for i in range(7)]
    made = McapFile([Channel(TOPIC, "sensor_msgs/CompressedImage", "ros1", "ros1msg")], messages, "ros1")
    log = open_log(made.write(tmp_path / "a.mcap"))
    check(log)
    [*_, last] = log.messages()
    store = typestore(False)
    assert last.type == KIND and store.deserialize_cdr(last.data, KIND).header.frame_id == "cam"


@pytest.mark.parametrize("encoding", ["protobuf", "json"])
@pytest.mark.parametrize("kind", ["CompressedImage", "RawImage"])
def test_foxglove_images(tmp_path, encoding, kind):
    messages = []
    for i in range(4):
        stamp = T0 + i * 10**8
        if kind == "CompressedImage":
            content = {"data": encode_jpeg(picture(i)), "format": "jpeg"}
        else:
            content = {"data": picture(i).tobytes(), "width": 64, "height": 48, "encoding": "rgb8", "step": 192}
        messages.append((1, stamp, foxglove_message(kind, encoding, timestamp=stamp, frame_id="cam", **content)))
    lens = {"width": 64, "height": 48, "distortion_model": "plumb_bob", "D": [0.1, 0, 0, 0, 0], "K": K.ravel().tolist()}
    lens |= {"R": np.eye(3).ravel().tolist(), "P": np.column_stack([K, np.zeros(3)]).ravel().tolist()}
    messages.append((2, T0, foxglove_message("CameraCalibration", encoding, timestamp=T0, **lens)))
    channels = [
        foxglove_channel("/cam", kind, encoding),
        foxglove_channel("/calibration", "CameraCalibration", encoding),
    ]
    made = McapFile(channels, messages, "")
    log = open_log(made.write(tmp_path / "a.mcap"))
    frames = list(log.frames())
    assert [f.stamp for f in frames] == [T0 + i * 10**8 for i in range(4)]
    assert all(np.abs(f.decode().astype(int) - picture(i)).mean() < 3 for i, f in enumerate(frames))
    np.testing.assert_allclose(log.camera().K, K)
    assert log.camera().distortion[0] == 0.1
    assert list(log.messages()) == []


@pytest.mark.parametrize(
    ("kind", "encoding", "reason"),
    [
        ("foxglove.CompressedVideo", "protobuf", "is video.*republish ffmpeg raw"),
        ("ffmpeg_image_transport_msgs/msg/FFMPEGPacket", "cdr", "is video"),
        ("foxglove.CompressedImage", "flatbuffer", "flatbuffer.*encoding that is not known"),
        ("nav_msgs/msg/Odometry", "cdr", "needs a topic of sensor_msgs/msg/Image"),
    ],
)
def test_what_is_no_camera_is_named(tmp_path, kind, encoding, reason):
    path = McapFile([Channel("/a", kind, encoding)], [(1, T0, b"abc")]).write(tmp_path / "a.mcap")
    with pytest.raises(Sim2SGError, match=f"no camera: .*{reason}"):
        open_log(path).image_topic()


@pytest.mark.parametrize("encoding", ["protobuf", "json", "cdr", "ros1"])
def test_damaged_messages_are_damaged_frames(tmp_path, encoding):
    schema = foxglove_schema("CompressedImage") if encoding == "protobuf" else b""
    kind = KIND if encoding in ("cdr", "ros1") else "foxglove.CompressedImage"
    channel = Channel("/a", kind, encoding, encoding, schema)
    path = McapFile([channel], [(1, T0, b"\x0a\xff{"), (1, T0 + 1, b"")]).write(tmp_path / "a.mcap")
    for frame in open_log(path).frames("/a"):
        with pytest.raises(Sim2SGError, match="/a") as caught:
            frame.decode()
        assert "\n" not in str(caught.value)


def test_reading_a_topic_opens_no_chunks_of_others(tmp_path, monkeypatch):
    messages = [(1 + i // 6, T0 + i, image_message(i)) for i in range(12)]
    path = McapFile([Channel("/a", KIND), Channel("/b", KIND)], messages).write(tmp_path / "a.mcap")
    made = McapStorage(path)
    opened = []
    load = McapStorage._load
    monkeypatch.setattr(
        McapStorage, "_load", lambda self, file, extent: opened.append(extent) or load(self, file, extent)
    )
    assert len(list(made.messages(["/b"]))) == 6 and len(opened) == 2
    assert len(list(made.messages(start=T0 + 3, stop=T0 + 5))) == 2 and len(opened) == 3
    assert re.match("sensor_msgs", made.channels[0].type)
