"""What a run says in advance."""

import dataclasses
import re

import pytest

from sim2sg_core.adaptation.adapt_config import AdaptConfig
from sim2sg_core.adaptation.method import resolve_method
from sim2sg_core.adaptation.plan import Plan, duration
from sim2sg_core.adaptation.resolved_config import Negatives
from sim2sg_core.domains import load_domain

CLEVR = load_domain("clevr")


def config(**settings):
    return AdaptConfig(logs=("log",), **settings).resolved(CLEVR)


def names(settings):
    return [stage.name for stage in Plan(settings, CLEVR).stages]


def test_stages_follow_rounds_and_method():
    assert names(config(rounds=0)) == [
        "frames",
        "source/render",
        "source/train",
        "source/export",
        "source/self_consistency",
        "report/infer",
        "report",
    ]
    ours = names(config(rounds=2))
    assert [n for n in ours if n.startswith("round_2/")] == [
        f"round_2/{part}" for part in ("infer", "tiled", "appearance", "render", "train", "export", "self_consistency")
    ]
    assert "round_1/tiled" not in names(config(method=resolve_method("paper")))
    more = names(config(rounds=1, method=resolve_method("ours", mixing=0.5, average=True)))
    fitted = names(config(rounds=2, method=resolve_method("ours", layout_prior="learned", criterion="bos")))
    assert fitted.index("round_1/layouts") == fitted.index("round_1/render") - 1
    assert [n for n in fitted if n.endswith("/criteria")] == ["source/criteria", "round_1/criteria", "round_2/criteria"]
    street = Negatives((("street", 0.25),), "")
    negatives = Plan(dataclasses.replace(config(rounds=1, round_steps=9), negatives=street), CLEVR).stages
    assert [s.work for s in negatives if s.name == "round_1/train"] == ["9 steps, 25% of the images negatives"]
    assert {"round_1/mix", "mean/export", "mean/self_consistency"} <= set(more)


def test_the_table_adds_up_and_counts():
    plan = Plan(config(rounds=1), CLEVR)
    lines = plan.describe({}).splitlines()
    assert [int(line.split()[0]) for line in lines[:-1]] == list(range(1, len(plan.stages) + 1))
    assert re.match(rf"{len(plan.stages)} stages, about .* core.*a guess", lines[-1])
    assert plan.place("source/train") == f"stage 3 of {len(plan.stages)} "
    assert plan.place("elsewhere") == plan.remaining("elsewhere", {}) == ""


def test_estimates_become_those_of_the_machine():
    plan = Plan(config(rounds=1), CLEVR)
    guess = dict(zip((s.name for s in plan.stages), plan.estimates({}), strict=True))
    spent = {"frames": 1.0, "source/render": 3 * guess["source/render"]}
    now = dict(zip((s.name for s in plan.stages), plan.estimates(spent), strict=True))
    assert now["round_1/render"] == pytest.approx(3 * guess["round_1/render"])
    assert now["round_1/train"] == guess["round_1/train"], "of which nothing is known yet"
    table = plan.describe(spent).splitlines()
    assert (
        table[0].endswith("done") and table[1].endswith("done") and "as fast as the stages that have ended" in table[-1]
    )
    assert plan.remaining("source/render", spent) == "" and "to the end" in plan.remaining("source/train", spent)


def test_a_gpu_trains_faster():
    settings = config(rounds=0)
    cpu, gpu = (Plan(dataclasses.replace(settings, device=d), CLEVR).estimates({})[2] for d in ("cpu", "cuda"))
    assert gpu < cpu / 5


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1, "5 s"), (41, "40 s"), (70, "1 min"), (3500, "58 min"), (3600, "1 h"), (12000, "3 h 20 min")],
)
def test_times_as_people_say_them(seconds, text):
    assert duration(seconds) == text
