from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch

from sim2sg_core.domains import Domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.learning import AugmentConfig, TrainConfig, train
from sim2sg_core.learning.augment import fit
from sim2sg_core.learning.examples import to_example
from sim2sg_core.learning.target_maps import make_targets
from sim2sg_core.model import SceneGraphNetwork, build_network, load_checkpoint, load_network
from sim2sg_core.runtime.preprocessing import NetworkInput
from sim2sg_core.scene.boxes import box_iou

GPU = torch.cuda.is_available()


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def settings(**changes) -> TrainConfig:
    fields = {"steps": 6, "batch": 2, "save_every": 3, "log_every": 1, "workers": 0, "ema": 0.9}
    return TrainConfig(**{**fields, **changes})


def toy_network(domain: Domain) -> SceneGraphNetwork:
    return build_network(domain, seed=0)


def weights(checkpoint) -> list[torch.Tensor]:
    data = load_checkpoint(checkpoint)
    return [*data["network"].values(), *data["ema"].values()]


@pytest.fixture(scope="module")
def uninterrupted(folder, domain, tmp_path_factory):
    torch.set_num_threads(1)
    return train(toy_network(domain), domain, [(folder, 1.0)], settings(), tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("workers", [1, 2])
def test_same_seed_same_weights_whoever_prepares_the_batches(folder, domain, tmp_path, uninterrupted, workers):
    again = train(toy_network(domain), domain, [(folder, 1.0)], settings(workers=workers), tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(weights(uninterrupted), weights(again)))


def test_a_killed_run_continues_as_if_never_stopped(folder, domain, tmp_path, uninterrupted):
    def power_cut(*args, **kwargs):
        if len(calls) == 4:
            raise KeyboardInterrupt
        calls.append(args)

    calls: list = []
    with pytest.raises(KeyboardInterrupt):
        train(toy_network(domain), domain, [(folder, 1.0)], settings(), tmp_path, power_cut)
    assert load_checkpoint(tmp_path / "checkpoint.pt")["step"] == 3
    told = []
    path = train(toy_network(domain), domain, [(folder, 1.0)], settings(), tmp_path, lambda n, **_: told.append(n))
    assert told == [3, 1, 1, 1]
    assert all(torch.equal(a, b) for a, b in zip(weights(uninterrupted), weights(path)))
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    for name in ("metrics.jsonl", "checkpoint.pt"):
        assert (tmp_path / name).read_bytes() == (uninterrupted.parent / name).read_bytes(), name


def test_a_finished_run_returns_at_once_with_its_weights(folder, domain, uninterrupted):
    before, resolved = uninterrupted.stat().st_mtime_ns, uninterrupted.with_name("train.json")
    told = resolved.read_text()
    resolved.write_text("")  # A power cut: it was never on the disk.
    network = toy_network(domain)
    assert train(network, domain, [(folder, 1.0)], settings(), uninterrupted.parent) == uninterrupted
    assert uninterrupted.stat().st_mtime_ns == before
    assert resolved.read_text() == told and str(folder.resolve()) not in told
    saved = load_checkpoint(uninterrupted)["network"]
    assert all(torch.equal(p, saved[name]) for name, p in network.named_parameters())
    assert list((uninterrupted.parent / "tensorboard").iterdir())


def test_a_run_of_other_settings_is_not_overwritten(folder, domain, uninterrupted):
    with pytest.raises(Sim2SGError, match=r"train\.learning_rate: 0\.001 there, 0\.002 here"):
        train(toy_network(domain), domain, [(folder, 1.0)], settings(learning_rate=2e-3), uninterrupted.parent)


def cut(code: bytes) -> bytes:
    return code[: len(code) // 2]


def flip(code: bytes) -> bytes:
    """Changes one bit of the weights."""
    place = code.index(b"data/0") + 4000
    return code[:place] + bytes([code[place] ^ 1]) + code[place + 1 :]


@pytest.mark.parametrize("spoil", [cut, flip, lambda code: b"", lambda code: bytes(len(code))])
@pytest.mark.parametrize("steps", [3, 6])
def test_a_damaged_checkpoint_is_named_and_the_training_begins_anew(
    folder, domain, tmp_path, uninterrupted, capsys, spoil, steps
):
    def stop(n, **_):
        if sum(told) == steps:
            raise KeyboardInterrupt
        told.append(n)

    told: list[int] = []
    if steps == 6:
        shutil.copytree(uninterrupted.parent, tmp_path, dirs_exist_ok=True)
    else:
        with pytest.raises(KeyboardInterrupt):
            train(toy_network(domain), domain, [(folder, 1.0)], settings(), tmp_path, stop)
    checkpoint = tmp_path / "checkpoint.pt"
    checkpoint.write_bytes(spoil(checkpoint.read_bytes()))
    capsys.readouterr()
    train(toy_network(domain), domain, [(folder, 1.0)], settings(), tmp_path)
    assert f"{checkpoint}: damaged; this training begins anew" in capsys.readouterr().err
    assert checkpoint.read_bytes() == uninterrupted.read_bytes()


def test_the_checkpoint_of_another_program_is_refused_and_kept(folder, domain, tmp_path):
    checkpoint = tmp_path / "checkpoint.pt"
    torch.save({"epoch": 3}, checkpoint)
    before = checkpoint.read_bytes()
    with pytest.raises(Sim2SGError, match="not a checkpoint of"):
        train(toy_network(domain), domain, [(folder, 1.0)], settings(), tmp_path)
    assert checkpoint.read_bytes() == before


def test_in_a_folder_of_its_own_a_run_of_another_origin_begins_anew(folder, domain, tmp_path, capsys):
    for origin, told in (
        ("a", ""),
        ("a", ""),
        ("b", "of another run, or another program's; this training begins anew"),
    ):
        train(toy_network(domain), domain, [(folder, 1.0)], settings(steps=1), tmp_path, origin=origin)
        found = capsys.readouterr().err
        assert told in found and bool(told) == bool(found)
    assert load_checkpoint(tmp_path / "checkpoint.pt")["identity"]["origin"] == "b"


def test_lost_metrics_come_back_from_the_checkpoint(folder, domain, tmp_path, uninterrupted):
    shutil.copytree(uninterrupted.parent, tmp_path, dirs_exist_ok=True)
    file = tmp_path / "metrics.jsonl"
    whole = file.read_bytes()
    file.write_bytes(cut(whole))
    train(toy_network(domain), domain, [(folder, 1.0)], settings(), tmp_path)
    assert file.read_bytes() == whole


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"learning_rate": -1.0}, "learning_rate is -1"),
        ({"ema": 1.0}, "ema is 1"),
        ({"device": "gpu"}, "'gpu' cannot train"),
        ({"device": "mps"}, "'mps' cannot train"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**64}, "seed is 18446744073709551616"),
        ({"freeze": -1}, "freeze is -1"),
    ],
)
def test_wrong_settings_fail_before_anything_is_written(folder, domain, tmp_path, changes, message):
    with pytest.raises(Sim2SGError, match=message):
        train(toy_network(domain), domain, [(folder, 1.0)], settings(**changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_missing_data_is_named(domain, tmp_path):
    with pytest.raises(Sim2SGError, match="annotations"):
        train(toy_network(domain), domain, [(tmp_path / "none", 1.0)], settings(), tmp_path / "run")


def test_tiny_over_fit(records, domain, folder, tmp_path):
    """Boxes, classes, depths and relations of eight images are learnt by heart."""
    config = settings(steps=110, batch=8, learning_rate=2e-3, warm_up=10, augment=AugmentConfig.none(), save_every=200)
    path = train(toy_network(domain), domain, [(folder, 1.0)], config, tmp_path)
    network, _ = load_network(path)
    examples = [fit(to_example(r.image(), r.graph, domain), NetworkInput(128, 96)) for r in records]
    targets = make_targets(examples, network.config)
    with torch.no_grad():
        graphs = network(targets.image)
        given = network.relations_for_boxes(targets.image, targets.boxes, targets.labels)
    found = truth = facts = missed = 0
    errors = []
    for b in range(len(records)):
        taught = np.flatnonzero(targets.labels[b] >= 0)
        overlap = box_iou(graphs.boxes[b].numpy(), targets.boxes[b].numpy())
        best = len(taught)
        truth += best
        for i in range(best):  # the best-scored boxes are the true objects: AP 1 if all of them are
            j = int(overlap[i, taught].argmax())
            hit = overlap[i, taught[j]] > 0.6 and graphs.classes[b, i] == targets.labels[b, taught[j]]
            found += bool(hit)
            errors.append(abs(float(graphs.depths[b, i] / targets.depths[b, taught[j]]) - 1))
        assert graphs.scores[b, best - 1] > 2 * graphs.scores[b, best]
        pairs = targets.relations[b][np.ix_(taught, taught)]
        missed += int(((given[b][np.ix_(taught, taught)] > 0.5) != pairs).sum())
        facts += int(pairs.sum())
    assert found > 0.9 * truth
    assert np.median(errors) < 0.05
    assert facts > 20
    assert missed < 0.05 * facts


@pytest.mark.gpu
@pytest.mark.skipif(not GPU, reason="torch sees no NVIDIA GPU")
def test_training_on_a_gpu(folder, domain, tmp_path):
    path = train(toy_network(domain), domain, [(folder, 1.0)], settings(device="cuda"), tmp_path)
    network, _ = load_network(path)
    assert all(torch.isfinite(p).all() for p in network.parameters())
