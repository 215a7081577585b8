"""`sim2sg play`: numbers that mean nothing are refused before anything is opened."""

import pytest

from sim2sg_core.cli.main import main


@pytest.mark.parametrize(("option", "value"), [("--hz", "nan"), ("--hz", "-1"), ("--rate", "0"), ("--rate", "nan")])
def test_rates_that_are_none_are_refused(capsys, option, value):
    assert main(["play", "no.mcap", option, value]) == 2
    assert f"error: {option} is {float(value):g}: " in capsys.readouterr().err
