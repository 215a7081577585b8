"""Scene graphs for robots, learned from unlabelled camera logs."""

import os

# Before torch or onnxruntime load OpenMP: threads that spin while they wait starve everybody else on shared cores
# (measured: training on two busy cores 6x slower).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"
