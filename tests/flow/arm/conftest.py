"""Fixtures of the management tests."""

from tests.flow.arm.scene import scene

__all__ = ["scene"]
