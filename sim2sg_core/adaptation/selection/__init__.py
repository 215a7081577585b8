"""Choice without labels: calibrated scores, and the model that agrees best with itself."""
