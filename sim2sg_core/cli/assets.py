"""`sim2sg assets`: what the mesh libraries of this machine hold, as a list or drawn."""

from __future__ import annotations

import argparse
from pathlib import Path

from sim2sg_core.cli.domain_arguments import add_library_path, use_library_path
from sim2sg_core.cli.options import add_action
from sim2sg_core.cli.text_table import table
from sim2sg_core.domains.mesh_library import LIBRARIES, library_model, library_models
from sim2sg_core.domains.sh3f_archives import LibraryModel
from sim2sg_core.errors import Sim2SGError

HELP = "list and draw the library meshes that domains can use"
EXAMPLE = "sim2sg assets list --search chair"
DEFAULT = next(iter(LIBRARIES))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares `list` and `show`."""
    verbs = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = add_action(verbs, "list", "print the models of a library, all or those that match", EXAMPLE)
    listing.add_argument("--category", metavar="WORD", help="only categories whose name contains this")
    listing.add_argument("--search", metavar="WORD", help="only models whose id, name or tags contain this")
    show = add_action(
        verbs,
        "show",
        "draw models on a sheet, each seen from the front",
        "sim2sg assets show Scopia#chair --out sheet.png",
    )
    show.add_argument("id", nargs="+", metavar="ID", help='as printed by `list`, e.g. "Scopia#chair"')
    show.add_argument("--out", type=Path, default=Path("sheet.png"), metavar="FILE", help="PNG (default: sheet.png)")
    for verb in (listing, show):
        verb.add_argument("--library", choices=LIBRARIES, default=DEFAULT, help=f"default: {DEFAULT}")
        add_library_path(verb)


def run(args: argparse.Namespace) -> int:
    """Does what was asked for. Only `show` needs the renderer."""
    use_library_path(args.library_path)
    return run_show(args) if args.action == "show" else run_list(args)


def run_list(args: argparse.Namespace) -> int:
    """Prints the models that are looked for."""
    models = library_models(args.library).values()
    found = [m for m in models if _fits(m, args.category, args.search)]
    if not found:
        categories = ", ".join(sorted({m.category for m in models if m.category}))
        raise Sim2SGError(f"{args.library} has nothing like that; its categories: {categories}")
    rows = [("id", "name", "category", "length width height m", "by")]
    rows += [(m.id, m.name, m.category, " ".join(f"{v:.3g}" for v in m.size), m.creator) for m in found]
    print(table(rows))
    print(f"{len(found)} of {len(models)} models")
    return 0


def _fits(model: LibraryModel, category: str | None, word: str | None) -> bool:
    text = f"{model.id} {model.name} {model.tags}".lower()
    return (category or "").lower() in model.category.lower() and (word or "").lower() in text


def run_show(args: argparse.Namespace) -> int:
    """Draws models on a sheet."""
    from sim2sg_core.cli.domain_check import write_png
    from sim2sg_core.domains import MeshSpec
    from sim2sg_core.progress import Progress
    from sim2sg_core.report.asset_sheet import asset_sheet
    from sim2sg_core.synthesis.assets.library_assets import library_asset, library_asset_name

    ids = list(dict.fromkeys(args.id))
    for model_id in ids:
        library_model(args.library, model_id)  # An unknown one is told before any is drawn.
    names = [library_asset_name(MeshSpec(library=args.library, id=model_id)) for model_id in ids]
    with Progress(len(ids), "drawing", unit="models") as progress:
        assets = ((model_id, library_asset(name)) for model_id, name in zip(ids, names, strict=True))
        write_png(args.out, asset_sheet(assets, done=progress.update))
    print(args.out)
    return 0
