"""The report: one well-formed file that holds everything, and nothing it was not given."""

import base64
import dataclasses
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from sim2sg_core.report.html import OverlayPair, ReportData, RoundReport, render_report, write_report
from sim2sg_core.report.statistics import content_statistics
from sim2sg_core.scene import Relation, SceneGraph, SceneObject

VOID = {"meta", "img", "br", "input"}
JPEG, SVG = "data:image/jpeg;base64,", "data:image/svg+xml;base64,"


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


HOSTILE = "<script>alert('&')</script> $x^$ {{ 7 * 7 }} \"'"


def charts_of(parser: Balance) -> list[ElementTree.Element]:
    """The charts of a page, in order."""
    coded = [s.removeprefix(SVG) for s in parser.sources if s.startswith(SVG)]
    return [ElementTree.fromstring(base64.b64decode(text)) for text in coded]


def test_page_is_balanced_and_self_contained(data: ReportData) -> None:
    page = render_report(data)
    parser = parse(page)
    assert all(s.startswith((JPEG, SVG, "#")) for s in parser.sources)
    assert not re.search(r"(https?:)?//\w|@import|url\(", re.sub(r'"data:[^"]*"', "", page))
    assert sum(s.startswith(JPEG) for s in parser.sources) == 2 + 2 + 3
    anchors = [s[1:] for s in parser.sources if s.startswith("#")]
    assert len(anchors) == 6
    assert sorted(anchors) == sorted(re.findall(r'<section id="([^"]+)"', page))


def test_charts_load_nothing_from_elsewhere(data: ReportData) -> None:
    charts = charts_of(parse(render_report(data)))
    assert len(charts) == 2 * 5 + 1 + 1  # content of two rounds, the loss, the times
    for chart in charts:
        links = [v for e in chart.iter() for k, v in e.attrib.items() if k.endswith(("href", "src"))]
        assert all(link.startswith("#") for link in links)
        assert not any("nan" in e.get("d", "") for e in chart.iter())


def test_all_text_is_escaped() -> None:
    cube = SceneObject(HOSTILE, 1.0, np.array([0, 0, 10, 20.0]))
    other = SceneObject(HOSTILE, 1.0, np.array([40, 0, 60, 20.0]))
    counted = content_statistics([SceneGraph(64, 48, (cube,))])
    graph = SceneGraph(64, 48, (cube, other), (Relation(0, HOSTILE, 1),))
    image = np.zeros((4, 4, 3), np.uint8)
    page = render_report(
        ReportData(
            title=HOSTILE,
            facts={HOSTILE: HOSTILE},
            real_frames=[image],
            rounds=[RoundReport(HOSTILE, [image], counted, counted, HOSTILE)],
            overlays=[OverlayPair(HOSTILE, image, graph, graph)],
            metrics=[{"step": s, "stage": HOSTILE, HOSTILE: 1.0} for s in range(3)],
            timings={HOSTILE: 1.0},
            config={HOSTILE: HOSTILE},
            warnings=[HOSTILE],
        )
    )
    parser = parse(page)
    assert "script" not in parser.seen
    assert "".join(parser.texts).count(HOSTILE) >= 10  # every place of the page shows it as it is


def test_relations_have_a_switch_by_predicate(data: ReportData) -> None:
    """What holds from everywhere comes first and is shown; what nobody says has no switch."""
    page = render_report(data)
    switches = re.findall(r'id="show-(\d)"( checked)?><i [^>]*></i>(.*?)</label>', page)
    assert switches == [("0", " checked", "a on b"), ("1", "", "a left of b")]
    assert page.count('<g class="p0">') == page.count('<g class="p1">') == 3  # two pictures before and after, one after
    assert page.count("<title>cube 5 left of cube 35 0.90</title>") == 3
    assert page.count("<p>adapted: 2 objects, 2 relations</p>") == 2


def test_directions_are_shown_where_there_is_nothing_else(data: ReportData) -> None:
    pairs = [
        dataclasses.replace(p, before=None, after=dataclasses.replace(p.after, relations=p.after.relations[:1]))
        for p in data.overlays
        if p.after is not None
    ]
    page = render_report(dataclasses.replace(data, overlays=pairs))
    assert re.findall(r'id="show-(\d)"( checked)?>', page) == [("0", " checked")]


def test_the_verdict_stands_first(data: ReportData) -> None:
    page = render_report(dataclasses.replace(data, verdict=("It finds 2 & more.", "Look <there>.")))
    assert '<p class="verdict">It finds 2 &amp; more. Look &lt;there&gt;.</p>' in page
    assert page.index('verdict">') < page.index("<dl>") and 'class="verdict"' not in render_report(data)


def test_a_few_curves_are_shown_and_the_others_folded() -> None:
    keys = ("size", "heat", "depth", "relations", "angle", "loss", "box")
    page = render_report(ReportData("t", metrics=[{"step": s, **dict.fromkeys(keys, 1.0 / (s + 1))} for s in range(5)]))
    shown, folded = page.split("<details>")
    assert re.findall('<p class="name">(.*?)</p>', shown) == ["loss", "heat", "box", "relations"]
    assert re.findall('<p class="name">(.*?)</p>', folded) == ["size", "depth", "angle"] and "<summary>3 more" in folded
    parse(page)


def test_images_come_back_as_they_were(data: ReportData) -> None:
    coded = re.findall(rf"{JPEG}([^\"]+)", render_report(data))[-1]
    image = cv2.imdecode(np.frombuffer(base64.b64decode(coded), np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (48, 64, 3)
    assert np.abs(image.reshape(-1, 3).mean(axis=0) - [0, 0, 200]).max() < 6  # OpenCV's order: B, G, R


def test_empty_report_shows_only_its_title() -> None:
    page = render_report(ReportData("Nothing yet"))
    parser = parse(page)
    assert not {"section", "img", "dl", "a"} & set(parser.seen)
    assert parser.texts.count("Nothing yet") == 2  # the title and the heading


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


def test_names_of_others_stay_text() -> None:
    """Names of files, topics and models are shown as they are: no markup, no control characters, no folders."""
    name = "<script>alert(1)</script>\x1b[31m\udcff.jpg"
    rounds = [RoundReport(name, note=name)]
    image, graph = np.zeros((8, 8, 3), np.uint8), SceneGraph(8, 8)
    data = ReportData(
        name,
        facts={"log": "/home/somebody/logs/drive.mcap", name: name},
        rounds=rounds,
        overlays=[OverlayPair(name, image, graph, graph)],
        config={"log": ["/home/somebody/logs/drive.mcap"], name: name},
        warnings=[name],
    )
    page = render_report(data)
    page.encode()
    assert "<script>alert" not in page and "\x1b" not in page and "/home/somebody" not in page
    assert r"&lt;script&gt;alert(1)&lt;/script&gt;\x1b[31m\xff.jpg" in page and "drive.mcap" in page
