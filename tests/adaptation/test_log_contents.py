"""Logs are known by their contents."""

import cv2
import numpy as np
import pytest

from sim2sg_core.adaptation.log_contents import read_inputs, same_inputs
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.logs import open_logs
from sim2sg_core.manifest import NAME


@pytest.fixture
def site(tmp_path):
    """A folder with a log in it."""
    (log := tmp_path / "site" / "morning").mkdir(parents=True)
    for k in range(2):
        cv2.imwrite(str(log / f"{k}.png"), np.full((20, 30, 3), 9 * k, np.uint8))
    return log.parent


def put_run(site):
    (frames := site / "run" / "frames").mkdir(parents=True)
    cv2.imwrite(str(frames / "a.png"), np.zeros((20, 30, 3), np.uint8))
    (site / "run" / NAME).write_text("{}")


def test_a_run_in_the_folder_of_its_log_is_no_part_of_it(site):
    begun, names = read_inputs([str(site)]), [log.path for log in open_logs(site)]
    put_run(site)
    assert same_inputs(site / "run", begun, read_inputs([str(site)])) == begun
    assert [log.path for log in open_logs(site)] == names


def test_another_file_is_a_change_whatever_the_spelling_of_the_path(site, monkeypatch):
    begun = read_inputs([str(site)])
    cv2.imwrite(str(site / "morning" / "2.png"), np.zeros((20, 30, 3), np.uint8))
    monkeypatch.chdir(site.parent)
    for spelling in (str(site), "site", "site/../site"):
        with pytest.raises(Sim2SGError, match="has changed since run was begun with it"):
            same_inputs("run", begun, read_inputs([spelling]))


def test_another_log_is_named(site, tmp_path):
    begun = read_inputs([str(site)])
    cv2.imwrite(str(tmp_path / "b.png"), np.zeros((20, 30, 3), np.uint8))
    with pytest.raises(Sim2SGError, match=r"run was begun with .*site: give that"):
        same_inputs("run", begun, read_inputs([str(tmp_path / "b.png")]))


def test_a_calibration_that_was_not_there_before_is_named(site):
    begun = read_inputs([str(site)])
    with pytest.raises(Sim2SGError, match="with other logs, or with another --camera"):
        same_inputs(site / "run", begun, read_inputs([str(site), str(site / "morning" / "0.png")]))
