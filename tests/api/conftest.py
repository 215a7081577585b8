"""Models that the tests make."""

from tests.runtime.conftest import make_model, three_objects

__all__ = ["make_model", "three_objects"]
