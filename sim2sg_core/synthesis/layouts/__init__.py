"""Prior scenes: what stands where before anything is known of the target."""
