"""The labelled data sets that can be read, by the name of their format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.evaluation.clevr_format import CLEVR_PROTOCOL, load_clevr
from sim2sg_core.evaluation.coco_format import coco_protocol, load_coco
from sim2sg_core.evaluation.kitti_format import KITTI_PROTOCOL, load_kitti
from sim2sg_core.evaluation.labelled_images import Protocol, TargetImage
from sim2sg_core.scene.class_mapping import ClassMapping

if TYPE_CHECKING:
    from sim2sg_core.domains import Domain

FORMATS = ("kitti", "clevr", "coco")
FORMER_NAMES = {"coco-rel": "coco"}
"""of formats; they are still taken"""


def load_targets(
    data: Path | str,
    format: str,
    domain: Domain,
    *,
    allow_outside: bool = False,
    mapping: ClassMapping | None = None,
) -> list[TargetImage]:
    """Reads a labelled data set.

    Args:
        data: Its folder; of COCO also its JSON file.
        format: One of `FORMATS`.
        domain: Gives the predicates, their margins and inverses.
        allow_outside: Whether the images that it names may lie outside the folder.
        mapping: Of COCO: what its words stand for.

    Raises:
        Sim2SGError: Not there, not this format, damaged, or of other classes than the domain's.
    """
    reader, protocol = _format(format, domain)
    check_classes(protocol, domain)
    folder = Path(data)
    words = {}
    if protocol.name == "coco":
        words["mapping"] = mapping
    elif mapping is not None:
        raise Sim2SGError(f"--map goes with --format coco: the words of {format} data are known; leave it out")
    if not folder.is_dir() and not (protocol.name == "coco" and folder.is_file()):
        raise Sim2SGError(f"{folder}: no such folder: --data names the folder of a {format} data set")
    targets = reader(folder, domain, allow_outside=allow_outside, **words)
    names = [t.file for t in targets]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise Sim2SGError(f"{folder}: two images are called {twice}: image names must differ")
    return targets


def protocol_for(format: str, domain: Domain) -> Protocol:
    """Returns how a format is scored. Raises Sim2SGError for an unknown one."""
    return _format(format, domain)[1]


def check_classes(protocol: Protocol, domain: Domain) -> None:
    """Raises Sim2SGError when the domain knows none of the data's classes."""
    known = {protocol.counts_as.get(name, name) for name in domain.class_names}
    if not known & set(protocol.classes):
        raise Sim2SGError(
            f"domain {domain.name} ({', '.join(domain.class_names)}) has no class of {protocol.name} data"
            f" ({', '.join(protocol.classes)}): evaluate a model of another domain, or other data"
        )


def _format(format: str, domain: Domain) -> tuple[Callable[..., list[TargetImage]], Protocol]:
    if format == "kitti":
        return load_kitti, KITTI_PROTOCOL
    if format == "clevr":
        return load_clevr, CLEVR_PROTOCOL
    if FORMER_NAMES.get(format, format) == "coco":
        return load_coco, coco_protocol(domain)
    raise Sim2SGError(f"format {format!r} is not known: use one of {', '.join(FORMATS)}")
