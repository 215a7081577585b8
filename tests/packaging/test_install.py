"""What an install needs elsewhere: wheels for 64-bit ARM, and images for Docker."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DISTRIBUTIONS = {"humble": "3.10", "jazzy": "3.12", "kilted": "3.12"}
"""Those that are supported, and their Python."""


def resolve(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Has pip resolve requirements for another place, without installing anything."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--only-binary=:all:", "--target", str(folder)]
    return subprocess.run([*command, *words], capture_output=True, text=True, timeout=1800, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("python", sorted(set(DISTRIBUTIONS.values())))
def test_the_runtime_resolves_to_wheels_on_64_bit_arm(python: str, tmp_path: Path) -> None:
    if resolve(tmp_path, "--no-deps", "numpy").returncode:
        pytest.skip("no package index can be reached")
    needed = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["cpu"]]
    place = ["--platform", "manylinux_2_28_aarch64", "--platform", "manylinux2014_aarch64", "--python-version", python]
    done = resolve(tmp_path, *place, *needed)
    assert done.returncode == 0, done.stderr
    found = done.stdout.rpartition("Would install ")[2]
    for requirement in needed:
        name = re.match(r"[\w.-]+", requirement)
        assert name is not None and f"{name[0]}-" in found.lower().replace("_", "-"), f"{requirement} is not in {found}"


def test_there_is_an_image_of_every_distribution() -> None:
    files = {path.name.partition(".")[0]: path.read_text() for path in (ROOT / "docker").glob("*.Dockerfile")}
    assert set(files) == set(DISTRIBUTIONS)
    for name, text in files.items():
        assert f"ARG BASE=ros:{name}-perception\nFROM ${{BASE}}\n" in text, "such as one with CUDA"
        assert set(re.findall(r"/opt/ros/(\w+)", text)) == {name}
        assert set(re.findall(r"--rosdistro (\w+)", text)) == {name}
        assert f"-f docker/{name}.Dockerfile -t sim2sg:{name} " in text


def test_images_and_documents_install_the_same_by_pip() -> None:
    document = (ROOT / "docs" / "install.md").read_text()
    for path in (ROOT / "docker").glob("*.Dockerfile"):
        [packages] = re.findall(r"pip install .*?\$\{ONNXRUNTIME\} (.*)", path.read_text())
        for package in packages.split():
            assert package in document, f"{path.name}: {package}"
            plain = package.strip('"')
            assert any(d.startswith(plain.partition("<")[0]) for d in PROJECT["dependencies"]), package
