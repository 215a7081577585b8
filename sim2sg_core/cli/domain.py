"""`sim2sg domain`: shows domains, starts new ones, tries them out."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from sim2sg_core.cli.domain_arguments import add_library_arguments
from sim2sg_core.cli.options import add_action, add_allow_outside
from sim2sg_core.cli.text_table import table
from sim2sg_core.domains import ClassSpec, Domain, builtin_domains, load_domain
from sim2sg_core.domains.template import template_parts
from sim2sg_core.files import atomic_path

HELP = "show a domain's classes and predicates, start a domain of your own, try it out"
EXAMPLE = "sim2sg domain check bench.yaml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares `show`, `new`, `check` and `schema`."""
    verbs = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = add_action(verbs, "show", "check a domain and print its contents", "sim2sg domain show dining")
    show.add_argument("domain", nargs="?", help="name or YAML file; left out, the built-in ones are listed")
    show.add_argument("--json", action="store_true", help="print the whole domain, defaults filled in, as JSON")
    add_allow_outside(show, "meshes and pictures that the domain's file names")

    layouts = list(template_parts())
    new = add_action(
        verbs,
        "new",
        "write a commented template, and the schema with which editors check it",
        "sim2sg domain new bench",
    )
    new.add_argument("name", help="of the domain: lower-case letters, digits and _")
    new.add_argument("--out", type=Path, metavar="FILE", help="default: NAME.yaml")
    new.add_argument("--layout", choices=layouts, default=layouts[0], help=f"default: {layouts[0]}")

    check = add_action(
        verbs, "check", "draw scenes of a domain with their labels, and warn of likely problems", EXAMPLE
    )
    check.add_argument("domain", metavar="FILE", help="YAML file, or name of a built-in domain")
    check.add_argument("--out", type=Path, metavar="DIR", help="for contact_sheet.png (default: NAME_check)")
    check.add_argument("--count", type=int, default=24, metavar="N", help="scenes (default 24)")
    check.add_argument("--seed", type=int, default=0, metavar="S", help="scene k is made from S + k (default 0)")
    add_library_arguments(check)
    check.add_argument("--strict", action="store_true", help="exit with 1 when there are warnings")

    schema = add_action(
        verbs,
        "schema",
        "print the JSON Schema of domain files (draft 2020-12)",
        "sim2sg domain schema --out domain.schema.json",
    )
    schema.add_argument("--out", type=Path, metavar="FILE", help="write it there instead")
    schema.add_argument("--markdown", action="store_true", help="print Markdown tables of all keys instead")


def run(args: argparse.Namespace) -> int:
    """Does what was asked for. Only `check` needs the renderer."""
    if args.action == "check":
        from sim2sg_core.cli.domain_check import check

        return check(args)
    return {"show": run_show, "new": run_new, "schema": run_schema}[args.action](args)


def run_show(args: argparse.Namespace) -> int:
    """Prints a domain, or the names of those that ship with the package."""
    if args.domain is None:
        for name in builtin_domains():
            print(f"{name}: {', '.join(load_domain(name).class_names)}")
        return 0
    if args.domain in builtin_domains():
        domain = load_domain(args.domain)
    else:  # A user's file may name assets and images that are not there.
        from sim2sg_core.synthesis.validate_assets import validate_assets

        domain = load_domain(args.domain, validate_assets, allow_outside=args.allow_outside)
    print(json.dumps(domain.to_json(), indent=2) if args.json else describe(domain))
    return 0


def run_new(args: argparse.Namespace) -> int:
    """Writes a starting point."""
    from sim2sg_core.domains.template import write_template

    path, schema = write_template(args.name, args.layout, args.out)
    print(f"{path}: edit it, then `sim2sg domain check {path}`")
    print(f"{schema}: for editors that know YAML schemas; keep it beside the domain")
    return 0


def run_schema(args: argparse.Namespace) -> int:
    """Prints or writes the schema."""
    from sim2sg_core.domains.schema import key_table, schema_text

    text = key_table() if args.markdown else schema_text()
    if args.out is None:
        print(text, end="")
        return 0
    with atomic_path(args.out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(args.out)
    return 0


def describe(domain: Domain) -> str:
    """Returns the domain as text: a head, then tables of classes and predicates."""
    camera, size = domain.camera, domain.input
    head = [
        f"{domain.name} ({domain.hash()}): {domain.layout.type} layout, {domain.box} boxes",
        f"network input {size.width}x{size.height}, up to {domain.max_objects} objects",
        f"camera {camera.width}x{camera.height}, {span(camera.hfov_deg)} degrees wide,"
        f" {span(camera.height_m)} m up, pitch {span(camera.pitch_deg)} degrees",
    ]
    classes = [("class", "length m", "width m", "height m", "stands on", "relations")]
    for spec in domain.classes:
        related = "yes" if spec.name in domain.related_names else "no"
        classes.append((spec.name, *extents(spec), ", ".join(spec.supports), related))
    predicates = [("predicate", "rule", "margin m", "inverse")]
    for predicate in domain.predicates:
        inverse = "itself" if predicate.symmetric else predicate.inverse or "-"
        predicates.append((predicate.name, predicate.rule, f"{predicate.margin:g}", inverse))
    return "\n".join([*head, "", table(classes), "", table(predicates)])


def extents(spec: ClassSpec) -> tuple[str, str, str]:
    """Returns length, width and height of a class as text."""
    if spec.size is not None:
        return span(spec.size.length), span(spec.size.width), span(spec.size.height)
    length, width, height = (" | ".join(f"{v:g}" for v in column) for column in zip(*spec.sizes))
    return length, width, height


def span(values: tuple[float, float]) -> str:
    """Formats a range: 1.2 to 3, or 2 when it has no width."""
    low, high = values
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
