"""The dining benchmark's oracle data."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
import dining  # noqa: E402


def test_the_oracle_learns_from_what_is_not_held_out(tmp_path):
    folder = tmp_path / "oracle"
    (folder / "images").mkdir(parents=True)
    names = [f"{n:06d}.jpg" for n in range(10)]
    for name in names:
        cv2.imwrite(str(folder / "images" / name), np.zeros((6, 8, 3), np.uint8))
    ids = range(1, 11)
    annotations = [
        {"id": k, "image_id": k, "category_id": 1, "bbox": [1, 1, 4, 4], "area": 16, "iscrowd": 0} for k in ids
    ]
    data = {
        "info": {"domain": "dining", "rules": {}},
        "categories": [{"id": n, "name": name} for n, name in enumerate(dining.load_domain("dining").class_names, 1)],
        "images": [{"id": k, "file_name": name, "width": 8, "height": 6} for k, name in zip(ids, names, strict=True)],
        "annotations": annotations,
        "rel_annotations": [{"id": k, "image_id": k, "subject_id": k, "object_id": k, "predicate_id": 1} for k in ids],
    }
    (folder / "annotations.json").write_text(json.dumps(data))
    work = dining.Dining(tmp_path, tmp_path, (), 1, tmp_path, smoke=True, deadline=0.0)
    parts = {}
    for part in ("data", "held_out"):
        out = work.oracle_data(part)
        found = json.loads((out / "annotations.json").read_text())
        parts[part] = {image["file_name"] for image in found["images"]}
        assert {a["image_id"] for a in found["annotations"]} == {image["id"] for image in found["images"]}
        assert {a["image_id"] for a in found["rel_annotations"]} == {image["id"] for image in found["images"]}
        assert {file.name for file in (out / "images").iterdir()} == parts[part]
    assert parts["held_out"] == {names[0], names[8]} and parts["data"] == {*names} - parts["held_out"]


def test_rows_of_one_table_are_made_with_the_same_options(tmp_path):
    short = dining.Dining(tmp_path, tmp_path, ("--round-steps", "3"), 1, tmp_path, smoke=True, deadline=0.0)
    short.keep("ours", 0, {"metrics": {"mAP50": 0.5}})
    short.refuse_others()
    with pytest.raises(SystemExit, match=r"ours\.json was made --with --round-steps 3: repeat that"):
        dining.Dining(tmp_path, tmp_path, (), 1, tmp_path, smoke=True, deadline=0.0).refuse_others()
