"""Frames rendered in a known appearance, as a log."""

import os

os.environ.setdefault("LP_NUM_THREADS", "0")  # before Mesa is loaded: one thread

from sim2sg_core.domains import load_domain
from sim2sg_core.images import decode_image
from sim2sg_core.scene import Layout
from sim2sg_core.synthesis.synthesizer import Synthesizer

SIZE = (240, 160)
CLEVR = load_domain("clevr")
GREYS = ((70, 70, 70), (120, 120, 120), (190, 190, 190))
PLAIN = {
    "exposure": (0.0, 0.0),
    "saturation": (1.0, 1.0),
    "noise": (0.0, 0.0),
    "blur": (0.0, 0.0),
    "jpeg": (95, 95),
    "lights": (1, 1),
    "ambient": (0.4, 0.5),
    "paint_jitter": 0.0,
    "random_paint": 0.0,
    "floor_colors": ((128, 128, 128),),
}
SOURCE = CLEVR.model_copy(
    update={
        "appearance": CLEVR.appearance.model_copy(update={**PLAIN, "paints": GREYS, "materials": ("rubber",)}),
    }
)
RED, BLUE, YELLOW = (200, 60, 60), (60, 90, 200), (220, 200, 70)
TARGET = {
    **PLAIN,
    "paints": (RED, BLUE, YELLOW),
    "paint_shares": (0.6, 0.3, 0.1),
    "materials": {"rubber": 0.5, "metal": 0.5},
    "exposure": (0.6, 0.6),
    "noise": (5.0, 5.0),
    "floor_colors": ((136, 128, 118),),
}


def log_of(update, count=14, size=SIZE, objects=True):
    appearance = CLEVR.appearance.model_copy(update=update)
    synthesizer = Synthesizer(CLEVR.model_copy(update={"appearance": appearance}), shadow_size=256)
    layouts = [synthesizer.sample(k, size=size) for k in range(count)]
    layouts = layouts if objects else [Layout(layout.camera, ()) for layout in layouts]
    made = [synthesizer.frame(layout, k) for k, layout in enumerate(layouts)]
    synthesizer.close()
    return [(decode_image(f.jpeg()), f.graph) for f in made]
