"""What Python users take: `import sim2sg_core as sg`, which gives the names of this package when they are used."""
