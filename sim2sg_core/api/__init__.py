"""The interface for Python: `import sim2sg_core as sg` gives the names of this package, imported when they are used."""
