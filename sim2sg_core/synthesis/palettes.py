"""Colour families: what paint, skin, cloth, walls and leaves look like in the world."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Range = tuple[float, float]


@dataclass(frozen=True)
class Family:
    """A colour family.

    Attributes:
        colors: (N, 3) display colours, 0–255.
        weights: (N,) how common each is; None for equal shares.
        jitter: Standard deviation of each channel, grey levels.
        shade: Factor on the whole colour, drawn from this range.
        anything: Share of draws that are any colour at all.
        shared: Whether all parts of one instance that use the family have one colour.
        metallic: Overrides the slot's; None leaves it.
        roughness: Range that overrides the slot's; None leaves it.
        specular: The same for the strength of the highlight.
    """

    colors: tuple[tuple[int, int, int], ...]
    weights: tuple[float, ...] | None = None
    jitter: float = 10.0
    shade: Range = (0.8, 1.15)
    anything: float = 0.0
    shared: bool = False
    metallic: float | None = None
    roughness: Range | None = None
    specular: Range | None = None

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Returns (3,) a display colour, 0–1."""
        if rng.random() < self.anything:
            return any_color(rng)
        # Plain Python: a frame draws hundreds of colours, and numpy's set-up would cost more than the sums.
        pick = rng.random()
        color = self.colors[0]
        for color, weight in zip(self.colors, self.weights or [1 / len(self.colors)] * len(self.colors)):  # noqa: B007
            pick -= weight
            if pick < 0:
                break
        shade = (self.shade[0] + (self.shade[1] - self.shade[0]) * rng.random()) / 255
        return np.array([min(max((c + n) * shade, 0.0), 1.0) for c, n in zip(color, rng.normal(0, self.jitter, 3))])


def any_color(rng: np.random.Generator) -> np.ndarray:
    """Returns (3,) any display colour, 0–1, from grey to vivid."""
    hue, saturation, value = rng.random() * 6, rng.beta(1.2, 1.2), rng.uniform(0.1, 0.95)
    wheel = np.clip(np.abs((hue + np.array([0.0, 4.0, 2.0])) % 6 - 3) - 1, 0, 1)
    return np.asarray(value * (1 - saturation + saturation * wheel))


def shares(*weights: float) -> tuple[float, ...]:
    """Scales weights to sum to 1."""
    total = sum(weights)
    return tuple(w / total for w in weights)


# fmt: off
FAMILIES: dict[str, Family] = {
    "paint": Family(
        ((225, 227, 228), (168, 172, 176), (105, 109, 114), (62, 65, 70), (24, 25, 28), (28, 42, 86),
         (58, 88, 140), (140, 22, 28), (90, 20, 26), (26, 60, 44), (176, 160, 130), (120, 92, 66), (214, 168, 30)),
        shares(17, 18, 13, 9, 16, 7, 6, 5, 2, 2, 3, 1, 1.5),
        anything=0.06, shared=True, roughness=(0.12, 0.35), specular=(0.5, 1.0),
    ),
    "glass": Family(((30, 34, 38), (18, 20, 22), (48, 54, 58)), jitter=5, shared=True, roughness=(0.04, 0.1),
                    specular=(0.7, 1.0)),
    "window": Family(((40, 46, 54), (26, 30, 36), (70, 78, 88), (120, 130, 140)), shares(4, 4, 2, 0.6), jitter=8,
                     shared=True, roughness=(0.05, 0.15), specular=(0.6, 1.0)),
    "rubber": Family(((30, 30, 31), (42, 42, 43)), jitter=4, shared=True, roughness=(0.7, 0.95), specular=(0.1, 0.3)),
    "metal": Family(((150, 152, 155), (110, 112, 115), (190, 192, 194), (70, 72, 76)), shared=True,
                    roughness=(0.3, 0.6)),
    "chrome": Family(((205, 207, 210),), metallic=1.0, roughness=(0.08, 0.3), shared=True),
    "plastic": Family(((38, 39, 41), (60, 61, 63), (24, 24, 26)), jitter=5, shared=True, roughness=(0.4, 0.8)),
    "skin": Family(((234, 196, 172), (222, 178, 150), (196, 146, 112), (150, 104, 76), (98, 66, 48), (66, 44, 34)),
                   shares(4, 5, 3, 2, 1.5, 1), jitter=6, shade=(0.85, 1.1), shared=True),
    "hair": Family(((30, 24, 20), (62, 44, 30), (104, 76, 48), (168, 136, 92), (150, 148, 146), (120, 60, 34)),
                   shares(5, 5, 3, 2, 1.5, 0.5), jitter=8, shared=True),
    "cloth": Family(
        ((24, 25, 28), (48, 50, 56), (90, 92, 96), (150, 150, 148), (226, 224, 220), (34, 46, 78), (60, 84, 122),
         (92, 112, 140), (120, 30, 34), (176, 46, 44), (62, 74, 46), (128, 104, 74), (188, 166, 132), (212, 180, 60),
         (110, 66, 110), (40, 100, 96)),
        shares(8, 6, 4, 3, 6, 7, 6, 4, 2, 2, 2, 3, 3, 1, 1, 1),
        anything=0.15, roughness=(0.75, 1.0), specular=(0.02, 0.15),
    ),
    "leather": Family(((28, 24, 22), (70, 48, 34), (120, 84, 54), (200, 198, 194)), shares(6, 3, 2, 2)),
    "foliage": Family(
        ((52, 72, 30), (40, 60, 28), (70, 88, 36), (86, 100, 44), (34, 52, 34), (108, 108, 46), (128, 92, 40)),
        shares(6, 6, 5, 3, 4, 1.2, 0.5), jitter=7, shade=(0.6, 1.15), shared=True, roughness=(0.8, 1.0),
        specular=(0.02, 0.12),
    ),
    "bark": Family(((74, 62, 50), (96, 86, 74), (56, 48, 40), (120, 112, 100)), jitter=6, shared=True),
    "wall": Family(
        ((218, 210, 194), (232, 228, 220), (200, 184, 150), (214, 190, 140), (168, 164, 158), (140, 82, 64),
         (166, 108, 82), (120, 116, 110), (196, 164, 148), (178, 188, 186)),
        shares(6, 6, 4, 3, 3, 3, 2, 1.5, 1.5, 1), jitter=9, shade=(0.7, 1.05), anything=0.03, shared=True,
        roughness=(0.8, 1.0), specular=(0.02, 0.15),
    ),
    "roof": Family(((146, 74, 54), (118, 60, 48), (92, 66, 56), (70, 68, 70), (100, 98, 98)), shared=True,
                   roughness=(0.7, 1.0)),
    "door": Family(((84, 56, 38), (120, 84, 56), (60, 66, 70), (210, 208, 204), (56, 76, 60)), anything=0.1),
    "wood": Family(((128, 98, 66), (92, 68, 46), (158, 130, 94), (110, 104, 96)), shared=True),
    "concrete": Family(((158, 156, 150), (136, 134, 130), (182, 178, 170)), jitter=5, roughness=(0.8, 1.0)),
    "asphalt": Family(((96, 96, 98), (78, 78, 80), (116, 115, 113), (134, 131, 126)), jitter=4, roughness=(0.75, 1.0),
                      specular=(0.05, 0.3)),
    "grass": Family(((84, 98, 46), (104, 112, 58), (66, 84, 38), (132, 124, 72), (150, 138, 92)),
                    shares(4, 4, 3, 1.5, 0.8), jitter=7, roughness=(0.85, 1.0), specular=(0.02, 0.1)),
    "soil": Family(((122, 104, 82), (98, 82, 64), (146, 130, 104)), jitter=6, roughness=(0.9, 1.0)),
    "sign": Family(((190, 30, 34), (28, 74, 150), (232, 196, 40), (228, 228, 226), (30, 110, 70)), anything=0.1),
    "marking": Family(((224, 224, 218), (196, 196, 188)), shade=(0.7, 1.0)),
    "furniture_wood": Family(
        ((196, 158, 112), (214, 182, 138), (168, 124, 82), (132, 90, 58), (96, 64, 42), (62, 42, 32), (150, 84, 48),
         (236, 232, 224), (38, 36, 35), (150, 152, 150), (120, 140, 138)),
        shares(6, 5, 5, 5, 4, 3, 2, 4, 2.5, 1, 0.7), jitter=7, anything=0.04, shared=True, roughness=(0.25, 0.75),
        specular=(0.15, 0.5),
    ),
    "table_top": Family(
        ((200, 164, 118), (222, 194, 152), (166, 122, 80), (124, 84, 54), (84, 58, 42), (238, 236, 232),
         (206, 202, 196), (120, 118, 114), (44, 43, 43), (150, 70, 52), (96, 120, 124)),
        shares(6, 5, 5, 4, 3, 5, 2, 1.5, 2, 0.7, 0.7), jitter=8, anything=0.06, roughness=(0.12, 0.7),
        specular=(0.15, 0.7),
    ),
    "upholstery": Family(
        ((58, 60, 64), (100, 102, 104), (156, 154, 148), (206, 198, 182), (186, 160, 124), (122, 88, 60), (28, 27, 28),
         (44, 62, 92), (92, 116, 128), (58, 88, 74), (120, 40, 44), (190, 130, 50), (170, 120, 120)),
        shares(5, 5, 4, 5, 4, 3, 4, 3, 2, 2, 2, 1.5, 1), jitter=8, anything=0.08, shared=True, roughness=(0.6, 1.0),
        specular=(0.03, 0.3),
    ),
    "shell": Family(
        ((236, 235, 230), (34, 34, 36), (130, 132, 134), (180, 44, 40), (212, 164, 46), (52, 110, 112), (84, 124, 74),
         (200, 196, 184), (60, 84, 130)),
        shares(7, 4, 3, 1.5, 1.5, 1.2, 1, 2, 1), anything=0.1, shared=True, roughness=(0.25, 0.6), specular=(0.3, 0.7),
    ),
    "furniture_metal": Family(((26, 26, 28), (70, 72, 75), (150, 152, 155), (222, 222, 220), (120, 96, 60)),
                              shares(5, 2, 4, 2, 1), jitter=5, shared=True, roughness=(0.2, 0.55), specular=(0.4, 0.8)),
    "electronics": Family(((176, 178, 182), (118, 121, 126), (54, 56, 60), (26, 26, 28), (222, 222, 224)),
                          shares(5, 3, 3, 4, 1), jitter=4, shared=True, roughness=(0.3, 0.6), specular=(0.3, 0.7)),
    "keys": Family(((22, 22, 24), (36, 37, 40), (60, 62, 66), (206, 208, 210)), shares(6, 4, 1.5, 1), jitter=3),
    "screen": Family(
        ((240, 242, 246), (220, 226, 234), (60, 110, 180), (40, 44, 60), (90, 140, 120), (200, 150, 110), (30, 32, 36)),
        shares(5, 3, 2, 2, 1, 1, 2), jitter=14, anything=0.2, roughness=(0.1, 0.4), specular=(0.3, 0.7),
    ),
    "book_cover": Family(
        ((150, 34, 38), (36, 58, 104), (34, 84, 66), (214, 202, 176), (232, 230, 224), (30, 30, 34), (206, 150, 48),
         (96, 66, 48), (120, 152, 176), (196, 98, 60), (98, 60, 104)),
        anything=0.3, jitter=12, roughness=(0.25, 0.85), specular=(0.1, 0.5),
    ),
    "pages": Family(((240, 236, 224), (230, 220, 196), (246, 245, 242)), jitter=4, shade=(0.85, 1.05),
                    roughness=(0.8, 1.0), specular=(0.02, 0.1)),
    "picture": Family(
        ((228, 222, 208), (120, 140, 150), (60, 84, 110), (160, 120, 80), (190, 90, 60), (70, 90, 60), (40, 40, 44)),
        anything=0.35, jitter=14,
    ),
    "linen": Family(
        ((240, 238, 232), (226, 216, 196), (184, 172, 148), (150, 160, 164), (70, 84, 112), (140, 46, 48),
         (96, 116, 92), (212, 170, 90), (60, 60, 64)),
        shares(7, 5, 3, 2, 1.5, 1.5, 1.5, 1, 1), anything=0.1, roughness=(0.8, 1.0), specular=(0.02, 0.1),
    ),
    "flower": Family(((220, 60, 70), (240, 200, 60), (244, 240, 236), (220, 130, 180), (130, 90, 180), (240, 140, 60)),
                     anything=0.1),
    "light_front": Family(((214, 216, 214), (170, 176, 178)), roughness=(0.05, 0.2), specular=(0.7, 1.0), shared=True),
    "light_rear": Family(((140, 18, 20), (110, 12, 16), (170, 34, 30)), roughness=(0.1, 0.3), specular=(0.5, 0.9),
                         shared=True),
    # Tableware. Glass keeps to a few light tints; what is behind it shows where the renderer lets light through.
    "ceramic": Family(
        ((240, 240, 237), (232, 225, 208), (188, 176, 154), (124, 118, 110), (58, 60, 64), (150, 186, 196),
         (176, 196, 164), (222, 178, 168), (226, 204, 132), (48, 78, 130), (92, 128, 146), (140, 74, 54)),
        shares(14, 5, 3, 2, 2, 1.5, 1.5, 1.5, 1, 2, 1.5, 1),
        jitter=5, shade=(0.88, 1.05), anything=0.06, shared=True, roughness=(0.08, 0.5), specular=(0.35, 0.8),
    ),
    "glaze": Family(((242, 242, 240), (236, 231, 218), (206, 198, 182)), shares(6, 3, 1), jitter=4,
                    shade=(0.9, 1.05), shared=True, roughness=(0.08, 0.35), specular=(0.4, 0.8)),
    "ceramic_accent": Family(
        ((36, 58, 118), (186, 148, 70), (30, 31, 34), (150, 36, 36), (50, 96, 72), (92, 66, 50), (120, 160, 178)),
        shares(4, 3, 2, 2, 1.5, 1.5, 1.5), jitter=6, anything=0.1, shared=True, roughness=(0.1, 0.4),
        specular=(0.4, 0.8),
    ),
    "drink": Family(((38, 24, 16), (62, 38, 24), (150, 108, 72), (142, 76, 28), (178, 112, 44), (84, 52, 36)),
                    shares(5, 3, 3, 3, 1.5, 1), jitter=5, shared=True, roughness=(0.04, 0.12), specular=(0.5, 0.9)),
    "soft_drink": Family(((222, 228, 226), (228, 150, 36), (226, 196, 84), (70, 32, 20), (170, 32, 40)),
                         shares(5, 2, 1.5, 1.5, 1), jitter=6, shared=True, roughness=(0.04, 0.12),
                         specular=(0.5, 0.9)),
    "red_wine": Family(((42, 7, 13), (26, 6, 10), (74, 10, 22), (104, 20, 32)), shares(3, 3, 2, 1), jitter=3,
                       shared=True, roughness=(0.04, 0.1), specular=(0.6, 0.9)),
    "white_wine": Family(((222, 204, 130), (228, 216, 164), (214, 184, 96), (226, 156, 136)), shares(4, 4, 2, 1),
                         jitter=5, shared=True, roughness=(0.04, 0.1), specular=(0.6, 0.9)),
    # Clear glass has no colour of its own: this is what it bends into view at its edges, bright or dark.
    "table_glass": Family(((206, 214, 216), (150, 158, 160), (92, 98, 100), (48, 52, 54), (24, 26, 28)),
                          shares(2, 2, 3, 4, 4), jitter=4, shade=(0.85, 1.05), anything=0.04, shared=True,
                          roughness=(0.04, 0.1), specular=(0.0, 0.3)),
    # Massive glass: these are the shares of the light that come through. A stem loses little. A foot stands on what it
    # keeps the light from: it may be as clear, or nearly black but for highlights.
    "stem_glass": Family(((248, 250, 250), (214, 220, 220), (150, 156, 156), (60, 62, 62)), shares(5, 3, 2, 1),
                         jitter=4, shared=True, roughness=(0.04, 0.1), specular=(0.4, 1.0)),
    "foot_glass": Family(((244, 247, 247), (196, 202, 202), (120, 126, 126), (52, 54, 56), (16, 16, 18)),
                         shares(4, 2, 2, 3, 3), jitter=4, shared=True, roughness=(0.04, 0.12), specular=(0.4, 1.0)),
    # Thin glass where it bends what is dark into view all over, as under a low ceiling or against a dark room.
    "dark_glass": Family(((18, 19, 20), (34, 36, 38), (56, 58, 60), (52, 46, 40)), shares(3, 4, 3, 1), jitter=4,
                         shared=True, roughness=(0.04, 0.1), specular=(0.0, 0.12)),
    "bottle_glass": Family(
        ((30, 46, 24), (46, 72, 34), (22, 26, 20), (84, 46, 18), (58, 30, 14), (188, 204, 200), (150, 176, 158)),
        shares(4, 3, 3, 3, 2, 1.5, 1), jitter=5, shared=True, roughness=(0.04, 0.12), specular=(0.6, 1.0),
    ),
    "clear_plastic": Family(((204, 216, 222), (190, 208, 220), (176, 206, 224), (170, 204, 178)), shares(5, 3, 2, 1),
                            jitter=5, shared=True, roughness=(0.06, 0.2), specular=(0.5, 0.9)),
    "sauce": Family(((168, 22, 18), (140, 18, 16), (214, 164, 36), (66, 34, 20), (232, 222, 196), (40, 96, 46)),
                    shares(5, 2, 3, 2, 1.5, 1), jitter=6, anything=0.04, shared=True, roughness=(0.15, 0.4),
                    specular=(0.4, 0.7)),
    "label": Family(
        ((236, 234, 226), (226, 214, 184), (30, 30, 32), (164, 26, 30), (30, 62, 128), (222, 184, 52), (40, 98, 60)),
        shares(6, 4, 2, 2.5, 2, 1.5, 1.5), jitter=7, anything=0.12, roughness=(0.3, 0.8), specular=(0.1, 0.4),
    ),
    "cap": Family(
        ((232, 232, 230), (34, 74, 156), (170, 26, 30), (196, 156, 66), (28, 28, 30), (176, 178, 180), (38, 110, 62)),
        shares(3, 3, 3, 2, 2.5, 2, 1.5), jitter=6, anything=0.08, shared=True, roughness=(0.2, 0.5),
        specular=(0.3, 0.7),
    ),
    "steel": Family(((200, 201, 202), (184, 186, 188), (214, 212, 206)), shares(5, 3, 1), jitter=3, shade=(0.9, 1.05),
                    metallic=1.0, roughness=(0.1, 0.38), shared=True),
    "table_plastic": Family(
        ((28, 28, 30), (230, 228, 222), (170, 30, 34), (34, 82, 150), (44, 124, 74), (232, 188, 50), (222, 120, 44),
         (150, 196, 204)),
        shares(5, 3, 2.5, 2, 1.5, 1.5, 1, 1), jitter=8, anything=0.12, shared=True, roughness=(0.2, 0.5),
        specular=(0.3, 0.6),
    ),
    "table_wood": Family(((150, 104, 64), (96, 60, 38), (186, 146, 100), (66, 42, 30)), shares(4, 3, 3, 1), jitter=6,
                         shared=True, roughness=(0.45, 0.8), specular=(0.1, 0.35)),
    "food_pale": Family(((236, 214, 160), (244, 228, 190), (226, 196, 130), (214, 176, 116)), jitter=8, anything=0.03,
                        roughness=(0.5, 0.9), specular=(0.05, 0.3)),
    "food_brown": Family(((128, 78, 40), (92, 52, 30), (168, 108, 56), (58, 34, 24), (190, 130, 72)), jitter=8,
                         anything=0.03, roughness=(0.4, 0.9), specular=(0.05, 0.4)),
    "food_green": Family(((92, 136, 44), (126, 164, 66), (60, 98, 40), (150, 176, 84)), jitter=9, anything=0.03,
                         roughness=(0.4, 0.9), specular=(0.05, 0.4)),
    "food_red": Family(((190, 48, 32), (164, 34, 30), (212, 86, 48), (150, 60, 50)), jitter=8, anything=0.03,
                       roughness=(0.2, 0.7), specular=(0.1, 0.6)),
    "food_yellow": Family(((238, 186, 66), (226, 160, 50), (242, 208, 112), (230, 130, 40)), jitter=8, anything=0.03,
                          roughness=(0.3, 0.8), specular=(0.05, 0.5)),
    "paper_cup": Family(((238, 237, 233), (186, 150, 110), (40, 38, 38), (168, 34, 36), (52, 96, 72)),
                        shares(6, 4, 1, 1, 1), jitter=6, anything=0.1, roughness=(0.6, 0.95), specular=(0.05, 0.25)),
}
# fmt: on
