"""Whole data sets scored: perfect predictions, KITTI's special cases, and wrong names."""

import dataclasses

import numpy as np
import pytest

from sim2sg_core.domains import Domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.evaluation import evaluate, evaluate_predcls, find_doubts, load_targets
from sim2sg_core.scene import Relation, SceneGraph, SceneObject
from tests.evaluation.conftest import label


def predict(target, objects, relations=()):
    """objects: (label, box, score); relations: (subject, predicate, object, score)."""
    made = tuple(SceneObject(name, score, np.array(box, float)) for name, box, score in objects)
    graph = SceneGraph(target.width, target.height, made, tuple(Relation(*r) for r in relations))
    return dataclasses.replace(graph, file=target.file)


CAR, PERSON, BIKE, VAN, SITTING = (
    (100, 150, 200, 250),
    (300, 150, 340, 250),
    (500, 150, 560, 250),
    (700, 150, 800, 250),
    (850, 150, 890, 250),
)
CARE_NOT = (1000, 150, 1100, 250)
STREET = [
    label("Car", CAR, location=(-4, 1.6, 20)),
    label("Pedestrian", PERSON, location=(0, 1.6, 12)),
    label("Cyclist", BIKE, location=(4, 1.6, 16)),
    label("Van", VAN, location=(8, 1.6, 20)),
    label("Person_sitting", SITTING, location=(9, 1.6, 12)),
    label("DontCare", CARE_NOT),
]
SEEN = [("car", CAR, 0.9), ("pedestrian", PERSON, 0.8), ("cyclist", BIKE, 0.7)]


@pytest.fixture
def street(write_kitti, drive):
    return load_targets(write_kitti({"000001": STREET}), "kitti", drive)


def score(targets, domain, objects, relations=(), format="kitti"):
    return evaluate([predict(targets[0], objects, relations)], targets, domain, format)


def test_names_of_figures(street, drive):
    figures = score(street, drive, SEEN)
    wanted = {"mAP50", "mAP50_easy", "mAP50_moderate", "mAP50_hard", "n_images", "n_facts"}
    wanted |= {f"AP50_{c}_{d}" for c in ("car", "pedestrian", "cyclist") for d in ("easy", "moderate", "hard")}
    for prefix in ("sgdet", "sgdet_constrained"):
        for k in (20, 50):
            wanted |= {f"{prefix}_R{k}", f"{prefix}_mR{k}", f"{prefix}_ceiling_R{k}"}
            wanted |= {f"{prefix}_R{k}_over_ceiling"}
    assert wanted <= set(figures)


def test_perfect_prediction(street, drive):
    truth = street[0].truth_graph()
    figures = evaluate([truth], street, drive, "kitti")
    assert figures["mAP50"] == figures["mAP50_easy"] == 1
    assert figures["sgdet_R20"] == figures["sgdet_mR20"] == figures["sgdet_ceiling_R20"] == 1
    assert figures["n_facts"] == len(street[0].relations) == 6
    given = evaluate_predcls({"000001.png": truth.relations}, street, drive, "kitti")
    assert given["predcls_R20"] == 1


def test_map_is_the_mean_of_the_three_classes_at_hard(street, drive):
    figures = score(street, drive, SEEN[:2])
    assert figures["mAP50"] == figures["mAP50_hard"] == pytest.approx(2 / 3)


def test_false_alarm_costs(street, drive):
    figures = score(street, drive, [("car", (10, 10, 110, 80), 0.95), *SEEN])
    assert figures["AP50_car_hard"] == 0.5
    assert figures["AP50_pedestrian_hard"] == 1


def test_neighbours_are_neither_hit_nor_false_alarm(street, drive):
    figures = score(street, drive, [("car", VAN, 0.99), ("pedestrian", SITTING, 0.99), *SEEN])
    assert figures["mAP50_hard"] == 1
    # The other way round they are false alarms: no neighbours.
    figures = score(street, drive, [("pedestrian", VAN, 0.99), ("car", SITTING, 0.99), *SEEN])
    assert figures["AP50_car_hard"] == figures["AP50_pedestrian_hard"] == 0.5


def test_predicted_van_counts_as_car(street, drive):
    figures = score(street, drive, [("van", CAR, 0.9), ("van", VAN, 0.8), *SEEN[1:]])
    assert figures["AP50_car_hard"] == 1
    figures = score(street, drive, [("van", (10, 10, 110, 80), 0.95), *SEEN])
    assert figures["AP50_car_hard"] == 0.5


def test_predicted_truck_is_not_a_car(street, drive):
    assert score(street, drive, [("truck", CAR, 0.9), *SEEN[1:]])["AP50_car_hard"] == 0


def test_dont_care(street, drive):
    inside = (1010, 160, 1090, 240)
    assert score(street, drive, [("car", inside, 0.99), *SEEN])["AP50_car_hard"] == 1
    beside = (1060, 150, 1160, 250)  # 40 % of it inside
    assert score(street, drive, [("car", beside, 0.99), *SEEN])["AP50_car_hard"] == 0.5


def test_low_false_alarms_are_forgiven_by_difficulty(street, drive):
    low, middle = (600, 20, 640, 44), (600, 20, 640, 50)  # 24 and 30 px high
    assert score(street, drive, [("car", low, 0.99), *SEEN])["AP50_car_hard"] == 1
    figures = score(street, drive, [("car", middle, 0.99), *SEEN])
    assert (figures["AP50_car_easy"], figures["AP50_car_hard"]) == (1, 0.5)


def test_object_beyond_a_difficulty_is_ignored_there(write_kitti, drive):
    targets = load_targets(write_kitti({"000001": [*STREET[1:], label("Car", CAR, occlusion=2)]}), "kitti", drive)
    figures = score(targets, drive, SEEN)
    assert (figures["AP50_car_easy"], figures["AP50_car_moderate"]) == (None, None)
    assert figures["AP50_car_hard"] == 1
    assert (figures["n_car_easy"], figures["n_car_hard"]) == (0, 1)


def test_unjudgeable_triplets_take_no_rank(street, drive):
    """Other classes, neighbours, DontCare: their triplets, though best scored, are dropped first."""
    extra = [("vegetation", (0, 0, 90, 90), 1.0), ("car", VAN, 1.0), ("car", CARE_NOT, 1.0)]
    relations = [(a, "left_of", b, 1.0) for a in range(3) for b in range(3, 6)]
    relations += [(b, "left_of", a, 1.0) for a in range(3) for b in range(3, 6)]
    relations += [(3, "left_of", 4, 0.5), (4, "left_of", 5, 0.5), (3, "left_of", 5, 0.5)]
    crowd = [("car", (10 * n, 10, 10 * n + 50, 90), 0.99) for n in range(40)]
    figures = score(street, drive, [*extra, *SEEN], relations)
    assert figures["sgdet_R20"] == 0.5  # the three left_of; 18 others stood before them
    assert figures["sgdet_R20"] == figures["sgdet_R50"]
    # False alarms in the open do take ranks.
    wrong = [(3 + n, "left_of", 4 + n, 1.0) for n in range(20)]
    right = [(0, "left_of", 1, 0.5), (1, "left_of", 2, 0.5), (0, "left_of", 2, 0.5)]
    figures = score(street, drive, [*SEEN, *crowd], wrong + right)
    assert (figures["sgdet_R20"], figures["sgdet_R50"]) == (0, 0.5)


def test_box_on_valid_and_ignored_object_is_judged(write_kitti, drive):
    lines = [*STREET[1:], label("Car", CAR, location=(-4, 1.6, 20)), label("Van", (102, 150, 202, 250))]
    targets = load_targets(write_kitti({"000001": lines}), "kitti", drive)
    figures = score(targets, drive, SEEN, [(0, "left_of", 1, 1.0)])
    assert figures["sgdet_R20"] == pytest.approx(1 / 6)


def test_inverse_names_of_the_domain(street, drive):
    figures = score(street, drive, SEEN, [(1, "right_of", 0, 1.0)])
    assert figures["sgdet_R20"] == pytest.approx(1 / 6)


def test_images_without_facts_do_not_count_for_recall(write_kitti, drive):
    targets = load_targets(write_kitti({"000001": STREET, "000002": [label("Car", CAR)]}), "kitti", drive)
    graphs = [targets[0].truth_graph(), predict(targets[1], [])]
    figures = evaluate(graphs, targets, drive, "kitti")
    assert (figures["sgdet_R20"], figures["n_images"], figures["n_images_with_facts"]) == (1, 2, 1)
    assert figures["AP50_car_hard"] == 0.5


def test_clevr_data(write_clevr, clevr):
    folder = write_clevr(
        {
            "a": [("cube", [10, 10, 50, 50], [0, 0, 0]), ("sphere", [100, 10, 150, 50], [0, 1, 0])],
            "b": [("cube", [10, 10, 50, 50], [0, 0, 0])],
        }
    )
    targets = load_targets(folder, "clevr", clevr)
    figures = evaluate([t.truth_graph() for t in targets], targets, clevr, "clevr")
    assert (figures["mAP50"], figures["AP50_cube"], figures["AP50_cylinder"]) == (1, 1, None)
    assert (figures["sgdet_R20"], figures["n_facts"]) == (1, 1)


# ---- no silent zero ----


def test_missing_prediction_is_named(write_kitti, drive):
    targets = load_targets(write_kitti({"000001": STREET, "000002": STREET}), "kitti", drive)
    with pytest.raises(Sim2SGError, match=r"000002\.png: no prediction .*1 of 2 have none.*sim2sg infer"):
        evaluate([predict(targets[0], SEEN)], targets, drive, "kitti")


def test_names_that_fit_nowhere(street, drive):
    stranger = dataclasses.replace(predict(street[0], SEEN), file="frame_1.png")
    with pytest.raises(Sim2SGError, match=r"000001\.png: no prediction .*the predictions name e\.g\. frame_1\.png"):
        evaluate([stranger], street, drive, "kitti")


def test_folders_in_names_do_not_matter(street, drive):
    graph = dataclasses.replace(predict(street[0], SEEN), file="some/where/000001.png")
    assert evaluate([graph], street, drive, "kitti")["mAP50"] == 1


def test_two_predictions_for_one_image(street, drive):
    graph = predict(street[0], SEEN)
    with pytest.raises(Sim2SGError, match="two predictions"):
        evaluate([graph, graph], street, drive, "kitti")


def test_predictions_of_another_size(street, drive):
    graph = dataclasses.replace(predict(street[0], SEEN), width=640, height=192)
    with pytest.raises(Sim2SGError, match="predicted on 640x192, but the image is 1242x375"):
        evaluate([graph], street, drive, "kitti")


def test_other_domain(street, clevr):
    with pytest.raises(Sim2SGError, match="has no class of kitti data"):
        evaluate([predict(street[0], SEEN)], street, clevr, "kitti")


def test_predcls_needs_every_image_with_facts(street, drive):
    with pytest.raises(Sim2SGError, match=r"000001\.png: no relations"):
        evaluate_predcls({}, street, drive, "kitti")


def test_doubts(street, drive):
    assert find_doubts([predict(street[0], SEEN)], street, drive, "kitti") == []
    (nothing,) = find_doubts([predict(street[0], [])], street, drive, "kitti")
    assert "0 objects" in nothing
    (elsewhere,) = find_doubts([predict(street[0], [("car", (5, 5, 9, 9), 1)])], street, drive, "kitti")
    assert "no predicted box" in elsewhere
    data = drive.to_json()
    data["classes"] = [c for c in data["classes"] if c["name"] != "cyclist"]
    data["relation_classes"].remove("cyclist")
    data["layout"]["riders"] = []
    smaller = Domain.from_json(data)
    (unknown,) = find_doubts([predict(street[0], SEEN)], street, smaller, "kitti")
    assert "no class cyclist" in unknown


def test_depth_errors_are_of_what_counts_and_is_found(street, drive):
    truths = {o.label: o.pose for o in street[0].objects}

    def at(label, box, scale, score):
        pose = dataclasses.replace(truths[label], position=truths[label].position * scale)
        return SceneObject(label, score, np.array(box, float), pose)

    graph = predict(street[0], [])
    # The surest of two boxes counts; a van is no car that counts; a box elsewhere finds nothing.
    objects = (at("car", CAR, 1.1, 0.9), at("car", CAR, 3.0, 0.5), at("pedestrian", PERSON, 0.8, 0.7))
    objects += (at("car", VAN, 5.0, 0.9), at("cyclist", CARE_NOT, 2.0, 0.9))
    figures = evaluate([dataclasses.replace(graph, objects=objects)], street, drive, "kitti")
    assert figures["depth_error_car"] == pytest.approx(0.1)
    assert figures["depth_error_pedestrian"] == pytest.approx(0.2)
    assert figures["depth_error_cyclist"] is None
    assert score(street, drive, SEEN)["depth_error_car"] is None
