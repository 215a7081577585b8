"""What relations a domain states: predicates, each decided by a rule."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, Strict, model_validator

from sim2sg_core.domains.fields import Identifier, Spec, mistake, nearest
from sim2sg_core.scene.predicates import RULES


class PredicateSpec(Spec):
    """One predicate.

    Attributes:
        name: The word for it. Only this forward direction is ever emitted.
        rule: The built-in rule that decides it, see `scene.predicates`.
        margin: Metres. `left_of`, `in_front_of`: least difference of the centres along the axis; closer pairs have
            neither relation. `on`: largest gap that counts as touching. `under`: largest difference in height of the
            two lower ends. `inside`: how far the lower end may be below the cavity's floor, and must be below its rim.
            `next_to`: has none.
        inverse: The word for the other direction, for consumers; None when there is none.
        symmetric: Whether `a p b` means `b p a`; such a fact is stated once.
    """

    name: Identifier
    rule: Literal["left_of", "in_front_of", "on", "under", "next_to", "inside"]
    margin: Annotated[float, Strict(), Field(ge=0)] = 0.0
    inverse: Identifier | None = None
    symmetric: Annotated[bool, Strict()] = False

    @model_validator(mode="before")
    @classmethod
    def _know_rule(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("rule"), str) and data["rule"] not in RULES:
            raise mistake(f"unknown rule {data['rule']!r}; {nearest(data['rule'], RULES)}", "rule")
        return data

    @model_validator(mode="after")
    def _fit_symmetry(self) -> PredicateSpec:
        if self.symmetric and self.inverse:
            raise mistake("a symmetric predicate is its own inverse; delete this key", "inverse")
        if self.inverse == self.name:
            raise mistake("a predicate that is its own inverse is written symmetric: true", "inverse")
        if self.symmetric != (self.rule == "next_to"):
            right = "true" if self.rule == "next_to" else "false"
            raise mistake(f"the rule {self.rule} needs symmetric: {right}", "symmetric")
        return self

    @model_validator(mode="after")
    def _fit_margin(self) -> PredicateSpec:
        needed = {
            "on": "the largest gap that still counts as touching",
            "under": "the largest difference of the two floors",
            "inside": "how far from the hollow's floor and rim positions may be wrong",
        }
        if self.rule in needed and self.margin == 0:
            raise mistake(f"the rule {self.rule} needs a margin: {needed[self.rule]}, metres, e.g. 0.02", "margin")
        if self.rule == "next_to" and self.margin > 0:
            raise mistake("the rule next_to compares gaps with the objects' own sizes; delete this key", "margin")
        return self
