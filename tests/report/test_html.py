"""The report: one well-formed file that holds everything, and nothing it was not given."""

import base64
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from sim2sg_core.report import charts
from sim2sg_core.report.html import (
    OverlayPair,
    ReportData,
    RoundReport,
    load_metrics,
    render_report,
    write_report,
)
from sim2sg_core.report.statistics import content_statistics
from sim2sg_core.scene import Pose3D, SceneGraph, SceneObject

VOID = {"meta", "img", "br"}


class Balance(HTMLParser):
    """Counts tags and complains of one that is closed out of turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.texts: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.sources += [str(v) for k, v in attrs if k in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def parse(page: str) -> Balance:
    parser = Balance()
    parser.feed(page)
    assert parser.open == []
    return parser


def content(score: float, depth: float):
    item = SceneObject("cube", score, np.array([0, 0, 10, 20.0]), Pose3D(np.array([0, 0, depth]), 0.0, np.ones(3)))
    return content_statistics([SceneGraph(64, 48, (item,))] * 4)


@pytest.fixture
def data() -> ReportData:
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, :, 0] = 200  # red
    metrics = [{"step": s, "stage": "source", "loss": 3.0 / (s + 1)} for s in range(40)]
    metrics += [{"step": s, "stage": "round 1", "loss": 1.0, "flag": True} for s in range(40)]
    return ReportData(
        title="Adaptation of <clevr>",
        facts={"log": "a & b.mcap"},
        real_frames=[image, image],
        rounds=[
            RoundReport("source", [image], content(1.0, 5.0), content(0.5, 10.0)),
            RoundReport("round 1", [image], content(1.0, 10.0), content(0.5, 10.0), "no more gain"),
        ],
        overlays=[OverlayPair("frame_1.jpg", image, image), OverlayPair("frame_2.jpg", None, image)],
        metrics=metrics,
        timings={"source": 90.0, "round 1": 60.0},
        config={"domain": "clevr", "rounds": 1},
        warnings=["no calibration <found>"],
    )


def test_page_is_balanced_self_contained_and_escaped(data: ReportData) -> None:
    page = render_report(data)
    parser = parse(page)
    assert "Adaptation of &lt;clevr&gt;" in page
    assert "a &amp; b.mcap" in page
    assert "no calibration &lt;found&gt;" in page
    assert all(s.startswith(("data:image/jpeg;base64,", "#")) for s in parser.sources)
    assert parser.seen.count("img") == 2 + 2 + 3
    assert "$" not in page  # every place of the template is filled
    ids = set(re.findall(r'id="([^"]+)"', page))
    assert {s[1:] for s in parser.sources if s.startswith("#")} == ids


def test_images_come_back_as_they_were(data: ReportData) -> None:
    coded = re.search(r"base64,([^\"]+)", render_report(data))
    assert coded is not None
    image = cv2.imdecode(np.frombuffer(base64.b64decode(coded[1]), np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (48, 64, 3)
    assert np.abs(image.reshape(-1, 3).mean(axis=0) - [0, 0, 200]).max() < 6  # OpenCV's order: B, G, R


def test_content_table_measures_the_difference_to_real(data: ReportData) -> None:
    page = render_report(data)
    rows = re.findall(r"<tbody>(.*?)</tbody>", page, re.S)[0]
    cells = [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", rows)]
    # stage, images, objects, depth, then differences in classes, objects, depth, height
    assert cells[0] == ["source", "4", "1.0 / 0.5", "5.0 / 10.0", "0.00", "0.00", "1.00", "0.00"]
    assert cells[1] == ["round 1", "4", "1.0 / 0.5", "10.0 / 10.0", "0.00", "0.00", "0.00", "0.00"]


def test_every_chart_is_well_formed(data: ReportData) -> None:
    drawings = re.findall(r"<svg.*?</svg>", render_report(data), re.S)
    assert len(drawings) == 2 * 4 + 1 + 1  # content of two rounds, the loss, the times
    for drawing in drawings:
        ET.fromstring(drawing)
        assert "nan" not in drawing


def test_empty_report_shows_only_its_title() -> None:
    page = render_report(ReportData("Nothing yet"))
    parser = parse(page)
    assert "section" not in parser.seen
    assert "Nothing yet" in "".join(parser.texts)


def test_stage_without_poses_or_inference_leaves_gaps(data: ReportData) -> None:
    flat = content_statistics([SceneGraph(64, 48, (SceneObject("cube", 1.0, np.array([0, 0, 9, 9.0])),))])
    page = render_report(ReportData("x", rounds=[RoundReport("source", synthetic=flat)]))
    parse(page)
    assert "1.0 / –" in page
    assert "– / –" in page
    assert "<h4>depth" not in page


def test_written_whole_or_not_at_all(tmp_path, data: ReportData, monkeypatch) -> None:
    path = tmp_path / "run" / "report.html"
    write_report(path, data)
    first = path.read_text(encoding="utf-8")
    assert first.rstrip().endswith("</html>")

    def fail(*_: object) -> None:
        raise OSError("the disk went away")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="went away"):
        write_report(path, ReportData("another"))
    assert path.read_text(encoding="utf-8") == first
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


def test_metrics_survive_a_cut_line(tmp_path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "lo')
    assert load_metrics(path) == [{"step": 1, "loss": 2.0}]
    assert load_metrics(tmp_path / "none.jsonl") == []


def test_running_mean_is_centred_and_keeps_lines() -> None:
    line = np.arange(20.0)
    np.testing.assert_allclose(charts.running_mean(line, 4), line)
    np.testing.assert_allclose(charts.running_mean(np.array([0.0, 3.0, 0.0]), 1), [0, 1, 0])


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        (0, 1, [0, 0.25, 0.5, 0.75, 1]),
        (0, 10, [0, 2.5, 5, 7.5, 10]),
        (-0.5, 8.5, [0, 2.5, 5, 7.5]),
        (3, 3, [3]),
    ],
)
def test_ticks_are_round(low: float, high: float, wanted: list[float]) -> None:
    np.testing.assert_allclose(charts.ticks(low, high), wanted)


def test_curve_without_finite_values_is_nothing() -> None:
    assert charts.curve(np.arange(3.0), np.full(3, np.nan)) == ""
