"""Prior scenes: what stands where before anything is known of the target."""

from __future__ import annotations

import numpy as np

from sim2sg_core.domains import Domain
from sim2sg_core.scene import Camera, Layout
from sim2sg_core.synthesis.render_scene import Instance


def sample_layout(domain: Domain, camera: Camera, rng: np.random.Generator) -> Layout:
    """Draws a scene of the domain's kind in front of the camera."""
    if domain.layout.type == "street":
        from sim2sg_core.synthesis.layouts.street import sample_street

        return sample_street(domain, camera, rng)
    if domain.layout.type == "room":
        from sim2sg_core.synthesis.layouts.furnished import sample_furnished

        return sample_furnished(domain, camera, rng)
    from sim2sg_core.synthesis.layouts.scatter import sample_scatter

    return sample_scatter(domain, camera, rng)


def scenery(domain: Domain, layout: Layout, appearance: object, rng: np.random.Generator) -> list[Instance]:
    """Draws what surrounds the layout and carries no label: roads, kerbs, poles; walls, windows."""
    if domain.layout.type == "street":
        from sim2sg_core.synthesis.layouts import street

        return list(street.scenery(domain, layout, appearance, rng))
    if domain.layout.type == "room":
        from sim2sg_core.synthesis.layouts.room_scenery import room_scenery

        return room_scenery(domain, layout, appearance, rng)
    return []
