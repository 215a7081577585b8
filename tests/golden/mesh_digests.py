"""What the built-in meshes are: every asset of every pack, summed up by the first word of its name.

`python tests/golden/mesh_digests.py --write` records it anew, after a change that is meant to change it.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import importlib.util
import json
from pathlib import Path

import numpy as np

from sim2sg_core.render.meshes import Asset
from sim2sg_core.synthesis.assets.registry import COARSE, asset_names, load_asset

FILE = Path(__file__).with_name("meshes.json")
DIGITS = 6


def machine() -> str:
    """Names what the last bits of a mesh depend on; see `digests.py`."""
    spec = importlib.util.spec_from_file_location("golden_digests", Path(__file__).with_name("digests.py"))
    digests = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(digests)
    return digests.machine()


def kinds() -> dict[str, list[Asset]]:
    """Returns all assets by the first word of their names, coarse twins with the fine meshes."""
    made: dict[str, list[Asset]] = {}
    for name in asset_names():
        made.setdefault(name.removeprefix(COARSE).split("_")[0], []).append(load_asset(name))
    return made


def materials(assets: list[Asset]) -> str:
    """Returns the digest of names and slots, which are equal on every machine."""
    told = [(asset.name, [dataclasses.astuple(slot) for slot in asset.slots]) for asset in assets]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def exact(assets: list[Asset]) -> str:
    """Returns the digest of every bit of the meshes."""
    sha = hashlib.sha256()
    for asset in assets:
        for array in (asset.mesh.vertices, asset.mesh.faces, asset.mesh.normals, asset.mesh.slots, asset.size):
            sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()[:16]


def about(assets: list[Asset]) -> list[float]:
    """Returns what hardly depends on the machine: mean faces, size, vertex, normal and slot."""
    mesh = [asset.mesh for asset in assets]
    means = [[np.mean([len(m.faces) for m in mesh])], np.mean([asset.size for asset in assets], axis=0)]
    means += [np.mean([np.abs(array).mean(0) for array in arrays], axis=0)
              for arrays in ([m.vertices for m in mesh], [m.normals for m in mesh])]  # fmt: skip
    means.append([np.mean([m.slots.mean() for m in mesh])])
    return [round(float(v), DIGITS) for v in np.concatenate(means)]


def main() -> None:
    """Records, or says which kinds differ from the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="replace the record")
    args = parser.parse_args()
    made = kinds()
    everywhere = {kind: {"looks": materials(assets), "about": about(assets)} for kind, assets in made.items()}
    here = {kind: exact(assets) for kind, assets in made.items()}
    old = json.loads(FILE.read_text()) if FILE.exists() else {"everywhere": None, "machines": {}}
    if args.write:
        kept = old["machines"] if old["everywhere"] == everywhere else {}
        text = json.dumps({"everywhere": everywhere, "machines": {**kept, machine(): here}}, separators=(",", ":"))
        FILE.write_text(text + "\n")
        return
    known = old["machines"].get(machine(), {})
    changed = [kind for kind, digest in here.items() if known.get(kind) != digest]
    print(f"differ from the record: {', '.join(changed) or 'none'}")


if __name__ == "__main__":
    main()
