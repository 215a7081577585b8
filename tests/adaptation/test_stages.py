"""The parts of a stage by themselves."""

import shutil

from sim2sg_core.adaptation.adapt_config import AdaptConfig
from sim2sg_core.adaptation.stages import MIN_HELD_OUT, render_stage
from sim2sg_core.domains import load_domain
from sim2sg_core.synthesis.synthesizer import Synthesizer


def test_scenes_that_were_laid_out_before_are_rendered_as_if_they_were_new(tmp_path):
    """Files round: what is rendered from the layouts in memory would differ from what is rendered from the file."""
    domain = load_domain("clevr")
    config = AdaptConfig((str(tmp_path),), workers=1).resolved(domain)
    synthesizer = Synthesizer(domain)
    drawn = []

    def draw(count):
        drawn.append(count)
        return [synthesizer.sample(seed, size=(96, 64)) for seed in range(count)]

    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    render_stage(config, domain, whole, 2, draw, 1)
    resumed.mkdir()
    shutil.copy(whole / "layouts.json", resumed)
    render_stage(config, domain, resumed, 2, draw, 1)
    assert drawn == [2 + MIN_HELD_OUT]
    for part, count in (("data", 2), ("held_out", MIN_HELD_OUT)):
        images = sorted(path.name for path in (whole / part / "images").iterdir())
        assert len(images) == count
        for name in images:
            assert (whole / part / "images" / name).read_bytes() == (resumed / part / "images" / name).read_bytes()
