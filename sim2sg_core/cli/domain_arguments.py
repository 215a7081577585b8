"""The options that name a domain to draw, and the libraries of meshes that it may take from."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from pathlib import Path

from sim2sg_core.cli.options import add_allow_outside
from sim2sg_core.domains import Domain, load_domain
from sim2sg_core.domains.mesh_library import FOLDERS, LIBRARIES, used_models
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.progress import Progress


def add_library_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares `--assets` and `--library-path`."""
    parser.add_argument(
        "--assets",
        choices=LIBRARIES,
        metavar="LIBRARY",
        help=f"meshes of a library beside a built-in domain's own: {', '.join(LIBRARIES)} (default: none)",
    )
    add_library_path(parser)
    add_allow_outside(parser, "meshes and pictures that the domain's file names")


def add_library_path(parser: argparse.ArgumentParser) -> None:
    """Declares `--library-path`."""
    parser.add_argument(
        "--library-path",
        type=Path,
        metavar="DIR",
        help=f"folder of a library's archives (default: {FOLDERS}, then where its package puts them)",
    )


def use_library_path(path: Path | None) -> None:
    """Makes a folder the first to look for libraries in, for this process and those that it starts."""
    if path is None:
        return
    if not path.is_dir():
        raise Sim2SGError(f"--library-path {path}: no such folder; give that of the library's archives")
    before = os.environ.get(FOLDERS)
    os.environ[FOLDERS] = os.pathsep.join([str(path.resolve()), *([before] if before else [])])


def domain_to_draw(args: argparse.Namespace, known: Domain | None = None) -> Domain:
    """Loads a domain with the meshes that are asked for, and says how many are of which library.

    Args:
        args: Holds `domain` and what `add_library_arguments` declares.
        known: The domain where `args` names none.

    Raises:
        Sim2SGError: A mistake in the domain, or a library or mesh that is not here or cannot be read.
    """
    from sim2sg_core.synthesis.library_mix import with_library
    from sim2sg_core.synthesis.validate_assets import validate_assets

    use_library_path(args.library_path)
    if args.domain is not None:
        domain = load_domain(args.domain, validate_assets, allow_outside=args.allow_outside)
    elif known is not None:
        domain = known
        for place, mistake in validate_assets(domain):
            raise Sim2SGError(f"domain: {'.'.join(map(str, place))}: {mistake}")
    else:
        raise Sim2SGError("no domain: give --domain NAME, or the settings of another run with --config RUN/config.yaml")
    own = Counter(library for library, _ in used_models(domain.to_json()))
    for library, count in own.items():
        print(f"{count} mesh{'es' * (count != 1)} of {library}, as the domain's file says", file=sys.stderr)
    if args.assets is not None:
        mix = with_library(domain, args.assets)
        print(mix, file=sys.stderr)
        domain = mix.domain
        _build(domain)
    return domain


def _build(domain: Domain) -> None:
    """Builds the meshes that are not kept from an earlier time, before work starts that they might stop."""
    from sim2sg_core.synthesis.assets.registry import coarse_asset, load_asset, named_assets

    names = [name for spec in domain.classes for name in named_assets(spec)]
    with Progress(len(names), "reading meshes", unit="meshes") as progress:
        for name in names:
            load_asset(name)
            coarse_asset(name)
            progress.update()
