"""Whether what a domain asks for finds a place in its prior scenes, and if not, what is in its way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim2sg_core.domains import ArrangedLayout, ClassSpec, Domain
from sim2sg_core.scene import Layout, Placement
from sim2sg_core.scene.layout import GROUND
from sim2sg_core.synthesis.assets.registry import class_assets, load_asset
from sim2sg_core.synthesis.layouts.supports import level_faces

TOUCH_M = 0.03
SHORT = 0.8  # share of the least number asked for below which a class is short
CROWDED = 0.5  # share of the scenes short of a class that are full, from which on max_objects is the reason
TRIED = 5.0  # draws in all scenes: if none of so many was placed, there is no room


def placing_warnings(domain: Domain, layouts: Sequence[Layout]) -> list[str]:
    """Says which classes are not placed, or more rarely than they are asked for, and which supports stay empty."""
    found = []
    for spec in domain.classes:
        placed = sum(placed_in(layout, spec.name) for layout in layouts)
        least = sum(asked_for(domain, spec, layout) for layout in layouts)
        if placed == 0:
            found.append(f"{spec.name} is never placed; {_why(domain, spec, layouts)}")
        elif placed < SHORT * least:
            mean, wanted = placed / len(layouts), least / len(layouts)
            found.append(
                f"{spec.name} stands {mean:.1f} times in a scene where its count: {list(spec.count or ())} asks for"
                f" {wanted:.1f} or more; {_why(domain, spec, layouts)}"
            )
    return found + unused_supports(domain, layouts)


def placed_in(layout: Layout, name: str) -> int:
    """Returns how many objects of a class stand in a scene."""
    return sum(item.label == name for item in layout.placements)


def asked_for(domain: Domain, spec: ClassSpec, layout: Layout) -> int:
    """Returns the least number of objects of a class that a scene should hold by the class's own count."""
    if spec.count is None or not domain.layout.arranges:
        return 0
    hosts = sum(p.label in spec.supports and p.label != spec.name for p in layout.placements)
    return spec.count[0] * (spec.on_ground + hosts)


def unused_supports(domain: Domain, layouts: Sequence[Layout]) -> list[str]:
    """Says on which of its supports no object of a class ever stands."""
    if not domain.layout.arranges:
        return []
    used = _used(domain, layouts)
    found = []
    for spec in domain.classes:
        for support in spec.supports:
            if not used[spec.name] or support in used[spec.name]:
                continue
            if support == GROUND:
                how = "the layout's count draws it, or a count of its own"
            else:
                how = f"give {spec.name} a count:, name it in a group on {support}, or raise the number of {support}"
                if spec.count is not None:
                    how = _no_place_on(domain, spec, support, layouts, used) or how
            found.append(f"{spec.name} never stands on {support}, one of its supports; {how}, or delete {support}")
    return found


def standing_on(domain: Domain, item: Placement, layout: Layout) -> str:
    """Returns the class of what a placement rests on; "ground" on the ground, "" where nothing is beneath it.

    Of surfaces within `TOUCH_M` the nearest counts: what stands on a mat stands near the ground too.
    """
    nearest, label = (abs(item.position[2]), GROUND) if item.position[2] < TOUCH_M else (TOUCH_M, "")
    for other in layout.placements:
        spec = domain.class_spec(other.label)
        shares = [*spec.surfaces, *(() if spec.inside is None else (spec.inside,))]
        heights = other.position[2] + np.array(shares) * other.size[2]
        turn = np.array([[np.cos(other.yaw), np.sin(other.yaw)], [-np.sin(other.yaw), np.cos(other.yaw)]])
        local = turn @ (item.position[:2] - other.position[:2])
        over = (np.abs(local) <= other.size[:2] / 2).all()
        distance = np.abs(heights - item.position[2]).min()
        if other is not item and over and distance < nearest:
            nearest, label = distance, other.label
    return label


def _why(domain: Domain, spec: ClassSpec, layouts: Sequence[Layout]) -> str:
    """Says what keeps a class out of the scenes, and what would mend it."""
    if not isinstance(layout := domain.layout, ArrangedLayout):
        return domain.how_to_raise(spec)
    if _crowded_out(domain, spec, layouts):
        return f"scenes are full before its turn comes: raise max_objects: (now {domain.max_objects}), or lower counts"
    if not spec.on_ground:
        used = _used(domain, layouts)
        in_groups = any(item.what == spec.name for group in layout.groups for item in group.items)
        if spec.count is not None or in_groups:
            reasons = [_no_place_on(domain, spec, support, layouts, used) for support in spec.supports]
            return "; ".join(filter(None, reasons)) or domain.how_to_raise(spec)
        return domain.how_to_raise(spec)
    drawn = float(np.mean(layout.count if spec.count is None else spec.count))
    drawn *= domain.free_share(spec) if spec.count is None else 1.0
    if drawn * len(layouts) < TRIED:
        return domain.how_to_raise(spec)
    size = " x ".join(f"{v:.3g}" for v in spec.mean_size())
    doubt = "unit: and up: of its meshes" if spec.meshes else "its size, metres"
    return (
        f"{drawn:.1f} are drawn for a scene but find no room: it measures {size} m on average; check {doubt},"
        " make room (layout: distance, lateral), or draw fewer"
    )


def _crowded_out(domain: Domain, spec: ClassSpec, layouts: Sequence[Layout]) -> bool:
    """Whether scenes hold too few of a class because they hold as many objects as they may."""
    short = [lay for lay in layouts if placed_in(lay, spec.name) < max(asked_for(domain, spec, lay), 1)]
    full = [layout for layout in short if len(layout.placements) >= domain.max_objects]
    return bool(short) and len(full) >= CROWDED * len(short)


def _no_place_on(
    domain: Domain, spec: ClassSpec, support: str, layouts: Sequence[Layout], used: dict[str, set[str]]
) -> str:
    """Says why a class finds no place on a support; nothing when there are too few of these to tell."""
    hosts = sum(placed_in(layout, support) for layout in layouts)
    if hosts * (1.0 if spec.count is None else float(np.mean(spec.count))) < TRIED:
        return ""
    carrier = domain.class_spec(support)
    if not any(support in places for places in used.values()):
        shares = ", ".join(f"{share:g}" for share in carrier.surfaces)
        level = {share for name in class_assets(domain, support) for share in level_faces(load_asset(name))}
        meshes = "this mesh" if len(class_assets(domain, support)) == 1 else "its meshes"
        where = f"its surfaces: [{shares}]" if shares else f"inside: {carrier.inside:g}"
        return (
            f"nothing finds a place on {support}: it must be level, and larger than what stands there, at {where}"
            f" (shares of its height; level faces of {meshes}: {', '.join(f'{f:g}' for f in sorted(level)) or 'none'})"
        )
    return f"it finds no room on {support}: lower its count: or size, enlarge {support}, or put less on it"


def _used(domain: Domain, layouts: Sequence[Layout]) -> dict[str, set[str]]:
    """What objects of each class stand on in some scene."""
    used: dict[str, set[str]] = {name: set() for name in domain.class_names}
    for layout in layouts:
        for item in layout.placements:
            used[item.label].add(standing_on(domain, item, layout))
    return used
