"""What a domain is: its classes, predicates, camera, layout and appearance, as checked data.

Lengths are metres, angles degrees, colours 0-255 sRGB. A range is written `[lo, hi]`; a single number
stands for a range without width. Every model is frozen and refuses unknown keys.
"""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, Strict, ValidationError, ValidationInfo, model_validator
from pydantic.functional_validators import ModelWrapValidatorHandler  # where pydantic 2.10 has it
from pydantic.json_schema import SkipJsonSchema

from sim2sg_core.domains.appearance_spec import AppearanceSpec
from sim2sg_core.domains.camera_prior import CameraPrior
from sim2sg_core.domains.class_spec import ClassSpec
from sim2sg_core.domains.digests import digests_of, named_files, relative_files, without_folders
from sim2sg_core.domains.fields import Extent, Identifier, Metres, Share, Spec, mistake, nearest
from sim2sg_core.domains.layout_spec import Layout
from sim2sg_core.domains.mesh_library import credits_of, library_digests, used_models
from sim2sg_core.domains.predicate_spec import PredicateSpec
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.json_reader import decode_json
from sim2sg_core.limits import CLASSES, PREDICATES
from sim2sg_core.scene import PredicateRule
from sim2sg_core.scene.layout import GROUND

MADE = ("digests", "credits")  # when a domain is read, of what it names


class InputSpec(Spec):
    """Size of the network's input. The network halves it five times.

    Attributes:
        width: Pixels.
        height: Pixels.
    """

    width: Annotated[int, Strict(), Field(gt=0, le=4096, multiple_of=32)]
    height: Annotated[int, Strict(), Field(gt=0, le=4096, multiple_of=32)]


class LabelSpec(Spec):
    """Which drawn objects count as labels; the others are ignored in training, never negatives.

    Attributes:
        min_visibility: Least share of the object that is seen.
        min_pixels: Least height of its box, pixels of the image.
    """

    min_visibility: Share = 0.1
    min_pixels: Annotated[float, Strict(), Field(ge=0)] = 6.0


class TrainingSpec(Spec):
    """Defaults of training and adaptation; options of the command line win over them.

    Attributes:
        backbone: Backbone of the network: lite0, a pretrained EfficientNet-Lite0, or small, trained from scratch.
        batch: Images per step.
        learning_rate: Peak learning rate.
        round_learning_rate: Peak learning rate in the rounds of adaptation. Default: `learning_rate`. Use a lower value
            if source training was long: large steps would undo it.
        source_frames: Rendered prior scenes for source training.
        source_steps: Steps of source training.
        rounds: Rounds of adaptation, at most.
        round_frames: Frames to render in each round.
        round_steps: Steps of training in each round.
        teacher_start_round: Rounds of adaptation before the averaged teacher's targets on the log's frames come in.
            Set it to `rounds` to switch the teacher off. Use a low value if the first model is already good.
        prior_share: Share of each round's frames that show prior scenes rather than ones rebuilt from the log.
        replay: Share of a round's labelled images that are renders of earlier stages, those of source training among
            them, so that what the log does not show is not forgotten.
        recall_correction: Whether scenes rebuilt from a log hold as many objects as are there, not as many as were
            found. It helps where much is missed of some classes, as cutlery, so that rebuilt scenes would show hardly
            any.
        half_scale_inference: Whether the log is inferred at half scale too. It finds what is very near, where networks
            that learned from renders miss the detail of real things.
        size_freedom: How far objects rebuilt from a log may leave the sizes of their class, as the standard
            deviation of the logarithm. Small where the class's sizes are well known or the camera looks along the
            ground, so that the log says little of sizes.
        class_swap: Probability that an object rebuilt from a log is exchanged for one of another class: high where any
            class may stand anywhere and a poor prior makes the network mistake classes.
        mixing: Share of a round's labelled images that are frames of the log with rendered objects in them; the frames
            keep what was inferred on them. Not for domains in which nothing stands on the ground.
        average: Whether the final model is the mean of the weights of source training and all rounds in place of one
            stage's. It helps where rounds forget what the log does not show.
        freeze: Blocks of the backbone, from the image on, that keep their pretrained weights; none given: a quarter.
        zoom_range: Scales, relative to the whole frame, of the windows that strong augmentation cuts out of half of
            the frames. Enlarged fourfold, distant objects stand for near ones, cut off by the edges.
        aim: Probability that an enlarged window is laid on an object, and not just anywhere.
        random_convolution: Probability that strong augmentation mixes a frame with its convolution by random kernels,
            which changes texture and colour and keeps shapes. It helps where renders look unlike the log.
    """

    backbone: Literal["lite0", "small"] = "lite0"
    batch: Annotated[int, Strict(), Field(gt=0)] = 8
    learning_rate: Metres = 1e-3
    round_learning_rate: Metres | None = None
    source_frames: Annotated[int, Strict(), Field(gt=0)] = 2000
    source_steps: Annotated[int, Strict(), Field(gt=0)] = 1500
    rounds: Annotated[int, Strict(), Field(ge=0)] = 3
    round_frames: Annotated[int, Strict(), Field(gt=0)] = 1000
    round_steps: Annotated[int, Strict(), Field(gt=0)] = 500
    teacher_start_round: Annotated[int, Strict(), Field(ge=0)] = 3
    prior_share: Share = 0.25
    replay: Share = 0.0
    recall_correction: Annotated[bool, Strict()] = False
    half_scale_inference: Annotated[bool, Strict()] = False
    size_freedom: Annotated[float, Strict(), Field(ge=0)] = 0.1
    class_swap: Share = 0.05
    mixing: Share = 0.0
    average: Annotated[bool, Strict()] = False
    freeze: Annotated[int, Strict(), Field(ge=0)] | None = None
    zoom_range: Extent = (0.8, 1.5)
    aim: Share = 0.0
    random_convolution: Share = 0.0

    renamed: ClassVar[dict[str, str]] = {
        "delay": "teacher_start_round",
        "complete": "recall_correction",
        "swap": "class_swap",
    }


class Domain(Spec):
    """A domain. The order of classes and predicates is that of every index in a model.

    Attributes:
        name: Name of the domain.
        box: Which box is *the* box: extent of the visible pixels, of the whole object, or of its 3D box (as KITTI
            labels it); the latter two clipped to the image.
        input: Size of the network's input.
        max_objects: Objects that a graph can hold (K).
        classes: Classes.
        predicates: Predicates.
        relation_classes: Classes between which relations are stated; empty means all.
        camera: Cameras.
        layout: How prior scenes are laid out.
        appearance: How scenes look.
        labels: Which objects are labels.
        training: Defaults of training.
        digests: What was in the files that it names when it was read, see `hash`. Not for domain files to say.
        credits: Whom the meshes of libraries are owed to: catalogues with their licenses, and models with their
            authors. Not for domain files to say either.
    """

    name: Identifier
    box: Literal["visible", "amodal", "cuboid"]
    input: InputSpec
    max_objects: Annotated[int, Strict(), Field(ge=2, le=256)] = 24
    classes: tuple[ClassSpec, ...] = Field(min_length=1, max_length=CLASSES)
    predicates: tuple[PredicateSpec, ...] = Field((), max_length=PREDICATES)
    relation_classes: tuple[str, ...] = ()
    camera: CameraPrior
    layout: Layout
    appearance: AppearanceSpec = AppearanceSpec()
    labels: LabelSpec = LabelSpec()
    training: TrainingSpec = TrainingSpec()
    digests: SkipJsonSchema[dict[str, str]] = Field(default_factory=dict)
    credits: SkipJsonSchema[dict[str, tuple[str, ...]]] = Field(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _digested(cls, data: Any, handler: ModelWrapValidatorHandler[Domain], info: ValidationInfo) -> Domain:
        # A model carries along what was in its files; they need not be there any more.
        if (info.context or {}).get("folder") is None:
            return handler(data)
        for key in MADE:
            if isinstance(data, dict) and key in data:
                raise mistake("is made when the domain is read; delete it", key)
        return handler(data).with_sources()

    @model_validator(mode="after")
    def _agree(self, info: ValidationInfo) -> Domain:
        names = self.class_names
        _refuse_duplicates("classes", names)
        _refuse_duplicates("predicates", self.predicate_names)
        if GROUND in names:
            at = ("classes", names.index(GROUND), "name")
            raise mistake(f"{GROUND!r} is what everything stands on in the end; take another word", *at)
        for i, spec in enumerate(self.classes):
            for j, support in enumerate(spec.supports):
                if support != GROUND and support not in names:
                    known = nearest(support, (GROUND, *names))
                    raise mistake(f"unknown support {support!r}; {known}", "classes", i, "supports", j)
        for i, name in enumerate(self.relation_classes):
            if name not in names:
                known = nearest(name, names)
                raise mistake(f"unknown class {name!r}; {known}", "relation_classes", i)
        self._check_supports()
        self.layout.check(self.classes, self.max_objects)
        if (info.context or {}).get("folder") is not None:  # A file: somebody is writing it.
            self.layout.check_written(self.classes, self.appearance)
        self._check_inverses()
        self._check_counts()
        return self

    def principal(self, width: int, height: int) -> tuple[float, float]:
        """Returns the principal point of the expected camera, pixels of a network's input of that size."""
        scale = min(width / self.camera.width, height / self.camera.height)
        return scale * self.camera.width / 2, scale * self.camera.height / 2

    def _check_counts(self) -> None:
        """What a scene is to hold must be possible, and what is asked must mean something."""
        least = 0
        for i, spec in enumerate(self.classes):
            least += spec.count[0] if spec.count and spec.on_ground else 0
            if least > self.max_objects:
                text = f"with those before, at least {least} objects do not fit in max_objects: {self.max_objects}"
                raise mistake(f"{text}; raise it", "classes", i, "count")

    def _check_supports(self) -> None:
        """Everything must stand on the ground in the end: an order in which all can be put down."""
        down = {GROUND}
        rest = dict(enumerate(self.classes))
        while ready := [i for i, c in rest.items() if down.intersection(c.supports)]:
            down.update(rest.pop(i).name for i in ready)
        for i, spec in rest.items():
            raise mistake(
                f"{spec.name} never reaches the ground: {', '.join(spec.supports)} stands on it in turn;"
                f" write [{GROUND}] for one of them",
                "classes",
                i,
                "supports",
            )

    def _check_inverses(self) -> None:
        taken = dict.fromkeys(self.predicate_names, "is a predicate itself: it would be learnt twice")
        for i, spec in enumerate(self.predicates):
            if spec.inverse is None:
                continue
            if spec.inverse in taken:
                why = taken[spec.inverse]
                raise mistake(f"{spec.inverse!r} {why}; take another word", "predicates", i, "inverse")
            taken[spec.inverse] = f"is already the inverse of {spec.name}"

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """Class names, in order."""
        return tuple(c.name for c in self.classes)

    @cached_property
    def predicate_names(self) -> tuple[str, ...]:
        """Forward predicate names, in order."""
        return tuple(p.name for p in self.predicates)

    @cached_property
    def related_names(self) -> tuple[str, ...]:
        """Names of the classes between which relations are stated."""
        return self.relation_classes or self.class_names

    @cached_property
    def class_supports(self) -> dict[str, tuple[str, ...]]:
        """What each class may stand on, by its name."""
        return {c.name: c.supports for c in self.classes}

    @cached_property
    def class_surfaces(self) -> dict[str, tuple[float, ...]]:
        """Where each class carries others, as shares of its height, by its name."""
        return {c.name: c.surfaces for c in self.classes}

    @cached_property
    def class_insides(self) -> dict[str, float]:
        """Height of the floor of the hollow of each class that has one, as a share of its own, by its name."""
        return {c.name: c.inside for c in self.classes if c.inside is not None}

    @cached_property
    def carriers(self) -> frozenset[str]:
        """Names of the classes that others stand on."""
        return frozenset(name for c in self.classes for name in c.supports) - {GROUND}

    def free_share(self, spec: ClassSpec) -> float:
        """Returns how common a class is among what is drawn freely, 0-1: what stands on the ground without a count."""
        free = [c for c in self.classes if c.on_ground and c.count is None]
        return spec.frequency / sum(c.frequency for c in free) if spec in free else 0.0

    def how_to_raise(self, spec: ClassSpec) -> str:
        """Says what makes a class that finds places more common."""
        return self.layout.how_to_raise(spec, self.free_share(spec))

    def class_spec(self, name: str) -> ClassSpec:
        """Returns the class `name`. Raises Sim2SGError when there is none."""
        for spec in self.classes:
            if spec.name == name:
                return spec
        raise Sim2SGError(f"domain {self.name} has no class {name!r}; {nearest(name, self.class_names)}")

    def rules(self) -> tuple[PredicateRule, ...]:
        """Returns the rules that decide the predicates, in their order."""
        return tuple(PredicateRule(p.name, p.rule, p.margin) for p in self.predicates)

    def inverses(self) -> dict[str, str]:
        """Returns {predicate: inverse}; a symmetric one is its own."""
        named = {p.name: p.name if p.symmetric else p.inverse for p in self.predicates}
        return {name: inverse for name, inverse in named.items() if inverse}

    def class_sizes(self) -> np.ndarray:
        """Returns (C, 3) float: mean length, width, height of each class, metres."""
        return np.stack([spec.mean_size() for spec in self.classes])

    def with_sources(self) -> Domain:
        """Returns it with digests and credits of the files and meshes that it names.

        Raises:
            Sim2SGError: A mesh of a library is not here.
        """
        data = self.to_json()
        models = used_models(data)
        digests = {**digests_of(named_files(data)), **library_digests(models)}
        return self.model_copy(update={"digests": digests, "credits": credits_of(models)})

    def to_json(self) -> dict[str, Any]:
        """Returns the whole domain as JSON-ready data."""
        return self.model_dump(mode="json", exclude={key for key in MADE if not getattr(self, key)})

    def to_portable_json(self) -> dict[str, Any]:
        """Returns `to_json` without the folders of this machine, for files that are passed on."""
        return relative_files(self.to_json())

    @classmethod
    def from_json(cls, data: dict[str, Any] | str) -> Domain:
        """Reads what `to_json` wrote, or the text of it.

        Raises:
            Sim2SGError: Not a domain.
        """
        found = decode_json(data, "not a domain") if isinstance(data, str) else data
        try:
            json.dumps(found, ensure_ascii=False).encode()
        except UnicodeEncodeError:  # Lone surrogates, which cannot even be told of.
            raise Sim2SGError("not a domain: contains invalid Unicode") from None
        except (TypeError, ValueError):
            pass  # No JSON: the model says below what is wrong.
        try:
            return cls.model_validate(found)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise Sim2SGError(f"not a domain of this version of sim2sg: {where}: {first['msg']}") from None
        except ValueError as error:
            raise Sim2SGError(f"not a domain: {error}") from None

    def hash(self) -> str:
        """Returns 12 hex digits that change whenever anything in the domain does, or in the files that it names.

        Where these files lie does not count.
        """
        data = without_folders(self.model_dump(mode="json", exclude=set(MADE)), self.digests)
        text = json.dumps(data, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def world_hash(self) -> str:
        """Returns the hash of all but `training`: other settings of it leave frames and networks of use."""
        return self.model_copy(update={"training": TrainingSpec()}).hash()


def _refuse_duplicates(key: str, names: tuple[str, ...]) -> None:
    for i, name in enumerate(names):
        if name in names[:i]:
            raise mistake(f"{name!r} is there twice; names are unique", key, i, "name")
