"""Checkpoints: one file that holds everything a run continues from. Written whole or not at all."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sim2sg_core.domains import Domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.files import atomic_path
from sim2sg_core.json_reader import JsonObject
from sim2sg_core.model.checkpoint_checks import AGAIN, ANOTHER, check_container, check_weights
from sim2sg_core.model.model_config import ModelConfig
from sim2sg_core.model.network import SceneGraphNetwork, at_size, build_network_from_config
from sim2sg_core.packs.pack import shipped_files

CHECKPOINT_FORMAT = 1


def build_network(
    domain: Domain, *, backbone: str | None = None, seed: int = 0, pretrained: bool = True, **changes: Any
) -> SceneGraphNetwork:
    """Builds the network of a domain.

    Args:
        domain: Gives classes, predicates, input size and priors.
        backbone: A name in `backbone.BACKBONES`; None takes the domain's.
        seed: The random weights are a function of it alone.
        pretrained: Whether the backbone starts from its ImageNet weights, where it has any.
        **changes: Override fields of `ModelConfig`.

    Raises:
        Sim2SGError: Unknown backbone, or its weights are not installed.
    """
    config = ModelConfig.from_domain(domain, backbone=backbone or domain.training.backbone, **changes)
    return build_network_from_config(config, seed=seed, pretrained=pretrained)


def save_checkpoint(path: Path | str, network: SceneGraphNetwork, domain: Domain, **more: Any) -> Path:
    """Writes a checkpoint atomically.

    Args:
        path: Where to.
        network: Its configuration and weights.
        domain: Saved whole.
        **more: Further entries (ema, optimiser, step, metadata): tensors and plain data only.
    """
    payload = {
        "format": CHECKPOINT_FORMAT,
        "config": network.config.to_json(),
        "domain": domain.to_portable_json(),
        "network": network.state_dict(),
        **more,
    }
    path = Path(path)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        torch.save(_anew(payload), file)
    return path


def _anew(data: Any) -> Any:
    """Returns data built anew, with equal strings the same object.

    Pickle writes an object that it has written before as a reference: what was loaded and what was made would differ in
    their bytes, though they are equal.
    """
    if isinstance(data, dict):
        return {_anew(key): _anew(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return type(data)(map(_anew, data))
    return sys.intern(data) if type(data) is str else data


def load_checkpoint(path: Path | str) -> dict[str, Any]:
    """Reads the entries of a checkpoint, a file or one that ships by its name, without running any code from it.

    Raises:
        Sim2SGError: No such file, cut short, or not ours.
    """
    path = find_checkpoint(path)
    check_container(path)
    try:
        data = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever its unpickler and zip reader do
        raise Sim2SGError(
            f"{path}: not a whole checkpoint ({type(error).__name__}): cut short, or another program's; {ANOTHER}"
        ) from None
    form = data.get("format") if isinstance(data, dict) else None
    if not isinstance(form, int) or form != CHECKPOINT_FORMAT or "network" not in data:
        raise Sim2SGError(f"{path}: not a checkpoint of `sim2sg train` (format {CHECKPOINT_FORMAT})")
    return data


def find_checkpoint(name: Path | str) -> Path:
    """Returns the path of a checkpoint, also of one that ships with the package and is called by its name.

    Raises:
        Sim2SGError: There is none of that name.
    """
    path, shipped = Path(name), pretrained_checkpoints()
    if path.is_file():
        return path
    if str(name) in shipped:
        return shipped[str(name)]
    if path.is_dir():
        raise Sim2SGError(f"{name}: is a folder; give the checkpoint file in it")
    names = f"; by name there is {', '.join(shipped)}" if shipped else ""
    raise Sim2SGError(f"{name}: no such file; `sim2sg train` and `sim2sg adapt` write checkpoint.pt{names}")


def pretrained_checkpoints() -> dict[str, Path]:
    """Returns the checkpoints that installed packs bring, by name."""
    return shipped_files("checkpoint.pt")


def load_network(path: Path | str, *, ema: bool = True) -> tuple[SceneGraphNetwork, Domain]:
    """Loads a network for inference or as a starting point, and the domain it was trained for.

    Args:
        path: A checkpoint.
        ema: Takes the averaged weights, where there are any.

    Raises:
        Sim2SGError: No such file, cut short, or not ours.
    """
    data = load_checkpoint(path)
    domain = _plain(data, "domain", f"{path}: its domain")
    try:
        found = Domain.from_json(domain)
    except Sim2SGError as error:
        raise Sim2SGError(f"{path}: its domain: {error}; {AGAIN}") from None
    network = network_from(data, ema=ema, source=str(path))
    counts = network.config.classes, network.config.predicates
    if counts != (len(found.classes), len(found.predicates)):
        raise Sim2SGError(f"{path}: {counts[0]} classes and {counts[1]} predicates are not as in its domain; {AGAIN}")
    return network, found


def load_start(start: Path | str, domain: Domain) -> SceneGraphNetwork:
    """Loads the network that training starts from.

    Args:
        start: A checkpoint's file, or the name of one that ships.
        domain: What it is to be trained for. Scenes, cameras, looks and the size of the input may differ from those it
            was trained on.

    Raises:
        Sim2SGError: There is none, or it was made for other classes or predicates.
    """
    network, trained_for = load_network(start)
    there, here = _interface(trained_for), _interface(domain)
    for what in there:
        if here[what] != there[what]:
            raise Sim2SGError(
                f"--start {start}: a checkpoint of domain {trained_for.name} with {what} {there[what]};"
                f" {domain.name} has {here[what]}: give --domain as it was, or train afresh, without --start"
            )
    size = domain.input.width, domain.input.height
    return network if size == (network.config.width, network.config.height) else at_size(network, *size)


def _interface(domain: Domain) -> dict[str, object]:
    """What a network's outputs mean: two domains can share weights only where it is equal."""
    return {
        "classes": domain.class_names,
        "predicates": tuple((p.name, p.rule) for p in domain.predicates),
        "symmetric predicates": tuple(p.name for p in domain.predicates if p.symmetric),
        "relations between": domain.related_names,
        "symmetries of yaw": tuple(c.yaw_symmetry for c in domain.classes),
        "boxes": domain.box,
        "max_objects": domain.max_objects,
    }


def network_from(data: dict[str, Any], *, ema: bool = True, source: str = "checkpoint") -> SceneGraphNetwork:
    """Builds the network that a checkpoint's entries describe, in evaluation mode.

    Args:
        data: From `load_checkpoint`.
        ema: Takes the averaged weights, where there are any.
        source: The file, for errors.

    Raises:
        Sim2SGError: An entry is missing, of another form, or not finite.
    """
    name = f"{source}: its network"
    config = ModelConfig.from_json(JsonObject(_plain(data, "config", name), name))
    try:
        network = build_network_from_config(config, pretrained=False)
    except Sim2SGError as error:
        raise Sim2SGError(f"{name}: {error}") from None
    network.load_state_dict(check_weights(name, _by_class(data["network"], config), network.state_dict()))
    averaged, frozen = data.get("ema"), data.get("frozen_blocks", 0)
    if ema and averaged:
        parameters = dict(network.named_parameters())
        network.load_state_dict(check_weights(name, averaged, parameters, complete=False), strict=False)
    if not isinstance(frozen, int) or frozen < 0:
        raise Sim2SGError(f"{name}: frozen_blocks is no whole number from 0 up; {AGAIN}")
    network.freeze(frozen)
    return network.eval()


def _by_class(weights: Any, config: ModelConfig) -> Any:
    """Checkpoints of earlier versions have one temperature for all classes."""
    shared = weights.get("score_temperature") if isinstance(weights, dict) else None
    if not isinstance(shared, Tensor) or shared.dim() or "score_bias" in weights:
        return weights
    more = {"score_temperature": shared.expand(config.classes).clone(), "score_bias": torch.zeros(config.classes)}
    return {**weights, **more}


def _plain(data: dict[str, Any], key: str, source: str) -> dict[str, Any]:
    """Returns an entry as JSON has it: lists for tuples, no tensors."""
    try:
        found = json.loads(json.dumps(data.get(key)))
    except (TypeError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Sim2SGError(f"{source}: {key} wants plain keys and values; {AGAIN}")
    return found
