"""`python -m sim2sg_core`: the command line, where its script is not on the path."""

import sys

from sim2sg_core.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
