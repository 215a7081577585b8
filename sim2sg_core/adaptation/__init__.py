"""The product: from an unlabelled log to a model that fits it."""

from sim2sg_core.adaptation.config import AdaptConfig
from sim2sg_core.adaptation.rounds import adapt

__all__ = ["AdaptConfig", "adapt"]
