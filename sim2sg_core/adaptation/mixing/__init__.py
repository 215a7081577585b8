"""Mixing across domains: rendered objects are pasted, with exact labels, into real frames of the log.

So a real frame teaches what renders cannot: its background is context, and whatever is in it that is no object of the
domain is background. (DACS, Tranheden et al. 2021, and ConfMix, Mattolin et al. 2023, mix images so; Alhaija et al.,
"Augmented reality meets computer vision", 2018, render cars into real streets.)

`known_objects` says what of a frame is taken for granted: objects inferred with a high score are labels, those with a
low one regions of which nobody knows. `pasting` draws objects of a prior scene under the frame's camera, where nothing
real is before them, and unlabelled things beside them, or "pasted" would become what the network finds. `frame_light`
measures the frame's light, noise and ground; `compositing` sets the render into the frame, with its shadows on the
frame's own ground; `mixed_frame` puts all together, in the processes that render.
"""
