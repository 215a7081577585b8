"""Readers of models: metadata, ONNX, checkpoints."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from sim2sg_core.domains import load_domain
from tests.fuzz import mutations
from tests.fuzz.target import Target, camera, use_camera


def metadata(folder: Path) -> Target:
    """The metadata of an ONNX model."""
    import onnx

    from sim2sg_core.runtime import load_info
    from tests.runtime.constant_model import empty_outputs, write_model

    path = folder / "m.onnx"
    view = {"width": 96, "height": 64, **camera().to_json()}
    model = onnx.load(write_model(path, empty_outputs(2, 1), camera=json.dumps(view)))
    seed = {item.key: item.value for item in model.metadata_props}

    def make(rng: random.Random) -> dict[str, str]:
        made = dict(seed)
        for _ in range(rng.choice([1, 1, 2, 3])):
            key = rng.choice(list(seed))
            kind = rng.randrange(4)
            if kind == 0:
                made.pop(key, None)
            elif kind == 1 or key in ("model_id", "box", "relations"):
                made[key] = str(rng.choice(mutations.TEXTS + mutations.WHOLE + [0.5, "nan"]))
            else:
                text = mutations.json_text(rng, json.loads(seed[key]))
                made[key] = text.decode("utf-8", "replace")
        return {key: value.encode("utf-8", "replace").decode() for key, value in made.items()}

    def use(made: dict[str, str]) -> None:
        onnx.helper.set_model_props(model, made)
        onnx.save(model, path)
        info = load_info(path)
        assert info.rules and len(info.related) and len(info.grounded) and info.surfaces
        if (view := info.camera_for(640, 480)) is not None:
            use_camera(view)

    return Target(make, use)


def onnx_bytes(folder: Path) -> Target:
    """The bytes of an ONNX model, which then looks at an image."""
    from sim2sg_core.runtime import load_info
    from sim2sg_core.runtime.session import check_runs
    from tests.runtime.constant_model import empty_outputs, write_model

    path = write_model(folder / "m.onnx", empty_outputs(2, 1))
    seed = path.read_bytes()

    def use(data: bytes) -> None:
        path.write_bytes(data)
        check_runs(path, load_info(path))

    return Target(lambda rng: mutations.some_bytes(rng, seed), use)


def checkpoint(folder: Path) -> Target:
    """A checkpoint: its entries, and its bytes."""
    import copy

    import torch

    from sim2sg_core.model import build_network, load_network, save_checkpoint

    path = folder / "c.pt"
    network = build_network(load_domain("clevr"), backbone="small", seed=1)
    averaged = {name: p.detach() for name, p in network.named_parameters()}
    seed = save_checkpoint(path, network, load_domain("clevr"), ema=averaged, frozen_blocks=1).read_bytes()
    entries = torch.load(path, weights_only=True)

    def make(rng: random.Random) -> Any:
        if rng.random() < 0.5:
            ends = (
                mutations.head(rng, seed[::-1], 6000)[::-1] if rng.random() < 0.5 else mutations.head(rng, seed, 6000)
            )
            return ends
        made = copy.copy(entries)
        key = rng.choice([*made, "config", "network"])
        if key in ("network", "ema"):
            made[key] = dict(made[key])
            name = rng.choice(list(made[key]))
            value = rng.choice(
                [
                    mutations.some_value(rng),
                    torch.zeros(3),
                    torch.full_like(made[key][name], 1) / 0,
                    torch.zeros(1).expand(10**12),
                ]
            )
            made[key][name] = value
        elif isinstance(made[key], dict):
            made[key] = mutations.tree(rng, made[key])
        else:
            made[key] = mutations.some_value(rng)
        return made

    def use(made: Any) -> None:
        if isinstance(made, bytes):
            path.write_bytes(made)
        else:
            torch.save(made, path)
        load_network(path)

    return Target(make, use)
