"""Scene graphs for robots, learned from unlabelled camera logs."""

__version__ = "0.1.0"
