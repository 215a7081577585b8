"""The documents as a site: built without a warning, whole, and nothing of it comes from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

pytest.importorskip("mkdocs", reason="mkdocs-material is not installed: pip install -e '.[dev]'")
ROOT = Path(__file__).resolve().parents[2]
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}


class References(HTMLParser):
    """Collects what a page loads, and what it links to."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in LOADED and values.get(LOADED[tag]):
            self.loaded.append(str(values[LOADED[tag]]))
        if tag == "a" and values.get("href"):
            self.links.append(str(values["href"]))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(out)]
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    return out


def pages(site: Path) -> Iterator[tuple[Path, References]]:
    for path in sorted(site.rglob("*.html")):
        found = References()
        found.feed(path.read_text())
        yield path, found


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for path, found in pages(site):
        for name in found.loaded:
            assert not re.match(r"(https?:)?//", name), f"{path.relative_to(site)} loads {name}"
    for path in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//|@import", path.read_text()), path


def test_all_links_and_pictures_lead_somewhere(site: Path) -> None:
    for path, found in pages(site):
        if path.name == "404.html":  # its paths are those of the server's top
            continue
        for name in [*found.loaded, *found.links]:
            file = unquote(name.partition("#")[0].partition("?")[0])
            if file and not re.match(r"[a-z]+:", file):
                assert (path.parent / file).resolve().is_file(), f"{path.relative_to(site)}: {name}"


def test_every_document_is_in_the_navigation(site: Path) -> None:
    start = next(found for path, found in pages(site) if path == site / "index.html")
    linked = {name.partition("#")[0] for name in start.links}
    for document in (ROOT / "docs").glob("*.md"):
        assert f"{document.stem}.html" in linked


def test_what_lies_outside_docs_is_shown(site: Path) -> None:
    text = (site / "source" / "msg" / "SceneGraph.msg.html").read_text()
    assert "SceneRelation" in text
    # A block within a list's item stays there, as on GitHub.
    ros = (site / "ros.html").read_text()
    assert re.search(r"on the command line:</p>\s*<div", ros)
