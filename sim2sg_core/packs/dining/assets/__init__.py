"""Meshes of furniture, tableware, food and what stands about in rooms."""
