"""onnxruntime sends nothing about who runs models, and keeps no identity of the machine."""

import os
import subprocess
import sys

import pytest

from tests.runtime.constant_model import empty_outputs, write_model

CODE = """
import os, sys
from sim2sg_core.runtime import Predictor
Predictor(sys.argv[1])
print(os.environ["ORT_DISABLE_TELEMETRY"])
"""


@pytest.mark.parametrize("given", [None, "0"])
def test_it_is_off_unless_the_user_says_otherwise(tmp_path, given):
    model = write_model(tmp_path / "m.onnx", empty_outputs(4, 4))
    home = tmp_path / "home"
    home.mkdir()
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"} | {"HOME": str(home)}
    environment["XDG_CACHE_HOME"] = str(home / ".cache")
    if given:
        environment["ORT_DISABLE_TELEMETRY"] = given
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(model)], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [given or "1"]
    if given is None:
        assert not [path for path in home.rglob("*") if "Microsoft" in path.parts]
