"""The scene-graph network: image in, objects and relations out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from sim2sg_core.model.backbone import build_backbone
from sim2sg_core.model.detection_decoding import Objects, cells_of, decode, read_cells
from sim2sg_core.model.fpn import FeaturePyramid
from sim2sg_core.model.heads import Dense, DenseHeads
from sim2sg_core.model.model_config import ModelConfig
from sim2sg_core.model.relation_head import PairLogits, RelationHead, select_pairs


class Graphs(NamedTuple):
    """Scene graphs of a batch: what the exported model returns, in its order. Padded to K and R."""

    boxes: Tensor
    scores: Tensor
    classes: Tensor
    centres: Tensor
    depths: Tensor
    depth_stds: Tensor
    sizes: Tensor
    alphas: Tensor
    pairs: Tensor
    """(B, R, 2) int64: subject and object, indices into the K objects"""
    relations: Tensor
    """(B, R, P) P(predicate | both objects)"""


class SceneGraphNetwork(nn.Module):
    """Backbone, feature pyramid, dense heads, relation head.

    Attributes:
        score_bias: (C,) is subtracted from the logits of the objects' scores by class; fitted by calibration.
        score_temperature: (C,) divides them then.
        relation_temperature: () divides the logits of the predicates.
        class_sizes: (C, 3) mean sizes, metres.
        yaw_symmetry: (C,) orders.
        intrinsics: (3,) focal length and principal point of the expected camera, input pixels.
    """

    score_bias: Tensor
    score_temperature: Tensor
    relation_temperature: Tensor
    class_sizes: Tensor
    yaw_symmetry: Tensor
    intrinsics: Tensor

    def __init__(self, config: ModelConfig) -> None:
        """Builds the network with random weights; see `build_network` for pretrained ones."""
        super().__init__()
        config.validate()
        self.config = config
        self.frozen_blocks = 0
        self.backbone = build_backbone(config.backbone)
        self.neck = FeaturePyramid(self.backbone.channels, config.channels)
        self.heads = DenseHeads(config.channels, config.classes)
        self.relations = RelationHead(config)
        self.register_buffer("score_temperature", torch.ones(config.classes))
        self.register_buffer("score_bias", torch.zeros(config.classes))
        self.register_buffer("relation_temperature", torch.ones(()))
        constants = {
            "class_sizes": torch.tensor(config.class_sizes, dtype=torch.float32),
            "yaw_symmetry": torch.tensor(config.yaw_symmetry, dtype=torch.float32),
            "intrinsics": torch.tensor([config.focal, *config.principal], dtype=torch.float32),
        }
        for name, value in constants.items():
            self.register_buffer(name, value, persistent=False)
        # 1.4x faster on CPUs. The stubs of torch do not know it.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def freeze(self, blocks: int) -> None:
        """Keeps the first `blocks` blocks of the backbone as they are during training."""
        self.frozen_blocks = min(blocks, len(self.backbone.blocks))
        for index, block in enumerate(self.backbone.blocks):
            block.requires_grad_(index >= self.frozen_blocks)

    def set_calibration(
        self,
        temperature: Sequence[float] | float = 1.0,
        bias: Sequence[float] | float = 0.0,
        relation_temperature: float = 1.0,
    ) -> None:
        """Sets what makes scores probabilities (see `adaptation.selection.score_calibration`); the default undoes it.

        Args:
            temperature: (C,) divides the logits of objects, one for all classes or one each.
            bias: (C,) is subtracted from them before, likewise.
            relation_temperature: Divides the logits of predicates.
        """
        with torch.no_grad():
            self.score_temperature.copy_(torch.as_tensor(temperature, dtype=torch.float32))
            self.score_bias.copy_(torch.as_tensor(bias, dtype=torch.float32))
            self.relation_temperature.fill_(relation_temperature)

    @property
    def is_calibrated(self) -> bool:
        """Whether a calibration is set."""
        return bool((self.score_temperature != 1).any() or (self.score_bias != 0).any())

    def calibrated_heat(self, heat: Tensor) -> Tensor:
        """Calibrates (B, C, h, w) logits of the heat map."""
        return (heat - self.score_bias[:, None, None]) / self.score_temperature[:, None, None]

    @staticmethod
    def centred(image: Tensor) -> Tensor:
        """Turns (B, H, W, 3) uint8 RGB into the backbone's (B, 3, H, W) zero-centred input."""
        # A permuted NHWC image already lies in memory as channels_last wants it.
        return (image.permute(0, 3, 1, 2).to(torch.float32) - 127.0) / 128.0

    def dense(self, image: Tensor) -> Dense:
        """Runs backbone, neck and dense heads on (B, H, W, 3) uint8 RGB."""
        return self.heads(self.neck(self.backbone(self.centred(image), self.frozen_blocks)))

    def detect(self, dense: Dense) -> Objects:
        """Returns the best K objects of each image."""
        config = self.config
        return decode(
            dense,
            config.max_objects,
            self.class_sizes,
            self.yaw_symmetry,
            config.typical_depth,
            self.score_temperature,
            self.score_bias,
        )

    def objects_at(self, dense: Dense, boxes: Tensor, labels: Tensor) -> Objects:
        """Returns objects whose boxes and classes are given; the rest is what the maps say there.

        Args:
            dense: The maps.
            boxes: (B, N, 4) xyxy, input pixels.
            labels: (B, N) class indices.
        """
        cells = cells_of(boxes, dense.heat.shape[2], dense.heat.shape[3])
        found = read_cells(dense, cells, labels, self.class_sizes, self.yaw_symmetry, self.config.typical_depth)
        return found._replace(boxes=boxes)

    def relate(self, objects: Objects, present: Tensor | None = None, intrinsics: Tensor | None = None) -> PairLogits:
        """Scores all pairs of objects.

        Args:
            objects: N objects per image.
            present: (B, N) how far each object is there; default: its score.
            intrinsics: (B, 3) focal length and principal point, input pixels; default: those of the
                expected camera.
        """
        batch = objects.scores.shape[0]
        if intrinsics is None:
            intrinsics = self.intrinsics[None].expand(batch, 3)
        return self.relations(objects, intrinsics, objects.scores.detach() if present is None else present)

    def forward(self, image: Tensor) -> Graphs:
        """Maps (B, H, W, 3) uint8 RGB letterboxed images to scene graphs."""
        objects = self.detect(self.dense(image))
        pairs, relations = select_pairs(
            self.relate(objects),
            objects,
            self.relations.stated,
            self.config.max_relations,
            self.relation_temperature,
        )
        return Graphs(*objects[:8], pairs, relations)

    @torch.no_grad()
    def relations_for_boxes(self, image: Tensor, boxes: Tensor, labels: Tensor) -> Tensor:
        """Predicts predicates between given boxes (PredCls).

        Args:
            image: (B, H, W, 3) uint8.
            boxes: (B, N, 4) xyxy, input pixels.
            labels: (B, N) class indices; -1 pads.

        Returns:
            (B, N, N, P) P(predicate | both objects), subjects along dimension 1; 0 where either class takes
            no part in relations, on the diagonal, and for padding.
        """
        objects = self.objects_at(self.dense(image), boxes, labels.clamp(min=0))
        present = (labels >= 0).to(boxes.dtype)
        logits = self.relate(objects, present).predicates / self.relation_temperature
        allowed = self.relations.stated[objects.classes] & (labels >= 0)
        allowed = allowed[:, :, None] & allowed[:, None, :]
        allowed = allowed & ~torch.eye(labels.shape[1], dtype=torch.bool, device=labels.device)
        return torch.sigmoid(logits) * allowed[..., None]


def at_size(network: SceneGraphNetwork, width: int, height: int) -> SceneGraphNetwork:
    """Returns a network of the same weights for images of another size, which show the same view.

    Args:
        network: Stays as it is.
        width: Input width, pixels.
        height: Input height, pixels.

    Raises:
        Sim2SGError: Not multiples of the coarsest stride.
    """
    config = network.config
    across, down = width / config.width, height / config.height
    made = SceneGraphNetwork(
        dataclasses.replace(
            config,
            width=width,
            height=height,
            focal=config.focal * across,
            reference_focal=config.focal_ref,
            principal=(config.principal[0] * across, config.principal[1] * down),
        )
    )
    made.load_state_dict(network.state_dict())
    made.freeze(network.frozen_blocks)
    return made.train(network.training)


def build_network_from_config(config: ModelConfig, *, seed: int = 0, pretrained: bool = True) -> SceneGraphNetwork:
    """Builds a network, its random weights a function of the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = SceneGraphNetwork(config)
    if pretrained:
        network.backbone.load_pretrained()
    return network
