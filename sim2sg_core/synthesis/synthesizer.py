"""Layout and seed in, picture and exact scene graph out."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim2sg_core.domains import ArrangedLayout, Domain
from sim2sg_core.images import encode_jpeg
from sim2sg_core.packs.pack import scene_module
from sim2sg_core.render.render_scene import Instance
from sim2sg_core.render.renderer import Renderer
from sim2sg_core.render.sensor import apply_sensor
from sim2sg_core.scene import Camera, Layout, Placement, SceneGraph
from sim2sg_core.synthesis.appearance import Appearance, load_patches, sample_appearance
from sim2sg_core.synthesis.assets.registry import class_assets, coarse_asset, like_sized, load_asset
from sim2sg_core.synthesis.labels import make_graph
from sim2sg_core.synthesis.layouts.closeup import closeup

SMALL = 512


@dataclass(frozen=True, eq=False)
class SyntheticFrame:
    """One synthetic frame.

    Attributes:
        image: (H, W, 3) uint8 RGB, sensor effects included, not yet compressed.
        graph: Ground truth: boxes, poses, visibility, relations, camera.
        layout: The layout that was drawn, assets chosen.
        scene: JSON-ready record of the frame.
        ids: (H, W) int32, index into `layout.placements` plus one; 0 elsewhere.
        depth: (H, W) float32 metres, inf in the sky; None unless asked for.
        jpeg_quality: Quality that the frame is to be compressed with.
    """

    image: np.ndarray
    graph: SceneGraph
    layout: Layout
    scene: dict[str, Any]
    ids: np.ndarray
    depth: np.ndarray | None
    jpeg_quality: int

    def jpeg(self) -> bytes:
        """Compresses the image."""
        return encode_jpeg(self.image, self.jpeg_quality)


def sample_layout(domain: Domain, camera: Camera, rng: np.random.Generator) -> Layout:
    """Draws a prior scene in front of the camera, as the domain's layout says."""
    layout: Layout = scene_module(domain.layout.type).sample_layout(domain, camera, rng)
    return layout


class Synthesizer:
    """Draws frames of one domain. Holds one renderer per image size."""

    def __init__(self, domain: Domain, shadow_size: int = 512, samples: int | None = None) -> None:
        """Checks that the domain can be drawn.

        Args:
            domain: The domain.
            shadow_size: Side of the shadow maps, texels.
            samples: Samples per pixel for smooth edges, 0 for none; None takes 4 for images up to `SMALL` pixels
                wide, where it is cheap, and none for larger ones, which get scaled down anyway.

        Raises:
            Sim2SGError: A class has no asset, or an image of a texture patch is missing.
        """
        self.domain = domain
        self.shadow_size, self.samples = shadow_size, samples
        self._scenes = scene_module(domain.layout.type)
        self._renderers: dict[tuple[int, int], Renderer] = {}
        self.assets = {c.name: class_assets(domain, c.name) for c in domain.classes}
        self.patches = load_patches(domain.appearance)

    def renderer(self, width: int, height: int) -> Renderer:
        """Returns the renderer of that size, made when first asked for."""
        key = (width, height)
        if key not in self._renderers:
            samples = (4 if width <= SMALL else 0) if self.samples is None else self.samples
            self._renderers[key] = Renderer(width, height, self.shadow_size, samples)
            self._renderers[key].add_patches(self.patches)
        return self._renderers[key]

    def close(self) -> None:
        """Frees the renderers."""
        for renderer in self._renderers.values():
            renderer.release()
        self._renderers.clear()

    def sample(self, seed: int, camera: Camera | None = None, size: tuple[int, int] | None = None) -> Layout:
        """Draws a prior layout.

        Args:
            seed: Same seed, same layout.
            camera: The camera; None draws one from the domain's prior. Without a ground, extrinsics are the prior's.
            size: Width and height in pixels where no camera is given; None takes the prior's.
        """
        rng = np.random.default_rng([seed, 1])
        layout = sample_layout(self.domain, with_ground(self.domain, camera, rng, size), rng)
        share = self.domain.layout.closeup if camera is None and isinstance(self.domain.layout, ArrangedLayout) else 0.0
        return closeup(layout, rng) if share and rng.random() < share else layout

    def frame(self, layout: Layout, seed: int, depth: bool = False) -> SyntheticFrame:
        """Draws a layout: its placements exactly as they stand, everything else from `seed`.

        Args:
            layout: The content.
            seed: Same layout and seed, same pixels.
            depth: Whether to read depth back.
        """
        rng_assets, rng_look, rng_scenery, rng_sensor = (
            np.random.default_rng([seed, stream]) for stream in (2, 3, 4, 5)
        )
        # The picture is that of the lens without its distortion, and so is the camera that it is labelled with.
        layout = Layout(
            layout.camera.without_lens(),
            tuple(self.with_asset(p, rng_assets) for p in layout.placements),
        )
        appearance = sample_appearance(self.domain, rng_look)
        instances = [self.dress(p, appearance, rng_look) for p in layout.placements]
        surroundings = self._scenes.scenery(self.domain, layout, appearance, rng_scenery)
        renderer = self.renderer(layout.camera.width, layout.camera.height)
        drawn = appearance.scene(layout, [*instances, *surroundings])
        rendered = renderer.render(drawn, depth=depth)
        graph = make_graph(self.domain, layout, rendered)
        image = apply_sensor(rendered.rgb, appearance.sensor, rng_sensor)
        scene = {"seed": seed, "domain": self.domain.name, "layout": layout.to_json()}
        return SyntheticFrame(image, graph, layout, scene, rendered.ids, rendered.depth, appearance.sensor.jpeg)

    def with_asset(self, placement: Placement, rng: np.random.Generator) -> Placement:
        """Chooses the mesh of a placement that has none, among those of about its proportions."""
        draw = rng.random()  # In any case: later draws must not depend on it.
        if placement.asset:
            return placement
        measured = self.domain.class_spec(placement.label).measured
        near = like_sized(self.assets[placement.label], placement.size, measured)
        return dataclasses.replace(placement, asset=near[int(draw * len(near))])

    def dress(self, placement: Placement, appearance: Appearance, rng: np.random.Generator) -> Instance:
        """Gives a placement its colours."""
        asset = load_asset(placement.asset or self.assets[placement.label][0])
        colors = self.domain.class_spec(placement.label).colors
        return Instance.of(placement, asset, appearance.painter.materials(asset, rng, colors), coarse_asset(asset.name))


def with_ground(
    domain: Domain, camera: Camera | None, rng: np.random.Generator, size: tuple[int, int] | None = None
) -> Camera:
    """Returns the camera, or one from the domain's prior for what is unknown of it."""
    if camera is None:
        return domain.camera.sample(rng, None, *(size or (None, None)))
    drawn = domain.camera.sample(rng, camera.K, camera.width, camera.height)
    return dataclasses.replace(camera, ground=drawn.ground) if camera.ground is None else camera
