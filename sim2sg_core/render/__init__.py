"""Draws scenes of meshes: picture, instance ids, distances. Knows nothing of domains."""
