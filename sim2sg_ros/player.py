"""Plays a recorded log: publishes its messages as the robot that recorded it did, or at a rate of choice."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import rclpy
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.time import Time

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.logs.camera_log import Log, RawMessage
from sim2sg_ros import middleware
from sim2sg_ros.image_input import MESSAGE_TYPES
from sim2sg_ros.restamping import MovingClock, Restamp, find_message_type, restamp_of
from sim2sg_ros.signals import until_signal

SETTLE = 1.0
"""Seconds until the subscriber's side has matched too, and at the end for the last message."""


@dataclass(frozen=True)
class PlayOptions:
    """How a log is played.

    Attributes:
        topics: Topics to play; empty for all.
        rate: Speed; 2 plays twice as fast as recorded.
        hz: Plays the images at this rate in place of the recorded times; 0 keeps those.
        loop: Starts again at the end.
        stamp: "bag" leaves every byte as recorded; "now" moves the stamps of messages to the time of publishing.
        clock: Publishes the recorded time on /clock, for nodes with use_sim_time.
        wait_for_subscribers: Subscribers that each image topic must have before playing starts.
        wait_timeout: Seconds to wait for them.
    """

    topics: tuple[str, ...] = ()
    rate: float = 1.0
    hz: float = 0.0
    loop: bool = False
    stamp: str = "bag"
    clock: bool = False
    wait_for_subscribers: int = 0
    wait_timeout: float = 60.0


class Player:
    """Publishes the messages of logs in time.

    Attributes:
        sent: Messages sent by topic.
        skipped: Topics that are not played, since their types are not installed.
    """

    def __init__(self, node: Node, logs: Sequence[Log], options: PlayOptions) -> None:
        """Creates a publisher for every topic that is played.

        Args:
            node: Publishes.
            logs: Played one after another.
            options: How.

        Raises:
            Sim2SGError: An unknown topic, or nothing to play.
        """
        self._node = node
        self._logs = logs
        self._options = options
        self.sent: Counter[str] = Counter()
        self.skipped: list[str] = []
        self._image_topics: list[str] = []
        self._publishers: dict[str, Publisher] = {}
        self._restamps: dict[str, Restamp] = {}
        self._moving = MovingClock(options.rate)
        for topic, kind in self._chosen().items():
            self._add(topic, kind)
        if not self._publishers:
            names = ", ".join(str(log.path) for log in logs)
            raise Sim2SGError(f"{names}: no messages to play")
        self._clock: Publisher | None = None
        if options.clock:
            from rosgraph_msgs.msg import Clock

            self._clock = node.create_publisher(Clock, "/clock", 10)

    def wait_for_subscribers(self) -> None:
        """Returns when every image topic has the subscribers asked for.

        Raises:
            Sim2SGError: They did not come in time.
        """
        wanted = self._options.wait_for_subscribers
        if wanted <= 0:
            return
        deadline = time.monotonic() + self._options.wait_timeout
        for topic in self._image_topics or list(self._publishers):
            while (count := self._publishers[topic].get_subscription_count()) < wanted:
                if time.monotonic() > deadline:
                    raise Sim2SGError(
                        f"{topic} has {count} of {wanted} subscribers"
                        f" after {self._options.wait_timeout:g} s: start the node, or remap its image topic"
                    )
                if not self._node.context.ok():
                    return
                time.sleep(0.02)
        time.sleep(SETTLE)

    def run(self) -> None:
        """Plays until the end, or until ROS shuts down."""
        started, began = time.monotonic(), time.time_ns()
        for due, message in self._schedule():
            while (left := started + due - time.monotonic()) > 0 and self._node.context.ok():
                time.sleep(min(left, 0.1))  # In slices, so that a signal ends it.
            if not self._node.context.ok():
                break
            self._publish(message, began + round(due * 1e9))
            self.sent[message.topic] += 1

    def finish(self) -> None:
        """Waits until the last messages have arrived."""
        if self._node.context.ok():
            for publisher in self._publishers.values():
                publisher.wait_for_all_acked(Duration(seconds=2))
            time.sleep(SETTLE)

    def _publish(self, message: RawMessage, due: int) -> None:
        if self._clock is not None:
            self._clock.publish(_clock_message(message.stamp))
        data = message.data
        if restamp := self._restamps.get(message.topic):
            now = time.time_ns()
            data = restamp(data, lambda stamp: self._moving.move(stamp, message.stamp, due, now))
        self._publishers[message.topic].publish(data)

    def _chosen(self) -> dict[str, str]:
        """Returns topic -> type of what is played."""
        known = {t.name: t.type for log in self._logs for t in log.topics() if t.count}
        for topic in self._options.topics:
            if topic not in known:
                raise Sim2SGError(f"no messages on topic {topic}; topics are {', '.join(sorted(known)) or 'none'}")
        chosen = {t: kind for t, kind in known.items() if not self._options.topics or t in self._options.topics}
        if self._options.clock:
            chosen.pop("/clock", None)  # Two clocks would contradict each other.
        return chosen

    def _add(self, topic: str, kind: str) -> None:
        message_type = find_message_type(kind)
        if message_type is None:
            if topic in self._options.topics:
                raise Sim2SGError(f"{topic}: its type {kind} is not installed")
            self.skipped.append(f"{topic} ({kind})")
            return
        # Reliable serves subscribers of both kinds.
        qos = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
        if topic.endswith("/tf_static"):
            qos.durability = DurabilityPolicy.TRANSIENT_LOCAL
            qos.depth = 100
        self._publishers[topic] = self._node.create_publisher(message_type, topic, qos)
        if kind in MESSAGE_TYPES:
            self._image_topics.append(topic)
        if self._options.stamp == "now" and (restamp := restamp_of(message_type)):
            self._restamps[topic] = restamp

    def _schedule(self) -> Iterator[tuple[float, RawMessage]]:
        """Yields (seconds after the start, message)."""
        offset = 0.0
        while True:
            self._moving.begin()
            due = offset
            for log in self._logs:
                messages = log.messages(list(self._publishers))
                if self._options.hz > 0:
                    timed = at_fixed_rate(messages, self._lead(), self._options.hz)
                else:
                    timed = as_recorded(messages, self._options.rate)
                start = due
                for relative, message in timed:
                    due = start + relative
                    yield due, message
                # One period to the next log: its first frame is not the last one's twin.
                due += 1.0 / self._options.hz if self._options.hz > 0 else 0.1 / self._options.rate
            if not self._options.loop:
                return
            offset = due

    def _lead(self) -> str:
        return self._image_topics[0] if self._image_topics else next(iter(self._publishers))


def as_recorded(messages: Iterable[RawMessage], rate: float) -> Iterator[tuple[float, RawMessage]]:
    """Yields (seconds after the first message, message) at `rate` times the recorded speed."""
    first = None
    for message in messages:
        first = message.stamp if first is None else first
        yield max(0.0, (message.stamp - first) / 1e9 / rate), message


def at_fixed_rate(messages: Iterable[RawMessage], lead: str, hz: float) -> Iterator[tuple[float, RawMessage]]:
    """Yields (seconds, message) with the messages of `lead` at `hz`, and others with the next of those."""
    count = 0
    for message in messages:
        yield count / hz, message
        count += message.topic == lead


def play(logs: Sequence[Log], options: PlayOptions, args: Sequence[str] = ()) -> Counter[str]:
    """Plays logs in this process until their end, SIGINT or SIGTERM.

    Args:
        logs: Played one after another.
        options: How.
        args: ROS arguments (`--ros-args …`).

    Returns:
        Messages sent by topic.
    """
    middleware.init(args)
    player = None
    try:
        with until_signal():
            node = rclpy.create_node("sim2sg_player")
            player = Player(node, logs, options)
            for name in player.skipped:
                node.get_logger().warning(f"not played, its type is not installed: {name}")
            player.wait_for_subscribers()
            player.run()
            player.finish()
    finally:
        rclpy.try_shutdown()
    return player.sent if player else Counter()


def _clock_message(stamp: int) -> Any:
    from rosgraph_msgs.msg import Clock

    return Clock(clock=Time(nanoseconds=stamp).to_msg())
