"""Fits the appearance of the next synthetic scenes to the log, without labels.

Analysis by synthesis: scenes like the log's are rendered in known paint, material, exposure, noise and blur, and what
is measured of them says what the same measures of the log mean.

Exposure and albedo show only as a product. By convention the floor keeps the brightness that the domain gives it; what
differs from that is exposure, and paints are relative to the floor.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import cv2
import numpy as np

from sim2sg_core.adaptation.appearance.appearance_files import FittedAppearance
from sim2sg_core.adaptation.appearance.color_clusters import ColorClusters, cluster_colors
from sim2sg_core.adaptation.appearance.image_measures import (
    LUMA,
    Crop,
    Measures,
    edge_sharpness,
    fine_noise,
    floor_patch,
    measure_image,
)
from sim2sg_core.adaptation.appearance.material_shares import material_shares
from sim2sg_core.adaptation.appearance.reference_renderer import SCENES, ReferenceRenderer
from sim2sg_core.domains import AppearanceSpec, Domain
from sim2sg_core.images import decode_image, encode_jpeg
from sim2sg_core.render.sensor import add_noise
from sim2sg_core.scene import SceneGraph
from sim2sg_core.synthesis.appearance import PAINT_MATERIALS
from sim2sg_core.synthesis.synthesizer import SyntheticFrame

PAINT_EVIDENCE = 25.0  # objects (sum of scores) below which colours and materials stay the domain's
MATERIAL_SHARE = 0.08  # at least, of a material; less is within the error of the estimate
TEXTURED = 1.5  # grey levels of detail above which a floor is textured
MAX_PATCHES = 6
PATCH_EVERY = 4  # frames
DOUBT = 0.3  # by how much (squared deviations of the features) other light than the domain's must fit better
ERROR = 6.0  # grey levels by which the colours found may be off
STOPS = 0.08  # by which exposure is drawn either way at least: the estimate's error
CLIPPED = 0.03  # share of paints that may be clipped at white
NOISES = (0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0)
AMBIENTS = (0.2, 0.4, 0.6, 0.8)
LIGHTS = (1, 3)
LIT = 2  # only every other scene is rendered in every light
BLURS = (0.0, 0.3, 0.5, 0.7, 0.9, 1.2, 1.6, 2.0)


def fit_appearance(
    frames: Iterable[tuple[np.ndarray, SceneGraph]],
    domain: Domain,
    rng: np.random.Generator,
    scenes: int = SCENES,
) -> FittedAppearance:
    """Fits a domain's appearance to a log.

    Args:
        frames: (H, W, 3) uint8 RGB images with what a model inferred on them: unthresholded objects with calibrated
            scores, boxes in pixels; where poses and the camera's ground are known they are used.
        domain: Its appearance is what is not seen in the log.
        rng: The same state and frames give the same result.
        scenes: Scenes that are rendered in every material for comparison; fewer are faster and less exact.

    Returns:
        The domain's appearance with what the log shows of paints, materials, floor, exposure, saturation, noise and
        blur in its place; as it was where the log shows nothing. Textures of a textured floor.

    Raises:
        Sim2SGError: The domain cannot be rendered.
    """
    log, graphs, patches = [], [], []
    size = domain.appearance.patch_size
    for index, (image, graph) in enumerate(frames):
        log.append(measure_image(image, graph))
        graphs.append(graph)
        if domain.layout.single_floor and index % PATCH_EVERY == 0:
            size = _patch_size(graph, size)
            patches.append(floor_patch(image, graph, size))
    spec = domain.appearance
    if any(m.floor is not None for m in log):
        renderer = ReferenceRenderer(domain, graphs, rng, scenes)
        try:
            spec = _fit(log, renderer, rng)
        finally:
            renderer.close()
    textured = [patch for patch, detail in filter(None, patches) if detail > TEXTURED]
    if len(textured) * 2 <= sum(p is not None for p in patches):
        textured = []  # A few textured spots are stains or shadows, not the floor's kind.
    return FittedAppearance(spec, textured[:: -(-len(textured) // MAX_PATCHES) or 1], 2 * size)


def _patch_size(graph: SceneGraph, usual: float) -> float:
    """Side of a floor patch, metres: small enough to be seen whole, by the camera's height."""
    return usual if graph.camera is None or graph.camera.ground is None else round(0.3 * graph.camera.ground[3], 2)


def _fit(log: Sequence[Measures], renderer: ReferenceRenderer, rng: np.random.Generator) -> AppearanceSpec:
    """Fits everything but the texture of the floor."""
    spec = renderer.domain.appearance
    own_floor = renderer.domain.layout.single_floor  # A street's ground is made of many surfaces.
    albedo = _floor_albedo(spec)
    known: dict[str, Any] = {
        "exposure": (float(np.mean(spec.exposure)),) * 2,
        "saturation": (1.0, 1.0),
        "noise": (0.0, 0.0),
        "blur": (0.0, 0.0),
        "paint_jitter": 0.0,
        "random_paint": 0.0,
    }
    if own_floor:
        known["floor_colors"] = (_display(np.full(3, albedo)),)
    crops = renderer.crops(log)
    enough = sum(c.weight for c in crops) >= PAINT_EVIDENCE
    if enough:
        # Sides of objects see less light than the floor; what that means exactly is measured below.
        guess = cluster_colors(_colors(crops) * albedo * 1.3, _weights(crops), rng)
        known |= {"paints": tuple(_display(c) for c in guess.colors), "paint_shares": guess.shares}
    clean = spec.model_copy(update=known)
    frames = renderer.render(clean, 6)
    found = _fit_sensor(log, frames, clean, rng)
    # From here on the references share the log's noise, blur and exposure, which the shading of objects feels.
    typical: dict[str, Any] = {key: (float(np.mean(found[key])),) * 2 for key in ("noise", "blur") if key in found}
    plain = [measure_image(frame.image, frame.graph) for frame in frames]
    typical["exposure"] = (float(np.mean(_exposure(log, plain, clean.exposure[0]))),) * 2
    clean = clean.model_copy(update=typical)
    if enough and spec.materials:
        lit = _fit_light(log, renderer, clean)
        found, clean = found | lit, clean.model_copy(update=lit)
    materials = tuple(PAINT_MATERIALS) if spec.materials and enough else ()
    drawn = {f: renderer.measure(clean.model_copy(update={"materials": (f,)})) for f in materials}
    drawn = drawn or {"": renderer.measure(clean)}
    reference = [m for measures in drawn.values() for m in measures]
    found["exposure"] = _exposure(log, reference, clean.exposure[0])
    if not own_floor:
        # How dark a street is differs with its surface: only the mean is the exposure's.
        half = np.ptp(spec.exposure) / 2
        found["exposure"] = tuple((np.mean(found["exposure"]) + np.array([-half, half])).round(3).tolist())
    if enough:
        found |= _fit_paints(crops, {f: renderer.crops(m) for f, m in drawn.items()}, renderer, clean, rng)
    if own_floor:
        found["floor_colors"] = _floor_colors(log, albedo, rng)
    found = _corrected(log, renderer, spec.model_copy(update=found), found, spec)
    return AppearanceSpec.model_validate({**spec.model_dump(), **found})


def _fit_light(log: Sequence[Measures], renderer: ReferenceRenderer, clean: AppearanceSpec) -> dict[str, Any]:
    """Number of lights and share of light without direction, from shadows and from the shading of objects.

    The log's objects may be any mixture of matt ones and mirrors, and the mean of a feature over a mixture is the
    mixture of the means: for every light the best mixture counts.
    """
    count = max(len(renderer.scenes) // LIT, 1)
    same = [log[k] for k in renderer.indices[:count]]  # The same content: what differs is the light.
    crops = renderer.crops(same)
    if not crops:
        return {}
    seen = _light_means(same, crops)
    scale = np.array([c.shading for c in crops]).std(axis=0) + 0.05
    scale = np.append(scale, 0.1)
    best, usual = (np.inf, 0, 0.0), float(np.mean(clean.ambient))
    for lights in LIGHTS if renderer.domain.layout.single_floor else clean.lights[:1]:
        for ambient in AMBIENTS:
            update = {"lights": (lights, lights), "ambient": (ambient, ambient)}
            ends = []
            for material in ("rubber", "metal"):
                drawn = renderer.measure(clean.model_copy(update={**update, "materials": (material,)}), count)
                ends.append(_light_means(drawn, renderer.crops(drawn)))
            matt, span = ends[0] / scale, (ends[1] - ends[0]) / scale
            share = np.clip((seen / scale - matt) @ span / max(span @ span, 1e-9), 0, 1)
            # One hard light in a bright room looks much like many in a dark one: in doubt, the domain's own.
            doubt = ((ambient - usual) / 0.3) ** 2 + (not clean.lights[0] <= lights <= clean.lights[1])
            distance = DOUBT * doubt + float(((seen / scale - matt - share * span) ** 2).sum())
            best = min(best, (distance, lights, ambient))
    half = max(float(np.ptp(clean.ambient)) / 2, 0.1)
    return {
        "lights": (max(best[1] - 1, 1), best[1]),
        "ambient": (round(max(best[2] - half, 0.0), 3), round(min(best[2] + half, 1.0), 3)),
    }


def _light_means(measures: Sequence[Measures], crops: Sequence[Crop]) -> np.ndarray:
    """(F + 1,) mean shading of the objects, and depth of shadows."""
    if not crops:
        return np.full(13, np.inf)
    shadows = [m.shadow for m in measures if m.shadow is not None]
    shading = np.average([c.shading for c in crops], axis=0, weights=_weights(crops))
    return np.append(shading, np.mean(shadows) if shadows else 1.0)


def _fit_paints(
    crops: Sequence[Crop],
    reference: dict[str, list[Crop]],
    renderer: ReferenceRenderer,
    clean: AppearanceSpec,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Materials from the shading of the log's objects; paints from their colours, given how each material reflects."""
    shown = float(np.average(_albedos(clean.paints) @ LUMA, weights=clean.paint_shares))
    gains = np.array([np.average(_colors(c) @ LUMA, weights=_weights(c)) / shown for c in reference.values() if c])
    if len(gains) < len(reference):
        return {}
    posterior = np.ones((len(crops), 1))
    found: dict[str, Any] = {}
    if len(reference) > 1:
        shares, posterior = material_shares(crops, reference, tuple(renderer.domain.appearance.materials))
        found["materials"] = {material: round(s, 3) for material, s in shares.items() if s >= MATERIAL_SHARE}
    clusters = cluster_colors(_colors(crops) / (posterior @ gains)[:, None], _weights(crops), rng)
    # Shading spreads even one paint: what the references show of that is not the paint's.
    rendered = [crop for part in reference.values() for crop in part]
    blurred = cluster_colors(_colors(rendered) / gains.mean(), _weights(rendered), rng)
    jitter = np.sqrt(max(clusters.spread**2 - blurred.spread**2, 0.0) + ERROR**2)
    return found | {**_painted(clusters), "paint_jitter": round(float(jitter), 2)}


def _fit_sensor(
    log: Sequence[Measures], frames: Sequence[SyntheticFrame], clean: AppearanceSpec, rng: np.random.Generator
) -> dict[str, Any]:
    """Noise and blur: what must be done to clean renders, compression included, to measure what the log measures."""
    quality = round(float(np.mean(clean.jpeg)))

    def shot(frame: SyntheticFrame, blur: float, noise: float, grain: float) -> np.ndarray:
        image = cv2.GaussianBlur(frame.image, (0, 0), blur) if blur > 0.2 else frame.image
        image = add_noise(image, noise, grain, rng) if noise > 0.1 else image
        return decode_image(encode_jpeg(image, quality))

    curve = [np.mean([fine_noise(shot(f, 0, n, g)) for f in frames[:3] for g in (0.0, 0.6)]) for n in NOISES]
    curve = np.maximum.accumulate(curve) + 1e-6 * np.arange(len(curve))
    low, middle, high = np.interp(np.percentile([m.noise for m in log], [10, 50, 90]), curve, NOISES)
    found: dict[str, Any] = {"noise": (round(float(low), 2), round(float(high), 2))}
    seen = np.array([m.sharpness for m in log if m.sharpness is not None])
    steps = [[edge_sharpness(shot(f, b, middle, 0.0), f.graph) for f in frames] for b in BLURS]
    table = np.array([[v for v in row if v is not None] for row in steps])
    if len(seen) and table.size:
        falling = np.minimum.accumulate(table.mean(axis=1)) - 1e-6 * np.arange(len(BLURS))
        bounds = _range_beyond(seen, table[0])
        found["blur"] = tuple(np.interp(bounds[::-1], falling[::-1], BLURS[::-1]).round(2).tolist())
    return found


def _range_beyond(seen: np.ndarray, known: np.ndarray) -> tuple[float, float]:
    """Uniform range with the mean of `seen` and what it varies more than `known`, in which the cause is fixed."""
    variances = [(np.ptp(np.percentile(values, [16, 84])) / 2) ** 2 for values in (seen, known)]
    half = np.sqrt(3 * max(variances[0] - variances[1], 0.0))
    return float(np.mean(seen) - half), float(np.mean(seen) + half)


def _exposure(log: Sequence[Measures], reference: Sequence[Measures], drawn: float) -> tuple[float, float]:
    """Stops by which the log's floors are brighter than the references', added to the exposure of these."""
    seen, known = _floor_stops(log), _floor_stops(reference)
    if not len(known):
        return drawn, drawn
    low, high = np.array(_range_beyond(seen, known)) - np.mean(known) + drawn + np.array([-STOPS, STOPS])
    return round(float(low), 3), round(float(high), 3)


def _corrected(
    log: Sequence[Measures],
    renderer: ReferenceRenderer,
    fitted: AppearanceSpec,
    found: dict[str, Any],
    prior: AppearanceSpec,
) -> dict[str, Any]:
    """Renders the fitted appearance once and corrects what is left: exposure, brightness of paints, saturation."""
    drawn = renderer.measure(fitted)
    rest = 0.0 if not len(_floor_stops(drawn)) else float(_floor_stops(log).mean() - _floor_stops(drawn).mean())
    stops = np.array(fitted.exposure) + rest
    seen, made = renderer.crops(log), renderer.crops(drawn)
    result = dict(found)
    if "paints" in found and made:
        albedos = _albedos(fitted.paints) * np.clip(_brightness(seen) / _brightness(made), 0.6, 1.6)
        # What would be brighter than white says that the floor is darker and the exposure longer than assumed.
        excess = max(1.0, _usual_maximum(albedos, fitted.paint_shares) / 0.97)
        if renderer.domain.layout.single_floor:
            result["floor_colors"] = tuple(_display(a / excess) for a in _albedos(found["floor_colors"]))
            stops, albedos = stops + np.log2(excess), albedos / excess
        result["paints"] = tuple(_display(a) for a in albedos)
        ratio = float(np.clip(_colorfulness(seen) / max(_colorfulness(made), 1e-3), 0.7, 1.4))
        centre = ratio * np.mean(fitted.saturation)
        half = np.ptp(prior.saturation) / 2
        result["saturation"] = (round(float(max(centre - half, 0)), 3), round(float(centre + half), 3))
    result["exposure"] = tuple(stops.round(3).tolist())
    return result


def _usual_maximum(albedos: np.ndarray, shares: Sequence[float]) -> float:
    """The brightest channel of the paints but for the rarest."""
    peaks = albedos.max(axis=1)
    order = np.argsort(-peaks)
    mass = np.cumsum(np.array(shares)[order]) / sum(shares)
    return float(peaks[order][np.searchsorted(mass, CLIPPED)])


def _floor_stops(measures: Sequence[Measures]) -> np.ndarray:
    return np.log2([max(float(m.floor @ LUMA), 1e-3) for m in measures if m.floor is not None])


def _floor_albedo(spec: AppearanceSpec) -> float:
    """Mean linear brightness that the domain gives its floor."""
    if spec.floor_colors:
        return float((_albedos(spec.floor_colors) @ LUMA).mean())
    return 0.316  # mean square of what the synthesis draws: 0.35 to 0.75


def _floor_colors(log: Sequence[Measures], albedo: float, rng: np.random.Generator) -> tuple[tuple[int, ...], ...]:
    """Tints of the log's floors at the given brightness."""
    floors = np.array([m.floor for m in log if m.floor is not None])
    tints = floors / np.maximum(floors @ LUMA, 1e-3)[:, None] * albedo
    return tuple(_display(c) for c in cluster_colors(tints, np.ones(len(tints)), rng, apart=5.0, most=6).colors)


def _colors(crops: Sequence[Crop]) -> np.ndarray:
    return np.array([c.color for c in crops], float).reshape(-1, 3)


def _weights(crops: Sequence[Crop]) -> np.ndarray:
    return np.array([c.weight for c in crops], float)


def _brightness(crops: Sequence[Crop]) -> float:
    return float(np.average(_colors(crops) @ LUMA, weights=_weights(crops)))


def _colorfulness(crops: Sequence[Crop]) -> float:
    colors = np.sqrt(np.maximum(_colors(crops), 0))
    return float(np.average(np.ptp(colors, axis=1) / np.maximum(colors.max(axis=1), 1e-3), weights=_weights(crops)))


def _albedos(colors: Sequence[tuple[int, ...]]) -> np.ndarray:
    """(N, 3) linear values of colours as the domain writes them."""
    return (np.array(colors, float).reshape(-1, 3) / 255) ** 2


def _display(albedo: np.ndarray) -> tuple[int, int, int]:
    """A linear colour as the domain writes it."""
    red, green, blue = np.clip(255 * np.sqrt(np.clip(albedo, 0, 1)), 4, 251).round().astype(int).tolist()
    return red, green, blue


def _painted(clusters: ColorClusters) -> dict[str, Any]:
    return {"paints": tuple(_display(c) for c in clusters.colors), "paint_shares": clusters.shares}
