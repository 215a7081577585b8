"""What the street of earlier versions said with a key for each class: files and models of then stay readable."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from sim2sg_core.domains.fields import Amount, mistake

RENAMED = {"parked_cars": "parked", "moving_cars": "moving"}


class Meant(NamedTuple):
    """What an earlier key, or its absence, meant.

    Attributes:
        role: Where its class is named now.
        what: The class.
        density: The key's default.
        entry: What else was so of this class.
    """

    role: str
    what: str
    density: tuple[float, float]
    entry: dict[str, Any]


USUAL = {"what": "car", "mesh_scale": (0.93, 0.90, 1.02)}
EARLIER = {
    "vans": Meant("vehicles", "van", (0.0, 3.0), {"mesh_scale": (0.96, 0.93, 1.0)}),
    "trucks": Meant(
        *("vehicles", "truck", (0.0, 1.5)),
        {"mesh_scale": (0.98, 0.97, 1.0), "parks_along": 0.4, "parks_across": 0.0, "crosses": 0.05},
    ),
    "pedestrians": Meant("walkers", "pedestrian", (0.0, 10.0), {}),
    "cyclists": Meant("riders", "cyclist", (0.0, 4.0), {}),
    "vegetation": Meant("plants", "vegetation", (2.0, 30.0), {}),
    "buildings": Meant("houses", "building", (0.0, 10.0), {}),
}


def with_roles(layout: dict[str, Any], class_names: Collection[str] | None) -> dict[str, Any]:
    """Returns a street's keys with roles in the place of the earlier keys; as they are where there are none of these.

    Args:
        layout: The keys.
        class_names: Classes of the domain: of others there was nothing in a street. None where they are not known.

    Raises:
        PydanticCustomError: A `mistake`: an earlier key stands beside roles, or its value is no density.
    """
    roles = [meant.role for meant in EARLIER.values() if meant.role in layout]
    for key, meant in EARLIER.items():
        if key in layout and roles:
            text = f"is an earlier key beside {roles[0]}:, which took its place"
            example = f"{meant.role}: [{{what: {meant.what}, density: …}}]"
            raise mistake(f"{text}; write {example} instead, and delete this key", key)
    if roles or not layout.keys() & {*EARLIER, *RENAMED}:
        return layout
    made: dict[str, Any] = {key: value for key, value in layout.items() if key not in EARLIER}
    made["vehicles"] = [USUAL]
    for key, meant in EARLIER.items():
        if class_names is None or meant.what in class_names:
            density = _density(layout.get(key, meant.density), key)
            made.setdefault(meant.role, []).append({"what": meant.what, "density": density, **meant.entry})
    return made


def _density(value: Any, key: str) -> tuple[float, float]:
    """Checks a value here, so that a mistake is told at the key that is in the file."""
    try:
        density: tuple[float, float] = TypeAdapter(Amount).validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        raise mistake(str(first["msg"]), key, *first["loc"]) from None
    return density
