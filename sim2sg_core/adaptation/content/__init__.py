"""Content gap: what is in the log becomes the content of synthetic scenes."""
