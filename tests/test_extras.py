"""What users are told to install."""

from email.message import Message
from importlib import metadata

import pytest

from sim2sg_core.extras import pip_command


def test_where_pip_installed_the_package_it_knows_the_extra():
    assert "cpu" in metadata.metadata("sim2sg").get_all("Provides-Extra")  # of this environment
    assert pip_command("cpu", "onnxruntime") == "pip install 'sim2sg[cpu]'"


@pytest.mark.parametrize("installed", [True, False])
def test_elsewhere_the_packages_are_named(monkeypatch, installed):
    def of_a_workspace(name):
        if not installed:
            raise metadata.PackageNotFoundError(name)
        return Message()  # Of the messages that colcon builds: no extras.

    monkeypatch.setattr(metadata, "metadata", of_a_workspace)
    assert pip_command("train", "onnx", "onnxscript") == "pip install onnx onnxscript"
