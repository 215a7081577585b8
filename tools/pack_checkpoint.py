"""Makes of a training checkpoint one to ship: the averaged weights alone, in half precision, an eighth of its size.

python tools/pack_checkpoint.py RUN/checkpoint.pt sim2sg_core/model/pretrained/NAME.pt
"""

from __future__ import annotations

import sys

from sim2sg_core.domains import Domain
from sim2sg_core.model import load_checkpoint, save_checkpoint
from sim2sg_core.model.checkpoint import network_from


def main() -> None:
    """Reads the one, writes the other."""
    source, target = sys.argv[1:]
    data = load_checkpoint(source)
    network = network_from(data).half()
    frozen = int(data.get("frozen_blocks", 0))
    print(save_checkpoint(target, network, Domain.from_json(data["domain"]), frozen_blocks=frozen))


if __name__ == "__main__":
    main()
