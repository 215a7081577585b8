"""What an adaptation does beyond training on prior scenes: one switch per part, and named settings of them.

The names are the rows of the ablation in `benchmarks/clevr.py`; each part's worth can be read there.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from sim2sg_core.domains.domain_spec import TrainingSpec
from sim2sg_core.errors import Sim2SGError

LEFT_TO_DOMAIN = (
    "prior_share",
    "replay",
    "recall_correction",
    "half_scale_inference",
    "class_swap",
    "mixing",
    "teacher_start_round",
    "average",
)
"""Switches that may be None: the domain's `training` decides."""
CRITERIA = ("self_consistency", "das", "bos")
"""By which a round may be chosen without labels, see `selection.criteria`."""
LAYOUT_PRIORS = ("domain", "moved", "counted", "learned")
"""What prior scenes are drawn from, see `stage_layouts`."""
TEACHER_UPDATES = ("average", "frozen", "conditional")
"""What teaches on the log's frames; those of `learning.train_config`, which cannot be read without torch."""
LATER = ("criterion", "layout_prior", "teacher_update")
"""Switches that came later: at their defaults they leave no trace in a run's settings, so that older runs go on."""


@dataclass(frozen=True)
class Method:
    """The parts of a method. Everything is off by default: that is plain training on prior scenes.

    Of some switches None means the domain's default, see `LEFT_TO_DOMAIN`.

    Attributes:
        labels: Label alignment: the rounds' scenes are rebuilt from the graphs inferred on the log.
        threshold: Least score of an object that is rebuilt; None draws every object with the
            probability that its calibrated score states.
        prior_share: Share of prior scenes in a round. Only with `labels`.
        layout_prior: What the rounds' prior scenes are drawn from: the `domain`'s own layout; the same with attributes
            `moved` to match the log (Meta-Sim); with structure `counted` anew to match it (Meta-Sim2); or a model
            `learned` from the layouts that were inferred on it (SceneGen).
        replay: Share of a round's labelled images that are renders of earlier stages, so that what the log does not
            show is not forgotten.
        recall_correction: Rebuilt scenes hold as many objects as are there, not as many as were found. Only
            where objects are drawn with their scores.
        tiled_inference: Enlarged tiles of the frames are inferred too, for what is small.
        half_scale_inference: So are the frames at half scale, for what is near. Only with `tiled_inference`.
        refine: Rebuilt objects are moved and scaled on the ground until they fill the boxes in which they
            were seen; how far sizes may leave the domain's is the domain's `size_freedom`.
        repeat_factor: Exponent by which frames that hold rare classes are rebuilt more often; 0 treats all alike.
        class_swap: Probability that a rebuilt object is exchanged for one of another class of like scale, so that
            what the network takes for one class for want of having seen the other is unlearned.
        appearance: Colours, materials, ground, exposure, noise and blur are taken from the log.
        mixing: Share of mixed frames among a step's labelled images, from the first round on: real frames of the log
            into which labelled objects are rendered, and whose own objects keep the labels that were inferred.
        style_transfer: Probability that a rendered image takes over colour statistics or Fourier amplitudes of a
            frame of the log.
        feature: Weight of feature alignment (domain classifier on features, gradient reversal).
        prediction: Weight of prediction alignment (domain classifier on the predictor's output).
        teacher: Weight of the averaged teacher's soft targets on the log's frames.
        teacher_update: One of `TEACHER_UPDATES`: the teacher is the `average` of the network's weights; the model that
            the run began with, `frozen`; or the average that follows only where the network has grown steadier,
            `conditional`.
        real_share: Share of pseudo-labelled frames of the log among a step's images. Only with `teacher`.
        teacher_start_round: Rounds in which only the task's loss is on; teacher and alignments come in after it.
        strong_augmentation: Strong augmentation and averaged weights.
        select: The final model is that of the round that is best by `criterion` (see `selection`), and the rounds end
            when that no longer improves; otherwise the last round's.
        criterion: One of `CRITERIA`. Only with `select`.
        average: The final model is the mean of the weights of source training and all rounds, calibrated anew, in
            place of one stage's: what a round forgot, another brings back.
    """

    labels: bool = False
    threshold: float | None = 0.5
    prior_share: float | None = None
    layout_prior: str = LAYOUT_PRIORS[0]
    replay: float | None = 0.0
    recall_correction: bool | None = False
    tiled_inference: bool = False
    half_scale_inference: bool | None = False
    refine: bool = False
    repeat_factor: float = 0.0
    class_swap: float | None = 0.0
    appearance: bool = False
    mixing: float | None = 0.0
    style_transfer: float = 0.0
    feature: float = 0.0
    prediction: float = 0.0
    teacher: float = 0.0
    teacher_update: str = TEACHER_UPDATES[0]
    real_share: float = 0.5
    teacher_start_round: int | None = 0
    strong_augmentation: bool = True
    select: bool = False
    criterion: str = CRITERIA[0]
    average: bool | None = False

    def validate(self) -> None:
        """Raises Sim2SGError when a number is out of its range."""
        for name in ("repeat_factor", "feature", "prediction", "teacher", "teacher_start_round"):
            if not 0 <= (getattr(self, name) or 0) < math.inf:
                raise Sim2SGError(f"{_option(name)} is {getattr(self, name)}: it must not be negative (0 turns it off)")
        for name in ("threshold", "prior_share", "replay", "class_swap", "mixing", "style_transfer", "real_share"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise Sim2SGError(f"{_option(name)} is {value}: give a share between 0 and 1")
        known_words = {"criterion": CRITERIA, "layout_prior": LAYOUT_PRIORS, "teacher_update": TEACHER_UPDATES}
        for name, known in known_words.items():
            if getattr(self, name) not in known:
                raise Sim2SGError(f"{_option(name)} {getattr(self, name)} is not known: use one of {', '.join(known)}")
        if self.criterion != CRITERIA[0] and not self.select:
            raise Sim2SGError(f"--criterion {self.criterion} needs --method ours; the others take the last round")
        mixing, replay = self.mixing or 0, self.replay or 0
        if mixing + replay >= 1:
            raise Sim2SGError(
                f"--mixing {mixing:g} and --replay {replay:g} leave no image to a round's own renders: lower one"
            )

    def resolved(self, training: TrainingSpec) -> ResolvedMethod:
        """Returns the method with the domain's defaults for what is left to them.

        Raises:
            Sim2SGError: A number is out of its range.
        """
        switches = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        for name in LEFT_TO_DOMAIN:
            if switches[name] is None:
                switches[name] = getattr(training, name)
        method = ResolvedMethod(**switches)
        method.validate()
        return method


def _option(switch: str) -> str:
    """Returns the option of `sim2sg adapt` that sets a switch."""
    aligned = {"feature": "feature-alignment", "prediction": "prediction-alignment"}
    return f"--{aligned.get(switch, switch.replace('_', '-'))}"


@dataclass(frozen=True)
class ResolvedMethod(Method):
    """A method of which nothing is left to the domain."""

    prior_share: float = 0.0
    replay: float = 0.0
    recall_correction: bool = False
    half_scale_inference: bool = False
    class_swap: float = 0.0
    mixing: float = 0.0
    teacher_start_round: int = 0
    average: bool = False

    def to_json(self) -> dict[str, Any]:
        """Returns the switches, those of `LATER` only where they are not at their defaults."""
        defaults = {f.name: f.default for f in dataclasses.fields(Method)}
        data = dataclasses.asdict(self)
        return {k: v for k, v in data.items() if k not in LATER or v != defaults[k]}

    @property
    def reads_log(self) -> bool:
        """Whether training itself reads frames of the log."""
        return self.learns_from_log or self.style_transfer > 0

    @property
    def learns_from_log(self) -> bool:
        """Whether anything comes in after `teacher_start_round`: an alignment, or the teacher."""
        return self.feature > 0 or self.prediction > 0 or self.teacher > 0


METHODS = {
    "source": Method(strong_augmentation=False),
    "fair_source": Method(),
    "feature_alignment": Method(feature=0.1),
    "prediction_alignment": Method(prediction=0.1),
    "both_grls": Method(feature=0.1, prediction=0.1),
    "self_training": Method(teacher=1.0, teacher_update="frozen"),
    # The parts of others that fit prior scenes to the log (see `content`), each in place of the domain's own layout.
    "meta_sim": Method(layout_prior="moved"),
    "meta_sim2": Method(layout_prior="counted"),
    "scenegen": Method(layout_prior="learned"),
    "label_alignment": Method(labels=True, prior_share=0.0),
    "label_feature_alignment": Method(labels=True, prior_share=0.0, feature=0.1, teacher_start_round=1),
    # Sim2SG as published (Prakash et al. 2021): all three operators, the two reversals after a warm-up.
    "paper": Method(labels=True, prior_share=0.0, feature=0.1, prediction=0.1, teacher_start_round=1),
    "ours": Method(
        labels=True,
        threshold=None,
        replay=None,
        recall_correction=None,
        tiled_inference=True,
        half_scale_inference=None,
        refine=True,
        repeat_factor=0.5,
        class_swap=None,
        appearance=True,
        mixing=None,
        style_transfer=0.5,
        teacher=1.0,
        real_share=0.25,
        teacher_start_round=None,
        select=True,
        average=None,
    ),
}
DEFAULT = "ours"


def resolve_method(base: str | Method, **changes: float | bool | str | None) -> Method:
    """Returns a method, or that of a name, with changed switches; None leaves a switch as it is.

    Raises:
        Sim2SGError: Unknown name, or a number out of its range.
    """
    if isinstance(base, str) and base not in METHODS:
        raise Sim2SGError(f"method {base!r} is not known: use one of {', '.join(METHODS)}")
    given = {key: value for key, value in changes.items() if value is not None}
    method = dataclasses.replace(METHODS[base] if isinstance(base, str) else base, **given)  # type: ignore[arg-type]
    method.validate()
    return method
