"""A mixed frame: a real frame of the log with rendered objects in it, and the labels of both."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sim2sg_core.adaptation.mixing.compositing import composite, over_plain_ground
from sim2sg_core.adaptation.mixing.frame_light import measure_light
from sim2sg_core.adaptation.mixing.free_ground import free_ground, pixel_centres
from sim2sg_core.adaptation.mixing.known_objects import (
    known_objects,
    likely_objects,
    under_pasted,
    without_distortion,
)
from sim2sg_core.adaptation.mixing.pasting import FreeSpace, draw_distractors, draw_objects
from sim2sg_core.domains import Domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.images import read_image
from sim2sg_core.scene import Layout, SceneGraph
from sim2sg_core.synthesis.appearance import sample_appearance
from sim2sg_core.synthesis.labels import make_graph
from sim2sg_core.synthesis.synthesizer import Synthesizer, SyntheticFrame

logger = logging.getLogger(__name__)

QUALITY = (85, 97)  # of the JPEG: the log's own compression is in the frame already
SHADED_SCORE = 0.3  # objects from which shadows keep off: they stand on the ground, not in it


@dataclass(frozen=True, eq=False)
class MixedFrame:
    """What a mixed frame is made of; see `synthesis.workers.Content`.

    Attributes:
        image: The real frame's file.
        graph: Inferred on it, with calibrated scores, poses, and a camera that knows its ground.
        thresholds: By class, the score from which an inferred object is a label.
    """

    image: Path
    graph: SceneGraph
    thresholds: Mapping[str, float]

    def to_json(self) -> Any:
        """Returns JSON-ready data."""
        return {"image": self.image.name, "graph": self.graph.to_json(), "thresholds": dict(self.thresholds)}

    def frame(self, synthesizer: Synthesizer, seed: int) -> SyntheticFrame:
        """Draws objects and distractors, renders them with and without, and sets them into the frame."""
        rng_content, rng_look, rng_scenery, rng_sensor = (
            np.random.default_rng([seed, stream]) for stream in (6, 7, 8, 9)
        )
        domain = synthesizer.domain
        real, graph = self._straight()
        assert graph.camera is not None
        ground = free_ground(real, graph)
        light = measure_light(real, graph, ground)
        appearance = over_plain_ground(sample_appearance(domain, rng_look), light, rng_look)
        space = FreeSpace(graph, ground)
        placements, prior = draw_objects(domain, space, rng_content)
        distractors = draw_distractors(domain, prior, appearance, space, rng_scenery)
        layout = Layout(graph.camera, tuple(synthesizer.with_asset(p, rng_content) for p in placements))
        instances = [synthesizer.dress(p, appearance, rng_look) for p in layout.placements]
        renderer = synthesizer.renderer(layout.camera.width, layout.camera.height)
        objects = renderer.render(appearance.scene(layout, [*instances, *distractors]), depth=False)
        bare = renderer.render(appearance.scene(layout, []), depth=False, visibility=False)
        image = composite(real, objects, bare, _shaded(graph), light, appearance.sensor, rng_sensor)
        pasted = make_graph(domain, layout, objects)
        known = under_pasted(known_objects(graph, domain, self.thresholds), objects.ids, domain)
        return SyntheticFrame(
            image,
            dataclasses.replace(pasted, objects=(*pasted.objects, *known)),
            layout,
            {"seed": seed, "domain": domain.name, "layout": layout.to_json(), "frame": self.image.name},
            objects.ids,
            None,
            int(rng_sensor.integers(QUALITY[0], QUALITY[1] + 1)),
        )

    def _straight(self) -> tuple[np.ndarray, SceneGraph]:
        """Returns image and graph as a camera without distortion sees them: what is rendered has none."""
        image, camera = read_image(self.image), self.graph.camera
        assert camera is not None
        if camera.is_pinhole:
            return image, self.graph
        graph = without_distortion(self.graph)
        assert graph.camera is not None
        rays = graph.camera.rays(pixel_centres(camera.width, camera.height))
        x, y = np.moveaxis(camera.project(rays) - 0.5, -1, 0).astype(np.float32)
        return cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), graph


def mixed_frames(
    paths: Sequence[Path],
    graphs: Sequence[SceneGraph],
    domain: Domain,
    thresholds: Mapping[str, float],
    count: int,
    rng: np.random.Generator,
) -> list[MixedFrame]:
    """Draws which frames of the log get objects: all as often, up to one.

    Args:
        paths: Of N frames.
        graphs: Inferred on them, unthresholded, with calibrated scores; those whose camera knows no
            ground are left out.
        domain: What to look for.
        thresholds: By class, the score from which an inferred object is a label.
        count: Mixed frames.
        rng: Random numbers.

    Raises:
        Sim2SGError: Of no frame the ground is known.
    """
    able = [k for k, graph in enumerate(graphs) if graph.camera is not None and graph.camera.ground is not None]
    if not able:
        raise Sim2SGError(
            "--mixing: the camera's height and pitch are unknown in all frames; give --camera-height, or --mixing 0"
        )
    if len(able) < len(graphs):
        missing = len(graphs) - len(able)
        logger.warning(
            "--mixing: the camera's height and pitch are unknown in %d of %d frames: they are left out",
            missing,
            len(graphs),
        )
    rounds = -(-count // len(able))
    order = np.concatenate([rng.permutation(able) for _ in range(rounds)])[:count]
    return [MixedFrame(paths[k], likely_objects(graphs[k]), thresholds) for k in order]


def _shaded(graph: SceneGraph) -> np.ndarray:
    """(H, W) float32 in [0, 1]: 0 on known objects, whose own pixels no shadow on the ground reaches."""
    free = np.ones((graph.height, graph.width), np.float32)
    for item in graph.objects:
        if item.score >= SHADED_SCORE:
            x1, y1, x2, y2 = item.box.round().astype(int).clip(0)
            free[y1:y2, x1:x2] = 0
    return cv2.GaussianBlur(free, (0, 0), 2.0)
