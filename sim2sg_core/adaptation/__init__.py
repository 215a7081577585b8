"""From an unlabelled log to a model that fits it, in rounds of infer, rebuild, render and train.

A model that was trained on synthetic scenes alone is worse on a real log, for two reasons: the log holds other things
in other places (content gap), and it looks different (appearance gap). Every round of `rounds.adapt` narrows both:

1. The last model infers graphs on the frames of the log (`log_frames`, `log_inference`).
2. `content` turns these graphs into the layouts of new scenes.
3. `appearance` fits to the log how these scenes are rendered.
4. The scenes are rendered, the network goes on training on them and, by a teacher or domain classifiers, on the frames
   themselves; scores are calibrated, the model is exported (`stages`).
5. `selection` measures, without labels, whether the new model is better, and ends the rounds.

`method` names combinations of these parts, `adapt_config` holds the settings, `run_folder` keeps what is done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sim2sg_core.adaptation.adapt_config import AdaptConfig
from sim2sg_core.adaptation.method import METHODS, Method, ResolvedMethod, resolve_method
from sim2sg_core.adaptation.resolved_config import ResolvedConfig

if TYPE_CHECKING:
    from sim2sg_core.adaptation.rounds import adapt, describe_plan

__all__ = [
    "METHODS",
    "AdaptConfig",
    "Method",
    "ResolvedConfig",
    "ResolvedMethod",
    "adapt",
    "describe_plan",
    "resolve_method",
]


def __getattr__(name: str) -> Any:
    # Settings can be read without torch, which takes seconds to import.
    if name in ("adapt", "describe_plan"):
        from sim2sg_core.adaptation import rounds

        return getattr(rounds, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
