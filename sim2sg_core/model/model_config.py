"""What a network is built from: sizes, counts and the domain's priors. Saved in the checkpoint."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.json_reader import JsonObject, as_json_object
from sim2sg_core.limits import CLASSES, MAX_OBJECTS, NETWORK_CHANNELS, NETWORK_SIDE, PREDICATES
from sim2sg_core.runtime.preprocessing import NetworkInput

if TYPE_CHECKING:
    from sim2sg_core.domains import Domain

STRIDE = 4
"""Input pixels per cell of the output map."""
MULTIPLE = 32
"""The input's width and height are multiples of the coarsest stride."""


@dataclass(frozen=True)
class ModelConfig:
    """The network's architecture.

    Attributes:
        classes: Number of object classes C.
        predicates: Number of predicates P.
        width: Input width, pixels.
        height: Input height, pixels.
        backbone: A name in `backbone.BACKBONES`.
        channels: Channels of the neck and heads.
        max_objects: Objects K that are emitted per image.
        max_relations: Ordered pairs R that are emitted per image.
        class_sizes: (C, 3) mean length, width, height in metres; sizes are regressed relative to it.
        yaw_symmetry: (C,) order of the rotational symmetry, 0 for any; the network regresses the
            observation angle times the order.
        relation_classes: (C,) whether relations are stated for objects of the class.
        symmetric: (P,) whether the predicate holds both ways.
        focal: Focal length of the expected camera, input pixels.
        reference_focal: Depths are regressed as z * focal_ref / focal of the image, with this `focal_ref`; 0 takes
            `focal`. They differ where a network is given larger images than it was trained on.
        principal: Principal point of the expected camera, input pixels.
        typical_depth: Focal-normalised depth where the regression starts, metres.
    """

    classes: int
    predicates: int
    width: int
    height: int
    backbone: str = "lite0"
    channels: int = 64
    max_objects: int = 32
    max_relations: int = 256
    class_sizes: tuple[tuple[float, float, float], ...] = ()
    yaw_symmetry: tuple[int, ...] = ()
    relation_classes: tuple[bool, ...] = ()
    symmetric: tuple[bool, ...] = ()
    focal: float = 300.0
    reference_focal: float = 0.0
    principal: tuple[float, float] = (0.0, 0.0)
    typical_depth: float = 10.0

    @property
    def focal_ref(self) -> float:
        """The focal length that depths are normalised to, input pixels."""
        return self.reference_focal or self.focal

    def validate(self) -> None:
        """Raises Sim2SGError where the numbers do not fit together."""
        if self.width % MULTIPLE or self.height % MULTIPLE or self.width <= 0 or self.height <= 0:
            raise Sim2SGError(
                f"the network's input is {self.width}x{self.height}: "
                f"make both multiples of {MULTIPLE} (input: in the domain file)"
            )
        for name, want in (
            ("class_sizes", self.classes),
            ("yaw_symmetry", self.classes),
            ("relation_classes", self.classes),
            ("symmetric", self.predicates),
        ):
            if len(getattr(self, name)) != want:
                raise Sim2SGError(f"{name} has {len(getattr(self, name))} entries: it needs {want}")
        if self.predicates < 1:
            raise Sim2SGError("the domain has no predicates: a scene graph needs at least one")
        if self.max_relations > self.max_objects * (self.max_objects - 1):
            raise Sim2SGError(f"max_relations {self.max_relations} exceeds the pairs of max_objects")

    def to_json(self) -> dict[str, Any]:
        """Returns JSON-ready data."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any] | JsonObject) -> ModelConfig:
        """Reads what `to_json` returned (lists become tuples again). Raises Sim2SGError when it is of another form."""
        data = as_json_object(data, "network")
        classes, predicates = data.whole("classes", 1, CLASSES), data.whole("predicates", 1, PREDICATES)
        objects = data.whole("max_objects", 2, MAX_OBJECTS, default=cls.max_objects)
        sizes = data.numbers("class_sizes", classes, 3)
        if not (sizes > 0).all():
            raise data.error("class_sizes", "extents above 0 m are wanted")
        config = cls(
            classes=classes,
            predicates=predicates,
            width=data.whole("width", MULTIPLE, NETWORK_SIDE),
            height=data.whole("height", MULTIPLE, NETWORK_SIDE),
            backbone=data.text("backbone", cls.backbone),
            channels=data.whole("channels", 1, NETWORK_CHANNELS, default=cls.channels),
            max_objects=objects,
            max_relations=data.whole("max_relations", 1, objects * (objects - 1), default=cls.max_relations),
            class_sizes=_tuples(sizes.tolist()),
            yaw_symmetry=tuple(int(order) for order in data.numbers("yaw_symmetry", classes)),
            relation_classes=data.flags("relation_classes", classes),
            symmetric=data.flags("symmetric", predicates),
            focal=data.number("focal", 1e-3, default=cls.focal),
            reference_focal=data.number("reference_focal", 0.0, default=cls.reference_focal),
            principal=_tuples(data.numbers("principal", 2).tolist()),
            typical_depth=data.number("typical_depth", 1e-3, default=cls.typical_depth),
        )
        config.validate()
        return config

    @property
    def input(self) -> NetworkInput:
        """The network's input."""
        return NetworkInput(self.width, self.height, self.principal)

    @classmethod
    def from_domain(cls, domain: Domain, **changes: Any) -> ModelConfig:
        """Derives the network from a domain; `changes` override fields."""
        width, height = domain.input.width, domain.input.height
        camera = domain.camera
        scale = min(width / camera.width, height / camera.height)
        hfov = math.radians(sum(camera.hfov_deg) / 2)
        number = domain.max_objects
        fields: dict[str, Any] = dict(
            classes=len(domain.classes),
            predicates=len(domain.predicates),
            width=width,
            height=height,
            max_objects=number,
            max_relations=min(256, number * (number - 1)),
            class_sizes=_tuples(domain.class_sizes().tolist()),
            yaw_symmetry=tuple(int(spec.yaw_symmetry) for spec in domain.classes),
            relation_classes=tuple(name in domain.related_names for name in domain.class_names),
            symmetric=tuple(spec.symmetric for spec in domain.predicates),
            focal=scale * camera.width / 2 / math.tan(hfov / 2),
            principal=domain.principal(width, height),
            typical_depth=domain.layout.typical_depth(),
        )
        config = cls(**{**fields, **changes})
        config.validate()
        return config


def _tuples(value: Any) -> Any:
    """Turns nested lists into tuples."""
    return tuple(_tuples(v) for v in value) if isinstance(value, (list, tuple)) else value
