"""Readers of domains."""

from __future__ import annotations

import json
from pathlib import Path

from sim2sg_core.domains import Domain, load_domain
from sim2sg_core.domains.loading import parse_domain
from tests.fuzz import mutations
from tests.fuzz.target import Target


def domain_yaml(folder: Path) -> Target:
    """A domain's YAML."""
    from sim2sg_core.packs.pack import shipped_files
    from sim2sg_core.synthesis.validate_assets import validate_assets

    seeds = [path.read_text() for path in shipped_files("domain.yaml").values()]

    def use(text: str) -> None:
        found = parse_domain(text, str(folder / "own.yaml"), validate_assets)
        found.hash()
        Domain.from_json(json.dumps(found.to_json()))

    return Target(lambda rng: mutations.yaml_text(rng, rng.choice(seeds)), use)


def domain_json(folder: Path) -> Target:
    """A domain as models and checkpoints carry it."""
    seed = load_domain("clevr").to_json()

    def use(text: bytes) -> None:
        found = Domain.from_json(text.decode("utf-8", "surrogatepass") if _is_text(text) else "")
        found.hash()
        found.rules()

    return Target(lambda rng: mutations.json_text(rng, seed), use)


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True
