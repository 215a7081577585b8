"""Every snippet of "Use from Python" runs, one after the other, as a reader would type them."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import cv2
import pytest

from tests.logs.bag_writing import picture

PAGE = Path(__file__).resolve().parents[2] / "docs" / "python.md"
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)


def missing(snippet: str) -> bool:
    """Whether a snippet needs a package that is not here, by the comment that says how to install it."""
    return any(importlib.util.find_spec(name) is None for name in re.findall(r"# pip install (\w+)", snippet))


def test_every_snippet_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("photo.jpg", picture(0, 640, 480))
    writer = cv2.VideoWriter("drive.mp4", cv2.VideoWriter_fourcc(*"mp4v"), 10, (640, 480))
    for i in range(11):
        writer.write(picture(i, 640, 480))
    writer.release()
    names: dict[str, Any] = {}
    ran = 0
    for number, snippet in enumerate(SNIPPETS):
        if not missing(snippet):
            exec(compile(snippet, f"{PAGE.name}, snippet {number + 1}", "exec"), names)
            ran += 1
    assert ran >= len(SNIPPETS) - 3 > 5
    out = capsys.readouterr().out
    assert "photo.jpg 640x480: " in out and "nowhere.jpg: cannot be read" in out
    assert len(re.findall(r"^drive\S* \d+ \d+$", out, flags=re.MULTILINE)) == 3, "0, 0.5 and 1 s of the video"
    assert all((tmp_path / name).is_file() for name in ("drawn.jpg", "graphs.json", "coco.json"))
