"""`sim2sg domain`: looks at domains."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from sim2sg_core.domains import Domain, builtin_domains, load_domain
from sim2sg_core.domains.spec import ClassSpec

HELP = "show a domain's classes and predicates, and check its YAML"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares `show`."""
    verbs = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = verbs.add_parser("show", help="check a domain and print what it consists of")
    show.add_argument("domain", nargs="?", help="name or YAML file; left out, the built-in ones are listed")
    show.add_argument("--json", action="store_true", help="print the whole domain, defaults filled in, as JSON")


def run(args: argparse.Namespace) -> int:
    """Prints a domain, or the names of those that ship with the package."""
    if args.domain is None:
        for name in builtin_domains():
            print(f"{name}: {', '.join(load_domain(name).class_names)}")
        return 0
    domain = load_domain(args.domain)
    print(json.dumps(domain.to_json(), indent=2) if args.json else describe(domain))
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


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """Aligns columns; the first row is the heading."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])
