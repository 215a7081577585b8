"""The product: from an unlabelled log to a model that fits it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sim2sg_core.adaptation.adapt_config import AdaptConfig
from sim2sg_core.adaptation.method import METHODS, Method, resolve_method

if TYPE_CHECKING:
    from sim2sg_core.adaptation.rounds import adapt

__all__ = ["METHODS", "AdaptConfig", "Method", "adapt", "resolve_method"]


def __getattr__(name: str) -> Any:
    # Settings can be read without torch, which takes seconds to import.
    if name == "adapt":
        from sim2sg_core.adaptation.rounds import adapt

        return adapt
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
