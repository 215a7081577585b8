"""Options that several verbs share, and checks of their values before any work starts."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.files import writable_place

if TYPE_CHECKING:
    from sim2sg_core.logs import Log

NEGATIVES_SHARE = 0.1


def add_model(parser: argparse.ArgumentParser) -> None:
    """Declares `--model`, for verbs that run exported models alone."""
    parser.add_argument(
        "--model", type=Path, required=True, metavar="FILE|NAME", help="model.onnx, or the name of one that ships"
    )


def add_source(parser: argparse.ArgumentParser) -> None:
    """Declares `--images` and `--log`, one of which is given; `open_source` opens it."""
    source = parser.add_mutually_exclusive_group(required=True)
    what = (
        "images, folders, bags (.mcap, .db3, .bag), videos (.mp4, …), patterns in quotes ('shots/*.jpg'), a .txt with"
        " one of these on each line, or addresses such as s3://bucket/log"
    )
    source.add_argument("--images", type=log_path, nargs="+", metavar="PATH", help=what)
    source.add_argument("--log", type=log_path, nargs="+", metavar="LOG", help="same as --images")


def log_path(text: str) -> Path:
    """Reads the path of a log: an empty one, as of a variable that is not set, is not the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("the path is empty: give a file or a folder (. is the current one)")
    return Path(text)


def open_source(args: argparse.Namespace) -> list[Log]:
    """Opens what `--images` or `--log` names. Raises Sim2SGError when it cannot be read."""
    from sim2sg_core.logs import listed_logs, open_logs

    return open_logs(listed_logs(args.log or args.images), args.rotate)


def add_rotate(parser: argparse._ActionsContainer, default: int | None = 0, *, camera: bool = True) -> None:
    """Declares `--rotate`; `camera` says whether there are options of the camera beside it."""
    from sim2sg_core.scene.camera import TURNS

    parser.add_argument(
        "--rotate",
        type=int,
        choices=TURNS,
        default=default,
        help="degrees, clockwise, that turn the images upright, of a camera mounted on its side or upside down"
        + (camera * "; --camera is that of the recorded images, height, pitch and roll are those of the upright ones")
        + " (default: 0)",
    )


def add_action(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, what: str, example: str
) -> argparse.ArgumentParser:
    """Adds an action of a verb, with one line that says what it does and a command line as example."""
    return verbs.add_parser(
        name,
        help=what,
        description=what,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


class _Renamed(argparse.Action):
    """An option of an earlier version: says what it is called now."""

    def __call__(self, *args: object, **_: object) -> None:
        raise Sim2SGError(f"{args[-1]} is called {self.const} now")


def add_former_names(parser: argparse._ActionsContainer, **names: str) -> None:
    """Declares options that have other names now: `frames="--max"` makes `--frames 3` an error that says so."""
    for former, now in names.items():
        option = f"--{former.replace('_', '-')}"
        parser.add_argument(
            option, action=_Renamed, nargs="?", const=now, dest=argparse.SUPPRESS, help=argparse.SUPPRESS
        )


def add_strict(parser: argparse._ActionsContainer) -> None:
    """Declares `--strict`."""
    parser.add_argument(
        "--strict",
        action="store_true",
        help="stop at the first damaged frame (default: leave out damaged frames and report their number at the end)",
    )


def expected_frames(args: argparse.Namespace, logs: Sequence[Log], topics: Sequence[str]) -> int | None:
    """Returns how many frames the options of `add_sampling` will take; None where time and change decide."""
    if args.every or args.min_change:
        return None
    total = sum(t.count for log, topic in zip(logs, topics) for t in log.topics() if t.name == topic)
    return min(total, args.max) if args.max else total


def add_sampling(parser: argparse.ArgumentParser) -> None:
    """Declares which frames of a log are taken."""
    parser.add_argument("--topic", metavar="NAME", help="image topic (default: the only one)")
    parser.add_argument(
        "--every",
        type=float,
        default=0.0,
        metavar="S",
        help="minimum seconds between two frames (default: all frames); refused for images whose names contain no time",
    )
    parser.add_argument(
        "--max", type=int, default=0, metavar="N", help="maximum number of frames, evenly spread (default: all)"
    )
    parser.add_argument(
        "--min-change",
        type=float,
        default=0.0,
        metavar="G",
        help="minimum mean difference between frames, of 32x32 grey thumbnails, 0-255: about 0.5 in a standing car,"
        " more than 5 in a driving one",
    )


def check_sampling(args: argparse.Namespace) -> None:
    """Raises Sim2SGError when a limit of `add_sampling` is negative."""
    for name in ("every", "max", "min_change"):
        check_least(args, name, 0)


def add_provider(parser: argparse.ArgumentParser) -> None:
    """Declares `--provider` and `--threads`: where and how a model runs."""
    parser.add_argument(
        "--provider",
        choices=("auto", "cpu", "cuda", "tensorrt"),
        default="auto",
        help="execution provider of onnxruntime (default: auto, the fastest that works)",
    )
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="CPU threads; 0 uses all (default)")


def add_relations(parser: argparse.ArgumentParser) -> None:
    """Declares `--relations`: where they come from."""
    from sim2sg_core.runtime.relation_scores import CHOICES

    parser.add_argument(
        "--relations",
        choices=CHOICES,
        default="auto",
        help="source of relations: the network (learned), the rules on the 3D poses (rule; needs the camera's height"
        " and pitch), or both; auto: the model's default (default)",
    )


def add_ranks(parser: argparse._ActionsContainer) -> None:
    """Declares `--ranks`."""
    parser.add_argument(
        "--ranks",
        type=int,
        default=1,
        metavar="N",
        help="with --ray: processes that share every training step, each on its own core or GPU (default: 1)",
    )


def check_ranks(args: argparse.Namespace) -> None:
    """Raises Sim2SGError when `--ranks` is given without a cluster, or is no number of processes."""
    check_least(args, "ranks", 1)
    if args.ranks > 1 and args.ray is None:
        raise Sim2SGError(
            f"--ranks {args.ranks}: goes with --ray; on one machine give --ray local, or start with torchrun"
        )


def add_fleet(parser: argparse._ActionsContainer) -> None:
    """Declares `--ray`; `fleet.opened` opens what it names."""
    parser.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="run on this Ray cluster, such as 10.0.0.1:6379; auto: the one of this node; local: starts Ray on this"
        " machine (default: no Ray)",
    )


def add_allow_outside(parser: argparse.ArgumentParser, what: str) -> None:
    """Declares `--allow-outside`."""
    parser.add_argument(
        "--allow-outside",
        action="store_true",
        help=f"allow {what} outside its folder (default: refused, as a third-party file could then read any file)",
    )


def parse_shared(text: str, default: float = 1.0) -> tuple[Path, float]:
    """Splits PATH[:SHARE]; `default` is the share where none is given."""
    log_path(text)
    path, colon, share = text.rpartition(":")
    if colon and not Path(text).exists():
        try:
            return Path(path), float(share)
        except ValueError:
            pass
    return Path(text), default


def add_negatives(parser: argparse._ActionsContainer) -> None:
    """Declares `--negatives`, which becomes pairs of a log and its share of the images; None where it is not given."""
    parser.add_argument(
        "--negatives",
        nargs="+",
        type=_negatives,
        metavar="LOG[:SHARE]",
        help="image folders, bags or videos that show no object of the domain, each with its share of the labelled"
        f" images of every step (default: none; share: {NEGATIVES_SHARE})",
    )


def _negatives(text: str) -> tuple[str, float]:
    log, share = parse_shared(text, NEGATIVES_SHARE)
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"{text}: the share of the images is more than 0 and less than 1")
    return str(log), share


def listed_negatives(negatives: Sequence[tuple[str, float]]) -> list[tuple[Path, float]]:
    """Returns the logs that are meant, see `listed_logs`; those of a list or pattern divide its share."""
    from sim2sg_core.logs import listed_logs

    found = []
    for log, share in negatives:
        paths = listed_logs([log])
        found += [(path, share / len(paths)) for path in paths]
    return found


def check_least(args: argparse.Namespace, name: str, least: float) -> None:
    """Raises Sim2SGError when the number of option `name` is below `least`, or not finite."""
    value = getattr(args, name)
    if not least <= value < math.inf:
        raise Sim2SGError(f"--{name.replace('_', '-')} is {value}: it must be {least} or more")


def check_shares(args: argparse.Namespace, *names: str) -> None:
    """Raises Sim2SGError when the number of one of these options is no probability."""
    for name in names:
        value = getattr(args, name)
        if not 0 <= value <= 1:
            raise Sim2SGError(f"--{name.replace('_', '-')} is {value:g}: scores are from 0 to 1, as in 0.3")


def check_output(path: Path) -> None:
    """Raises Sim2SGError when a file cannot be written there."""
    writable_place(path)
    above = next(parent for parent in path.absolute().parents if parent.exists())
    if not above.is_dir():
        raise Sim2SGError(f"{path}: {above} is a file, not a folder; choose another place")
    if not os.access(path if path.exists() else above, os.W_OK):
        raise Sim2SGError(f"{path}: may not be written; choose another place, or change its permissions")


def check_not_input(out: Path, inputs: Iterable[Path | str | None]) -> None:
    """Raises Sim2SGError when a file that is to be written is one that the same command reads; links are followed."""
    for given in inputs:
        if given is not None and out.is_file() and Path(given).is_file() and out.samefile(given):
            raise Sim2SGError(f"{out}: is read by this command and would be overwritten: give --out another file")


def check_output_folder(path: Path) -> None:
    """Raises Sim2SGError when a path is no folder and cannot become one, since a file is in the way."""
    there = next(parent for parent in (path.absolute(), *path.absolute().parents) if parent.exists())
    if not there.is_dir():
        raise Sim2SGError(f"{there}: is a file, not a folder; give another path, or move it away")
