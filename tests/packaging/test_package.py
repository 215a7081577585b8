"""The package's promises: versions agree, verbs resolve, and heavy imports stay where they belong."""

from __future__ import annotations

import ast
import configparser
import importlib
import importlib.util
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import sim2sg_core

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
VERBS = PROJECT["project"]["entry-points"]["sim2sg.verbs"]
NO_TORCH = ("scene", "domains", "errors", "lifting", "synthesis", "logs", "runtime", "evaluation", "report")
ROS_MODULES = ("rclpy", "sim2sg", "sensor_msgs", "std_msgs", "sim2sg_ros")


def modules_after(*imports: str) -> set[str]:
    """Returns the top-level modules that a fresh process has loaded after some imports."""
    code = f"import sys, {', '.join(imports)}; print(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def all_modules(package: str) -> list[str]:
    """Lists a package's modules, itself first, without importing them."""
    folder = ROOT / package.replace(".", "/")
    if folder.with_suffix(".py").exists():
        return [package]
    paths = sorted(p for p in folder.rglob("*.py") if "demo" not in p.parts)
    return [".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for p in paths]


def test_sources_are_python_3_10() -> None:
    """Humble's Python, which the tests need not run on: its grammar, and no younger standard modules."""
    assert PROJECT["project"]["requires-python"] == ">=3.10"
    younger = {("typing", "Self"), ("typing", "assert_never"), ("enum", "StrEnum"), ("datetime", "UTC")}
    for package in ("sim2sg_core", "sim2sg_ros"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(), str(path), feature_version=(3, 10))):
                if isinstance(node, ast.Import):
                    assert "tomllib" not in {name.name for name in node.names}, path
                elif isinstance(node, ast.ImportFrom):
                    assert node.module != "tomllib", path
                    assert younger.isdisjoint((node.module, name.name) for name in node.names), path


def test_versions_agree() -> None:
    package = ElementTree.parse(ROOT / "package.xml")
    assert package.findtext("version") == sim2sg_core.__version__


def test_entry_points_for_pip_and_colcon_agree() -> None:
    for package in ("sim2sg_core", "sim2sg_ros"):
        config = configparser.ConfigParser(delimiters="=")
        config.optionxform = str  # type: ignore[assignment,method-assign]
        config.read(ROOT / "cmake" / f"{package}.cfg")
        lines = config["options.entry_points"]["sim2sg.verbs"].strip().splitlines()
        colcon = dict(re.split(r"\s*=\s*", line.strip()) for line in lines)
        assert colcon == {k: v for k, v in VERBS.items() if v.startswith(package + ".")}


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_verbs_resolve(verb: str) -> None:
    # Under pip the distribution is sim2sg; a sourced colcon workspace would add its own.
    installed = {e.name: e.value for e in entry_points(group="sim2sg.verbs")}
    assert installed.get(verb) == VERBS[verb], "install this tree again: pip install -e ."
    if VERBS[verb].startswith("sim2sg_ros"):
        pytest.importorskip("rclpy")
    module = importlib.import_module(VERBS[verb])
    assert isinstance(module.HELP, str)
    assert module.HELP
    assert callable(module.add_arguments)
    assert callable(module.run)


def test_core_without_torch() -> None:
    modules = [m for name in NO_TORCH for m in all_modules(f"sim2sg_core.{name}")]
    assert "sim2sg_core.scene.graph" in modules
    assert "torch" not in modules_after(*modules)


def test_ros_package_without_torch() -> None:
    pytest.importorskip("rclpy")
    assert "torch" not in modules_after(*all_modules("sim2sg_ros"))


def test_verbs_that_robots_run_need_no_training_extra() -> None:
    loaded = modules_after(*(f"sim2sg_core.cli.{verb}" for verb in ("infer", "log", "eval", "domain")))
    assert not loaded.intersection({"torch", "jinja2", "matplotlib", "moderngl"})


def test_core_without_ros() -> None:
    loaded = modules_after(*all_modules("sim2sg_core"))
    assert not loaded.intersection(ROS_MODULES)


def test_command_line_starts_without_torch_and_ros() -> None:
    loaded = modules_after("sim2sg_core.cli.main")
    assert not loaded.intersection({"torch", "onnxruntime", *ROS_MODULES})


def test_console_script() -> None:
    script = Path(sys.executable).with_name("sim2sg")
    # Also from an environment in which the ROS wheels have not yet set up the library path.
    env = {k: v for k, v in os.environ.items() if k not in ("_ROS_WHEELS_BOOTSTRAP_COMPLETE", "LD_LIBRARY_PATH")}
    for environment in (dict(os.environ), env):
        done = subprocess.run([str(script), "--help"], capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        for verb in VERBS:
            assert verb in done.stdout


def test_ros_wheels_are_pinned_alike_for_building_and_running() -> None:
    def pins(requirements: list[str]) -> dict[str, str]:
        found = (re.match(r"(ros-[\w-]+)((?:==|~=)[\d.]+)", r) for r in requirements)
        return {m[1]: m[2] for m in found if m}

    extras = PROJECT["project"]["optional-dependencies"]
    building, running = pins(PROJECT["build-system"]["requires"]), pins(extras["ros"])
    assert building.keys() & running.keys()
    for name in building.keys() & running.keys():
        assert building[name] == running[name]
    constraints = pins((ROOT / "constraints.txt").read_text().splitlines())
    for name, version in {**running, **pins(extras["dev"])}.items():
        assert constraints[name].lstrip("=").startswith(version.lstrip("=~").rsplit(".", 1)[0])
    for requirement in [*PROJECT["build-system"]["requires"], *extras["ros"]]:
        if not requirement.startswith("setuptools"):
            assert "platform_machine == 'x86_64'" in requirement, "would break aarch64"


def test_runtime_needs_no_torch() -> None:
    runtime = PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"]["cpu"]
    names = {re.split(r"[<>=;\[ ]", r)[0].lower() for r in runtime}
    assert names.isdisjoint({"torch", "moderngl", "onnx", "trimesh", "onnxruntime-gpu", "jinja2", "matplotlib"})


def load_setup(monkeypatch: pytest.MonkeyPatch) -> object:
    """Imports setup.py without running setup()."""
    import setuptools

    monkeypatch.setattr(setuptools, "setup", lambda **kwargs: None)
    spec = importlib.util.spec_from_file_location("sim2sg_setup", ROOT / "setup.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pip_builds_messages_only_where_it_should(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("ROS_DISTRO", "AMENT_PREFIX_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr("sys.platform", "linux")
    assert load_setup(monkeypatch).why_no_messages() == ""  # type: ignore[attr-defined]
    assert capsys.readouterr().err == ""

    monkeypatch.setenv("AMENT_PREFIX_PATH", sys.prefix)
    assert load_setup(monkeypatch).why_no_messages() == ""  # type: ignore[attr-defined]
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"/opt/workspace{os.pathsep}{sys.prefix}")
    assert "sourced" in load_setup(monkeypatch).why_no_messages()  # type: ignore[attr-defined]
    monkeypatch.delenv("AMENT_PREFIX_PATH")
    capsys.readouterr()

    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert "aarch64" in load_setup(monkeypatch).why_no_messages()  # type: ignore[attr-defined]
    assert "colcon" in capsys.readouterr().err

    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setenv("ROS_DISTRO", "jazzy")
    assert "sourced" in load_setup(monkeypatch).why_no_messages()  # type: ignore[attr-defined]
    assert "colcon" in capsys.readouterr().err


def test_what_a_node_imports_needs_no_packages_of_logs() -> None:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('lz4', 'rosbags', 'backports', 'google.protobuf')));"
        " import sim2sg_core.runtime, sim2sg_core.logs.image_decoding, sim2sg_core.logs.depth_decoding"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
