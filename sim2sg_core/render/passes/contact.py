"""The maps of contact shadows of one frame, which ground and objects are both shaded by."""

from __future__ import annotations

from dataclasses import dataclass

from sim2sg_core.render.contact_shadow import CONTACT, FLOOR, contact_map, is_floor, raised_map
from sim2sg_core.render.passes.lighting import CONTACT_UNIT, RAISED_UNIT
from sim2sg_core.render.pipeline import Pipeline
from sim2sg_core.render.render_scene import Instance, RenderScene


@dataclass(frozen=True, eq=False)
class ContactShadows:
    """Which maps a frame has, as the shaders take it.

    Attributes:
        ground: Whether there is one of the ground.
        floors: Whether it is to be looked up on objects too: on roads and rugs that lie on the ground.
        raised: Whether there is one of the tops of things.
        uniforms: By name.
    """

    ground: bool
    floors: bool
    raised: bool
    uniforms: dict[str, object]


class ContactPass:
    """Makes the maps."""

    def __init__(self, pipeline: Pipeline) -> None:
        """Makes their textures."""
        self._ground = pipeline.context.texture((CONTACT, CONTACT), 1)
        self._raised = pipeline.context.texture((CONTACT, CONTACT), 2, dtype="f2")
        for texture in (self._ground, self._raised):
            texture.repeat_x = texture.repeat_y = False

    def draw(self, scene: RenderScene, solid: list[Instance]) -> ContactShadows:
        """Makes the maps of a scene.

        Args:
            scene: The scene.
            solid: Its instances that may shade what they stand on.
        """
        ground, ground_rectangle = contact_map(solid, scene.ground_height, scene.occlusion)
        raised, raised_rectangle = raised_map(solid, scene.ground_height, scene.occlusion)
        for unit, texture, made in ((CONTACT_UNIT, self._ground, ground), (RAISED_UNIT, self._raised, raised)):
            if made is not None:
                texture.write(made.tobytes())
            texture.use(unit)
        floors = ground is not None and any(is_floor(i, scene.ground_height) for i in scene.instances)
        uniforms: dict[str, object] = {
            "u_contact_rect": ground_rectangle,
            "u_raised_rect": raised_rectangle,
            "u_floors_below": scene.ground_height + FLOOR,
        }
        return ContactShadows(ground is not None, floors, raised is not None, uniforms)
