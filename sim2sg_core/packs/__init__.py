"""Domains that need code: one folder each, found by the entry point `sim2sg.packs`. `pack.py` is their interface."""
