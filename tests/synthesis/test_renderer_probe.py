"""Whether this machine can render."""

import pytest

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.synthesis import renderer_probe


def test_the_renderer_has_a_name():
    assert renderer_probe.probe_renderer()


def test_without_a_driver_one_line_says_what_to_install(monkeypatch):
    script = "from sim2sg_core.errors import Sim2SGError\nraise Sim2SGError('no OpenGL: install it')"
    monkeypatch.setattr(renderer_probe, "SCRIPT", script)
    with pytest.raises(Sim2SGError, match=r"^no OpenGL: install it$"):
        renderer_probe.probe_renderer()
    monkeypatch.setattr(renderer_probe, "SCRIPT", "import moderngl_of_nowhere")
    with pytest.raises(ModuleNotFoundError):
        renderer_probe.probe_renderer()
