"""Content gap: what the model finds in the log becomes the content of the round's synthetic scenes.

The parts in their order: `log_extrinsics` finds the camera's height, pitch and roll; `tiled_inference` adds the small
objects that only enlarged tiles of a frame show; `recall_correction` raises the scores until they account for missed
objects too; `object_sampling` draws the objects of a scene by their scores; `scene_rebuilding` places them in 3D;
`round_layouts` chooses the frames that are rebuilt and mixes them with prior scenes.

Prior scenes may be fitted to the log too, each way after a baseline: `meta_sim` moves what is in them, `meta_sim2`
learns how many of what stand where, `scenegen` learns the layouts that were inferred. They share `ground_groups`,
`ground_cells`, and features of renders and frames (`scene_features`, `feature_distance`).
"""
