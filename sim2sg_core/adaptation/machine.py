"""Whether this machine can do all of a run, found out in its first seconds rather than after hours."""

from __future__ import annotations

import importlib.util

from sim2sg_core.adaptation.resolved_config import ResolvedConfig, SourceTraining
from sim2sg_core.domains import Domain
from sim2sg_core.learning import TrainConfig
from sim2sg_core.model import build_network
from sim2sg_core.synthesis.renderer_probe import probe_renderer

NEEDED = ("moderngl", "onnx", "onnxscript", "onnxruntime", "jinja2", "matplotlib", "tensorboard")
"""Packages that a run imports late: rendering, export, inference, report."""


def check_machine(config: ResolvedConfig, domain: Domain) -> None:
    """Looks for the packages, the device and the renderer that a run needs, and builds the network that it would train.

    Raises:
        ModuleNotFoundError: A package is missing.
        Sim2SGError: The device is not here, nothing renders, or training could not begin with these settings, of this
            domain.
    """
    for module in NEEDED:
        if importlib.util.find_spec(module) is None:
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)
    TrainConfig(
        steps=config.round_steps,
        batch=config.batch,
        learning_rate=config.round_learning_rate,
        device=config.device,
    ).validate()
    if isinstance(config.source, SourceTraining):
        build_network(domain, backbone=config.source.backbone)
    probe_renderer()
