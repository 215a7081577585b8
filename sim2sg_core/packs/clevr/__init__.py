"""CLEVR's world (Johnson et al., CVPR 2017): cubes, spheres and cylinders strewn over a table."""

from pathlib import Path

from sim2sg_core.packs.clevr.scatter_layout import ScatterLayout
from sim2sg_core.packs.pack import LayoutType, Pack

PACK = Pack(
    name="clevr",
    folder=Path(__file__).parent,
    layouts={"scatter": LayoutType(ScatterLayout, "sim2sg_core.packs.clevr.scatter")},
    label_formats=("clevr",),
)
