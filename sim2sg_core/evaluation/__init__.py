"""Figures of merit: average precision of boxes, recall of relation triplets. Needs numpy alone."""

from sim2sg_core.evaluation.datasets import FORMATS, load_targets
from sim2sg_core.evaluation.detection import ImageBoxes, average_precision
from sim2sg_core.evaluation.labelled_images import Protocol, TargetImage, TargetObject
from sim2sg_core.evaluation.scoring import evaluate, evaluate_predcls, find_doubts
from sim2sg_core.evaluation.triplets import Predicates, recall_predcls, recall_sgdet, summarise

__all__ = [
    "FORMATS",
    "ImageBoxes",
    "Predicates",
    "Protocol",
    "TargetImage",
    "TargetObject",
    "average_precision",
    "evaluate",
    "evaluate_predcls",
    "find_doubts",
    "load_targets",
    "recall_predcls",
    "recall_sgdet",
    "summarise",
]
