"""The references of the appearance fit: scenes like the log's, rendered in an appearance that is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim2sg_core.adaptation.appearance.image_measures import Crop, Measures, measure_image
from sim2sg_core.adaptation.content.object_sampling import with_supports
from sim2sg_core.domains import AppearanceSpec, Domain
from sim2sg_core.images import decode_image
from sim2sg_core.lifting import lift_graph
from sim2sg_core.render.meshes import Asset
from sim2sg_core.scene import Layout, SceneGraph
from sim2sg_core.synthesis.assets.registry import class_assets, load_asset
from sim2sg_core.synthesis.synthesizer import Synthesizer, SyntheticFrame

SCENES = 20  # rendered in every appearance
PAINTED = 0.8  # share of an object's surface: less, and its crop's colour is not its paint's
LIKELY = 0.5  # score of objects that the scenes rebuild


class ReferenceRenderer:
    """Renders scenes like the log's in a given appearance."""

    def __init__(
        self, domain: Domain, graphs: Sequence[SceneGraph], rng: np.random.Generator, scenes: int = SCENES
    ) -> None:
        """Takes the scenes: rebuilt from the log where poses are known, from the prior otherwise."""
        self.domain, self.synthesizer = domain, Synthesizer(domain)
        self.seeds = rng.integers(0, 2**31, scenes).tolist()
        chosen = range(0, len(graphs), max(len(graphs) // scenes, 1))
        self.indices = [chosen[k % len(chosen)] for k in range(scenes)]
        self.scenes = [graphs[k] for k in self.indices]
        # Only what `paints` colours tells anything of it: glass and tyres would be taken for paint.
        self.painted = {
            c.name
            for c in domain.classes
            if not c.colors and all(_paint_cover(load_asset(a)) > PAINTED for a in class_assets(domain, c.name))
        }

    def render(self, spec: AppearanceSpec, count: int | None = None) -> list[SyntheticFrame]:
        """Draws the first `count` scenes, or all."""
        # One context for all: only what is drawn from the domain's appearance changes.
        self.synthesizer.domain = self.domain.model_copy(update={"appearance": spec})
        pairs = zip(self.scenes[:count], self.seeds, strict=False)
        return [self.synthesizer.frame(self._layout(graph, seed), seed) for graph, seed in pairs]

    def measure(self, spec: AppearanceSpec, count: int | None = None) -> list[Measures]:
        """Draws the first `count` scenes, or all, and measures them."""
        return [measure_image(decode_image(frame.jpeg()), frame.graph) for frame in self.render(spec, count)]

    def close(self) -> None:
        """Frees the renderer."""
        self.synthesizer.close()

    def crops(self, measures: Sequence[Measures]) -> list[Crop]:
        """Returns the objects whose colour is a paint."""
        return [crop for m in measures for crop in m.crops if crop.label in self.painted]

    def _layout(self, graph: SceneGraph, seed: int) -> Layout:
        if graph.camera is not None and graph.camera.ground is not None:
            supports = self.domain.class_supports
            likely = with_supports(graph, np.flatnonzero(graph.scores() >= LIKELY).tolist(), supports)
            layout = lift_graph(
                graph.select(likely),
                graph.camera,
                lambda label, size: size,
                supports=supports,
                surfaces=self.domain.class_surfaces,
                insides=self.domain.class_insides,
            )
            if layout.placements:
                return layout
        return self.synthesizer.sample(seed, graph.camera, (graph.width, graph.height))


def _paint_cover(asset: Asset) -> float:
    """Share of an asset's surface that is painted."""
    mesh = asset.mesh
    a, b, c = (mesh.vertices[mesh.faces[:, k]] * asset.size for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    slots = [k for k, slot in enumerate(asset.slots) if slot.palette == "paint"]
    return float(area[np.isin(mesh.slots, slots)].sum() / area.sum())
