from __future__ import annotations

import os
import xml.etree.ElementTree as ElementTree

import pytest

from sim2sg_ros import middleware

NAMESPACE = "{http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles}"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    own = (middleware.OLD_VARIABLE, middleware.NEW_VARIABLE, middleware.TRANSPORTS_VARIABLE)
    for name in (*own, "RMW_IMPLEMENTATION", "ROS_DISTRO"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_the_profile_has_room_for_raw_images() -> None:
    path = middleware.find_share(middleware.PROFILE)
    assert path is not None
    root = ElementTree.parse(path).getroot()
    [memory] = [t for t in root.iter(f"{NAMESPACE}transport_descriptor") if t.findtext(f"{NAMESPACE}type") == "SHM"]
    assert int(memory.findtext(f"{NAMESPACE}segment_size")) == 32 << 20
    assert int(memory.findtext(f"{NAMESPACE}maxMessageSize")) == middleware.LARGEST_MIB << 20


def test_the_profile_is_set_for_the_version_of_fast_dds(environment: pytest.MonkeyPatch) -> None:
    profile = str(middleware.find_share(middleware.PROFILE))
    assert middleware.profile_environment() == {middleware.NEW_VARIABLE: profile}
    environment.setenv("ROS_DISTRO", "humble")
    assert middleware.profile_environment() == {middleware.OLD_VARIABLE: profile}


@pytest.mark.parametrize("name", [middleware.OLD_VARIABLE, middleware.NEW_VARIABLE])
def test_a_profile_of_the_users_own_stays(environment: pytest.MonkeyPatch, name: str) -> None:
    environment.setenv(name, "/mine.xml")
    assert middleware.use_fastdds_profile() is None
    assert os.environ[name] == "/mine.xml"


def test_transports_of_the_users_own_stay(environment: pytest.MonkeyPatch) -> None:
    environment.setenv(middleware.TRANSPORTS_VARIABLE, "LARGE_DATA")
    assert middleware.profile_environment() == {}


def test_another_middleware_is_left_alone(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("RMW_IMPLEMENTATION", "rmw_cyclonedds_cpp")
    assert middleware.profile_environment() == {}
