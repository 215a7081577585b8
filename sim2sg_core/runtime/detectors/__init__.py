"""Detectors of other makers behind one small interface: an image in; boxes, scores and class names out.

`opening.open_detector` finds out what a file is: `networks` run it, `output_forms` read what it gives. Both are open
lists, so that another file type or output form is one small class more. Needs onnxruntime and OpenCV; no torch.
"""

from sim2sg_core.runtime.detectors.detector import Detections, Detector
from sim2sg_core.runtime.detectors.opening import open_detector
from sim2sg_core.runtime.detectors.tiling import TiledDetector

__all__ = ["Detections", "Detector", "TiledDetector", "open_detector"]
