from tests.drawing import camera, clevr, synthesizer

__all__ = ["camera", "clevr", "synthesizer"]
