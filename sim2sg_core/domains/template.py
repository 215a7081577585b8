"""The commented starting point of a new domain."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

from sim2sg_core.domains.fields import nearest
from sim2sg_core.domains.loading import builtin_domains
from sim2sg_core.domains.schema import schema_text
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.files import atomic_path
from sim2sg_core.packs.pack import installed_packs


def template_parts() -> dict[str, Path]:
    """Returns, by layout type, the parts of a new domain that packs bring; the first is the usual one."""
    return {
        name: path
        for pack in installed_packs().values()
        for name in pack.layouts
        if (path := pack.file(f"template_{name}.yaml.txt"))
    }


def domain_template(name: str, layout: str, file: str, schema: str) -> str:
    """Returns the text of a new domain, comments and all.

    Args:
        name: Of the domain.
        layout: One of `template_parts`.
        file: The file's name, for the comments.
        schema: Path of its JSON Schema, relative to it.
    """
    parts = template_parts()
    if layout not in parts:
        raise Sim2SGError(f"no template with the layout {layout!r}; {nearest(layout, parts)}")
    folder = resources.files("sim2sg_core.domains")
    text = (folder / "template.yaml.txt").read_text(encoding="utf-8")
    part = parts[layout].read_text(encoding="utf-8").rstrip("\n")
    for mark, value in (("schema", schema), ("file", file), ("name", name), ("layout", part)):
        text = text.replace(f"@{mark}@", value)
    return text


def write_template(name: str, layout: str, out: Path | None = None) -> tuple[Path, Path]:
    """Writes a new domain and, beside it, the schema that editors check it with.

    Args:
        name: Of the domain: lower-case letters, digits and _.
        layout: One of `template_parts`.
        out: The file; None takes `NAME.yaml` in the current folder.

    Returns:
        The domain's file and the schema's.

    Raises:
        Sim2SGError: Not a name, one that is taken, or a file is there already.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        fixed = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        example = fixed if re.fullmatch(r"[a-z][a-z0-9_]*", fixed) else "warehouse"
        raise Sim2SGError(f"{name!r} is not a name; use lower-case letters, digits and _, e.g. {example}")
    if name in builtin_domains():
        raise Sim2SGError(f"{name!r} is a built-in domain; take another name, e.g. my_{name}")
    path = out or Path(f"{name}.yaml")
    if path.is_dir():
        path = path / f"{name}.yaml"
    schema = path.with_name(f"{path.stem}.schema.json")
    for file in (path, schema):
        if file.exists():
            raise Sim2SGError(f"{file}: is there already and is left as it is; move it away, or give another --out")
    for file, text in ((schema, schema_text()), (path, domain_template(name, layout, path.name, schema.name))):
        with atomic_path(file) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return path, schema
