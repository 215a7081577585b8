"""How much does a model find where there is nothing to find?

    python benchmarks/false_alarms.py --model dining --images DIR|VIDEO … [--every S] [--smoke]

The images show no object of the model's domain: photographs of other things, videos of other places. Whatever the model
finds in them is a false alarm. Each set of images is a row: false alarms per image above two thresholds, by class above
the higher one. `--name` tells models apart that go by one name, such as files of experiments. Rows of earlier calls
stay in the results, whose `commands` say which call made which.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import sim2sg_core as sg
from benchmarks.common import RESULTS, command, print_rows, summary, write_results

THRESHOLDS = (0.3, 0.5)
SMOKE_IMAGES = 5


def main() -> None:
    """Counts, prints the table and adds its rows to the results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", required=True, metavar="FILE|NAME", help="model.onnx, or the name of one that ships")
    parser.add_argument("--name", help="of the model in the table (default: --model)")
    parser.add_argument("--images", nargs="+", type=Path, required=True, help="folders and videos, a row each")
    parser.add_argument("--every", type=float, default=0.0, metavar="S", help="of a video, one frame in S seconds")
    parser.add_argument("--smoke", action="store_true", help="a few images of each; nothing is written")
    args = parser.parse_args()
    model = sg.load(args.model)
    rows = {}
    for place in args.images:
        few = SMOKE_IMAGES if args.smoke else 0
        graphs = list(model.log(place, every=args.every, max=few, min_score=min(THRESHOLDS)))
        rows[f"{args.name or args.model} / {place.stem}"] = count(graphs)
    print_rows(rows)
    if args.smoke:
        print("smoke: nothing is written")
        return
    file = RESULTS / "false_alarms.json"
    known = json.loads(file.read_text()) if file.exists() else {"rows": {}, "commands": {}}
    commands = {**known["commands"], **dict.fromkeys(rows, command())}
    print(write_results("false_alarms", {**known["rows"], **rows}, commands=commands))


def count(graphs: Sequence[sg.Graph]) -> dict[str, dict[str, float]]:
    """Returns the mean number of objects per image above each threshold, and by class above the last."""
    row = {}
    found: list[Counter[str]] = []
    for threshold in THRESHOLDS:
        found = [Counter(o.label for o in graph.objects if o.score >= threshold) for graph in graphs]
        row[f"per_image_{threshold}"] = summary([float(of_image.total()) for of_image in found])
    for label, _ in sum(found, Counter()).most_common():
        row[label] = summary([float(of_image[label]) for of_image in found])
    return row


if __name__ == "__main__":
    main()
