"""Rooms with laid tables: tables, chairs, tableware, laptops, books."""

from pathlib import Path

from sim2sg_core.packs.dining.room_layout import RoomLayout
from sim2sg_core.packs.pack import LayoutType, Pack

PACK = Pack(
    name="dining",
    folder=Path(__file__).parent,
    layouts={"room": LayoutType(RoomLayout, "sim2sg_core.packs.dining.room_scenes")},
    assets="sim2sg_core.packs.dining.assets",
)
