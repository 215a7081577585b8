"""What the node tells of its model, without images."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("sim2sg.msg", reason="the messages are not built")
from rclpy.parameter import Parameter

from sim2sg_core.runtime.providers import PROVIDERS
from sim2sg_ros.node import SceneGraphNode

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group("ros")]


@pytest.fixture
def node(ros: None, models: tuple[Path, Path]) -> Iterator[SceneGraphNode]:
    values = {"model": str(models[0]), "autostart": False, "threads": 1, "provider": "cpu"}
    node = SceneGraphNode(
        parameter_overrides=[Parameter(name, value=value) for name, value in values.items()], namespace="modelled"
    )
    yield node
    node.destroy_node()


def test_the_requested_provider_is_that_of_the_loading(node: SceneGraphNode, monkeypatch: pytest.MonkeyPatch) -> None:
    """A parameter that takes effect at configure, and was changed since, is no fall-back."""
    published: list[Any] = []
    monkeypatch.setattr(node._models._info, "publish", published.append)
    node.trigger_configure()
    node.set_parameters([Parameter("provider", value="cuda")])
    facts = node._models.facts()
    assert (facts["requested provider"], facts["warning"]) == ("cpu", "")
    node.set_parameters([Parameter("object_threshold", value=0.1)])
    assert [info.requested_provider for info in published] == ["cpu", "cpu"]
    node.trigger_cleanup()
    assert node._models.facts()["requested provider"] == "cuda"


def test_auto_that_ends_on_the_cpu_of_a_build_for_gpus_is_a_warning(
    node: SceneGraphNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.set_parameters([Parameter("provider", value="auto")])
    node.trigger_configure()
    info = node._models.predictor.info  # type: ignore[union-attr]
    assert info.provider == "cpu" and node._models.facts()["warning"] == ""
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: list(PROVIDERS.values()))
    assert node._models.facts()["warning"].startswith("the model runs on the CPU, though onnxruntime is built for GPUs")
    monkeypatch.setattr(node._models.predictor, "info", dataclasses.replace(info, quantized="int8"))
    assert node._models.facts()["warning"] == "", "it is made for the CPU"
