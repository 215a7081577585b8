"""Makes of a training checkpoint one to ship: the averaged weights alone, in half precision, an eighth of its size.

The credits that are owed for what it was trained on go with it.

python tools/pack_checkpoint.py RUN/checkpoint.pt sim2sg_core/packs/NAME/checkpoint.pt
"""

from __future__ import annotations

import sys
from pathlib import Path

from sim2sg_core.domains.credits import write_credits
from sim2sg_core.model import load_network, save_checkpoint


def main() -> None:
    """Reads the one, writes the other."""
    source, target = map(Path, sys.argv[1:])
    network, domain = load_network(source)
    print(save_checkpoint(target, network.half(), domain, frozen_blocks=network.frozen_blocks))
    write_credits(target.parent, domain, [source.parent])


if __name__ == "__main__":
    main()
