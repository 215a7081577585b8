"""The parts of a stage by themselves."""

import json
import shutil

import pytest

from sim2sg_core.adaptation.adapt_config import AdaptConfig
from sim2sg_core.adaptation.plan import MIN_HELD_OUT
from sim2sg_core.adaptation.run_folder import Run
from sim2sg_core.adaptation.stages import labelled_datasets, render_stage, warn_of_bare
from sim2sg_core.domains import load_domain
from sim2sg_core.manifest import Artefact, Manifest
from sim2sg_core.scene import Layout
from sim2sg_core.synthesis import render_dataset
from sim2sg_core.synthesis.synthesizer import Synthesizer


def test_scenes_that_were_laid_out_before_are_rendered_as_if_they_were_new(tmp_path):
    domain = load_domain("clevr")
    config = AdaptConfig((str(tmp_path),), workers=1).resolved(domain)
    synthesizer = Synthesizer(domain)
    drawn = []

    def draw(count):
        drawn.extend(synthesizer.sample(seed, size=(96, 64)) for seed in range(count))
        return drawn

    whole, resumed = tmp_path / "whole/source", tmp_path / "resumed/source"
    render_stage(Run(whole.parent), config, domain, whole, 2, draw, 1)
    resumed.mkdir(parents=True)
    shutil.copy(whole / "layouts.json", resumed)
    Manifest(resumed.parent).enter([Artefact(resumed / "layouts.json")])  # As a kill in rendering leaves it.
    render_stage(Run(resumed.parent), config, domain, resumed, 2, draw, 1)
    assert len(drawn) == 2 + MIN_HELD_OUT, "drawn once"
    kept = [Layout.from_json(item) for item in json.loads((whole / "layouts.json").read_text())]
    assert [layout.to_json(exact=True) for layout in kept] == [layout.to_json(exact=True) for layout in drawn]
    for part, count in (("data", 2), ("held_out", MIN_HELD_OUT)):
        images = sorted(path.name for path in (whole / part / "images").iterdir())
        assert len(images) == count
        for name in images:
            assert (whole / part / "images" / name).read_bytes() == (resumed / part / "images" / name).read_bytes()


def test_earlier_renders_share_what_is_replayed_and_stages_without_any_do_not_count(tmp_path):
    domain = load_domain("clevr")
    for name, count in (("source", 0), ("round_1", 1), ("round_2", 1), ("round_3", 1)):
        jobs = [(seed, Synthesizer(domain).sample(seed, size=(96, 64))) for seed in range(count)]
        render_dataset(domain, jobs, tmp_path / name / "data", workers=1)
    source, first, second, third = (tmp_path / name for name in ("source", "round_1", "round_2", "round_3"))
    datasets = labelled_datasets(third, [source, first, second], 0.4)
    assert datasets == [(third / "data", 0.6), (first / "data", 0.2), (second / "data", 0.2)]
    assert labelled_datasets(first, [source], 0.4) == [(first / "data", 1.0)]
    assert labelled_datasets(third, [source, first, second]) == [(third / "data", 1.0)]
    assert labelled_datasets(second, [first], 0.25, 0.5) == [
        (second / "data", 0.25), (first / "data", 0.25), (second / "mixed", 0.5)
    ]  # fmt: skip
    assert labelled_datasets(second, [first], 0.25, 0.25, 0.25) == [
        (second / "data", 0.25), (first / "data", 0.25), (second / "mixed", 0.25)
    ]  # fmt: skip


@pytest.mark.parametrize(("bare", "told"), [(1, False), (2, True)])
def test_mixed_frames_without_room_for_objects_are_told_of(tmp_path, caplog, bare, told):
    (tmp_path / "scenes").mkdir()
    for number in range(4):
        scene = {"layout": {"placements": [] if number < bare else [{"class": "cup"}]}}
        (tmp_path / "scenes" / f"{number:06d}.json").write_text(json.dumps(scene))
    warn_of_bare(tmp_path)
    assert ("2 of 4 mixed frames show no free ground" in caplog.text) is told
