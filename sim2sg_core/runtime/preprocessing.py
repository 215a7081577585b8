"""From a camera image to the network's input: letterbox, grey padding."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from sim2sg_core.errors import Sim2SGError

PADDING = 114
"""Grey of the padding: near the mean of natural images."""
LINEAR_FROM = 0.55
"""Share of its width from which an image is resized by linear interpolation alone."""


@dataclass(frozen=True)
class NetworkInput:
    """The input of a network.

    Attributes:
        width: Pixels.
        height: Pixels.
        principal: Principal point of the expected camera. The middle of an image of another shape is put there, as
            near as the padding lets it, for the relation head takes it for the principal point.
    """

    width: int
    height: int
    principal: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Letterbox:
    """How an image lies in the network's input.

    Attributes:
        source: Width and height of the image, pixels.
        target: Width and height that it takes in the input, whole pixels.
        offset: x and y of its top-left corner in the input.
        scale: The uniform scale, input pixels per image pixel; focal lengths scale by it.
    """

    source: tuple[int, int]
    target: tuple[int, int]
    offset: tuple[int, int]
    scale: float

    @classmethod
    def fit(cls, width: int, height: int, frame: NetworkInput) -> Letterbox:
        """Fits an image of width x height into an input."""
        scale = min(frame.width / width, frame.height / height)
        target = (min(frame.width, max(1, round(width * scale))), min(frame.height, max(1, round(height * scale))))
        room = frame.width - target[0], frame.height - target[1]
        wanted = (round(middle - size / 2) for middle, size in zip(frame.principal, target))
        x, y = (min(max(offset, 0), most) for offset, most in zip(wanted, room))
        return cls((width, height), target, (x, y), scale)

    def to_image(self, points: np.ndarray) -> np.ndarray:
        """Maps (..., 2) points x, y of the input to the image."""
        return np.asarray((points - np.array(self.offset)) * self.ratio)

    def to_input(self, points: np.ndarray) -> np.ndarray:
        """Maps (..., 2) points x, y of the image to the input."""
        return np.asarray(points / self.ratio + np.array(self.offset))

    @property
    def ratio(self) -> np.ndarray:
        """(2,) image pixels per input pixel in x and y; whole target pixels make them differ slightly."""
        return np.array(self.source, float) / np.array(self.target, float)


def letterbox(
    image: np.ndarray, frame: NetworkInput, *, bgr: bool = False, out: np.ndarray | None = None
) -> tuple[np.ndarray, Letterbox]:
    """Scales an image into the network's input.

    Args:
        image: (h, w, 3) uint8.
        frame: The input, of height x width.
        bgr: The image's channels are blue, green, red.
        out: (height, width, 3) uint8 to write into; allocated when None.

    Returns:
        (height, width, 3) uint8 RGB, and where the image lies in it.

    Raises:
        Sim2SGError: Not an 8-bit colour image.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise Sim2SGError(f"an image is (h, w, 3) uint8, got {image.shape} {image.dtype}")
    if out is None:
        out = np.empty((frame.height, frame.width, 3), np.uint8)
    box = Letterbox.fit(image.shape[1], image.shape[0], frame)
    (x, y), (w, h) = box.offset, box.target
    # Padded every time: a reused buffer may hold an image of another shape, and it costs microseconds.
    out[:y] = out[y + h :] = PADDING
    out[y : y + h, :x] = out[y : y + h, x + w :] = PADDING
    inside = out[y : y + h, x : x + w]
    if bgr:
        cv2.cvtColor(resize(image, w, h), cv2.COLOR_BGR2RGB, dst=inside)
    else:
        resize(image, w, h, out=inside)
    return out, box


def resize(image: np.ndarray, width: int, height: int, out: np.ndarray | None = None) -> np.ndarray:
    """Resizes an image; every image that a network sees, in training too, is resized by this.

    Below `LINEAR_FROM` of its width it is resized linearly to twice the target size and then averaged over 2x2 pixels,
    because INTER_LINEAR alone skips pixels and small things flicker. Measured against an ideal low-pass filter on
    streets of 1242x375 (RMS in grey levels and ms on one core; OpenCV 5), at 0.47, 0.55 and 0.77 of the size:

    * in two steps: 4.3 in 1.0 ms, 3.8 in 1.2 ms, 3.3 in 2.1 ms;
    * INTER_AREA: 4.3 in 3.9 ms, 3.8 in 4.6 ms, 3.0 in 6.1 ms;
    * INTER_LINEAR: 4.9 in 0.4 ms, 3.7 in 0.5 ms, 2.7 in 0.6 ms.

    Args:
        image: (h, w, 3) uint8.
        width: Pixels.
        height: Pixels.
        out: (height, width, 3) uint8 to write into, a view with padded rows too; None returns a new array, or
            `image` itself where it has the size.
    """
    if (width, height) == (image.shape[1], image.shape[0]):
        if out is None:
            return image
        np.copyto(out, image)
        return out
    if width >= LINEAR_FROM * image.shape[1]:
        return np.asarray(cv2.resize(image, (width, height), dst=out, interpolation=cv2.INTER_LINEAR))
    double = image
    if (2 * width, 2 * height) != (image.shape[1], image.shape[0]):
        double = cv2.resize(image, (2 * width, 2 * height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.resize(double, (width, height), dst=out, interpolation=cv2.INTER_AREA))
