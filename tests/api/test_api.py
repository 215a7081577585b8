"""What Python users take."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest

import sim2sg_core as sg
from sim2sg_core.domains import load_domain
from sim2sg_core.images import read_image
from sim2sg_core.scene import SceneObject
from tests.logs.bag_writing import T0, bag, picture


@pytest.fixture
def model(make_model, three_objects):
    return sg.load(make_model(three_objects))


@pytest.fixture
def photo(tmp_path):
    cv2.imwrite(str(tmp_path / "photo.png"), picture(0, 640, 480))
    return tmp_path / "photo.png"


def test_the_package_is_light():
    """Nothing but the standard library is imported before it is used; no torch even then."""
    code = """
import sys
import sim2sg_core as sg
heavy = {"numpy", "cv2", "onnxruntime", "torch", "pydantic", "yaml", "matplotlib"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
assert {"load", "Graph"} <= set(dir(sg))
sg.load
assert not {"torch", "matplotlib"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_names_that_are_not_there():
    with pytest.raises(AttributeError, match="has no attribute 'lode'"):
        sg.lode  # noqa: B018


def test_an_image_by_path_and_as_pixels(model, photo):
    by_path, by_pixels = model(photo), model(read_image(photo))
    assert by_path.file == "photo.png" and by_pixels.file == ""
    assert [o.label for o in by_path.objects] == [o.label for o in by_pixels.objects]
    assert all(o.score >= 0.3 for o in by_path.objects) and all(r.score >= 0.5 for r in by_path.relations)
    everything = model(photo, min_score=0, min_relation=0)
    assert len(everything.objects) == 3 and len(everything.relations) == 7
    assert set(by_path.classes) >= {o.label for o in everything.objects}
    with pytest.raises(sg.Sim2SGError, match=r"nowhere\.jpg: cannot be read"):
        model("nowhere.jpg")


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (None, "the image is a NoneType: give a path or"),
        (b"bytes", "the image is a bytes: give a path or"),
        (["a.jpg"], r"the image is a list: .* model\.log\(…\) takes lists of files"),
        ([np.zeros((4, 4, 3), np.uint8), np.zeros((5, 4, 3), np.uint8)], "the image is a list"),
        (np.zeros((48, 64), np.uint8), r"the image is of shape \(48, 64\)"),
        ("https://example.org/a.jpg", r"https://example\.org/a\.jpg: is an address: .* model\.log"),
        (".", r"\.: is a folder: model\.log"),
    ],
)
def test_what_is_no_image(model, image, says):
    with pytest.raises(sg.Sim2SGError, match=says):
        model(image)


def test_the_camera_is_one_or_its_file(model, photo, tmp_path):
    K = [[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]
    file = tmp_path / "camera.yaml"
    matrix = {"rows": 3, "cols": 3, "data": np.ravel(K).tolist()}
    file.write_text(json.dumps({"image_width": 320, "image_height": 240, "camera_matrix": matrix}))
    for given in (file, str(file)):
        found = model(photo, given).camera
        assert (found.width, found.focal) == (640, 1000)
    for wrong in (np.array(K), 500.0):
        with pytest.raises(
            sg.Sim2SGError, match=r"the camera is a (ndarray|float): give sg\.Camera\(width, height, K\)"
        ):
            model(photo, wrong)


def test_one_graph_is_written_as_well_as_a_list(model, photo, tmp_path):
    graph = model(photo)
    assert sg.to_coco(graph) == sg.to_coco([graph])
    sg.write_graphs(tmp_path / "one.json", graph)
    sg.write_graphs(tmp_path / "list.json", [graph])
    assert (tmp_path / "one.json").read_text() == (tmp_path / "list.json").read_text()


def test_an_image_of_another_size_is_not_drawn_on(model, photo):
    with pytest.raises(sg.Sim2SGError, match="the image is 320x240 and the graph is of one of 640x480"):
        model(photo).overlay(np.zeros((240, 320, 3), np.uint8))


def test_scores_and_threads_that_cannot_be(model, make_model, three_objects, photo):
    for name in ("min_score", "min_relation"):
        for value in (2, -0.1, float("nan")):
            with pytest.raises(sg.Sim2SGError, match=f"{name} is .*: scores are from 0 to 1"):
                model(photo, **{name: value})
            with pytest.raises(sg.Sim2SGError, match=f"{name} is .*: scores are from 0 to 1"):
                next(model.log(photo, **{name: value}))
    with pytest.raises(sg.Sim2SGError, match="threads is -1: it must be 0 or more"):
        sg.load(make_model(three_objects), threads=-1)


def test_a_graph_prints_as_a_few_lines(model, photo):
    graph = model(photo, min_score=0, min_relation=0)
    lines = repr(graph).splitlines()
    assert lines[0] == "photo.png 640x480: 3 objects, 7 relations" and len(lines) == 11
    first = graph.relations[0]
    assert lines[4].split()[:5] == graph.sentence(first).split()
    crowd = sg.Graph(64, 48, graph.objects * 10)
    assert str(crowd).splitlines()[-1] == "  and 18 more"


def test_a_graph_draws_itself(model, photo, tmp_path):
    graph = model(photo)
    drawn = graph.overlay()
    assert drawn.shape == (480, 640, 3) and np.abs(drawn.astype(int) - read_image(photo)).max() > 60
    np.testing.assert_array_equal(drawn, graph.overlay(read_image(photo)))
    with pytest.raises(sg.Sim2SGError, match=r"graph\.overlay\(image\)"):
        model(read_image(photo)).overlay()


def test_people_are_blurred_however_unsure(make_model, three_objects, tmp_path):
    """Those that are too unsure for the graph too; a model without people says that it cannot."""
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    clevr = sg.load(make_model(three_objects))(noise)
    domain = load_domain("drive")
    three_objects["scores"][:3] = 0.1
    three_objects["classes"][:3] = domain.class_names.index("pedestrian")
    names = {"classes": json.dumps(domain.class_names), "predicates": json.dumps(domain.predicate_names)}
    names |= {"domain": json.dumps(domain.to_json()), "inverses": json.dumps(domain.inverses())}
    model = sg.load(make_model(three_objects, "drive.onnx", **names))
    graph = model(noise)
    assert not graph.objects and graph.private
    assert np.array_equal(graph.overlay(noise), noise)
    (x1, y1, x2, y2) = graph.private[0].box.astype(int)
    blurred = graph.overlay(noise, anonymise=True)[y1:y2, x1:x2]
    assert np.abs(np.diff(blurred.astype(int), axis=1)).mean() < 5
    with pytest.raises(sg.Sim2SGError, match="no class of people or vehicles is known"):
        clevr.overlay(noise, anonymise=True)


def test_graphs_of_a_file_keep_classes_and_what_is_private(make_model, three_objects, tmp_path):
    """Ids of classes are those of the model in every image, and unsure people are blurred still."""
    domain = load_domain("drive")
    three_objects["scores"][:3] = 0.9, 0.1, 0.8
    three_objects["classes"][:3] = [domain.class_names.index(name) for name in ("van", "pedestrian", "car")]
    names = {"classes": json.dumps(domain.class_names), "predicates": json.dumps(domain.predicate_names)}
    names |= {"domain": json.dumps(domain.to_json()), "inverses": json.dumps(domain.inverses())}
    model = sg.load(make_model(three_objects, "drive.onnx", **names))
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    graphs = [model(noise), sg.Graph(64, 48)]
    sg.write_graphs(tmp_path / "graphs.json", iter(graphs), model.id)
    again = sg.read_graphs(tmp_path / "graphs.json")
    assert [(g.classes, g.predicates) for g in again] == [(model.classes, model.predicates)] * 2
    assert len(again[0].objects) == 2 and {o.label for o in again[0].private} == {"van", "pedestrian", "car"}
    blurred = graphs[0].overlay(noise, anonymise=True)
    np.testing.assert_array_equal(again[0].overlay(noise, anonymise=True), blurred)


def test_graphs_of_a_file_without_classes_have_those_of_all_images(tmp_path):
    def graph(*labels):
        return sg.Graph(64, 48, tuple(SceneObject(label, 0.5, np.array([1.0, 2, 3, 4])) for label in labels))

    sg.write_graphs(tmp_path / "graphs.json", [graph("cup"), graph("bowl", "cup"), graph()])
    assert [g.classes for g in sg.read_graphs(tmp_path / "graphs.json")] == [("bowl", "cup")] * 3


def test_a_log_frame_by_frame(model, tmp_path):
    with bag(tmp_path / "log", "mcap") as b:
        for i in range(4):
            b.compressed("/cam/image_raw/compressed", picture(i), T0 + i * 10**9)
            b.info("/cam/camera_info", T0 + i * 10**9)
    graphs = list(model.log(tmp_path / "log", every=2, camera_height=1.5, camera_pitch=10))
    assert [g.stamp for g in graphs] == [T0, T0 + 2 * 10**9]
    assert all(o.pose is not None for g in graphs for o in g.objects) and " m" in str(graphs[0])
    sg.write_graphs(tmp_path / "graphs.json", graphs, model.id)
    again = sg.read_graphs(tmp_path / "graphs.json")
    assert [str(g) for g in again] == [str(g) for g in graphs]
    coco = sg.to_coco(graphs)
    assert [c["name"] for c in coco["categories"]] == list(model.classes) and len(coco["images"]) == 2
    with pytest.raises(sg.Sim2SGError):
        next(model.log(tmp_path / "nothing"))


def test_to_networkx(model, photo):
    pytest.importorskip("networkx", reason="networkx is not installed")
    graph = model(photo, min_score=0, min_relation=0)
    net = graph.to_networkx()
    assert [data["class"] for _, data in net.nodes(data=True)] == [o.label for o in graph.objects]
    assert {(s, o, p) for s, o, p in net.edges(keys=True)} == {
        (r.subject, r.object, r.predicate) for r in graph.relations
    }


def test_to_pandas(model, photo):
    pytest.importorskip("pandas", reason="pandas is not installed")
    graph = model(photo, min_score=0, min_relation=0)
    objects, relations = graph.to_pandas()
    assert list(objects["class"]) == [o.label for o in graph.objects]
    assert len(relations) == 7 and set(relations["predicate"]) == {r.predicate for r in graph.relations}
    assert len(sg.Graph(64, 48).to_pandas().objects) == 0


def test_to_supervision(model, photo):
    pytest.importorskip("supervision", reason="supervision is not installed")
    graph = model(photo, min_score=0)
    detections = graph.to_supervision()
    np.testing.assert_allclose(detections.xyxy, graph.boxes(), atol=0.01)
    assert list(detections.data["class_name"]) == [o.label for o in graph.objects]
    assert [model.classes[i] for i in detections.class_id] == [o.label for o in graph.objects]


def test_what_is_not_installed_is_named(model, photo, monkeypatch):
    graph = model(photo)
    for module in ("networkx", "pandas", "supervision"):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(sg.Sim2SGError, match=rf"to_{module}\(\) needs {module}: pip install {module}"):
            getattr(graph, f"to_{module}")()
