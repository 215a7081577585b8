"""Builds the ROS messages for `pip install`; pyproject.toml says everything else.

The messages are built by the CMakeLists.txt that colcon uses, against the ROS wheels, and its install
tree is shipped as data_files into the environment's prefix: that is where the wheels put theirs.

None are built where they cannot be or must not be: on other machines than x86-64 Linux (there are no ROS
wheels), and where a ROS installation is sourced (colcon builds them, against that installation).
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent


def why_no_messages() -> str:
    """Returns why pip builds no messages here, or "" where it does."""
    prefixes = [p for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    # This very environment does not count: with the ROS wheels one sets it for ament look-ups.
    if os.environ.get("ROS_DISTRO") or any(Path(p).resolve() != Path(sys.prefix).resolve() for p in prefixes):
        return "a ROS installation is sourced: build this folder with colcon to get the messages and the node"
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        return (
            f"there are no ROS wheels for {sys.platform} on {platform.machine()}: build this folder with "
            "colcon in a ROS installation to get the messages and the node"
        )
    return ""


class MessageDistribution(Distribution):
    """A distribution with compiled files that are no Python extensions."""

    def has_ext_modules(self) -> bool:
        """Whether to run build_ext, and to tag the wheel for one platform."""
        return not why_no_messages()

    def has_data(self) -> bool:
        """What editable installs ask; without it they silently leave data_files out."""
        return self.has_data_files()


class BuildMessages(build_ext):
    """Runs CMake. Hooked to build_ext, since editable installs run only the sub-commands of build."""

    def run(self) -> None:
        """Builds, and hands the install tree to the distribution."""
        # Always afresh: under build isolation the cache names folders that are gone.
        work = Path(self.build_temp).resolve() / "cmake"
        shutil.rmtree(work, ignore_errors=True)
        stage = work / "install"
        run_cmake(work / "build", stage)
        self.distribution.data_files = installed_files(stage)

    def get_outputs(self) -> list[str]:
        """There are no extension modules."""
        return []

    def get_output_mapping(self) -> dict[str, str]:
        """There are no extension modules."""
        return {}


def run_cmake(build: Path, stage: Path) -> None:
    """Configures, builds and installs into `stage`."""
    prefix = ament_prefix()
    site = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    env = dict(os.environ)
    # Code generators run as child processes: they must find programs and libraries of the wheels, which may
    # lie in the overlay of pip's build isolation. Python packages are found there already.
    for name, folder in (("PATH", prefix / "bin"), ("LD_LIBRARY_PATH", prefix / "lib")):
        env[name] = os.pathsep.join(filter(None, [str(folder), env.get(name, "")]))
    env["AMENT_PREFIX_PATH"] = str(prefix)  # For look-ups in the ament index while configuring.
    configure = [
        *("cmake", "-S", str(ROOT), "-B", str(build), "-G", "Ninja"),
        f"-DCMAKE_INSTALL_PREFIX={stage}",
        f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DPython3_EXECUTABLE={sys.executable}",
        f"-DPYTHON_INSTALL_DIR={site}",
        "-DCMAKE_BUILD_TYPE=Release",
        "-DSIM2SG_INSTALL_PYTHON=OFF",
        "-DBUILD_TESTING=OFF",
    ]
    subprocess.run(configure, env=env, check=True)
    subprocess.run(["cmake", "--build", str(build), "--target", "install"], env=env, check=True)


def ament_prefix() -> Path:
    """Returns the prefix that the ROS wheels are installed in: pip's overlay under build isolation."""
    import rosidl_pycommon

    for folder in Path(rosidl_pycommon.__file__).resolve().parents:
        if (folder / "share" / "rosidl_cmake" / "cmake").is_dir():
            return folder
    raise SystemExit("error: the ROS wheels are incomplete: share/rosidl_cmake/cmake is missing beside rosidl_pycommon")


def installed_files(stage: Path) -> list[tuple[str, list[str]]]:
    """Lists the files under `stage` as data_files: (folder relative to the prefix, files).

    Left out are the egg-info of the generated Python package, which would be a second distribution of the
    name sim2sg beside pip's own, and the note of the prefix that the build used, gone by then.
    """
    folders: dict[str, list[str]] = {}
    for path in sorted(stage.rglob("*")):
        unwanted = any(
            part in ("__pycache__", "parent_prefix_path") or part.endswith(".egg-info") for part in path.parts
        )
        if path.is_file() and not unwanted:
            folders.setdefault(str(path.parent.relative_to(stage)), []).append(str(path))
    return sorted(folders.items())


def plain_files() -> list[tuple[str, list[str]]]:
    """Lists the launch and configuration files, for where CMake does not run."""
    found = [
        (f"share/sim2sg/{folder}", sorted(str(p.relative_to(ROOT)) for p in (ROOT / folder).glob("*.*")))
        for folder in ("config", "launch")
    ]
    return [(target, files) for target, files in found if files]


if why_no_messages():
    print(f"sim2sg: no ROS messages are built: {why_no_messages()}", file=sys.stderr)

setup(
    distclass=MessageDistribution,
    cmdclass={"build_ext": BuildMessages},
    data_files=plain_files(),  # Replaced by CMake's install tree, which holds them too.
)
