"""Imports files that are no part of a package, such as the examples."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
PYTHON_SUBSCRIBER = ROOT / "examples" / "python_subscriber" / "subscriber.py"


def load(path: Path) -> ModuleType:
    """Imports a Python file by its path."""
    spec = importlib.util.spec_from_file_location(f"sim2sg_{path.name.replace('.', '_')}", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
