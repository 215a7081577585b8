from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
import torch

from sim2sg_core.domains import load_domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.model import build_network, load_checkpoint, load_network, load_start, save_checkpoint
from sim2sg_core.model.checkpoint import find_checkpoint, pretrained_checkpoints
from sim2sg_core.model.model_config import ModelConfig
from sim2sg_core.model.network import at_size
from sim2sg_core.runtime import Predictor


@pytest.fixture(scope="module")
def domain():
    return load_domain("clevr")


@pytest.fixture(scope="module")
def network(domain):
    network = build_network(domain, backbone="small", seed=1)
    network.score_temperature.fill_(1.7)
    return network


def test_a_checkpoint_gives_the_network_back(tmp_path, network, domain):
    ema = {name: p.detach() + 1 for name, p in network.named_parameters()}
    path = save_checkpoint(tmp_path / "c.pt", network, domain, ema=ema, step=5)
    live, found = load_network(path, ema=False)
    assert found == domain
    assert (live.score_temperature == 1.7).all()
    for name, parameter in live.named_parameters():
        assert torch.equal(parameter, dict(network.named_parameters())[name])
    averaged, _ = load_network(path)
    for name, parameter in averaged.named_parameters():
        assert torch.equal(parameter, ema[name])
    assert not list(tmp_path.glob(".c.pt*"))


def test_one_temperature_for_all_classes_as_earlier_versions_saved_it_is_read(tmp_path, network, domain):
    path = save_checkpoint(tmp_path / "c.pt", network, domain)
    data = torch.load(path, weights_only=True)
    data["network"]["score_temperature"] = torch.tensor(1.3)
    del data["network"]["score_bias"]
    torch.save(data, path)
    old, _ = load_network(path)
    assert old.score_temperature.tolist() == pytest.approx([1.3] * len(domain.classes))
    assert not old.score_bias.any()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.999])
def test_half_a_checkpoint_is_refused_in_one_line(tmp_path, network, domain, share):
    path = save_checkpoint(tmp_path / "c.pt", network, domain)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(Sim2SGError, match=r"c\.pt: not a whole checkpoint") as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_other_files_are_refused(tmp_path):
    torch.save({"model": 1}, tmp_path / "other.pt")
    with pytest.raises(Sim2SGError, match="not a checkpoint of"):
        load_checkpoint(tmp_path / "other.pt")
    with pytest.raises(Sim2SGError, match="no such file"):
        load_checkpoint(tmp_path / "none.pt")
    with pytest.raises(Sim2SGError, match="is a folder"):
        load_checkpoint(tmp_path)


def test_a_failed_save_keeps_the_old_checkpoint(tmp_path, network, domain, monkeypatch):
    path = save_checkpoint(tmp_path / "c.pt", network, domain, step=1)

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(path, network, domain, step=2)
    monkeypatch.undo()
    assert load_checkpoint(path)["step"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["c.pt"]


def test_no_code_runs_from_a_checkpoint(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    torch.save({"format": 1, "network": Trap()}, tmp_path / "trap.pt")
    with pytest.raises(Sim2SGError, match="not a whole checkpoint"):
        load_checkpoint(tmp_path / "trap.pt")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", pretrained_checkpoints())
def test_what_ships_to_start_from_is_what_ships_to_run(name):
    """The checkpoint and the ONNX file of one name: the same network, up to half precision and calibration."""
    predictor = Predictor(name, "cpu", threads=1)
    network = load_start(name, load_domain(name))
    # Calibration by class, which the checkpoint has not, decides what is among the best: we list more of them.
    network.config = dataclasses.replace(network.config, max_objects=2 * network.config.max_objects)
    image = np.random.default_rng(0).integers(0, 255, (predictor.info.height, predictor.info.width, 3), dtype=np.uint8)
    image = cv2.GaussianBlur(image, (0, 0), 9)
    ours, theirs = network(torch.from_numpy(image)[None]), predictor.infer(image).outputs
    off = np.abs(ours.boxes[0].detach().numpy()[:, None] - theirs["boxes"]).max(axis=2)
    off[ours.classes[0].numpy()[:, None] != theirs["classes"]] = np.inf
    assert (off.min(axis=0) < 0.05).mean() > 0.8  # of another network, none


def test_an_unknown_name_is_told_the_known_ones():
    assert pretrained_checkpoints()["dining"].suffix == ".pt"
    with pytest.raises(Sim2SGError, match=r"^dinning: no such file.*by name there is dining"):
        find_checkpoint("dinning")


def test_a_folder_of_that_name_hides_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dining").mkdir()
    assert find_checkpoint("dining") == pretrained_checkpoints()["dining"]


def test_weights_are_shared_only_where_they_mean_the_same():
    domain = load_domain("dining")
    few = domain.model_copy(update={"relation_classes": ("plate", "cup")})
    with pytest.raises(Sim2SGError, match=r"relations between .*'table'.* dining has \('plate', 'cup'\)"):
        load_start("dining", few)
    nearer = domain.layout.model_copy(update={"distance": (0.5, 1.0)})
    load_start("dining", domain.model_copy(update={"layout": nearer}))


def test_a_start_is_taken_to_the_size_of_the_domains_input(tmp_path, network, domain):
    path = save_checkpoint(tmp_path / "c.pt", network, domain)
    size = {"width": 2 * domain.input.width, "height": 2 * domain.input.height}
    larger = domain.model_copy(update={"input": domain.input.model_copy(update=size)})
    made = load_start(path, larger)
    assert (made.config.width, made.config.height) == tuple(size.values())
    assert made.config.focal_ref == network.config.focal_ref, "depths mean what they meant"
    torch.testing.assert_close(made.intrinsics, 2 * network.intrinsics)
    for name, value in network.state_dict().items():
        assert torch.equal(made.state_dict()[name], value), name
    saved = load_network(save_checkpoint(tmp_path / "larger.pt", made, larger))[0]
    assert saved.config == made.config and saved.config.focal_ref == network.config.focal_ref
    expected = ModelConfig.from_domain(larger, backbone="small")
    assert made.config.focal == pytest.approx(expected.focal)
    assert made.config.principal == pytest.approx(expected.principal)


def test_depth_and_place_of_an_object_do_not_depend_on_the_size_of_the_input(network):
    """A cell of the same values, at twice the size: twice the pixels, the same metres."""
    larger = at_size(network, 2 * network.config.width, 2 * network.config.height)
    objects = network.detect(
        network.dense(torch.zeros(1, network.config.height, network.config.width, 3, dtype=torch.uint8))
    )
    doubled = objects._replace(boxes=2 * objects.boxes, centres=2 * objects.centres, depths=objects.depths / 2)
    single, space = network.relations._object_geometry(objects, network.intrinsics[None])
    same, there = larger.relations._object_geometry(doubled, larger.intrinsics[None])
    torch.testing.assert_close(there, space)  # Depth is z * focal_ref / focal: half, where the focal length is double.
    torch.testing.assert_close(same[..., :7], single[..., :7])
