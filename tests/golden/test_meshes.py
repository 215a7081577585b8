"""The built-in meshes stay what they are: bit by bit on a kind of machine that has been recorded, nearly so elsewhere.

Where a change is meant, `python tests/golden/mesh_digests.py --write` records them anew.
"""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

_spec = importlib.util.spec_from_file_location("mesh_digests", Path(__file__).with_name("mesh_digests.py"))
digests = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(digests)

GOLDEN = json.loads(digests.FILE.read_text())


@pytest.fixture(scope="module")
def made():
    return digests.kinds()


def test_names_slots_and_proportions(made):
    assert sorted(made) == sorted(GOLDEN["everywhere"])
    for kind, known in GOLDEN["everywhere"].items():
        assert digests.materials(made[kind]) == known["looks"], kind
        np.testing.assert_allclose(digests.about(made[kind]), known["about"], rtol=1e-3, atol=1e-4, err_msg=kind)


def test_every_bit(made):
    known = GOLDEN["machines"].get(digests.machine())
    if known is None:
        pytest.skip("no record for this kind of machine; tests/golden/mesh_digests.py --write makes one")
    assert [kind for kind, assets in made.items() if digests.exact(assets) != known[kind]] == []
