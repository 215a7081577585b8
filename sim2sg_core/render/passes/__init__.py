"""The passes of one frame, in their order: shadows, objects, background, what is translucent, each object alone."""
