"""Draws images of shapes that are nothing: negatives for `sim2sg train --negatives`.

    python tools/dead_leaves.py --count 700 --out leaves

Shapes of random outlines, textures and sizes cover each other. Such images have statistics like those of photographs
(Lee, Mumford and Huang, "Occlusion models for natural images", 2001; Baradad et al., "Learning to see by looking at
noise", 2021), but show no object. A network that learned from renders alone finds tables and bowls in close-ups of
leaves and fruit; taught that these shapes are background, it does so less. Image k depends on the seed and k alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from sim2sg_core.images import write_jpeg
from sim2sg_core.progress import Progress

CORNERS = 60  # of a smooth outline
MOST_SHAPES = 150
SMALLEST, LARGEST = (0.015, 0.12), 0.5  # radius of a shape, of the image's width
POOL = 4  # textures per image


def main() -> None:
    """Draws what is not there yet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, required=True, help="images in all")
    parser.add_argument("--out", type=Path, required=True, help="folder")
    parser.add_argument("--seed", type=int, default=0, help="(default: 0)")
    parser.add_argument("--size", type=int, nargs=2, default=(512, 384), metavar=("W", "H"), help="(default: 512 384)")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with Progress(args.count, "drawing", unit="images") as progress:
        for k in range(args.count):
            file = args.out / f"{k:06d}.jpg"
            if not file.exists():
                rng = np.random.default_rng([args.seed, k])
                write_jpeg(file, draw(*args.size, rng), int(rng.integers(60, 96)))
            progress.update(1)


def draw(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """Returns one image, (height, width, 3) uint8 RGB."""
    image = texture(width, height, rng)
    count = int(np.exp(rng.uniform(0, np.log(MOST_SHAPES))))
    pool = [texture(width, height, rng) for _ in range(min(count, POOL))]
    smallest, largest = rng.uniform(*SMALLEST) * width, LARGEST * width
    for _ in range(count):
        # Sizes by an inverse-cube law, as the model has them: its images look alike at all scales.
        radius = smallest * (1 - rng.random() * (1 - (smallest / largest) ** 2)) ** -0.5
        corners = outline(radius, rng) + rng.uniform(0, 1, 2) * [width, height]
        image = cover(image, corners, radius, pool[int(rng.integers(len(pool)))], rng)
    if rng.random() < 0.4:
        image = cv2.GaussianBlur(image, (0, 0), float(np.exp(rng.uniform(-1, 1.5))))
    return np.clip(image, 0, 255).astype(np.uint8)


def texture(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """Returns a colour gradient or coloured noise with a power-law spectrum, (height, width, 3) float32 in 0 … 255."""
    if rng.random() < 0.3:
        first, second, angle = rng.uniform(0, 255, 3), rng.uniform(0, 255, 3), rng.uniform(0, 2 * np.pi)
        y, x = np.mgrid[:height, :width]
        along = np.cos(angle) * x / width + np.sin(angle) * y / height
        along = (along - along.min()) / max(float(np.ptp(along)), 1e-6)
        return (first + (second - first) * along[..., None]).astype(np.float32)
    stretch, falloff = np.exp(rng.normal(0, 0.8)), rng.uniform(0.5, 2.2)
    rows, columns = np.fft.fftfreq(height)[:, None] / stretch, np.fft.rfftfreq(width)[None] * stretch
    frequency = np.hypot(rows, columns)
    frequency[0, 0] = 1

    def noise() -> np.ndarray:
        phases = np.exp(2j * np.pi * rng.random(frequency.shape))
        field = np.fft.irfft2(frequency**-falloff * phases, s=(height, width))
        return field / field.std()

    grey, tint = noise(), rng.uniform(0, 0.6)
    color, contrast = rng.uniform(20, 235, 3), rng.uniform(5, 60) * rng.uniform(0.3, 1, 3)
    channels = np.stack([grey + tint * noise() for _ in range(3)], -1)
    return np.clip(color + contrast * channels, 0, 255).astype(np.float32)


def outline(radius: float, rng: np.random.Generator) -> np.ndarray:
    """Returns the corners of a polygon or of a smooth blob about the origin, (N, 2) pixels."""
    if rng.random() < 0.35:
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 9))))
        return radius * np.stack([np.cos(angles), np.sin(angles)], 1)
    angles = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    distance, roughness = np.ones(CORNERS), rng.uniform(0.8, 1.6)
    for k in range(1, int(rng.integers(3, 14))):
        distance += rng.normal(0, 0.5 / k**roughness) * np.cos(k * angles + rng.uniform(0, 2 * np.pi))
    distance = np.abs(distance) / np.abs(distance).mean()
    stretch, turn = np.exp(rng.normal(0, 0.5)), rng.uniform(0, 2 * np.pi)
    blob = np.stack([np.cos(angles) * distance * stretch, np.sin(angles) * distance / stretch], 1)
    c, s = np.cos(turn), np.sin(turn)
    return radius * blob @ np.array([[c, s], [-s, c]])


def cover(
    image: np.ndarray, corners: np.ndarray, radius: float, paint: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Puts a painted shape onto an image; some are shaded as solids, some cast a shadow."""
    mask = np.zeros(image.shape[:2], np.float32)
    cv2.fillPoly(mask, [np.round(corners).astype(np.int32)], 1.0, cv2.LINE_AA)
    paint = paint + rng.uniform(-60, 60, 3).astype(np.float32)
    if rng.random() < 0.5:
        soft, angle = cv2.GaussianBlur(mask, (0, 0), max(1.0, 0.3 * radius)), rng.uniform(0, 2 * np.pi)
        slopes = (cv2.Sobel(soft, cv2.CV_32F, *order, ksize=5) for order in ((1, 0), (0, 1)))
        shade = sum(weight * slope for weight, slope in zip((np.cos(angle), np.sin(angle)), slopes))
        paint = paint + (rng.uniform(20, 110) * shade / (np.abs(shade).max() + 1e-6))[..., None]
    if rng.random() < 0.4:
        offset = int(0.1 * radius)
        moved = np.float32([[1, 0, offset], [0, 1, offset]])
        shadow = cv2.warpAffine(mask, moved, (mask.shape[1], mask.shape[0]))
        shadow = cv2.GaussianBlur(shadow, (0, 0), max(1.0, 0.1 * radius))
        image = image * (1 - rng.uniform(0.1, 0.6) * shadow[..., None])
    edge = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.3, 1.5))[..., None]
    return image * (1 - edge) + np.clip(paint, 0, 255) * edge


if __name__ == "__main__":
    main()
