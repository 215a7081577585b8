"""What is said where ROS 2 cannot be imported."""

import pytest

from sim2sg_ros.error_text import missing_ros


def test_a_missing_package_of_the_core_is_not_taken_for_missing_ros():
    assert "ROS 2 is not here (No module named 'rclpy')" in missing_ros(
        ModuleNotFoundError("No module named 'rclpy'", name="rclpy")
    )
    with pytest.raises(ModuleNotFoundError, match="pydantic"):
        missing_ros(ModuleNotFoundError("No module named 'pydantic'", name="pydantic"))
