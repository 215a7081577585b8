"""The materials of the path-traced target, as Blender nodes; drawn anew for every scene."""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np

RGB = Sequence[float]


class Surfaces:
    """Draws materials."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self._metal = float(rng.uniform(0.12, 0.35))  # One set of cutlery.
        self._ceramic = self._pastel() if rng.random() < 0.5 else None  # One set of plates.

    # ---- plain ones ------------------------------------------------------------------------------------------

    def shaded(self, color: RGB, **inputs: float) -> bpy.types.Material:
        """Blender's principled surface; inputs by their names with _ for blanks."""
        material = bpy.data.materials.new("surface")
        material.use_nodes = True
        node = material.node_tree.nodes["Principled BSDF"]
        node.inputs["Base Color"].default_value = (*color, 1)
        for name, value in inputs.items():
            node.inputs[name.replace("_", " ")].default_value = value
        return material

    def matt(self, color: RGB) -> bpy.types.Material:
        """Without much shine."""
        return self.shaded(color, Roughness=float(self.rng.uniform(0.6, 0.95)))

    def glow(self, color: RGB, strength: float) -> bpy.types.Material:
        """Gives light."""
        material = self.shaded((0, 0, 0))
        node = material.node_tree.nodes["Principled BSDF"]
        node.inputs["Emission Color"].default_value = (*color, 1)
        node.inputs["Emission Strength"].default_value = strength
        return material

    def metal(self) -> bpy.types.Material:
        """Steel, as all cutlery of a scene; rarely brass."""
        color = (0.62, 0.6, 0.57) if self.rng.random() < 0.92 else (0.7, 0.5, 0.22)
        return self.shaded(color, Metallic=1.0, Roughness=self._metal)

    def ceramic(self) -> bpy.types.Material:
        """Glazed: mostly white, or the colour of the set."""
        white = self.rng.random() < 0.55
        color = (0.78, 0.77, 0.74) if white else self._ceramic if self._ceramic is not None else self._pastel()
        return self.shaded(color, Roughness=float(self.rng.uniform(0.08, 0.4)), Coat_Weight=0.5)

    def glass(self) -> bpy.types.Material:
        """Clear glass."""
        return self.shaded((0.98, 0.99, 0.99), Roughness=0.0, Transmission_Weight=1.0, IOR=1.45)

    def bottle(self) -> bpy.types.Material:
        """Green, brown or clear glass, or coloured plastic."""
        kind = self.rng.random()
        if kind < 0.65:
            tints = [(0.05, 0.22, 0.07), (0.25, 0.09, 0.02), (0.85, 0.92, 0.9), (0.02, 0.08, 0.04)]
            color = tints[int(self.rng.integers(len(tints)))]
            return self.shaded(color, Roughness=0.03, Transmission_Weight=0.85, IOR=1.45)
        return self.shaded(self._any(), Roughness=float(self.rng.uniform(0.15, 0.5)))

    def wine(self) -> bpy.types.Material:
        """Red, rose or white."""
        tints = [(0.12, 0.004, 0.012), (0.75, 0.3, 0.25), (0.8, 0.68, 0.25)]
        return self.shaded(tints[int(self.rng.integers(3))], Roughness=0.02, Transmission_Weight=0.6)

    def drink(self) -> bpy.types.Material:
        """Coffee, tea, milk."""
        tints = [(0.03, 0.012, 0.005), (0.2, 0.09, 0.03), (0.3, 0.08, 0.02), (0.75, 0.7, 0.6)]
        return self.shaded(tints[int(self.rng.integers(4))], Roughness=0.08)

    def food(self) -> bpy.types.Material:
        """Something to eat, lumpy."""
        tints = [(0.5, 0.1, 0.03), (0.15, 0.3, 0.05), (0.7, 0.55, 0.25), (0.35, 0.2, 0.08)]
        return self.mixed(tints[int(self.rng.integers(4))], self._any(), 60, 0.7)

    def screen(self) -> bpy.types.Material:
        """A screen, on or off."""
        if self.rng.random() < 0.35:
            return self.shaded((0.01, 0.01, 0.012), Roughness=0.12)
        return self.glow(self._pastel(), float(self.rng.uniform(0.4, 1.6)))

    def casing(self) -> bpy.types.Material:
        """A laptop's shell."""
        tints = [(0.55, 0.56, 0.58), (0.06, 0.06, 0.07), (0.3, 0.31, 0.34), (0.75, 0.72, 0.7)]
        return self.shaded(tints[int(self.rng.integers(4))], Roughness=0.35, Metallic=0.6)

    def cap(self) -> bpy.types.Material:
        """A bottle's cap."""
        return self.metal() if self.rng.random() < 0.3 else self.shaded(self._any(), Roughness=0.4)

    def grip(self) -> bpy.types.Material:
        """A handle."""
        return self.wood() if self.rng.random() < 0.5 else self.shaded(self._any(), Roughness=0.4)

    # ---- with a pattern ---------------------------------------------------------------------------------------

    def mixed(self, a: RGB, b: RGB, scale: float, roughness: float, kind: str = "noise") -> bpy.types.Material:
        """Two colours, mixed by noise, waves of grain, bricks, a checker or cells."""
        material = self.shaded(a, Roughness=roughness)
        nodes, links = material.node_tree.nodes, material.node_tree.links
        names = {
            "noise": "TexNoise",
            "grain": "TexWave",
            "brick": "TexBrick",
            "checker": "TexChecker",
            "cells": "TexVoronoi",
        }
        texture = nodes.new(f"ShaderNode{names[kind]}")
        texture.inputs["Scale"].default_value = scale
        place = nodes.new("ShaderNodeTexCoord")
        turn = nodes.new("ShaderNodeMapping")
        turn.inputs["Rotation"].default_value = (0, 0, float(self.rng.uniform(0, np.pi)))
        links.new(place.outputs["Object"], turn.inputs["Vector"])
        links.new(turn.outputs["Vector"], texture.inputs["Vector"])
        surface = nodes["Principled BSDF"].inputs["Base Color"]
        if kind in ("brick", "checker"):
            texture.inputs["Color1"].default_value, texture.inputs["Color2"].default_value = (*a, 1), (*b, 1)
            if kind == "brick":
                texture.inputs["Mortar"].default_value = (*[0.4 * v for v in a], 1)
                texture.inputs["Mortar Size"].default_value = 0.012
            links.new(texture.outputs["Color"], surface)
            return material
        if kind == "grain":
            texture.inputs["Distortion"].default_value = float(self.rng.uniform(2, 8))
            texture.inputs["Detail"].default_value = 4
        ramp = nodes.new("ShaderNodeValToRGB")
        ramp.color_ramp.elements[0].color, ramp.color_ramp.elements[1].color = (*a, 1), (*b, 1)
        links.new(
            texture.outputs["Distance" if kind == "cells" else "Fac" if kind == "noise" else "Color"], ramp.inputs[0]
        )
        links.new(ramp.outputs[0], surface)
        return material

    def wood(self) -> bpy.types.Material:
        """Grained or painted."""
        if self.rng.random() < 0.25:
            return self.shaded(self._any() if self.rng.random() < 0.4 else (0.7, 0.69, 0.66), Roughness=0.5)
        tints = [(0.32, 0.17, 0.07), (0.14, 0.06, 0.025), (0.5, 0.33, 0.17), (0.08, 0.05, 0.035)]
        dark = np.array(tints[int(self.rng.integers(4))]) * self.rng.uniform(0.7, 1.2)
        return self.mixed(
            dark, np.minimum(dark * 1.6, 1), float(self.rng.uniform(2, 6)), float(self.rng.uniform(0.25, 0.6)), "grain"
        )

    def table_top(self) -> bpy.types.Material:
        """Wood, mostly; stone, cloth or lacquer."""
        kind = self.rng.random()
        if kind < 0.6:
            return self.wood()
        if kind < 0.72:
            return self.mixed((0.7, 0.69, 0.67), (0.3, 0.3, 0.32), 3.0, 0.15)
        if kind < 0.86:
            return self.cloth()
        return self.shaded(self._any() if self.rng.random() < 0.5 else (0.7, 0.7, 0.7), Roughness=0.25)

    def cloth(self) -> bpy.types.Material:
        """Plain, checked or patterned."""
        kind = str(self.rng.choice(["noise", "checker", "cells"]))
        return self.mixed(
            self._any(),
            self._any() if self.rng.random() < 0.5 else (0.75, 0.73, 0.7),
            float(self.rng.uniform(6, 30)),
            0.95,
            kind,
        )

    def seat(self) -> bpy.types.Material:
        """Of chairs."""
        return self.wood() if self.rng.random() < 0.5 else self.mixed(self._any(), self._any(), 80, 0.9)

    def label(self) -> bpy.types.Material:
        """Of bottles."""
        return self.mixed(self._any(), (0.8, 0.78, 0.7), float(self.rng.uniform(20, 60)), 0.5, "cells")

    def cover(self) -> bpy.types.Material:
        """Of books."""
        return self.mixed(self._any(), self._any(), float(self.rng.uniform(4, 20)), 0.45, "cells")

    def keys(self) -> bpy.types.Material:
        """Of laptops."""
        return self.mixed((0.02, 0.02, 0.022), (0.03, 0.03, 0.03), 40, 0.5, "brick")

    def floor(self) -> bpy.types.Material:
        """Boards, tiles or carpet."""
        kind = self.rng.random()
        if kind < 0.55:
            tint = np.array([0.36, 0.2, 0.1]) * self.rng.uniform(0.4, 1.7)
            return self.mixed(
                tint, tint * 0.75, float(self.rng.uniform(1.5, 3)), float(self.rng.uniform(0.2, 0.5)), "brick"
            )
        if kind < 0.8:
            tint = np.full(3, self.rng.uniform(0.2, 0.7)) * self.rng.uniform(0.9, 1.1, 3)
            return self.mixed(
                tint, tint * 0.9, float(self.rng.uniform(0.8, 2)), 0.2, str(self.rng.choice(["brick", "checker"]))
            )
        tint = np.array(self._any())
        return self.mixed(tint * 0.7, tint * 0.5, 120, 1.0)

    def wall(self) -> bpy.types.Material:
        """Paint, rarely wallpaper or brick."""
        tint = np.array(self._pastel())
        kind = self.rng.random()
        if kind < 0.75:
            return self.matt(tint)
        if kind < 0.9:
            return self.mixed(
                tint, tint * 0.8, float(self.rng.uniform(3, 12)), 0.9, str(self.rng.choice(["cells", "checker"]))
            )
        return self.mixed((0.35, 0.12, 0.07), (0.28, 0.1, 0.06), 3.0, 0.9, "brick")

    def _any(self) -> tuple[float, float, float]:
        value, saturation, hue = self.rng.uniform(0.05, 0.8), self.rng.uniform(0, 0.9), self.rng.uniform(0, 6)
        wheel = np.clip(np.abs((hue + np.array([0.0, 4.0, 2.0])) % 6 - 3) - 1, 0, 1)
        return tuple(float(v) for v in value * (1 - saturation + saturation * wheel))

    def _pastel(self) -> tuple[float, float, float]:
        return tuple(float(0.45 + 0.4 * v) for v in self._any())


def flat_ids() -> None:
    """Turns every surface into one that glows in its object's colour, and nothing else into light."""
    material = bpy.data.materials.new("ids")
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    info, glow = nodes.new("ShaderNodeObjectInfo"), nodes.new("ShaderNodeEmission")
    out = nodes.new("ShaderNodeOutputMaterial")
    links.new(info.outputs["Color"], glow.inputs["Color"])
    links.new(glow.outputs["Emission"], out.inputs["Surface"])
    scene = bpy.context.scene
    scene.view_layers[0].material_override = material
    for light in [o for o in scene.objects if o.type == "LIGHT"]:
        light.hide_render = True
    scene.world.node_tree.nodes["Background"].inputs[1].default_value = 0.0
    for thing in scene.objects:
        if thing.type == "MESH":
            thing.modifiers.clear()
    scene.view_settings.view_transform, scene.view_settings.exposure = "Raw", 0.0
    scene.cycles.pixel_filter_type = "BOX"
    scene.render.filter_size = 0.01
    scene.cycles.use_adaptive_sampling = False
    scene.cycles.max_bounces = 0
    scene.render.dither_intensity = 0.0
