"""Appearance gap: how the log looks becomes how synthetic scenes look."""
