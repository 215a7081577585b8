"""`sim2sg doctor`: a line for everything."""

import argparse
import importlib.util

import pytest

from sim2sg_core.cli import doctor

NAMES = [
    "Python",
    "packages",
    "onnxruntime",
    "torch",
    "renderer",
    "ROS",
    "RMW",
    "shared memory",
    "disk",
    "cores",
    "memory",
]


def test_each_thing_has_a_line(capsys):
    code = doctor.run(argparse.Namespace())
    lines = capsys.readouterr().out.splitlines()
    assert [line[4:18].strip() for line in lines] == NAMES
    assert all(line[:4] in ("OK  ", "--  ", "NO  ") for line in lines)
    assert code == int(any(line.startswith("NO") for line in lines))


@pytest.mark.parametrize(
    ("module", "check", "mark", "fix"),
    [
        ("onnxruntime", doctor.onnxruntime, "NO", "pip install 'sim2sg[cpu]'"),
        ("yaml", doctor.packages, "NO", "pip install pyyaml"),
        ("torch", doctor.torch, "--", "pip install 'sim2sg[train]'"),
        ("moderngl", doctor.renderer, "--", "pip install 'sim2sg[train]'"),
        ("rclpy", doctor.ros, "--", "pip install '.[ros]'"),
    ],
)
def test_what_is_missing_names_the_command(monkeypatch, module, check, mark, fix):
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == module else there(name))
    line = check().line()
    assert line.startswith(mark) and line.endswith(fix)


def test_little_room_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "LEAST_DISK", 1 << 60)
    monkeypatch.setattr(doctor, "LEAST_SHARED_MEMORY", 1 << 60)
    assert doctor.disk(tmp_path).fix and doctor.shared_memory(tmp_path).fix
    assert doctor.shared_memory(tmp_path / "none").line().startswith("--")
    (tmp_path / "meminfo").write_text("MemTotal: 100 kB\nMemAvailable:   1048576 kB\n")
    assert doctor.memory(tmp_path / "meminfo").line().startswith("--  memory         1.0 GiB free: ")


def test_a_broken_installation_is_a_line_too(monkeypatch):
    def broken():
        raise ImportError("libcudart.so.12: cannot open\nshared object")

    monkeypatch.setattr(doctor, "torch", broken)
    lines = [finding.line() for finding in doctor.findings()]
    assert "--  broken         fails (libcudart.so.12: cannot open): install it again" in lines and len(lines) == len(
        NAMES
    )


def test_a_missing_package_is_not_blamed_on_what_needs_it(monkeypatch):
    def needy():
        import module_of_nowhere  # noqa: F401

    monkeypatch.setattr(doctor, "onnxruntime", needy)
    lines = [finding.line() for finding in doctor.findings()]
    assert "--  needy          not checked, as module_of_nowhere is missing: install that first" in lines


def test_another_middleware_must_be_there(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setenv("RMW_IMPLEMENTATION", "rmw_of_nowhere_cpp")
    assert doctor.middleware().line().startswith("--  RMW            rmw_of_nowhere_cpp is not installed: unset")
