"""Graphs as they come in the viewer of Rerun: image, boxes, 3D boxes, relations. Needs `rerun-sdk`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.report.overlay import CLASS_COLORS, PREDICATE_COLORS, assign_colors
from sim2sg_core.scene import SceneGraph
from sim2sg_core.scene.layout import world_yaw

SPAWN = "spawn"
WORLD, CAMERA, IMAGE = "world", "world/camera", "world/camera/image"
LEVEL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
"""(3, 3) from the optical frame of a level camera to the world's: x forward, y left, z up."""
JPEG_QUALITY = 85


class RerunView:
    """A recording that is written to a file or shown in a viewer; a context manager, which ends it.

    The world's frame is level, x forward, y left, z up, on the ground under the camera where that is known.
    """

    def __init__(self, target: str, classes: Sequence[str], predicates: Sequence[str]) -> None:
        """Begins a recording.

        Args:
            target: A file (.rrd), or "spawn" for a viewer that is started.
            classes: All class names of the model, so that a class keeps its colour.
            predicates: All predicate names, likewise.

        Raises:
            Sim2SGError: `rerun-sdk` is missing, the target is neither, or no viewer can be started.
        """
        if target != SPAWN and not target.endswith(".rrd"):
            raise Sim2SGError(f"--rerun {target}: give a file that ends in .rrd, or the word {SPAWN} to open a viewer")
        try:
            import rerun
        except ModuleNotFoundError:
            raise Sim2SGError("--rerun needs rerun-sdk: pip install 'sim2sg[rerun]'") from None
        self._rerun = rerun
        self._colors = (assign_colors((), classes, CLASS_COLORS), assign_colors((), predicates, PREDICATE_COLORS))
        self._recording = rerun.RecordingStream("sim2sg")
        self._count = 0
        if target == SPAWN:
            try:
                self._recording.spawn()
            except (OSError, RuntimeError) as error:
                raise Sim2SGError(f"--rerun {SPAWN}: no viewer can be started ({error}); give a FILE.rrd") from None
        else:
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            self._recording.save(target)
        self._recording.log(WORLD, rerun.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)

    def __enter__(self) -> RerunView:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._recording.disconnect()  # waits until all is written

    def show(self, image: np.ndarray, graph: SceneGraph) -> None:
        """Adds a frame.

        Args:
            image: (H, W, 3) uint8 RGB.
            graph: What is to be shown of it, already thresholded.
        """
        rerun, log = self._rerun, self._recording.log
        self._recording.set_time("frame", sequence=self._count)
        if graph.stamp:
            self._recording.set_time("stamp", timestamp=np.datetime64(graph.stamp, "ns"))
        self._count += 1
        log(IMAGE, rerun.Image(image).compress(jpeg_quality=JPEG_QUALITY))
        to_world = self._camera(graph)
        names = [item.id or f"{item.label} {i}" for i, item in enumerate(graph.objects)]
        colors = [self._colors[0].get(item.label, (255, 255, 255)) for item in graph.objects]
        words = [f"{name} {item.score:.2f}" for name, item in zip(names, graph.objects)]
        log(
            f"{IMAGE}/objects",
            rerun.Boxes2D(array=graph.boxes(), array_format=rerun.Box2DFormat.XYXY, labels=words, colors=colors),
        )
        self._boxes_3d(graph, to_world, words, colors)
        self._relations(graph, names)

    def _camera(self, graph: SceneGraph) -> np.ndarray:
        """Shows where the camera is and what it sees. Returns (4, 4) from its frame to the world's."""
        to_world = np.eye(4)
        to_world[:3, :3] = LEVEL
        camera = graph.camera
        if camera is None:
            return to_world
        if camera.ground is not None:
            to_world = camera.T_world_camera
        self._recording.log(
            CAMERA,
            self._rerun.Transform3D(mat3x3=to_world[:3, :3], translation=to_world[:3, 3]),
            self._rerun.Pinhole(image_from_camera=camera.K, resolution=(camera.width, camera.height)),
        )
        return to_world

    def _boxes_3d(
        self, graph: SceneGraph, to_world: np.ndarray, words: list[str], colors: list[tuple[int, int, int]]
    ) -> None:
        rerun = self._rerun
        known = [(i, item.pose) for i, item in enumerate(graph.objects) if item.pose is not None]
        boxes = rerun.Boxes3D(
            centers=[to_world[:3, :3] @ pose.position + to_world[:3, 3] for _, pose in known],
            half_sizes=[np.asarray(pose.size) / 2 for _, pose in known],
            rotation_axis_angles=[rerun.RotationAxisAngle((0, 0, 1), radians=world_yaw(pose.yaw)) for _, pose in known],
            labels=[words[i] for i, _ in known],
            colors=[colors[i] for i, _ in known],
        )
        self._recording.log(f"{WORLD}/objects", boxes)

    def _relations(self, graph: SceneGraph, names: list[str]) -> None:
        """Shows arrows from subject to object, those of each predicate by themselves, so that each can be hidden."""
        by_predicate = defaultdict(list)
        for relation in graph.relations:
            by_predicate[relation.predicate].append(relation)
        centres = (graph.boxes()[:, :2] + graph.boxes()[:, 2:]) / 2
        for predicate, color in self._colors[1].items():
            found = by_predicate[predicate]
            arrows = self._rerun.Arrows2D(
                origins=[centres[r.subject] for r in found],
                vectors=[centres[r.object] - centres[r.subject] for r in found],
                labels=[f"{names[r.subject]} {predicate} {names[r.object]} {r.score:.2f}" for r in found],
                colors=[color] * len(found),
                show_labels=False,
            )
            self._recording.log(f"{IMAGE}/relations/{predicate}", arrows)
