"""Checks of checkpoints that others made: the container before it is read, the entries before they are used.

PyTorch's own reader runs no code of a file (`weights_only`), but it unpacks what is deflated and believes all entries.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.limits import CHECKPOINT_BYTES, CHECKPOINT_RATIO, CHECKPOINT_TREE_BYTES, check_file_size, check_limit
from sim2sg_core.runtime.onnx_file import read_onnx_file

TREE = "data.pkl"  # entry of the container that holds all but the numbers of tensors


def check_container(path: Path) -> None:
    """Checks the zip file that a checkpoint is: nothing deflated, and no more in it than it is large.

    Raises:
        Sim2SGError: It is no zip file, cut short, or would need more memory than a checkpoint of its size.
    """
    check_file_size(path, CHECKPOINT_BYTES, "a checkpoint of ours has some 50 MB")
    try:
        with zipfile.ZipFile(path) as container:
            entries = container.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, UnicodeDecodeError) as error:
        if _is_onnx(path):
            raise Sim2SGError(
                f"{path}: is an ONNX model, made from a checkpoint: give that checkpoint, which runs of `sim2sg train`"
                " and `sim2sg adapt` keep as checkpoint.pt"
            ) from None
        raise Sim2SGError(
            f"{path}: not a whole checkpoint ({type(error).__name__}): cut short, or another program's; {ANOTHER}"
        ) from None
    again = "save it with torch.save, if you trust it"
    for entry in entries:
        if entry.compress_type != zipfile.ZIP_STORED:
            raise Sim2SGError(f"{path}: {entry.filename!r} in it is deflated, as PyTorch never writes it; {again}")
        if Path(entry.filename).name == TREE:
            check_limit(path, f"bytes in {TREE}", entry.file_size, CHECKPOINT_TREE_BYTES, again)
    size = sum(entry.file_size for entry in entries)
    check_limit(path, "bytes in its entries", size, CHECKPOINT_RATIO * path.stat().st_size, again)


def check_weights(
    source: str, weights: Any, expected: Mapping[str, Tensor], *, complete: bool = True
) -> dict[str, Tensor]:
    """Checks named tensors against those of a network.

    Args:
        source: What they were read from, for errors.
        weights: What was read.
        expected: Tensors of the right shapes and types by name.
        complete: Whether all must be there.

    Returns:
        `weights`.

    Raises:
        Sim2SGError: Not tensors by name, one missing or too many, of another shape or type, or not finite.
    """
    if not isinstance(weights, dict) or not all(isinstance(name, str) for name in weights):
        raise Sim2SGError(f"{source}: expected a mapping of names to tensors, found {_shown(weights)}; {AGAIN}")
    if complete and (missing := [name for name in expected if name not in weights]):
        raise Sim2SGError(f"{source}: lacks {missing[0]} ({len(missing)} of {len(expected)} are missing); {AGAIN}")
    for name, value in weights.items():
        if name not in expected:
            raise Sim2SGError(f"{source}: {name[:80]!r} is no weight of this network; {AGAIN}")
        want = expected[name]
        if not isinstance(value, Tensor) or value.shape != want.shape or _kind(value) != _kind(want):
            raise Sim2SGError(f"{source}: {name} is {_shown(value)}, and should be {_shown(want)}; {AGAIN}")
        if value.layout != torch.strided or not bool(torch.isfinite(value).all()):
            raise Sim2SGError(f"{source}: {name} holds numbers that are not finite; {AGAIN}")
    return weights


AGAIN = "take an earlier checkpoint, or train again"
ANOTHER = "give a checkpoint.pt of `sim2sg train` or `sim2sg adapt`"


def _is_onnx(path: Path) -> bool:
    try:
        read_onnx_file(path)
    except (ValueError, IndexError, RecursionError):
        return False
    return True


def _kind(value: Tensor) -> object:
    """What types a weight may be saved in: any width of floating point, as half of it makes small files."""
    return "float" if value.is_floating_point() else value.dtype


def _shown(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {'x'.join(map(str, value.shape)) or 'alone'}"
    return type(value).__name__
