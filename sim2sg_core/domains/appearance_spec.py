"""How scenes of a domain may look: ranges of light, sensor, ground and paint."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, Strict, model_validator

from sim2sg_core.domains.fields import (
    RGB,
    Amount,
    Extent,
    Floor,
    Identifier,
    ImageFile,
    MaterialShares,
    Metres,
    Range,
    Several,
    Share,
    Sky,
    Spec,
    mistake,
)

MOST_LIGHTS = 3
"""Lights that the renderer draws."""


class AppearanceSpec(Spec):
    """How scenes may look; drawn anew for every frame.

    Attributes:
        lights: Number of lights that cast light, the sun included. Streets have the sun alone.
        light_elevation_deg: Height of the main light over the horizon; in rooms, of the light from windows, where the
            default is lower.
        ambient: Share of light without direction.
        exposure: Stops.
        saturation: Factor; 1 leaves colours alone.
        contrast: Factor about mid grey; None takes what is usual outdoors or in a studio.
        gamma: Power of the sensor's tone curve: above 1 shade gets darker, and black and white stay.
        glare: Share of the light that the lens scatters over the picture: bright sky veils what is dark.
        noise: Standard deviation of the sensor's noise, grey levels of 255.
        blur: Standard deviation of the lens's blur, pixels.
        jpeg: Quality of the compression, 1-100.
        fog: Extinction, 1/m.
        tint: Strength of colour casts of lights, ground and sensor: 1 as is usual, 0 for none.
        textured: Share of painted parts with a texture; None takes what is usual outdoors or in a studio.
        floors: Kinds of ground that the synthesis knows; empty means all that fit the layout.
        skies: Kinds of sky or backdrop of streets, one is drawn for each frame; empty means all that fit.
        floor_colors: Base colours of the ground; empty leaves them to the synthesis.
        paints: Base colours of painted parts.
        paint_shares: How common each of the paints is, relative to the others; empty makes all alike.
        paint_jitter: Standard deviation about a base colour, grey levels of 255.
        random_paint: Share of objects painted any colour at all.
        materials: Materials of painted parts: rubber, metal, paint, plastic, all alike; or a share for each; empty
            leaves it to the asset.
        patches: Image files of textures by surface: "floor", or the palette of what they cover ("wall", "asphalt").
            They change the brightness and tint of a colour about its mean and should tile without a seam.
        environment: Equirectangular picture (.hdr, .jpg) of what shining surfaces mirror; None draws one on streets,
            and takes backdrop and ground elsewhere.
        patch_size: Size of one repeat of a patch on the floor, metres.
    """

    lights: Several = (1, 2)
    light_elevation_deg: Range = (20.0, 80.0)
    ambient: Amount = (0.25, 0.6)
    exposure: Range = (-0.4, 0.4)
    saturation: Amount = (0.7, 1.2)
    contrast: Extent | None = None
    gamma: Extent = (1.0, 1.0)
    glare: Amount = (0.0, 0.0)
    noise: Amount = (0.0, 5.0)
    blur: Amount = (0.0, 0.8)
    jpeg: Several = (60, 98)
    fog: Amount = (0.0, 0.0)
    tint: Annotated[float, Strict(), Field(ge=0)] = 1.0
    textured: Share | None = None
    floors: tuple[Floor, ...] = ()
    skies: tuple[Sky, ...] = ()
    floor_colors: tuple[RGB, ...] = ()
    paints: tuple[RGB, ...] = ()
    paint_shares: tuple[Annotated[float, Strict(), Field(gt=0)], ...] = ()
    paint_jitter: Annotated[float, Strict(), Field(ge=0)] = 12.0
    random_paint: Share = 0.2
    materials: MaterialShares = ()
    patches: dict[Identifier, tuple[ImageFile, ...]] = Field(default_factory=dict)
    patch_size: Metres = 2.0
    environment: ImageFile | None = None

    renamed: ClassVar[dict[str, str]] = {"floor_colours": "floor_colors"}

    @model_validator(mode="after")
    def _possible(self) -> AppearanceSpec:
        if self.jpeg[1] > 100:
            raise mistake("JPEG quality ends at 100", "jpeg")
        if self.ambient[1] > 1:
            raise mistake("a share of the light ends at 1", "ambient")
        if not 0 < self.light_elevation_deg[0] <= self.light_elevation_deg[1] <= 90:
            raise mistake("lights stand above the horizon: above 0, up to 90 degrees", "light_elevation_deg")
        if self.lights[1] > MOST_LIGHTS:
            raise mistake(f"up to {MOST_LIGHTS} lights are drawn", "lights")
        if self.paint_shares and len(self.paint_shares) != len(self.paints):
            given, wanted = len(self.paint_shares), len(self.paints)
            raise mistake(f"{given} shares for {wanted} paints; write one for each of `paints`", "paint_shares")
        return self
