"""What Tab offers, asked as a shell asks."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("argcomplete", reason="argcomplete is not installed: pip install 'sim2sg[shell]'")


def offered(line: str, tmp_path) -> set[str]:
    answer = tmp_path / "answer"
    asked = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "_ARGCOMPLETE_IFS": "\n",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
    }
    done = subprocess.run(
        [sys.executable, "-m", "sim2sg_core"], env={**os.environ, **asked}, capture_output=True, text=True
    )
    assert done.stderr == ""
    return {word.strip() for word in answer.read_text().split("\n")}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("sim2sg in", {"infer"}),
        ("sim2sg infer --min", {"--min-score", "--min-relation", "--min-change"}),
        ("sim2sg infer --format js", {"json", "jsonl"}),
        ("sim2sg log ", {"info", "extract"}),
    ],
)
def test_verbs_options_and_choices_are_offered(line, words, tmp_path):
    assert words <= offered(line, tmp_path)


def test_files_are_offered(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "street.onnx").write_text("")
    assert "street.onnx" in offered("sim2sg infer --model str", tmp_path)


def test_hidden_options_are_not(tmp_path):
    assert "--frames" not in offered("sim2sg adapt --fr", tmp_path)
