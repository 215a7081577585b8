"""Runs exported models: onnxruntime, numpy, OpenCV and, for its domain, pydantic; no torch."""

from sim2sg_core.runtime.graph_decoding import DecodeOptions, RawOutput
from sim2sg_core.runtime.metadata import ModelInfo, load_info
from sim2sg_core.runtime.predictor import Predictor, Timing

__all__ = ["DecodeOptions", "ModelInfo", "Predictor", "RawOutput", "Timing", "load_info"]
