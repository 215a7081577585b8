"""How a scene looks: light, sky, ground, colours, sensor. Drawn anew for every frame from the domain's ranges.

Brightness is relative: light and ambient together give 1 on the ground in the middle of the scene, times the exposure.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sim2sg_core.domains import AppearanceSpec, Domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.images import read_image
from sim2sg_core.packs.pack import scene_module
from sim2sg_core.render.environment import read_environment
from sim2sg_core.render.meshes import Asset, Slot
from sim2sg_core.render.render_scene import Color, Fog, Light, Material, RenderScene, Sky, linear
from sim2sg_core.render.sensor import Sensor
from sim2sg_core.render.textures import SIZE
from sim2sg_core.scene.layout import Layout
from sim2sg_core.synthesis.palettes import any_color, palettes

FLOORS = {
    # name: (texture, range of repeat in metres, strength)
    "plain": (None, (1.0, 1.0), 0.0),
    "speckle": ("speckle", (1.5, 4.0), 0.6),
    "concrete": ("concrete", (2.0, 5.0), 0.8),
    "tiles": ("tiles", (2.0, 6.0), 0.8),
    "wood": ("wood", (1.5, 4.0), 0.9),
    "ripples": ("ripples", (3.0, 8.0), 0.7),
    "checker": ("checker", (2.0, 6.0), 0.5),
    "mottle": ("mottle", (3.0, 8.0), 0.8),
    "weave": ("weave", (1.0, 3.0), 0.8),
    "grass": ("grass", (2.0, 4.0), 1.0),
    "soil": ("soil", (2.0, 5.0), 1.0),
    "gravel": ("gravel", (1.5, 3.0), 0.9),
    "asphalt": ("asphalt", (2.5, 5.0), 0.9),
    "paving": ("paving", (2.0, 3.5), 0.8),
    "planks": ("planks", (1.0, 2.0), 0.8),
}
PATCHED = 0.9  # share of the parts with texture patches that get one


@dataclass(frozen=True)
class PaintMaterial:
    """A material that painted parts may have whatever their asset says."""

    roughness: tuple[float, float]
    specular: tuple[float, float]
    metallic: float = 0.0


PAINT_MATERIALS = {
    "rubber": PaintMaterial((0.55, 0.95), (0.1, 0.45)),
    "metal": PaintMaterial((0.10, 0.32), (0.5, 0.5), 1.0),
    "paint": PaintMaterial((0.12, 0.35), (0.5, 1.0)),
    "plastic": PaintMaterial((0.25, 0.5), (0.35, 0.7)),
}


@dataclass(frozen=True)
class Painter:
    """Colours the parts of assets.

    Attributes:
        paints: Base display colours (0–255) of the palette "paint"; empty takes the built-in family.
        jitter: Standard deviation about them, grey levels.
        anything: Share of painted parts of any colour at all.
        paint_shares: How common each of `paints` is; empty makes all alike.
        paint_materials: Materials of painted parts; empty leaves it to the slots.
        paint_material_shares: How common each of `paint_materials` is; empty makes all alike.
        textured: Share of slots with a choice of textures that get one.
        patches: Texture patches by family name ("wall", "foliage", …) or "floor": names of layers.
    """

    paints: tuple[tuple[int, int, int], ...] = ()
    paint_shares: tuple[float, ...] = ()
    jitter: float = 12.0
    anything: float = 0.1
    paint_materials: tuple[str, ...] = ()
    paint_material_shares: tuple[float, ...] = ()
    textured: float = 0.9
    patches: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def materials(
        self, asset: Asset, rng: np.random.Generator, colors: Sequence[tuple[int, int, int]] = ()
    ) -> tuple[Material, ...]:
        """Draws the materials of one instance of `asset`, one for each slot.

        Args:
            asset: The asset.
            rng: Randomness.
            colors: Base colours of painted parts of this class; empty takes the painter's.
        """
        shared: dict[str, Material] = {}
        made = []
        for slot in asset.slots:
            family = palettes().get(slot.palette)
            if family is None or not family.shared:
                made.append(self.material(slot, rng, colors))
                continue
            if slot.palette not in shared:
                shared[slot.palette] = self.material(slot, rng, colors)
            own = {name: getattr(slot, name) for name in ("emissive", "texture_scale", "opacity", "bends")}
            made.append(dataclasses.replace(shared[slot.palette], **own))
        return tuple(made)

    def material(self, slot: Slot, rng: np.random.Generator, colors: Sequence[tuple[int, int, int]] = ()) -> Material:
        """Draws the material of one slot."""
        family = palettes().get(slot.palette)
        roughness, specular, metallic = slot.roughness, slot.specular, slot.metallic
        if slot.palette == "fixed":
            color: Color = slot.color
        elif family is None:
            shade = rng.uniform(0.75, 1.2) * (1 + rng.normal(0, 0.06, 3))
            color = tuple(np.clip(np.array(slot.color) * shade, 0, 1).tolist())
        else:
            color = linear(self._paint(rng, colors) if slot.palette == "paint" else family.draw(rng))
            roughness = _between(family.roughness, rng) if family.roughness else roughness
            specular = _between(family.specular, rng) if family.specular else specular
            metallic = family.metallic if family.metallic is not None else metallic
        if slot.palette == "paint" and self.paint_materials:
            paint = PAINT_MATERIALS[_pick(self.paint_materials, self.paint_material_shares, rng)]
            roughness, specular = _between(paint.roughness, rng), _between(paint.specular, rng)
            metallic = paint.metallic
        patches = self.patches.get(slot.palette, ())
        choices = patches or slot.textures
        texture = None
        if choices and rng.random() < (PATCHED if patches else self.textured):
            texture = choices[rng.integers(len(choices))]
        scale = slot.texture_scale * _between((0.8, 1.25), rng)
        return Material(
            color, float(roughness), float(specular), float(metallic), texture, scale,
            _between((0.5, 1.0), rng), slot.emissive, cutout=texture == "leaves", opacity=slot.opacity,
            bends=slot.bends,
        )  # fmt: skip

    def _paint(self, rng: np.random.Generator, colors: Sequence[tuple[int, int, int]]) -> np.ndarray:
        base = colors or self.paints
        if not base:
            return palettes()["paint"].draw(rng) if rng.random() >= self.anything else any_color(rng)
        if rng.random() < self.anything:
            return any_color(rng)
        chosen = _pick(base, () if colors else self.paint_shares, rng)
        color = np.array(chosen, np.float64) + rng.normal(0, self.jitter, 3)
        return np.asarray(np.clip(color, 2, 255) / 255)


def _between(ends: tuple[float, float], rng: np.random.Generator) -> float:
    """Draws what `rng.uniform` would, at a fifth of its cost: a frame has hundreds of materials."""
    low, high = ends
    return float(low + (high - low) * rng.random())


def _pick(choices: Sequence[Any], shares: Sequence[float], rng: np.random.Generator) -> Any:
    """Draws one of the choices; without shares all are alike."""
    if not shares:
        return choices[int(rng.integers(len(choices)))]
    edges = np.cumsum(shares)
    return choices[min(int(np.searchsorted(edges, rng.random() * edges[-1], side="right")), len(choices) - 1)]


@dataclass(frozen=True)
class Appearance:
    """Everything about a picture that is not its content."""

    lights: tuple[Light, ...]
    ambient_up: Color
    ambient_down: Color
    ground: Material
    ground_height: float
    sky: Sky
    fog: Fog
    exposure: float
    occlusion: float
    shadow_softness: float
    shadow_range: float
    sensor: Sensor
    painter: Painter
    walls: Material | None = None  # of a room
    environment: np.ndarray | None = None  # what shining surfaces mirror; None takes sky and ground alone

    def scene(self, layout: Layout, instances: Sequence) -> RenderScene:
        """Returns the scene of these instances in this light."""
        return RenderScene(
            camera=layout.camera,
            instances=tuple(instances),
            lights=self.lights,
            ambient_up=self.ambient_up,
            ambient_down=self.ambient_down,
            ground=self.ground,
            ground_height=self.ground_height,
            sky=self.sky,
            fog=self.fog,
            exposure=self.exposure,
            occlusion=self.occlusion,
            shadow_range=self.shadow_range,
            shadow_softness=self.shadow_softness,
            environment=self.environment,
        )


def patch_names(surface: str, count: int) -> tuple[str, ...]:
    """Returns the names of a surface's texture layers, in the order of its image files."""
    return tuple(f"{surface} patch {k}" for k in range(count))


def patch_surfaces() -> tuple[str, ...]:
    """Returns what texture patches may cover."""
    return ("floor", *palettes())


def load_patches(spec: AppearanceSpec) -> dict[str, np.ndarray]:
    """Reads the texture patches of a domain.

    Returns:
        (SIZE, SIZE, 3) uint8 RGB by the name of its layer.

    Raises:
        Sim2SGError: A surface that nothing has, or an image that is missing or unreadable.
    """
    surfaces = patch_surfaces()
    made = {}
    for surface, files in spec.patches.items():
        if surface not in surfaces:
            raise Sim2SGError(f"appearance.patches: unknown surface {surface!r}; known: {', '.join(surfaces)}")
        for name, file in zip(patch_names(surface, len(files)), files, strict=True):
            if not Path(file).is_file():
                raise Sim2SGError(f"appearance.patches.{surface}: no image {file}; put it back or correct its path")
            made[name] = cv2.resize(read_image(file), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    return made


@dataclass(frozen=True)
class AppearancePrior:
    """How scenes of a layout type look where the domain leaves it open.

    Attributes:
        floors: Kinds of ground; one is drawn, repeated names more often.
        textured: Share of painted parts with a texture.
        surroundings: (domain, rng, ambient, floor) -> fields of `Appearance`: lights, sky, ground and fog. `ambient` is
            the share of light without direction, `floor` the kind of ground.
        contrast: Range of the sensor's contrast where the domain gives none.
        sharpened: Share of pictures that the camera sharpens.
        adjust: (exposure, sensor, domain, rng) -> both as the camera makes them of such scenes; None changes nothing.
    """

    floors: tuple[str, ...]
    textured: float
    surroundings: Callable[[Domain, np.random.Generator, float, str], dict[str, Any]]
    contrast: tuple[float, float] = (0.9, 1.1)
    sharpened: float = 0.0
    adjust: Callable[[float, Sensor, Domain, np.random.Generator], tuple[float, Sensor]] | None = None


def sample_appearance(domain: Domain, rng: np.random.Generator) -> Appearance:
    """Draws how one frame looks."""
    spec = domain.appearance
    prior: AppearancePrior = scene_module(domain.layout.type).appearance_prior(domain)
    painter = Painter(
        paints=spec.paints,
        paint_shares=spec.paint_shares,
        jitter=spec.paint_jitter,
        anything=spec.random_paint,
        paint_materials=tuple(spec.materials),
        paint_material_shares=tuple(spec.materials.values()) if isinstance(spec.materials, dict) else (),
        textured=spec.textured if spec.textured is not None else prior.textured,
        patches={surface: patch_names(surface, len(files)) for surface, files in spec.patches.items()},
    )
    exposure = float(2 ** rng.uniform(*spec.exposure))
    ambient = float(rng.uniform(*spec.ambient))
    floors = spec.floors or prior.floors
    floor = floors[rng.integers(len(floors))]
    surroundings = prior.surroundings(domain, rng, ambient, floor)
    if spec.environment is not None:
        surroundings["environment"] = read_environment(spec.environment) * np.float32(surroundings["ambient_up"])
    sensor = sample_sensor(domain, rng, prior)
    if prior.adjust is not None:
        exposure, sensor = prior.adjust(exposure, sensor, domain, rng)
    return Appearance(exposure=exposure, sensor=sensor, painter=painter, **surroundings)


def _within(ends: tuple[float, float], rng: np.random.Generator) -> float:
    """Draws from a range. One that is a single number takes no randomness: later draws do not depend on it."""
    return float(rng.uniform(*ends)) if ends[0] < ends[1] else float(ends[0])


def sample_sensor(domain: Domain, rng: np.random.Generator, prior: AppearancePrior) -> Sensor:
    """Draws the camera's faults."""
    spec = domain.appearance
    warm, green = spec.tint * rng.normal(0, 0.025), spec.tint * rng.normal(0, 0.01)
    return Sensor(
        saturation=float(rng.uniform(*spec.saturation)),
        balance=(float(1 + warm), float(1 + green), float(1 - warm)),
        contrast=float(rng.uniform(*(spec.contrast or prior.contrast))),
        noise=float(rng.uniform(*spec.noise)),
        grain=float(rng.choice([0.0, 0.6])),
        blur=float(rng.uniform(*spec.blur)),
        sharpen=float(rng.uniform(0, 0.8)) if prior.sharpened and rng.random() < prior.sharpened else 0.0,
        vignette=float(rng.uniform(0, 0.25)) if rng.random() < 0.3 else 0.0,
        jpeg=int(rng.integers(spec.jpeg[0], spec.jpeg[1] + 1)),
        gamma=_within(spec.gamma, rng),
        glare=_within(spec.glare, rng),
    )


def floor_material(
    domain: Domain,
    rng: np.random.Generator,
    floor: str,
    usual: Callable[[str, np.random.Generator], np.ndarray] | None = None,
) -> Material:
    """Draws the ground's material; `usual` gives its colour where the domain leaves it open."""
    spec = domain.appearance
    texture, scales, strength = FLOORS.get(floor, FLOORS["plain"])
    if spec.floor_colors:
        color = np.array(spec.floor_colors[rng.integers(len(spec.floor_colors))], float)
        color = np.clip(color + rng.normal(0, 10) + spec.tint * rng.normal(0, 3, 3), 10, 250) / 255
    elif usual:
        color = usual(floor, rng)
    elif floor in palettes():
        color = palettes()[floor].draw(rng)
    else:
        color = (
            any_color(rng) if rng.random() < 0.15 else np.clip(rng.uniform(0.35, 0.75) + rng.normal(0, 0.02, 3), 0, 1)
        )
    if patches := spec.patches.get("floor", ()):
        names = patch_names("floor", len(patches))
        texture, scales, strength = names[int(rng.integers(len(names)))], (spec.patch_size, spec.patch_size), 1.0
    return Material(
        linear(color),
        roughness=float(rng.uniform(0.45, 0.95)),
        specular=float(rng.uniform(0.0, 0.5)),
        texture=texture,
        texture_scale=float(rng.uniform(*scales)),
        texture_strength=strength * float(rng.uniform(0.5, 1.0)),
    )
