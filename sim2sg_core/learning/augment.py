"""Image augmentation in numpy and OpenCV. Labels and intrinsics stay true to the image."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np

from sim2sg_core.domains import Domain
from sim2sg_core.learning.examples import Example, place
from sim2sg_core.learning.style_transfer import transfer_style
from sim2sg_core.learning.train_config import AugmentConfig
from sim2sg_core.runtime.preprocessing import PADDING, NetworkInput, letterbox, resize
from sim2sg_core.scene.layout import wrap_angle

ANY_HUE = 0.3
"""Probability that colours are turned round the whole wheel."""

KERNELS = (1, 3, 5, 7)
"""Sizes of the kernels of a random convolution, pixels."""


def augment(
    example: Example,
    domain: Domain,
    config: AugmentConfig,
    frame: NetworkInput,
    rng: np.random.Generator,
    styles: Sequence[np.ndarray] = (),
) -> Example:
    """Brings an image to the network's size with random geometry and colours.

    Args:
        example: At its full resolution.
        domain: Says which predicates turn round in a mirror.
        config: How strongly.
        frame: Network input.
        rng: Decides everything.
        styles: Images whose style is taken over, (h, w, 3) uint8 each.
    """
    example = reshape(example, domain, config, frame, rng)
    return dataclasses.replace(example, image=distort(example.image, config, rng, styles))


def reshape(
    example: Example, domain: Domain, config: AugmentConfig, frame: NetworkInput, rng: np.random.Generator
) -> Example:
    """Brings an image to the network's size with random geometry; colours stay. Arguments as of `augment`."""
    if rng.random() < config.zoom:
        low, high = np.log(config.zoom_range)
        zoom, where = float(np.exp(rng.uniform(low, high))), rng.random(2)
        if config.aim > 0 and zoom > 1 and rng.random() < config.aim:
            where = aim(example, domain, zoom, where, frame, rng)
        example = crop(example, zoom, where, frame)
    else:
        example = fit(example, frame)
    if rng.random() < config.flip:
        example = flip(example, domain)
    return example


def fit(example: Example, frame: NetworkInput) -> Example:
    """Letterboxes an image exactly as at inference."""
    image, box = letterbox(example.image, frame)
    ratio = box.ratio
    return place(example, image, (1 / ratio[0], 1 / ratio[1]), box.offset)


def aim(
    example: Example,
    domain: Domain,
    zoom: float,
    where: np.ndarray,
    frame: NetworkInput,
    rng: np.random.Generator,
) -> np.ndarray:
    """Lays the window of `crop` on an object: it shows the object's centre, `where` in the window.

    Enlarged windows are small; left to chance, most of them would show sky or road alone. The object is one of a
    class that takes part in relations, and rare classes are aimed at as often as common ones.

    Args:
        example: At its full resolution.
        domain: Says which classes take part in relations.
        zoom: Scale relative to the letterbox.
        where: (2,) in [0, 1]: place of the object's centre in the window.
        frame: Network input.
        rng: Decides which object.

    Returns:
        (2,) in [0, 1]: place of the window, as `crop` takes it; `where` if there is no object.
    """
    stated = np.isin(example.labels, [domain.class_names.index(name) for name in domain.related_names])
    taught = np.flatnonzero(~example.ignored & stated)
    if not len(taught):
        return where
    label = rng.choice(np.unique(example.labels[taught]))
    box = example.boxes[int(rng.choice(taught[example.labels[taught] == label]))]
    size = np.array([example.image.shape[1], example.image.shape[0]])
    window, _ = _window(size, zoom, frame)
    start = (box[:2] + box[2:]) / 2 - where * window
    return np.clip(start / np.maximum(size - window, 1), 0, 1)


def _window(size: np.ndarray, zoom: float, frame: NetworkInput) -> tuple[np.ndarray, float]:
    """Returns the (2,) size of what a zoom shows of an image of (2,) `size`, and the scale, input to image pixels."""
    whole = np.array([frame.width, frame.height])
    scale = zoom * float((whole / size).min())
    return np.minimum(np.round(whole / scale), size).astype(int), scale


def crop(example: Example, zoom: float, where: np.ndarray, frame: NetworkInput) -> Example:
    """Cuts a window out of the full-resolution image, or sets the image into a larger canvas.

    Args:
        example: At its full resolution.
        zoom: Scale relative to the letterbox.
        where: (2,) in [0, 1]: place of the window (or of the image in the canvas).
        frame: Network input.
    """
    rows, columns = example.image.shape[:2]
    width, height = frame.width, frame.height
    window, scale = _window(np.array([columns, rows]), zoom, frame)
    start = np.floor(where * (np.array([columns, rows]) - window + 1)).astype(int)
    start = np.minimum(start, np.array([columns, rows]) - window)
    target = np.minimum(np.maximum(np.round(window * scale), 1), [width, height]).astype(int)
    offset = np.floor(where * (np.array([width, height]) - target + 1)).astype(int)
    offset = np.minimum(offset, np.array([width, height]) - target)
    part = example.image[start[1] : start[1] + window[1], start[0] : start[0] + window[0]]
    canvas = np.full((height, width, 3), PADDING, np.uint8)
    canvas[offset[1] : offset[1] + target[1], offset[0] : offset[0] + target[0]] = resize(
        part, int(target[0]), int(target[1])
    )
    factor = target / window
    shift = offset - start * factor
    return place(example, canvas, (factor[0], factor[1]), (shift[0], shift[1]))


def flip(example: Example, domain: Domain) -> Example:
    """Mirrors image and labels: an involution. Left and right change places in the relations too."""
    width = example.image.shape[1]
    boxes = example.boxes.copy()
    boxes[:, [0, 2]] = width - boxes[:, [2, 0]]
    centres = example.centres.copy()
    centres[:, 0] = width - centres[:, 0]
    intrinsics = example.intrinsics.copy()
    intrinsics[1] = width - intrinsics[1]
    turns = np.array([p.rule == "left_of" for p in domain.predicates], bool)
    relations = example.relations.copy()
    turned = turns[relations[:, 1]]
    relations[turned] = relations[turned][:, [2, 1, 0]]
    # Mirrored at the y-z plane: x -> -x, so the heading (cos, sin) about gravity becomes (-cos, sin).
    alphas = np.pi - example.alphas
    return dataclasses.replace(
        example,
        image=np.ascontiguousarray(example.image[:, ::-1]),
        intrinsics=intrinsics,
        boxes=boxes,
        centres=centres,
        alphas=wrap_angle(alphas).astype(np.float32),
        relations=relations,
    )


def distort(
    image: np.ndarray, config: AugmentConfig, rng: np.random.Generator, styles: Sequence[np.ndarray] = ()
) -> np.ndarray:
    """Changes colours and quality of an image; geometry stays. Further distortions belong here."""
    if config.style_transfer > 0 and styles and rng.random() < config.style_transfer:
        image = transfer_style(image, styles, rng)
    if config.random_convolution > 0 and rng.random() < config.random_convolution:
        image = random_convolution(image, rng)
    if config.color > 0 and rng.random() < 0.8:
        image = colors(image, config.color, rng)
    if rng.random() < config.blur:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.3, 1.3)))
    if rng.random() < config.cutout:
        image = cutout(image, rng)
    if rng.random() < config.noise:
        noise = rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(1, 10))
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if rng.random() < config.jpeg:
        quality = int(rng.integers(30, 90))
        _, code = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        image = np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR))[..., ::-1]
    return image


def colors(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Brightness, contrast, gamma and channel gains in one table; saturation and hue in one matrix."""
    gain = np.exp(rng.normal(0, 0.08 * strength, 3)) * np.exp(rng.normal(0, 0.2 * strength))
    gamma = np.exp(rng.normal(0, 0.2 * strength))
    contrast = np.exp(rng.normal(0, 0.2 * strength))
    level = np.linspace(0, 1, 256)[:, None] ** gamma
    table = ((level - 0.5) * contrast + 0.5) * gain
    table = (np.clip(table, 0, 1) * 255).round().astype(np.uint8)
    image = cv2.LUT(image, table[None])
    saturation = rng.uniform(1 - 0.6 * strength, 1 + 0.5 * strength)
    # Now and then any hue for any other: what a thing is does not hang on its colour, and no palette is complete.
    angle = rng.uniform(-np.pi, np.pi) if rng.random() < ANY_HUE * strength else rng.normal(0, 0.15 * strength)
    return cv2.transform(image, color_matrix(max(saturation, 0.0), angle))


def color_matrix(saturation: float, hue: float) -> np.ndarray:
    """(3, 3) matrix on RGB that turns hues by `hue` radians about the grey axis and scales saturation."""
    grey = np.full(3, 3**-0.5)
    cross = np.array([[0, -grey[2], grey[1]], [grey[2], 0, -grey[0]], [-grey[1], grey[0], 0]])
    along = np.outer(grey, grey)
    # Rodrigues' formula, the part across the axis scaled.
    across = np.cos(hue) * (np.eye(3) - along) + np.sin(hue) * cross
    return (along + saturation * across).astype(np.float32)


def random_convolution(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mixes an image with its convolution by random kernels: shapes stay, local texture and colour do not.

    Xu et al., "Robust and generalizable visual representation learning via random convolutions", 2021.

    Args:
        image: (H, W, 3) uint8.
        rng: Decides kernels and how much.
    """
    size = int(rng.choice(KERNELS))
    kernels = rng.normal(0, (3 * size * size) ** -0.5, (3, 3, size, size)).astype(np.float32)
    mean = image.mean(dtype=np.float32)
    centred = image.astype(np.float32) - mean
    mixed = np.stack([sum(cv2.filter2D(centred[..., i], -1, k) for i, k in enumerate(row)) for row in kernels], -1)
    kept = float(rng.random())
    return np.clip(mean + kept * centred + (1 - kept) * mixed, 0, 255).astype(np.uint8)


def cutout(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blanks up to three small rectangles: parts of objects must do (DeVries and Taylor 2017)."""
    image = image.copy()
    height, width = image.shape[:2]
    for _ in range(rng.integers(1, 4)):
        h, w = (rng.uniform(0.04, 0.15, 2) * height).astype(int)
        y, x = rng.integers(0, height - h), rng.integers(0, width - w)
        image[y : y + h, x : x + w] = rng.integers(0, 256, 3)
    return image
