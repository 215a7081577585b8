"""Objects keep their ids from image to image, through short occlusions.

Each image in turn: tracks are predicted to its time and with the camera's motion (`tracks`), each detection continues
at most one of them (`assignment`), and what continues none begins one of its own.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.scene.assignment import assign
from sim2sg_core.scene.graph import SceneGraph, SceneObject
from sim2sg_core.scene.tracks import Detections, Tracks, measure

NOMINAL_STEP = 100_000_000  # ns between images whose stamps stand still
SAME_ASPECT = 0.02  # change of width / height up to which an image is a scaled one
LONGEST_PAUSE = 5_000_000_000  # ns between images after which nothing is where it was


class Tracker:
    """Gives the objects of one camera's graphs ids that stay the same from image to image.

    Not thread-safe; one tracker per camera.
    """

    def __init__(self, memory_s: float = 1.0, agility: float = 2.0) -> None:
        """Starts without tracks.

        Args:
            memory_s: How long an object may be unseen and still be known again, seconds by the graphs' stamps. An
                object of the last image is remembered in any case, if that was no more than 5 s ago.
            agility: How suddenly objects move in the image, each by itself: the standard deviation of the change of
                velocity in a second, in object sizes per second. Lower for still scenes and slow cameras.

        Raises:
            Sim2SGError: A setting is out of range.
        """
        if not (math.isfinite(memory_s) and memory_s >= 0):
            raise Sim2SGError(f"memory_s is {memory_s}; give seconds, 0 or more")
        if not (math.isfinite(agility) and agility > 0):
            raise Sim2SGError(f"agility is {agility}; give object sizes per second, more than 0")
        self._memory = round(memory_s * 1e9)
        self._agility = agility
        self._born = 0  # ids given; never set back
        self._labels: dict[str, int] = {}  # class codes
        self._stamp: int | None = None
        self._size = (0, 0)  # of the last image, pixels
        self._clock = 0  # ns that passed by the stamps
        self._tracks = Tracks()

    def reset(self) -> None:
        """Forgets all tracks. Ids that were given are still not given again."""
        self._stamp = None
        self._tracks = Tracks()

    def update(self, graph: SceneGraph) -> SceneGraph:
        """Finds the objects of the next image again.

        A stamp earlier than the last one starts anew (a bag that loops, a restarted clock). A stamp equal to the last
        one, as 0 for unknown is, tells no time: a tenth of a second is taken to have passed. An image of another size
        shows the same view, so tracks are scaled to it; of another aspect it shows another one: that starts anew.

        Args:
            graph: The next image's graph, any number of objects.

        Returns:
            The graph with `id` set for every object, such as "car_3": unique in the graph, named after the class that
            it was first seen as. Everything else is the same.
        """
        step = self._advance(graph.stamp)
        self._resize(graph.width, graph.height)
        tracks, found = self._tracks, self._read(graph.objects)
        recent = (tracks.seen == self._clock - step) & (step <= LONGEST_PAUSE)
        tracks.keep(recent | (self._clock - tracks.seen <= self._memory))
        tracks.predict(step * 1e-9, self._agility)
        tracks.follow_camera(found, step * 1e-9, self._clock - step)
        match = assign(tracks.costs(found, graph.width, graph.height))
        old, new = np.flatnonzero(match >= 0), np.flatnonzero(match < 0)
        tracks.correct(found, old, match[old], self._clock)
        match[new] = len(tracks.names) + np.arange(len(new))
        tracks.add(found, new, [f"{graph.objects[i].label}_{self._born + k}" for k, i in enumerate(new)], self._clock)
        self._born += len(new)
        objects = tuple(
            SceneObject(o.label, o.score, o.box, o.pose, o.visibility, name)
            for o, name in zip(graph.objects, tracks.names[match])
        )
        return dataclasses.replace(graph, objects=objects)

    def _advance(self, stamp: int) -> int:
        """Sets the clock to this image; returns the ns since the last one, 0 for the first."""
        last, self._stamp = self._stamp, stamp
        if last is None or stamp < last:
            self._tracks = Tracks()
            return 0
        step = stamp - last or NOMINAL_STEP
        self._clock += step
        return step

    def _resize(self, width: int, height: int) -> None:
        """Takes over the size of this image, pixels."""
        (old_width, old_height), self._size = self._size, (width, height)
        if (old_width, old_height) == self._size or 0 in (old_width, old_height, width, height):
            return
        x, y = width / old_width, height / old_height
        if abs(x / y - 1) < SAME_ASPECT:
            self._tracks.scale(x, y)
        else:
            self._tracks = Tracks()

    def _read(self, objects: Sequence[SceneObject]) -> Detections:
        labels = self._labels
        return Detections(
            z=measure(objects),
            label=np.array([labels.setdefault(o.label, len(labels)) for o in objects], np.int64),
            score=np.array([o.score for o in objects], float),
        )
