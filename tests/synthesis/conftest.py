from tests.drawing import camera, clevr, renderer, synthesizer

__all__ = ["camera", "clevr", "renderer", "synthesizer"]
