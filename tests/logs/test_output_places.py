"""Output is refused where it would replace files of a log, links followed; elsewhere it is not."""

from __future__ import annotations

import pytest

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.logs import open_logs
from sim2sg_core.logs.output_places import check_apart
from tests.logs.bag_writing import T0, bag
from tests.pictures import noise, photos

__all__ = ["photos"]


def refused(out, source):
    with pytest.raises(Sim2SGError, match=rf"{out}: is .*, which would be overwritten: give --out another") as caught:
        check_apart(out, open_logs(source), "--out")
    assert "\n" not in str(caught.value)


def test_a_folder_whose_images_are_read(photos, tmp_path):
    (tmp_path / "link").symlink_to(photos)
    for source in (photos, photos / "a.jpg", [photos / "a.jpg", photos / "b.jpg"], tmp_path / "link", tmp_path):
        refused(photos, source)
        refused(tmp_path / "link", source)
    (tmp_path / "other").mkdir()
    for out in (tmp_path / "other", tmp_path / "new", photos / "drawn"):
        check_apart(out, open_logs(photos), "--out")


def test_a_folder_to_which_images_are_links(photos, tmp_path):
    (tmp_path / "chosen").mkdir()
    (tmp_path / "chosen" / "1.jpg").symlink_to(photos / "a.jpg")
    refused(photos, tmp_path / "chosen")


def test_a_file_that_is_read(photos, tmp_path):
    (tmp_path / "link.jpg").symlink_to(photos / "a.jpg")
    refused(photos / "a.jpg", photos)
    refused(tmp_path / "link.jpg", photos)
    check_apart(photos / "graphs.json", open_logs(photos), "--out")


def test_bags(tmp_path):
    with bag(tmp_path / "bag", "mcap") as b:
        b.compressed("/c", noise(48, 64), T0)
    [file] = (tmp_path / "bag").glob("*.mcap")
    refused(tmp_path / "bag", tmp_path / "bag")
    refused(file, tmp_path / "bag")
    check_apart(tmp_path, open_logs(file), "--out")
