"""Appearance gap: synthetic scenes are rendered in the colours, materials, light and camera quality of the log.

The fit is analysis by synthesis. `image_measures` measures frames of the log: floor colour, object colours, shading,
noise, sharpness, shadows. `reference_renderer` renders scenes like the log's in a known appearance, and the same
measures are taken of them. `appearance_fit` compares both: `material_shares` says how common each material is among the
objects, `color_clusters` groups their colours. The result is an `AppearanceSpec`, kept by `appearance_files`, in which
the round's scenes are rendered.
"""
