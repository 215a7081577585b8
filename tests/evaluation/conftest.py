"""Tiny labelled data sets with drawn pictures, written by the tests."""

import json

import cv2
import numpy as np
import pytest

from sim2sg_core.domains import load_domain


@pytest.fixture(scope="session")
def drive():
    return load_domain("drive")


@pytest.fixture(scope="session")
def clevr():
    return load_domain("clevr")


def draw(path, width, height, boxes):
    image = np.full((height, width, 3), 90, np.uint8)
    for n, (x1, y1, x2, y2) in enumerate(np.array(boxes, int).reshape(-1, 4)):
        cv2.rectangle(image, (x1, y1), (x2 - 1, y2 - 1), (40 * n % 256, 200, 120), -1)
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


def label(kind, box, location=(0, 1.6, 20), truncation="0.00", occlusion=0, size=(1.5, 1.6, 4.0), yaw=0.0):
    """One line of a KITTI label file; size is height, width, length."""
    columns = [kind, truncation, occlusion, 0.0, *box, *size, *location, yaw]
    return " ".join(str(c) for c in columns)


P2 = "721.5 0 621 43.29 0 721.5 187.5 0 0 0 1 0"  # 43.29 / 721.5 = 0.06 m to the left of camera 0


@pytest.fixture
def write_kitti(tmp_path):
    """Returns a function that writes {stem: label lines} as a KITTI folder."""

    def write(images, suffix=".png", folder="kitti"):
        root = tmp_path / folder
        for stem, lines in images.items():
            boxes = [line.split()[4:8] for line in lines]
            draw(root / "image_2" / f"{stem}{suffix}", 1242, 375, np.array(boxes, float))
            for part, text in (("label_2", "\n".join(lines)), ("calib", f"P0: 0\nP2: {P2}\n")):
                (root / part).mkdir(exist_ok=True)
                (root / part / f"{stem}.txt").write_text(text)
        return root

    return write


@pytest.fixture
def write_clevr(tmp_path):
    """Returns a function that writes {stem: [(shape, bbox, coords)]} as a CLEVR folder."""

    def write(scenes):
        root = tmp_path / "clevr"
        for stem, objects in scenes.items():
            draw(root / "images" / f"{stem}.png", 480, 320, [box for _, box, _ in objects])
            scene = {
                "image_filename": f"{stem}.png",
                "directions": {"left": [0.0, -1.0, 0.0], "front": [1.0, 0.0, 0.0]},
                "objects": [{"shape": s, "bbox": b, "3d_coords": c} for s, b, c in objects],
            }
            (root / "scenes").mkdir(exist_ok=True)
            (root / "scenes" / f"{stem}.json").write_text(json.dumps(scene))
        return root

    return write
