"""Built-in parametric assets."""
