"""Streets as a camera behind a windscreen sees them."""

from pathlib import Path

from sim2sg_core.packs.drive.street_layout import StreetLayout
from sim2sg_core.packs.pack import LayoutType, Pack

PACK = Pack(
    name="drive",
    folder=Path(__file__).parent,
    layouts={"street": LayoutType(StreetLayout, "sim2sg_core.packs.drive.street_scenes")},
    assets="sim2sg_core.packs.drive.assets",
    label_formats=("kitti",),
)
