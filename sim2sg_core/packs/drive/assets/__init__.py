"""Meshes of vehicles, people, plants, houses and street furniture."""
