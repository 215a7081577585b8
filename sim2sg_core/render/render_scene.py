"""What the renderer draws, as plain data: instances, materials, lights, ground, sky, fog and a camera.

Frame: the world frame of `sim2sg_core.scene.camera` (x forward, y left, z up, metres). Colours are linear, in the
renderer's own encoding (linear = value², see `linear`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sim2sg_core.render.meshes import Asset
from sim2sg_core.scene.camera import Camera
from sim2sg_core.scene.layout import Placement

Color = tuple[float, float, float]


def linear(color: tuple[float, float, float] | np.ndarray) -> Color:
    """Decodes a display colour (0–1) as the renderer encodes it: gamma 2, a square root on the way out."""
    r, g, b = (float(v) for v in color)
    return (r * r, g * g, b * b)


@dataclass(frozen=True)
class Material:
    """The material of one part of an instance, or of the ground.

    Attributes:
        color: Linear RGB albedo (or reflectance, for metals).
        roughness: 0 mirror-like to 1 matt.
        specular: Strength of the highlight of non-metals, 0–1 (0.5 is common plastic).
        metallic: 1 tints reflections with the colour and has no diffuse part.
        texture: Name of a texture layer (see `textures.build_textures`), or None.
        texture_scale: Size of one repeat, metres.
        texture_strength: 0 plain to 1 the full contrast of the texture.
        emissive: Share of the colour that glows regardless of light.
        cutout: Whether the texture's gaps are cut out (leaves). Gaps count as unseen pixels of what is partly hidden.
        opacity: Share of the diffuse colour that hides what is behind, seen head-on: 1 is opaque, 0 leaves reflections
            alone. What is seen through a translucent part is drawn, but in ids, counts, boxes and depth the part
            covers it as if it were opaque. Such parts cast no shadow. Not for the ground, nor together with `cutout`.
        bends: With an opacity below 1, whether the part is massive, of glass or a liquid: what shines through is
            refracted and tinted by `color`. Otherwise it is a thin wall, and what is behind it stays in its place.
    """

    color: Color = (0.25, 0.25, 0.25)
    roughness: float = 0.7
    specular: float = 0.3
    metallic: float = 0.0
    texture: str | None = None
    texture_scale: float = 1.0
    texture_strength: float = 1.0
    emissive: float = 0.0
    cutout: bool = False
    opacity: float = 1.0
    bends: bool = False


@dataclass(frozen=True, eq=False)
class Instance:
    """One mesh in the scene.

    Attributes:
        asset: The mesh. Uploaded when first seen; keep and reuse the object across frames where possible.
        position: (3,) centre of the base, metres.
        yaw: Radians about world +z.
        size: (3,) length, width, height, metres.
        materials: One per slot of the asset.
        label: Class name; None for scenery, which is drawn and hides things but has id 0.
        tilt: Optional (3, 3) rotation applied before the yaw.
        layer: Decals on one plane (lane markings over a road): the higher wins where they coincide.
        shadow: Whether it casts a shadow.
        coarse: A mesh of fewer triangles with the same slots, drawn far away and in shadow maps; None for none.
        part_of: Index of the labelled instance that its pixels count for (a cloth is part of its table).
    """

    asset: Asset
    position: np.ndarray
    yaw: float
    size: np.ndarray
    materials: tuple[Material, ...]
    label: str | None = None
    tilt: np.ndarray | None = None
    layer: int = 0
    shadow: bool = True
    coarse: Asset | None = None
    part_of: int | None = None

    @property
    def leafy(self) -> bool:
        """Whether any part is cut out."""
        return any(material.cutout for material in self.materials)

    @classmethod
    def of(
        cls, placement: Placement, asset: Asset, materials: tuple[Material, ...], coarse: Asset | None = None
    ) -> Instance:
        """Returns the labelled instance of a placement."""
        return cls(asset, placement.position, placement.yaw, placement.size, materials, placement.label, coarse=coarse)


@dataclass(frozen=True)
class Light:
    """A lamp or the sun.

    Attributes:
        position: Metres; for the sun the unit direction *towards* it.
        color: Linear RGB irradiance on a facing surface, at the origin of `target` for a lamp.
        directional: True for the sun.
        target: Where a lamp points and where `color` is measured, metres.
        radius: Half-size of a lamp, metres (tangent of the half-angle for the sun): widens highlights and shadows.
        shadow: Whether it casts shadows (two lights at most do).
    """

    position: tuple[float, float, float]
    color: Color
    directional: bool = False
    target: tuple[float, float, float] = (0.0, 0.0, 0.0)
    radius: float = 0.0
    shadow: bool = True


@dataclass(frozen=True)
class Sky:
    """The background above the ground, which metals and glass also mirror.

    Attributes:
        zenith: Linear RGB overhead.
        horizon: Linear RGB at eye level.
        clouds: Cover, 0 none to 1 overcast.
        cloud_color: Linear RGB.
        cloud_offset: Shifts the clouds (any number).
        glow: Brightness of the haze about the sun.
    """

    zenith: Color = (0.1, 0.25, 0.7)
    horizon: Color = (0.6, 0.7, 0.85)
    clouds: float = 0.0
    cloud_color: Color = (0.9, 0.9, 0.9)
    cloud_offset: float = 0.0
    glow: float = 0.3


@dataclass(frozen=True)
class Fog:
    """Haze: the share exp(-density · distance) of an object's own colour is left."""

    density: float = 0.0
    color: Color = (0.6, 0.65, 0.7)


@dataclass(frozen=True, eq=False)
class RenderScene:
    """Everything in one picture.

    Attributes:
        camera: The lens and its pose; distortion is applied by the caller, the renderer draws a pinhole.
        instances: Objects and scenery.
        lights: At most three.
        ambient_up: Linear RGB irradiance from above.
        ambient_down: The same from below (light thrown back by the ground).
        ground: Material of the endless plane z = `ground_height`, or None.
        ground_height: Metres; put it a little below roads that are drawn as instances.
        sky: Background.
        fog: Haze.
        exposure: Factor on everything before encoding.
        occlusion: Strength of the contact shadows under labelled and unlabelled objects, 0–1.
        shadow_range: Objects farther from the camera than this many metres cast none.
        shadow_softness: Width of the shadow's edge in texels of the shadow map.
        environment: Linear RGB that shining surfaces mirror, by direction, see `environment.py`; None takes sky and
            ground alone.
    """

    camera: Camera
    instances: tuple[Instance, ...]
    lights: tuple[Light, ...] = field(default=(Light((0.4, 0.3, 0.85), (2.2, 2.1, 1.9), directional=True),))
    ambient_up: Color = (0.35, 0.4, 0.5)
    ambient_down: Color = (0.15, 0.14, 0.12)
    ground: Material | None = field(default=Material())
    ground_height: float = 0.0
    sky: Sky = field(default=Sky())
    fog: Fog = field(default=Fog())
    exposure: float = 1.0
    occlusion: float = 0.6
    shadow_range: float = 60.0
    shadow_softness: float = 1.5
    environment: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Rendered:
    """What came back.

    Attributes:
        rgb: (H, W, 3) uint8.
        ids: (H, W) int32; index of the labelled instance in `RenderScene.instances` plus one, 0 elsewhere.
        depth: (H, W) float32 metres along the optical axis, inf where there is only sky; None unless asked for.
        visible_pixels: (N,) pixels of every instance that are seen; 0 for scenery.
        unoccluded_pixels: (N,) pixels it would have inside the image were it alone (estimated for large ones).
        boxes: (N, 4) xyxy extent of the visible pixels; zeros when there are none.
        amodal: (N, 4) xyxy extent were nothing before it, clipped at the near plane but not to the image; NaN for
            scenery and for what the camera cannot see.
    """

    rgb: np.ndarray
    ids: np.ndarray
    depth: np.ndarray | None
    visible_pixels: np.ndarray
    unoccluded_pixels: np.ndarray
    boxes: np.ndarray
    amodal: np.ndarray
