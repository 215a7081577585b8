"""ROS bags as logs: MCAP, sqlite3 and ROS 1, single files, folders and split recordings."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

from sim2sg_core.errors import Sim2SGError, printable
from sim2sg_core.image_headers import exif_orientation
from sim2sg_core.logs.bag_files import BagFiles, find_bag, open_storage
from sim2sg_core.logs.bag_frames import make_frame, stored_depth, value_bits
from sim2sg_core.logs.bag_messages import (
    ENCODINGS,
    IMAGE_TYPES,
    INFO_TYPES,
    RAW_TYPES,
    TRANSFORM_TYPES,
    VIDEO_TYPES,
    ImageMessage,
    decode_camera_info,
    decode_image_message,
    decode_transforms,
    to_cdr,
)
from sim2sg_core.logs.camera_info import camera_from_info
from sim2sg_core.logs.camera_log import Log, LogFrame, RawMessage, StoredDepth, TopicInfo
from sim2sg_core.logs.image_decoding import check_format, is_depth
from sim2sg_core.logs.names import base_topic, camera_info_topics
from sim2sg_core.logs.static_extrinsics import extrinsics_from_transforms
from sim2sg_core.logs.storage import Storage, Stored
from sim2sg_core.scene import Camera

logger = logging.getLogger(__name__)

RANGE_SAMPLES = 8
"""Messages of a topic, spread over the log, that tell the range of its 16-bit values."""
CLOCK_SAMPLES = 5
"""First frames of a topic whose stamps are all equal when the clock of its driver stands still."""
INFO_SAMPLES = 50
"""First CameraInfos among which a calibrated one is looked for: drivers begin with zeros."""


class BagLog(Log):
    """A bag of any ROS version, of one file or several. Holds no open file, so it can be sent to another process."""

    def __init__(self, bag: BagFiles | Path) -> None:
        """Reads the indices of its files.

        Args:
            bag: Its files; or the path of one, or of a folder with metadata.yaml.

        Raises:
            Sim2SGError: No bag, or a damaged one.
        """
        if isinstance(bag, Path):
            bag = (find_bag(bag) if bag.is_dir() else None) or BagFiles(bag, bag.name.partition(".")[0], (bag,), None)
        self.path, self._name = bag.path, bag.name
        self._told: set[str] = set()
        self._bits: dict[str, int] = {}
        self._storages = self._open(bag)
        self._tell_notes()
        self._warn_of_claims(bag.claimed)

    @property
    def name(self) -> str:
        """Short name, for reports."""
        return self._name

    @property
    def files(self) -> list[Path]:
        """Its parts."""
        return [storage.path for storage in self._storages]

    def topics(self) -> list[TopicInfo]:
        """Returns all topics, sorted by name."""
        return list(self._topics)

    def image_topics(self) -> list[TopicInfo]:
        """Returns a topic of each camera: raw and compressed of one count once; depth is none."""
        return [topic for topic in self._topics if topic.name in self._cameras]

    def selectable_topics(self) -> list[TopicInfo]:
        """Returns every topic of images, depth too."""
        known = {c.topic for s in self._storages for c in s.channels if c.encoding in ENCODINGS}
        return [t for t in self._topics if t.type in IMAGE_TYPES and t.count and t.name in known]

    def why_no_camera(self) -> str:
        """Says what there is in place of a camera, and what to do."""
        depth = {t.name: self._encodings[t.name] for t in self.selectable_topics()}
        if depth:
            shown = ", ".join(f"{printable(name)} ({printable(encoding)})" for name, encoding in depth.items())
            grey = any(encoding.lower().startswith("16uc1") and _readable(encoding) for encoding in depth.values())
            fix = (
                "choose one of 16UC1 with --topic to read it as a grey picture" if grey else "record the colour camera"
            )
            return f"its images are depth: {shown}: {fix}"
        video = [f"{printable(t.name)} ({printable(t.type)})" for t in self._topics if t.type in VIDEO_TYPES]
        if video:
            return (
                f"{', '.join(video)} is video, whose images depend on each other: play the bag beside"
                " `ros2 run image_transport republish ffmpeg raw` and record what comes out"
            )
        odd = [
            f"{printable(c.topic)} ({printable(c.encoding)})"
            for s in self._storages
            for c in s.channels
            if c.type in IMAGE_TYPES and c.encoding not in ENCODINGS
        ]
        if odd:
            return f"{', '.join(odd)} is of an encoding that is not known ({', '.join(ENCODINGS)} are): convert it"
        return super().why_no_camera()

    def duration(self) -> float:
        """Returns seconds from the first message to the last."""
        span = self._span
        return (span[1] - span[0]) / 1e9 if span else 0.0

    def camera(self, topic: str | None = None) -> Camera | None:
        """Returns the camera from the CameraInfo beside the image topic, else from the bag's only one (see `_is_of`).

        None, and a warning, when it cannot be used.
        """
        topic = self.image_topic(topic)
        infos = [info.name for info in self._topics if info.type in INFO_TYPES and info.count]
        beside = camera_info_topics(topic)
        chosen = next((name for name in beside if name in infos), None)
        if chosen is None and len(infos) == 1 and self._is_of(infos[0], topic):
            chosen = infos[0]
        if chosen is None:
            return None
        if any(m.compressed and exif_orientation(bytes(m.data)) != 1 for _, m in self._first_images(topic, 1)):
            self._tell(
                f"{printable(chosen)}: is of images before EXIF turns them: no 3D poses by it; give --camera FILE"
            )
            return None
        problem = ""
        for number, stored in enumerate(self._stored([chosen])):
            try:
                if camera := camera_from_info(decode_camera_info(stored), self.rectified(topic)):
                    return camera
            except Sim2SGError as error:
                problem = problem or str(error)
            if number + 1 >= INFO_SAMPLES:
                break
        self._tell(f"{printable(chosen)}: {problem or 'not calibrated (zeros)'}: no 3D poses by it; give --camera FILE")
        return None

    def _is_of(self, info: str, topic: str) -> bool:
        """Whether a CameraInfo that lies elsewhere is of a topic's camera: by its frame, or since there is no other."""
        frames = []
        for stored in self._stored([info]):
            with contextlib.suppress(Sim2SGError):
                frames.append(str(decode_camera_info(stored).header.frame_id).lstrip("/"))
            break
        frame, own = frames[0] if frames else "", self._frame_id(topic).lstrip("/")
        if frame and frame == own:
            return True
        told = f"{printable(info)}: its frame is {printable(frame)!r}, that of {printable(topic)} {printable(own)!r}"
        cameras = [other for other in self._topics if other.type in (*IMAGE_TYPES, *VIDEO_TYPES) and other.count]
        if len({base_topic(camera.name) for camera in cameras}) == 1:
            if frame and own:
                self._tell(f"{told}: taken for its calibration, as there is no other camera")
            return True
        self._tell(f"{told}, and there are other image topics: no 3D poses by it; give --camera FILE")
        return False

    def extrinsics(self, topic: str | None = None) -> tuple[float, float, float] | None:
        """Returns the camera's extrinsics by chaining /tf_static from its frame to the base's."""
        topic = self.image_topic(topic)
        statics = [t.name for t in self._topics if t.name.lstrip("/") == "tf_static" and t.type in TRANSFORM_TYPES]
        if not statics:
            return None
        transforms = []
        for stored in self._stored(statics):
            try:
                transforms += decode_transforms(stored)
            except Sim2SGError as error:
                self._tell(str(error))
        return extrinsics_from_transforms(transforms, self._frame_id(topic))

    def frames(self, topic: str | None = None) -> Iterator[LogFrame]:
        """Yields the frames of an image topic, in the order of the log.

        A message that is damaged is a frame whose `decode` tells why.
        """
        topic = self.image_topic(topic)
        frozen = self._clock_stands(topic)
        last, repeats, count = -1, 0, 0
        for stored in self._stored([topic]):
            last, repeats = stored.stamp, repeats + 1 if stored.stamp == last else 0
            yield self._frame(stored, repeats, frozen)
            count += 1
        claimed = sum(info.count for info in self._topics if info.name == topic)
        if count != claimed:
            self._tell(f"{printable(topic)}: {count} messages read, and {claimed} claimed by the bag's index")

    def depth_topics(self) -> list[str]:
        """Returns the topics that carry depth images."""
        return [topic.name for topic in self.selectable_topics() if is_depth(self._encodings[topic.name])]

    def depths(self, topic: str, start: int) -> Iterator[StoredDepth]:
        """Yields the depth images of a topic that were recorded at `start` (nanoseconds) or later; not damaged ones."""
        for stored in self._stored([topic], start):
            try:
                yield stored_depth(stored)
            except Sim2SGError as error:
                self._tell(str(error))

    def messages(self, topics: list[str] | None = None) -> Iterator[RawMessage]:
        """Yields messages as CDR bytes in recorded order; those of protobuf and JSON are left out.

        Args:
            topics: Names; None means all.
        """
        for stored in self._stored(topics):
            if stored.channel.encoding not in ("cdr", "ros1"):
                self._tell(f"{printable(stored.channel.topic)}: {stored.channel.encoding} is no ROS message: left out")
                continue
            try:
                yield RawMessage(stored.channel.topic, stored.channel.type, stored.stamp, to_cdr(stored))
            except Sim2SGError as error:
                raise Sim2SGError(f"{printable(self.path)}: {error}") from None

    @cached_property
    def _topics(self) -> list[TopicInfo]:
        types: dict[str, set[str]] = {}
        counts: Counter[str] = Counter()
        for channel in (c for s in self._storages for c in s.channels):
            if channel.count or channel.topic not in types:
                types.setdefault(channel.topic, set()).add(channel.type)
            counts[channel.topic] += channel.count
        names = sorted(types)
        return [TopicInfo(n, next(iter(types[n])) if len(types[n]) == 1 else "?", counts[n]) for n in names]

    @cached_property
    def _span(self) -> tuple[int, int] | None:
        """Time of the first and the last message, ns."""
        starts = [s.start for s in self._storages if s.start is not None]
        ends = [s.end for s in self._storages if s.end is not None]
        return (min(starts), max(ends)) if starts and ends else None

    @cached_property
    def _encodings(self) -> dict[str, str]:
        """Encoding, or format, of the first image of each image topic; "" where none is whole."""
        found: dict[str, str] = {}
        for topic in self.selectable_topics():
            first = self._first_images(topic.name, 1)
            found[topic.name] = first[0][1].encoding if first else ""
        return found

    @cached_property
    def _cameras(self) -> set[str]:
        """One topic for each camera."""
        best: dict[str, tuple[tuple[bool, int, bool], str]] = {}
        for topic in self.selectable_topics():
            encoding = self._encodings[topic.name]
            if is_depth(encoding):
                continue
            rank = (_readable(encoding), topic.count, topic.type in RAW_TYPES)
            base = base_topic(topic.name)
            if base not in best or rank > best[base][0]:
                best[base] = (rank, topic.name)
        return {name for _, name in best.values()}

    def _open(self, bag: BagFiles) -> list[Storage]:
        """Opens the files; those that are damaged are left out, with a warning, as long as one is whole."""
        storages: list[Storage] = []
        problems: list[Sim2SGError] = []
        for part in bag.parts:
            try:
                storages.append(open_storage(part, compressed=bag.claimed is not None or len(bag.parts) > 1))
            except Sim2SGError as error:
                problems.append(error)
        if not storages:
            raise problems[0]
        for problem in problems:
            self._tell(f"a part is left out: {problem}")
        return storages

    def _warn_of_claims(self, claimed: dict[str, int] | None) -> None:
        found = {topic.name: topic.count for topic in self._topics}
        for name, count in (claimed or {}).items():
            if found.get(name, 0) != count:
                self._tell(f"{printable(name)}: {found.get(name, 0)} messages found, {count} claimed by metadata.yaml")

    def _tell(self, text: str) -> None:
        """Warns once."""
        if text not in self._told:
            self._told.add(text)
            logger.warning("%s: %s", printable(self.path), text)

    def _tell_notes(self) -> None:
        for storage in self._storages:
            for note in storage.notes:
                self._tell(note if len(self._storages) == 1 else f"{printable(storage.path.name)}: {note}")

    def _stored(self, topics: list[str] | None, start: int | None = None, stop: int | None = None) -> Iterator[Stored]:
        """Yields messages of all files, one file after the other."""
        try:
            for storage in self._storages:
                yield from storage.messages(topics, start, stop)
        except OSError as error:
            raise Sim2SGError(f"{printable(self.path)}: {error.strerror}: is the disk still there?") from None
        finally:
            self._tell_notes()

    def _first_images(self, topic: str, count: int, start: int | None = None) -> list[tuple[int, ImageMessage]]:
        """Returns time of recording and message of the first images that are whole, of the first 50."""
        found: list[tuple[int, ImageMessage]] = []
        for number, stored in enumerate(self._stored([topic], start)):
            try:
                found.append((stored.stamp, decode_image_message(stored)))
            except Sim2SGError:
                continue
            if len(found) >= count or number >= 50:
                break
        return found

    def _frame_id(self, topic: str) -> str:
        """Returns the name of the frame of a topic's images; "" where none is told."""
        first = self._first_images(topic, 1)
        return first[0][1].frame_id if first else ""

    def _clock_stands(self, topic: str) -> bool:
        """Whether the stamps of a topic tell no time, so that the times of recording are taken."""
        first = self._first_images(topic, CLOCK_SAMPLES)
        stamps = {message.stamp for _, message in first}
        if len(stamps) != 1 or (len(first) == 1 and 0 not in stamps) or len({time for time, _ in first}) < len(first):
            return False
        if len(first) > 1:
            self._tell(f"{printable(topic)}: the header stamps stand still: times of recording are taken")
        return True

    def _value_bits(self, topic: str) -> int:
        """Returns the range of a topic's 16-bit values, from images spread over the log."""
        if topic not in self._bits:
            begin, end = self._span or (0, 0)
            found = [8]
            for i in range(RANGE_SAMPLES):
                for _, message in self._first_images(topic, 1, begin + i * (end - begin) // RANGE_SAMPLES):
                    found.append(value_bits(message))
            self._bits[topic] = max(found)
            if max(found) < 16:
                self._tell(f"{printable(topic)}: values of 16 bits use {max(found)}: read by that range")
        return self._bits[topic]

    def _frame(self, stored: Stored, repeats: int, frozen: bool) -> LogFrame:
        topic = stored.channel.topic
        again = self._detached(stored, repeats, frozen)
        return make_frame(self, stored, frozen, lambda _: self._value_bits(topic), again)

    def _detached(self, stored: Stored, repeats: int, frozen: bool) -> Callable[[], LogFrame]:
        """Returns what reads a frame's message from the bag again."""
        topic, recorded = stored.channel.topic, stored.stamp

        def again() -> LogFrame:
            for number, found in enumerate(self._stored([topic], recorded, recorded + 1)):
                if number == repeats:
                    return self._frame(found, repeats, frozen)
            raise Sim2SGError("the image is gone: the bag was changed during the run; start again")

        return again


def _readable(encoding: str) -> bool:
    try:
        check_format(encoding)
    except Sim2SGError:
        return False
    return True
