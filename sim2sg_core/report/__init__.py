"""What a person looks at: overlays of scene graphs on images, and the report of an adaptation."""
