"""Selection without labels: which round's model is the final one, and when the rounds end.

`score_calibration` makes scores mean what they say, on held-out renders, after every training; the content gap's parts
rely on it too. `self_consistency` measures how far a model gives the same graph for changed copies of a frame.
`criteria` has others beside it: DAS (`flatness` and `prototypes`) and BoS (`stability`), which shake the network in
place of the picture. `round_selection` chooses the round by such a measure, and ends the rounds when it no longer
grows.
"""
