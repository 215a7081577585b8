"""The example of a domain with meshes of a library, drawn where that is installed."""

from pathlib import Path

import numpy as np
import pytest

from sim2sg_core.domains import load_domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.report.domain_places import standing_on
from sim2sg_core.synthesis.synthesizer import Synthesizer
from sim2sg_core.synthesis.validate_assets import validate_assets
from tests.small_library import needs_library

FILE = Path(__file__).parents[1] / "examples" / "library_room.yaml"
SCENES = 6


@needs_library
def test_the_room_shows_every_class_and_nothing_floats(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    domain = load_domain(FILE, validate_assets)
    assert sum(len(spec.meshes) for spec in domain.classes) == 10
    synthesizer = Synthesizer(domain, samples=0)
    seen = set()
    for seed in range(SCENES):
        frame = synthesizer.frame(synthesizer.sample(seed), seed)
        seen |= {o.label for o in frame.graph.objects if (o.visibility or 0) > 0.3}
        for item in frame.layout.placements:
            assert item.asset.startswith("library:sweethome3d/")
            assert standing_on(domain, item, frame.layout) in domain.class_spec(item.label).supports, (seed, item)
        assert np.ptp(frame.image) > 100
    synthesizer.close()
    assert seen == set(domain.class_names)


def test_without_the_library_the_line_says_what_installs_it(monkeypatch):
    monkeypatch.setattr("sim2sg_core.domains.mesh_library._archives", lambda library: [])
    with pytest.raises(Sim2SGError, match=r"library_room\.yaml:\d+: classes\[0\]\.meshes\[0\]: .*apt-get install"):
        load_domain(FILE)
