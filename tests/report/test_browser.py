"""The report in a real browser: whole at the width of a desktop and of a phone, by itself, and by keyboard."""

import dataclasses
import itertools
import shutil

import pytest

from sim2sg_core.report.html import write_report

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[dev]'")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: apt-get install chromium")
PATIENCE = 180_000.0  # milliseconds, on a busy machine
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=PATIENCE)
        yield browser
        browser.close()


@pytest.fixture(scope="module", params=SIZES)
def page(request, browser, data, tmp_path_factory):
    """The report, open, and what went wrong and was asked for on the way."""
    width, height = SIZES[request.param]
    many = [{"step": s, "loss": 1.0 / (s + 1), **{f"part_{i}": 1.0 for i in range(9)}} for s in range(9)]
    names = {"log": "/".join(["a_very_long_name_of_a_folder"] * 6) + ".mcap"}
    data = dataclasses.replace(data, metrics=many, facts=names, verdict=["It finds 3.0 objects.", "Train longer."])
    file = tmp_path_factory.mktemp("report") / "report.html"
    write_report(file, data)
    with browser.new_context(viewport={"width": width, "height": height}) as context:
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.wrong, page.asked = [], []
        page.on("console", lambda message: page.wrong.append(message.text))
        page.on("pageerror", lambda error: page.wrong.append(str(error)))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(file.as_uri())
        yield page


def test_nothing_is_wrong_and_nothing_is_fetched(page):
    assert page.wrong == []
    remote = [url for url in page.asked if not url.startswith(("file:", "data:"))]
    assert remote == [] and any(url.startswith("file:") for url in page.asked)


def test_every_picture_loads(page):
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    page.evaluate("Promise.all([...document.images].map(i => i.decode()))")
    shown = page.evaluate("[...document.images].map(i => [i.naturalWidth, i.clientWidth, i.alt])")
    assert len(shown) > 20
    for natural, visible, words in shown:
        assert natural > 0 and visible > 0 and words


def test_nothing_is_wider_than_the_window(page):
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), wide(page)


def wide(page) -> str:
    """Names what sticks out."""
    script = """[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)
        .map(e => e.tagName + '.' + e.className).slice(0, 5).join(' ')"""
    return page.evaluate(script)


def test_the_keyboard_reaches_all(page):
    """Tab goes through every link and fold and comes to the end; Enter opens the folds and follows the links."""
    focus = "(document.activeElement.textContent || document.activeElement.id).trim()"
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = false)")
    wanted = page.evaluate("[...document.querySelectorAll('a, summary, input')].map(e => e.textContent.trim() || e.id)")
    reached = []
    for _ in range(len(wanted) + 5):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(focus))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none" or reached[-1] not in wanted, f"{reached[-1]}: nothing shows where one is"
        if page.evaluate("document.activeElement.tagName") == "SUMMARY":
            page.keyboard.press("Enter")
            assert page.evaluate("document.activeElement.parentElement.open"), reached[-1]
    assert set(wanted) <= set(reached)
    assert len(wanted) >= 10
    page.locator("nav a").last.press("Enter")
    assert page.url.endswith("#configuration")


def test_a_switch_shows_and_hides_the_arrows_of_its_predicate(page):
    """By keyboard; the arrows lie on the picture that they belong to."""
    switch, arrows = page.get_by_label("a left of b"), page.locator("g.p1")
    assert arrows.count() == 3 and not switch.is_checked() and not arrows.first.is_visible()
    assert page.locator("g.p0").first.is_visible()
    switch.focus()
    page.keyboard.press("Space")
    assert switch.is_checked() and arrows.first.is_visible()
    picture, drawn = page.locator(".drawn img").first.bounding_box(), page.locator(".drawn svg").first.bounding_box()
    assert picture == pytest.approx(drawn, abs=1)
    dot = page.locator("g.p1 circle").first.bounding_box()  # at (15, 25) of 64 x 48
    middle = [(dot[a] + dot[b] / 2 - picture[a]) / picture[b] for a, b in (("x", "width"), ("y", "height"))]
    assert middle == pytest.approx([15 / 64, 25 / 48], abs=0.02)
    page.keyboard.press("Space")
    assert not arrows.first.is_visible()


def test_the_verdict_is_seen_first(page):
    page.evaluate("scrollTo(0, 0)")
    box = page.locator(".verdict").bounding_box()
    assert box["y"] + box["height"] < page.viewport_size["height"] / 2


def test_its_language_title_and_headings_are_there_for_screen_readers(page):
    assert page.evaluate("document.documentElement.lang") == "en" and page.title()
    levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3, h4, h5')].map(e => +e.tagName[1])")
    assert levels[0] == 1 and all(b <= a + 1 for a, b in itertools.pairwise(levels))
