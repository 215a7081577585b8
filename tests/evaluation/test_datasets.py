"""The readers, on data sets that the tests write themselves."""

import json
import re

import numpy as np
import pytest

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.evaluation import evaluate, find_doubts, load_targets
from sim2sg_core.evaluation.kitti_format import DIFFICULTIES, read_labels
from sim2sg_core.evaluation.labelled_images import image_size
from sim2sg_core.scene import Relation, SceneGraph, SceneObject
from sim2sg_core.scene.class_mapping import ClassMapping
from sim2sg_core.synthesis.dataset import to_coco
from tests.evaluation.conftest import draw, label


def levels(folder, domain):
    return [sorted(o.levels) for o in load_targets(folder, "kitti", domain)[0].objects]


ALL, NOT_EASY, HARD = ["easy", "hard", "moderate"], ["hard", "moderate"], ["hard"]


def tall(height):
    return (100, 100, 200, 100 + height)


def test_kitti_heights(write_kitti, drive):
    lines = [label("Car", tall(h)) for h in (40, 39.9, 25, 24.9)]
    assert levels(write_kitti({"000001": lines}), drive) == [ALL, NOT_EASY, NOT_EASY, []]


def test_kitti_occlusion(write_kitti, drive):
    lines = [label("Car", tall(80), occlusion=n) for n in (0, 1, 2, 3, -1)]
    assert levels(write_kitti({"000001": lines}), drive) == [ALL, NOT_EASY, HARD, [], []]


def test_kitti_truncation_as_a_share(write_kitti, drive):
    lines = [label("Car", tall(80), truncation=t) for t in ("0.15", "0.16", "0.30", "0.31", "0.50", "0.51")]
    expected = [ALL, NOT_EASY, NOT_EASY, HARD, HARD, []]
    assert levels(write_kitti({"000001": lines}), drive) == expected


def test_kitti_truncation_as_a_level(write_kitti, drive):
    lines = [label("Car", tall(80), truncation=t) for t in ("0.00", "1.00", "2.00")]
    assert levels(write_kitti({"000001": lines}), drive) == [ALL, NOT_EASY, []]


def test_one_share_anywhere_makes_them_all_shares(write_kitti, drive):
    folder = write_kitti(
        {
            "000001": [label("Car", tall(80), truncation="1.00")],
            "000002": [label("Car", tall(80), truncation="0.20")],
        }
    )
    assert levels(folder, drive) == [[]]


def test_difficulties_are_the_official_ones():
    official = [(d.min_height, d.max_occlusion, d.max_truncation) for d in DIFFICULTIES]
    assert official == [(40, 0, 0.15), (25, 1, 0.30), (25, 2, 0.50)]


def test_kitti_image(write_kitti, drive):
    folder = write_kitti(
        {
            "000007": [
                label("Car", (100, 150, 200, 250), location=(-4.0, 1.6, 20.0), yaw=0.3),
                label("DontCare", (300, 150, 320, 170)),
                label("Person_sitting", (500, 150, 540, 250)),
            ]
        },
        suffix=".jpg",
    )
    (target,) = load_targets(folder, "kitti", drive)
    assert (target.file, target.width, target.height) == ("000007.jpg", 1242, 375)
    assert [o.label for o in target.objects] == ["car", "person_sitting"]
    assert target.regions.tolist() == [[300, 150, 320, 170]]
    assert target.related == (0,)
    pose = target.objects[0].pose
    # Centre, not base, and in the left colour camera, which lies 6 cm off camera 0.
    assert pose.position == pytest.approx([-4 + 0.06, 1.6 - 0.75, 20])
    assert pose.size.tolist() == [4.0, 1.6, 1.5]
    assert pose.yaw == 0.3
    assert target.camera.K[0, 0] == 721.5


def test_kitti_relations_by_rule(write_kitti, drive):
    folder = write_kitti(
        {
            "000001": [
                label("Car", (100, 150, 200, 250), location=(-4, 1.6, 20)),
                label("Pedestrian", (300, 150, 340, 250), location=(-3.5, 1.6, 12)),
                label("Truck", (500, 100, 640, 250), location=(5, 1.6, 20.5)),
                label("Van", (700, 100, 800, 200), location=(20, 1.6, 40)),
                label("Cyclist", (900, 150, 910, 160), location=(30, 1.6, 80)),  # too low
            ]
        }
    )
    (target,) = load_targets(folder, "kitti", drive)
    assert target.related == (0, 1, 2)
    # Margins of 1 m: car and pedestrian are 0.5 m apart sideways, car and truck as much in depth.
    assert {(r.subject, r.predicate, r.object) for r in target.relations} == {
        (0, "left_of", 2),
        (1, "left_of", 2),
        (1, "in_front_of", 0),
        (1, "in_front_of", 2),
    }


def test_truth_graph_numbers_related_objects_anew(write_kitti, drive):
    folder = write_kitti(
        {
            "000001": [
                label("Van", (700, 100, 800, 200)),
                label("Car", (100, 150, 200, 250), location=(-4, 1.6, 20)),
                label("Car", (300, 150, 400, 250), location=(4, 1.6, 20)),
            ]
        }
    )
    graph = load_targets(folder, "kitti", drive)[0].truth_graph()
    assert [o.label for o in graph.objects] == ["car", "car"]
    assert [(r.subject, r.predicate, r.object) for r in graph.relations] == [(0, "left_of", 1)]


def test_kitti_parent_folder(write_kitti, drive):
    root = write_kitti({"000001": [label("Car", tall(80))]}, folder="all/training")
    assert len(load_targets(root.parent, "kitti", drive)) == 1


def test_clevr_relations_along_the_scene_directions(write_clevr, clevr):
    folder = write_clevr(
        {
            "a": [
                ("cube", [10, 10, 50, 50], [0.0, 0.0, 0.35]),
                ("sphere", [100, 10, 150, 50], [0.1, 1.0, 0.7]),  # -y is left
                ("cylinder", [200, 10, 250, 50], [2.0, 0.19, 0.7]),  # +x is front
            ]
        }
    )
    (target,) = load_targets(folder, "clevr", clevr)
    assert [o.label for o in target.objects] == ["cube", "sphere", "cylinder"]
    assert target.objects[1].box.tolist() == [100, 10, 150, 50]
    assert {(r.subject, r.predicate, r.object) for r in target.relations} == {
        (0, "left_of", 1),
        (2, "left_of", 1),
        (2, "in_front_of", 0),
        (2, "in_front_of", 1),
    }
    assert {r.frame for r in target.relations} == {"viewer"}


def test_coco(tmp_path, clevr):
    folder = write_coco(tmp_path)
    (target,) = load_targets(folder, "coco", clevr)
    assert (target.file, target.width, target.height) == ("000000.jpg", 96, 64)
    assert [(o.label, o.box.tolist(), bool(o.levels)) for o in target.objects] == [
        ("cube", [10, 10, 30, 30], True),
        ("sphere", [40, 10, 60, 30], True),
        ("cube", [70, 10, 75, 15], False),
    ]
    assert target.regions.tolist() == [[0, 50, 96, 64]]
    assert [len(target.regions_of(name)) for name in ("cube", "sphere")] == [1, 0], "a crowd of cubes excuses no sphere"
    # The fact about the ignored cube is left out.
    assert [(r.subject, r.predicate, r.object) for r in target.relations] == [(0, "left_of", 1)]


def test_coco_as_the_synthesis_writes_it(tmp_path, clevr):
    cube = SceneObject("cube", 1.0, np.array([10.0, 10, 30, 30]), visibility=0.9)
    hidden = SceneObject("sphere", 1.0, np.array([70.0, 10, 90, 30]), visibility=0.0)
    ball = SceneObject("sphere", 1.0, np.array([40.5, 10, 60, 30]), visibility=1.0)
    relations = (Relation(0, "left_of", 2), Relation(0, "left_of", 1), Relation(2, "in_front_of", 0))
    graph = SceneGraph(96, 64, (cube, hidden, ball), relations, file="000000.jpg")
    draw(tmp_path / "images" / "000000.jpg", 96, 64, graph.boxes())
    (tmp_path / "annotations.json").write_text(json.dumps(to_coco(clevr, [graph])))
    (target,) = load_targets(tmp_path, "coco", clevr)
    assert [o.box.tolist() for o in target.objects] == graph.boxes().tolist()
    truth = target.truth_graph()
    assert [o.label for o in truth.objects] == ["cube", "sphere"]  # the hidden one is ignored
    assert {(r.subject, r.predicate, r.object) for r in truth.relations} == {
        (0, "left_of", 1),
        (1, "in_front_of", 0),
    }
    assert evaluate([truth], [target], clevr, "coco")["mAP50"] == 1


def write_coco(tmp_path, **changes):
    folder = tmp_path / "synth"
    draw(folder / "images" / "000000.jpg", 96, 64, [[10, 10, 30, 30]])
    boxes = {7: (1, [10, 10, 20, 20]), 8: (2, [40, 10, 20, 20]), 9: (1, [70, 10, 5, 5])}
    annotations = [
        {"id": i, "image_id": 3, "category_id": c, "bbox": b, "iscrowd": 0, "ignore": int(i == 9)}
        for i, (c, b) in boxes.items()
    ]
    annotations.append({"id": 10, "image_id": 3, "category_id": 1, "bbox": [0, 50, 96, 14], "iscrowd": 1})
    data = {
        "images": [{"id": 3, "file_name": "images/000000.jpg", "width": 96, "height": 64}],
        "categories": [{"id": 1, "name": "cube"}, {"id": 2, "name": "sphere"}],
        "annotations": annotations,
        "rel_categories": [{"id": 5, "name": "left_of"}],
        "rel_annotations": [
            {"id": 1, "image_id": 3, "subject_id": 7, "predicate_id": 5, "object_id": 8},
            {"id": 2, "image_id": 3, "subject_id": 7, "predicate_id": 5, "object_id": 9},
        ],
        **changes,
    }
    (folder / "annotations.json").write_text(json.dumps(data))
    return folder


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize(("width", "height"), [(1242, 375), (7, 300)])
def test_image_size_from_the_header(tmp_path, suffix, width, height):
    path = tmp_path / f"a{suffix}"
    draw(path, width, height, [])
    assert image_size(path) == (width, height)


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\xff\xd8\xff\xe0\x00\x10JFIF", b"\x89PNG\r\n\x1a\n"])
def test_not_an_image(tmp_path, content):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(Sim2SGError, match=r"a\.png: not a whole PNG or JPEG"):
        image_size(path)


# ---- mistakes of users ----


def fails(match, folder, format, domain):
    with pytest.raises(Sim2SGError, match=match) as caught:
        load_targets(folder, format, domain)
    assert "\n" not in str(caught.value)


def test_no_such_folder(tmp_path, drive):
    fails("nowhere: no such folder", tmp_path / "nowhere", "kitti", drive)


def test_unknown_format(tmp_path, drive):
    fails("'voc' is not known: use one of kitti, clevr, coco", tmp_path, "voc", drive)


def test_kitti_lacks_a_part(write_kitti, drive):
    folder = write_kitti({"000001": [label("Car", tall(80))]})
    (folder / "calib" / "000001.txt").unlink()
    fails(r"calib/000001\.txt: no such file", folder, "kitti", drive)
    (folder / "calib").rmdir()
    fails("no folder calib", folder, "kitti", drive)


def test_kitti_image_missing_or_cut(write_kitti, drive):
    folder = write_kitti({"000001": [label("Car", tall(80))]})
    image = folder / "image_2" / "000001.png"
    image.write_bytes(image.read_bytes()[:20])
    fails("not a whole PNG or JPEG", folder, "kitti", drive)
    image.unlink()
    fails("no such image", folder, "kitti", drive)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Car 0.00 0 1.0 10 20", "6 columns, not 15"),
        (label("Car", ("x", 1, 2, 3)).replace("x", "ten"), "could not convert"),
        (label("Lorry", (0, 1, 2, 3)), "'Lorry' is not KITTI's"),
        (label("Car", (0, 1, 2, 3), occlusion="nan"), "not finite"),
        (label("Car", (0, 1, "1e400", 3)), "not finite"),
        (label("Car", (0, 1, 2, 3), occlusion=0.5), "no whole number"),
    ],
)
def test_damaged_label_line_is_named(tmp_path, line, message):
    path = tmp_path / "000001.txt"
    path.write_text(label("Car", (0, 1, 2, 3)) + "\n" + line)
    with pytest.raises(Sim2SGError, match=rf"000001\.txt:2: .*{message}"):
        read_labels(path)


def test_damaged_calibration(write_kitti, drive):
    folder = write_kitti({"000001": [label("Car", tall(80))]})
    (folder / "calib" / "000001.txt").write_text("P2: 1 2 3")
    fails("no usable line P2", folder, "kitti", drive)


def test_kitti_files_that_are_no_text(write_kitti, drive):
    for part in ("calib", "label_2"):
        folder = write_kitti({"000001": [label("Car", tall(80))]})
        path = folder / part / "000001.txt"
        path.write_bytes(path.read_bytes() + b"\nCar \xf3\xff")
        fails(rf"{part}/000001\.txt:\d: not a text file in UTF-8", folder, "kitti", drive)


@pytest.mark.parametrize("numbers", ["nan " * 12, "0 " * 12, "1e400 " * 12, "1 0 0 1e300 0 1 0 1e300 0 0 1 1e300"])
def test_calibrations_of_no_camera(write_kitti, drive, numbers):
    folder = write_kitti({"000001": [label("Car", tall(80))]})
    (folder / "calib" / "000001.txt").write_text(f"P2: {numbers}")
    fails("no usable line P2", folder, "kitti", drive)


def test_clevr_scene_without_boxes(write_clevr, clevr):
    folder = write_clevr({"a": [("cube", [10, 10, 50, 50], [0, 0, 0])]})
    path = folder / "scenes" / "a.json"
    scene = json.loads(path.read_text())
    del scene["objects"][0]["bbox"]
    path.write_text(json.dumps(scene))
    fails(r"a\.json: not a CLEVR scene with boxes: objects\[0\]\.bbox: is missing", folder, "clevr", clevr)
    path.write_text("{")
    fails(r"a\.json: not JSON", folder, "clevr", clevr)


def test_clevr_folder_of_something_else(tmp_path, clevr):
    fails("no scenes", tmp_path, "clevr", clevr)


def test_plain_coco_has_no_facts(tmp_path, clevr):
    folder = write_coco(tmp_path)
    path = folder / "annotations.json"
    data = json.loads(path.read_text())
    del data["rel_categories"], data["rel_annotations"]
    path.write_text(json.dumps(data))
    (target,) = load_targets(folder, "coco", clevr)
    assert target.relations == () and len(target.objects) == 3
    path.unlink()
    fails(r"annotations\.json: no such file", folder, "coco", clevr)


@pytest.mark.parametrize(
    ("labels", "images"),
    [
        ("annotations/instances_val2017.json", "val2017"),  # COCO
        ("annotations/instances_default.json", "images"),  # CVAT 1
        ("annotations/instances_default.json", "images/default"),  # CVAT 2
        ("labels.json", "data"),  # FiftyOne
        ("_annotations.coco.json", "."),  # Roboflow
    ],
)
def test_coco_as_other_tools_lay_it_out(tmp_path, clevr, labels, images):
    made = write_coco(tmp_path, images=[{"id": 3, "file_name": "a.jpg", "width": 96, "height": 64}])
    data = tmp_path / "data set"
    (data / labels).parent.mkdir(parents=True)
    (data / images).mkdir(parents=True, exist_ok=True)
    (made / "annotations.json").rename(data / labels)
    (made / "images" / "000000.jpg").rename(data / images / "a.jpg")
    for given in (data, data / labels):
        (target,) = load_targets(given, "coco", clevr)
        assert target.path.samefile(data / images / "a.jpg") and len(target.objects) == 3
    (data / labels).with_name("other.json").write_text("{}")
    fails(r"data set: which of .*\.json.*Give one", data, "coco", clevr)


def test_what_words_of_labels_stand_for(tmp_path, clevr, caplog):
    categories = [{"id": 1, "name": "Tea Box"}, {"id": 2, "name": "SPHERE"}]
    folder = write_coco(tmp_path, categories=categories, rel_categories=[{"id": 5, "name": "to the left of"}])

    def read(text):
        return load_targets(folder, "coco", clevr, mapping=ClassMapping.parse(text, "--map"))[0]

    target = read("tea_box=cube,to the left of=left_of")
    assert [o.label for o in target.objects] == ["cube", "sphere", "cube"]
    assert [(r.subject, r.predicate, r.object) for r in target.relations] == [(0, "left_of", 1)]
    assert "'SPHERE' is sphere" in caplog.text
    assert find_doubts([target.truth_graph()], [target], clevr, "coco") == []
    for text, message in {
        "dog=cube": "--map: the labels have no 'dog'; they have Tea Box, SPHERE, to the left of",
        "tea box=left_of": "--map: domain clevr has no class 'left_of'; it has cube",
        "to the left of=cube": "--map: domain clevr has no predicate 'cube'; it has left_of",
        "tea box+sphere=cube": "joins boxes; labels are mapped one by one",
    }.items():
        with pytest.raises(Sim2SGError, match=re.escape(message)):
            read(text)


def test_words_of_other_formats_are_not_mapped(write_kitti, drive):
    folder = write_kitti({"000001": [label("Car", tall(80))]})
    with pytest.raises(Sim2SGError, match="--map goes with --format coco"):
        load_targets(folder, "kitti", drive, mapping=ClassMapping.parse("car=van", "--map"))


def test_names_are_taken_as_domains_write_them(tmp_path, clevr):
    categories = [{"id": 1, "name": "Cube"}, {"id": 2, "name": "tin can"}]
    folder = write_coco(tmp_path, categories=categories, rel_categories=[{"id": 5, "name": "LEFT OF"}])
    (target,) = load_targets(folder, "coco", clevr)
    assert [o.label for o in target.objects] == ["cube", "tin_can", "cube"]
    graph = SceneGraph(96, 64, file=target.file)
    doubts = find_doubts([graph], [target], clevr, "coco")
    (line,) = (line for line in doubts if line.startswith("left out"))
    assert "no class tin_can (1): 1 annotations and 1 facts; the figures are of the rest" in line
    assert "--map tin_can=CLASS" in line


def test_predicates_that_the_domain_has_not_are_told(tmp_path, clevr):
    folder = write_coco(tmp_path, rel_categories=[{"id": 5, "name": "hugs"}])
    targets = load_targets(folder, "coco", clevr)
    doubts = find_doubts([SceneGraph(96, 64, file=targets[0].file)], targets, clevr, "coco")
    assert any("no predicate hugs (2): 0 annotations and 2 facts" in line for line in doubts)


def change(key, index, **values):
    def edit(data):
        data[key][index] |= values

    return edit


COCO_MISTAKES = {
    r"annotations\[0\]\.image_id: '3' is no id of an image": change("annotations", 0, image_id="3"),
    r"annotations\[1\]\.id: 7 is the id of an annotation before": change("annotations", 1, id=7),
    r"annotations\[0\]\.category_id: 99 is no id of a category": change("annotations", 0, category_id=99),
    r"annotations\[0\]\.bbox: a list of 4 finite numbers is wanted, it is \[\]": change("annotations", 0, bbox=[]),
    r"annotations\[1\]\.bbox: .* it is null": change("annotations", 1, bbox=None),
    r"annotations\[0\]\.bbox: has no extent": change("annotations", 0, bbox=[1, 1, 0, 0]),
    r"annotations\[0\]\.bbox: is -5 wide and 10 high": change("annotations", 0, bbox=[1, 1, -5, 10]),
    r"annotations\[0\]\.bbox: a list of 4 finite": change("annotations", 0, bbox=[1, 1, float("inf"), 10]),
    r"annotations\[0\]\.bbox: a list of 4 finite numbers": change("annotations", 0, bbox=[1, 1, 10**400, 10]),
    r"annotations\[0\]\.pose: a mapping is wanted": change("annotations", 0, pose=[1]),
    r"images\[0\]\.width: a whole number from 1 to 65535": change("images", 0, width=0),
    r"images\[0\]\.camera\.K: .*3x3 finite": change("images", 0, camera={"K": [1]}),
    r"images\[0\]\.file_name: there is no image": change("images", 0, file_name="C:\\data\\000000.jpg"),
    r"images\[0\]\.file_name: a text is wanted": change("images", 0, file_name="a\0b"),
    r"images\[1\]\.id: 3 is the id of an entry before": lambda d: d["images"].append(d["images"][0]),
    r"rel_annotations\[0\]\.object_id: 999 is no id of an annotation": change("rel_annotations", 0, object_id=999),
    r"rel_annotations\[1\]\.object_id: is the subject": change("rel_annotations", 1, object_id=7),
    r"rel_annotations\[0\]\.predicate_id: 77 is no id of a predicate": change("rel_annotations", 0, predicate_id=77),
    r"rel_annotations\[0\]\.object_id: .* must be of one image": change("rel_annotations", 0, image_id=4),
    r"categories\[1\]\.name: is missing": lambda d: d["categories"][1].pop("name"),
    r"annotations: a list is wanted": lambda d: d.update(annotations=5),
    r"annotations\[0\]: a mapping is wanted": lambda d: d.update(annotations=[1]),
}


@pytest.mark.parametrize("message", COCO_MISTAKES)
def test_mistakes_in_coco_name_the_entry(tmp_path, clevr, message):
    folder = write_coco(tmp_path)
    path = folder / "annotations.json"
    data = json.loads(path.read_text())
    COCO_MISTAKES[message](data)
    path.write_text(json.dumps(data))
    fails(rf"annotations\.json: not COCO as it should be: {message}", folder, "coco", clevr)


def test_ids_may_be_texts_and_whole_floats(tmp_path, clevr):
    folder = write_coco(tmp_path)
    path = folder / "annotations.json"
    data = json.loads(path.read_text())
    for entry in data["annotations"]:
        entry |= {"image_id": 3.0, "id": f"a{entry['id']}"}
    for entry in data["rel_annotations"]:
        del entry["image_id"]
        entry |= {key: f"a{entry[key]}" for key in ("subject_id", "object_id")}
    path.write_text(json.dumps(data))
    (target,) = load_targets(folder, "coco", clevr)
    assert len(target.objects) == 3 and len(target.relations) == 1


def test_labelled_images_stay_in_their_folder(tmp_path, clevr, write_clevr):
    draw(tmp_path / "secret.jpg", 96, 64, [])
    images = [{"id": 3, "file_name": "../../secret.jpg", "width": 96, "height": 64}]
    folder = write_coco(tmp_path, images=images)
    fails(r"images\[0\]\.file_name: .* lies outside .*--allow-outside", folder, "coco", clevr)
    assert load_targets(folder, "coco", clevr, allow_outside=True)[0].path.name == "secret.jpg"
    (folder / "images" / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    images[0]["file_name"] = "link.jpg"
    write_coco(tmp_path, images=images)
    fails("lies outside", folder, "coco", clevr)
    scenes = write_clevr({"a": [("cube", [10, 10, 50, 50], [0, 0, 0])]})
    path = scenes / "scenes" / "a.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "image_filename": str(tmp_path / "secret.jpg")}))
    fails(r"lies outside .*--allow-outside", scenes, "clevr", clevr)


def test_the_folder_of_images_may_be_a_link(tmp_path, clevr):
    folder = write_coco(tmp_path)
    (folder / "images").rename(tmp_path / "elsewhere")
    (folder / "images").symlink_to(tmp_path / "elsewhere")
    assert len(load_targets(folder, "coco", clevr)) == 1


def test_coco_of_other_classes(tmp_path, drive):
    fails(r"\(cube, sphere\) are none of domain drive", write_coco(tmp_path), "coco", drive)


def test_domain_of_other_classes(write_kitti, clevr):
    folder = write_kitti({"000001": [label("Car", tall(80))]})
    fails("domain clevr .* has no class of kitti data", folder, "kitti", clevr)


def test_regions_have_a_shape_without_any(write_kitti, drive):
    (target,) = load_targets(write_kitti({"000001": [label("Car", tall(80))]}), "kitti", drive)
    assert target.regions.shape == (0, 4)
    assert np.isfinite(target.objects[0].box).all()
