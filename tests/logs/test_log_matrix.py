"""docs/logs.md says what happens to every kind of log, encoding and fault; here it happens."""

from __future__ import annotations

from tests.logs import log_matrix


def test_the_page_is_up_to_date():
    page = log_matrix.PAGE.read_text(encoding="utf-8")
    assert page == log_matrix.written(page), "run `python -m tests.logs.log_matrix`"
