"""How large what a stranger's file holds may be. Readers check it before they decode anything.

Each limit is far above what a sound file needs, and low enough that no small file takes gigabytes or hours.
"""

from __future__ import annotations

from pathlib import Path

from sim2sg_core.errors import Sim2SGError

MIB = 1 << 20

IMAGE_SIDE = 65_535
"""Pixels of a side that a file may tell of its images: no camera has more, and JPEG knows no more."""
IMAGE_PIXELS = 120_000_000
"""Of one image: more than any camera has; decoded it takes 360 MB."""
IMAGE_BYTES = 4 * IMAGE_PIXELS
"""Of one image file."""
TEXTURE_PIXELS = 8192 * 8192
"""Of a texture of a mesh: they decode to 256 MB."""

PICTURES_AT_ONCE = 256
"""Pictures of meshes that one frame shows, each of 1.4 MB; the parts of others are drawn in their mean colours."""

JSON_BYTES = 512 * MIB
JSON_VALUES = 24_000_000
"""Values in a JSON file, told by its commas and brackets. 10,000 synthetic frames have 16 million."""
ENTRY_BYTES = 64 * MIB
"""Of one entry of a list that is read entry by entry, such as the graph of one image."""
ENTRY_VALUES = 2_000_000
"""The same. A graph of as many objects and relations as an image may have has 900,000."""
JSON_DEPTH = 64
OBJECTS_PER_IMAGE = 10_000
RELATIONS_PER_IMAGE = 100_000
CLASSES = 1000
"""Of a domain; a network's heads grow with them."""
PREDICATES = 200
MAX_OBJECTS = 1000
"""Objects per image that a network gives."""

YAML_BYTES = 4 * MIB
YAML_VALUES = 10_000
"""Keys and values of a domain file, aliases written out; the largest of ours has 700."""
YAML_DEPTH = 50

MESH_BYTES = 256 * MIB
MESH_VERTICES = 4_000_000
MESH_FACES = 4_000_000
GLTF_PARTS = 20_000
"""Nodes, meshes, accessors and other lists of a glTF file, each."""

NETWORK_CHANNELS = 1024
NETWORK_SIDE = 4096
"""Pixels of a side of a network's input."""
NETWORK_PIXELS = 4096 * 2160
ONNX_BYTES = 1024 * MIB
ONNX_METADATA_BYTES = 4 * MIB
ONNX_NODES = 20_000
ONNX_TENSOR_VALUES = 100_000_000
"""Values of one tensor that a model holds, or whose size a shape in it tells."""
ONNX_RUN_BYTES = 1536 * MIB
"""Of tensors while a model looks at one image; `dining` takes 60 MB."""

CHECKPOINT_BYTES = 2048 * MIB
CHECKPOINT_TREE_BYTES = 32 * MIB
"""Of a checkpoint without the numbers of its tensors."""
CHECKPOINT_RATIO = 1.001
"""Bytes of what a checkpoint holds to its own: PyTorch stores, and never deflates."""

CHUNK_BYTES = 512 * MIB
"""Of a chunk or message of a bag, compressed or not. Recorders write chunks of a few MiB."""
WAITING_BYTES = 256 * MIB
"""Of a bag's messages that wait for those of chunks that overlap; beyond it order gives way to memory."""

TEXT_BYTES = 16 * MIB
"""Of label files, calibrations, lists of class names and MTL files."""


def check_limit(source: Path | str, what: str, value: float, limit: float, fix: str = "") -> None:
    """Refuses what is too large.

    Args:
        source: The file.
        what: What is counted, e.g. "vertices".
        value: How much of it the file has.
        limit: How much is allowed.
        fix: What to do about it.

    Raises:
        Sim2SGError: `value` is above `limit`.
    """
    if value > limit:
        raise Sim2SGError(f"{source}: {value:,.0f} {what}, and at most {limit:,.0f} are read{fix and f'; {fix}'}")


def check_file_size(path: Path | str, limit: int, fix: str = "") -> None:
    """Refuses a file that is larger than `limit` bytes.

    Raises:
        Sim2SGError: It is.
        OSError: There is no such file.
    """
    check_limit(path, "bytes", Path(path).stat().st_size, limit, fix or "give a smaller file")
