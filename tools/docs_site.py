"""Hooks of mkdocs.yml. The documents are written for GitHub; these make a site of them that needs nothing else.

README and CONTRIBUTING become pages. Links that lead out of docs/ (messages, examples) get a page with that file's
text. Lists nest by two spaces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from markdown import Markdown
from markdown.extensions import Extension
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changes.md", "LICENSE": ""}
"""Files above docs/, and what they are called on the site: "" as other files."""
LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^)#\s]+)")
LANGUAGES = {".py": "python", ".cpp": "cpp", ".yaml": "yaml", ".json": "json", ".Dockerfile": "docker"}
TEXTS = {*LANGUAGES, ".msg", ".srv", ".rviz", ".txt", ".xml", ".obj", ".mtl", ""}


class TwoSpaces(Extension):
    """What is two spaces in belongs to the list's item above, as on GitHub."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: D102
        md.tab_length = 2
        md.build_parser()  # what is there keeps the length that it was made with


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Adds the extension to those of mkdocs.yml."""
    config.markdown_extensions.insert(0, TwoSpaces())  # others ask for it when they are set up
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that do not lie in docs/."""
    origins = {name: ROOT / name for name in PAGES if PAGES[name]}
    for name, path in origins.items():
        files.append(File.generated(config, PAGES[name], content=path.read_text()))
    documents = [*origins.values(), *(ROOT / "docs").glob("*.md")]
    wanted = {target for path in documents for target in linked(path) if place(target).startswith("source/")}
    for path in sorted({inner for target in wanted for inner in (target, *texts_in(target))}):
        files.append(File.generated(config, place(path), content=source_page(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turns links between places in the repository into links between pages."""
    uri = page.file.src_uri
    if uri.startswith("source/"):
        return markdown
    folder = ROOT if uri in PAGES.values() else ROOT / "docs"
    return LINK.sub(lambda match: place((folder / match[1]).resolve()), markdown)


def linked(document: Path) -> Iterator[Path]:
    """Yields what a document's links lead to."""
    for name in LINK.findall(document.read_text()):
        yield (document.parent / name).resolve()


def place(path: Path) -> str:
    """Returns where a file or folder of the repository is on the site, relative to its top, where all documents lie."""
    name = path.relative_to(ROOT).as_posix()
    if path.is_relative_to(ROOT / "docs"):
        return path.relative_to(ROOT / "docs").as_posix()
    return PAGES.get(name) or f"source/{name}.md"


def texts_in(path: Path) -> list[Path]:
    """Returns the files of a folder that can be shown."""
    return [file for file in path.glob("*") if file.is_file() and file.suffix in TEXTS] if path.is_dir() else []


def source_page(path: Path) -> str:
    """Returns the page that shows a file, or what is in a folder. It is not searched."""
    head = f"---\nsearch:\n  exclude: true\n---\n\n# {path.relative_to(ROOT)}\n\n"
    if path.is_dir():
        return head + "".join(f"- [{p.name}]({path.name}/{p.name}.md)\n" for p in sorted(texts_in(path)))
    return f"{head}````{LANGUAGES.get(path.suffix, 'text')}\n{path.read_text()}\n````\n"
