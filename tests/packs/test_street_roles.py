"""Streets of any classes: which of them play which role is for the domain to say."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2sg_core.cli.main import main
from sim2sg_core.domains import Domain, load_domain
from sim2sg_core.domains.loading import parse_domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.packs.drive.road import Road
from sim2sg_core.packs.drive.street_inference import infer_street
from sim2sg_core.packs.drive.street_kinds import STREET_KINDS
from sim2sg_core.packs.drive.street_layout import ROLES, StreetLayout
from sim2sg_core.packs.drive.street_sampler import sample_street
from sim2sg_core.packs.drive.street_scenery import street_scenery
from sim2sg_core.packs.pack import shipped_files
from sim2sg_core.scene import Layout, Placement
from sim2sg_core.synthesis.appearance import Painter
from sim2sg_core.synthesis.assets.registry import load_asset
from sim2sg_core.synthesis.layouts.occupancy import box_footprint, overlap
from sim2sg_core.synthesis.synthesizer import Synthesizer
from sim2sg_core.synthesis.validate_assets import validate_assets

DOCS = Path(__file__).parents[2] / "docs" / "domains.md"
DRIVE = load_domain("drive")


def documented_street() -> str:
    """The example of docs/domains.md."""
    (text,) = re.findall(r"```yaml\n(name: tramway\n.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    return str(text)


TRAMWAY_TEXT = documented_street()
TRAMWAY = parse_domain(TRAMWAY_TEXT, "tramway.yaml", validate_assets)

HEAD = """
name: mine
box: visible
input: {width: 320, height: 96}
max_objects: 48
classes:
"""
TAIL = """
camera: {width: 310, height: 94, hfov_deg: 80, height_m: 1.6, pitch_deg: 0}
layout:
  type: street
"""
SIZES = {
    "cart": (3.0, 1.5, 1.6), "lorry": (8.0, 2.4, 3.0), "moped": (1.8, 0.7, 1.2), "walker": (0.5, 0.5, 1.7),
    "jogger": (0.6, 0.5, 1.8), "rider": (1.8, 0.6, 1.7), "shrub": (2.0, 2.0, 1.5), "pole": (0.4, 0.4, 6.0),
    "kiosk": (4.0, 3.0, 3.0), "tower": (12.0, 12.0, 30.0),
}  # fmt: skip


class AppearancePrior:
    """The part of an appearance that scenery uses."""

    painter = Painter()


def cubes(layout: str, *names: str) -> str:
    """A domain whose classes are cubes stretched to their sizes."""
    classes = "".join(f"  - {{name: {n}, sizes: [{list(SIZES[n])}], assets: [cube]}}\n" for n in names)
    return HEAD + classes + TAIL + layout


def sample(domain: Domain, seed: int) -> Layout:
    rng = np.random.default_rng(seed)
    return sample_street(domain, domain.camera.sample(rng, None, None, None), rng)


def counts(domain: Domain, seeds: int) -> dict[str, float]:
    """How many of each class a scene holds on average."""
    layouts = [sample(domain, seed) for seed in range(seeds)]
    return {
        name: float(np.mean([sum(p.label == name for p in lay.placements) for lay in layouts]))
        for name in domain.class_names
    }


def assert_free(layout: Layout, plants: frozenset[str]) -> None:
    """No two footprints overlap; a tree's crown may hang over what is low."""
    quads = []
    for p in layout.placements:
        share = 0.2 if p.label in plants else 1.0
        quads.append(box_footprint(*p.position[:2], p.yaw, *(p.size[:2] * share - 1e-3)))
    for (i, a), (j, b) in itertools.combinations(enumerate(quads), 2):
        assert not overlap(a, b), (layout.placements[i], layout.placements[j])


def test_the_documented_street_holds_its_classes_at_their_sizes() -> None:
    assert not {"van", "truck", "pedestrian", "building"} & set(TRAMWAY.class_names)
    layouts = [sample(TRAMWAY, seed) for seed in range(40)]
    seen = {p.label for layout in layouts for p in layout.placements}
    assert seen == set(TRAMWAY.class_names)
    for layout in layouts:
        assert_free(layout, frozenset({"tree"}))
        for p in layout.placements:
            spec = TRAMWAY.class_spec(p.label)
            if spec.assets:
                low, high = spec.size_ranges()[0]
                assert p.asset in spec.assets
                assert (p.size >= low - 1e-9).all() and (p.size <= high + 1e-9).all(), p
            else:
                assert p.asset.startswith("car_")


def test_trams_keep_to_the_lanes() -> None:
    """They park nowhere and cross nowhere: all stand along the street, on the road."""
    trams = 0
    for seed in range(40):
        layout = sample(TRAMWAY, seed)
        street = infer_street(layout.placements, TRAMWAY.layout, np.random.default_rng(0))
        for p in layout.placements:
            if p.label == "tram" and p.position[0] < 60:
                _, t = street.road.locate(p.position[:2])
                trams += 1
                assert abs(np.sin(p.yaw - float(street.road.heading))) < 0.5
                assert street.edges[1] < t < street.edges[0]
    assert trams > 5


def test_frames_of_the_documented_street_are_drawn_and_rebuilt() -> None:
    """As from a log: other boxes, no meshes; the street round them is inferred."""
    made = Synthesizer(TRAMWAY)
    labels = set()
    for seed in (2, 4, 8):
        layout = made.sample(seed, size=(310, 94))
        frame = made.frame(layout, seed)
        assert frame.image.std() > 5
        labels |= {item.label for item in frame.graph.objects}
        rng = np.random.default_rng(seed)
        lifted = tuple(
            dataclasses.replace(p, size=p.size * rng.uniform(0.8, 1.2, 3), yaw=p.yaw + rng.normal(0, 0.1), asset=None)
            for p in layout.placements
        )
        again = made.frame(Layout(layout.camera, lifted), seed)
        assert {item.label for item in again.graph.objects} <= set(TRAMWAY.class_names)
        assert (again.ids > 0).any() == bool(lifted)
    made.close()
    assert labels == set(TRAMWAY.class_names)


def test_check_passes_on_the_documented_street(tmp_path, capsys) -> None:
    file = tmp_path / "tramway.yaml"
    file.write_text(TRAMWAY_TEXT, encoding="utf-8")
    assert main(["domain", "check", str(file), "--out", str(tmp_path / "out"), "--count", "5", "--seed", "2"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"\ntram +(0\.[1-9]|[1-9])", out), out
    assert "never placed" not in out
    assert (tmp_path / "out" / "contact_sheet.png").exists()


def test_check_tells_of_a_class_without_a_role_and_where_to_name_it(tmp_path, capsys) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(cubes("  walkers: [{what: walker, density: 20}]\n", "walker", "kiosk"))
    assert main(["domain", "check", str(file), "--out", str(tmp_path / "out"), "--count", "2"]) == 0
    words = "warning: kiosk is never placed; it plays no role in the street; name it in the layout under vehicles,"
    assert words in capsys.readouterr().out


ROLE_CLASSES = {
    "vehicles": ("cart", "lorry", "moped"), "walkers": ("walker", "jogger"), "riders": ("rider",),
    "plants": ("shrub", "pole"), "houses": ("kiosk", "tower"),
}  # fmt: skip


@given(st.data(), st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_a_street_holds_what_plays_a_role_and_nothing_overlaps(data: st.DataObject, seed: int) -> None:
    text, named = "", set()
    for role in ROLES:
        entries = []
        for name in data.draw(st.lists(st.sampled_from(ROLE_CLASSES[role]), unique=True), label=role):
            density = data.draw(st.floats(0, 30), label=f"density of {name}")
            named.add(name)
            rest = role == "vehicles" and not entries
            entries.append(f"{{what: {name}}}" if rest else f"{{what: {name}, density: {density}}}")
        text += f"  {role}: [{', '.join(entries)}]\n"
    if not named:
        return
    domain = parse_domain(cubes(text, *SIZES), "f")
    assert Domain.from_json(json.dumps(domain.to_json())) == domain
    layout = sample(domain, seed)
    assert {p.label for p in layout.placements} <= named
    assert_free(layout, frozenset(ROLE_CLASSES["plants"]))
    view = box_footprint(0.2, 0.0, 0.0, 4.4, 1.8)
    assert not any(overlap(view, p.footprint()) for p in layout.placements if p.label not in ROLE_CLASSES["plants"])
    scene = street_scenery(domain, layout, AppearancePrior(), np.random.default_rng(seed))
    assert len(scene) > 10


ONE_EACH = """
  parked: {parked}
  moving: {moving}
  vehicles: [{{what: cart}}, {{what: lorry, density: {lorry}}}]
  walkers: [{{what: walker, density: {walker}}}, {{what: jogger, density: {jogger}}}]
  riders: [{{what: rider, density: {rider}}}]
  plants: [{{what: shrub, density: {shrub}}}]
  houses: [{{what: kiosk, density: {kiosk}}}, {{what: tower, density: {tower}}}]
"""
KEYS = ("parked", "moving", "lorry", "walker", "jogger", "rider", "shrub", "kiosk", "tower")


@pytest.mark.parametrize("key", KEYS)
def test_more_density_more_objects(key: str) -> None:
    usual = {**dict.fromkeys(KEYS, 1), "parked": 4, "moving": 4, "kiosk": 2, "tower": 2}
    found = [
        counts(parse_domain(cubes(ONE_EACH.format(**{**usual, key: value}), *SIZES), "f"), 30) for value in (0, 2, 12)
    ]
    name = {"parked": "cart", "moving": "cart"}.get(key, key)
    assert found[0][name] < found[1][name] < found[2][name]
    if name == key:
        assert found[0][name] == 0


def test_vehicles_of_no_density_take_the_places_that_others_leave() -> None:
    """As many vehicles stand in the street, whatever share of them are lorries; three in ten are at most."""
    domain = parse_domain(cubes(ONE_EACH.format(**{**dict.fromkeys(KEYS, 4), "lorry": 1000}), *SIZES), "f")
    found = counts(domain, 60)
    assert 0.15 < found["lorry"] / (found["lorry"] + found["cart"]) < 0.35
    many = ", ".join(f"{{what: {n}, density: 1000}}" for n in ("lorry", "moped", "kiosk", "shrub"))
    text = f"  parked: 10\n  moving: 10\n  vehicles: [{many}, {{what: cart}}]\n"
    found = counts(parse_domain(cubes(text, *SIZES), "f"), 60)
    assert found["cart"] > 0 and all(found[n] > 0 for n in ("lorry", "moped", "kiosk", "shrub"))


def test_still_streets_have_parked_vehicles_alone() -> None:
    domain = parse_domain(cubes("  parked: 18\n  moving: 0\n  across: 0\n  vehicles: [{what: cart}]\n", "cart"), "f")
    assert counts(domain, 20)["cart"] > 2
    domain = parse_domain(cubes("  parked: 0\n  moving: 0\n  vehicles: [{what: cart}]\n", "cart"), "f")
    assert counts(domain, 20)["cart"] == 0


def test_a_street_is_found_again_from_vehicles_of_any_name() -> None:
    road, placed = Road(0.1, 0.002), []
    for s, t in ((8, -2.6), (15, 3.0), (24, -2.5), (33, 3.1), (45, -2.6), (58, 2.9)):
        size = np.array([4.2, 1.7, 1.5])
        placed.append(Placement("tram", np.array([*road.at(s, t), 0.0]), float(road.yaw(s)), size))
    street = infer_street(placed, TRAMWAY.layout, np.random.default_rng(0))
    assert street.road.heading == pytest.approx(0.1, abs=0.03)
    assert street.road.curve == pytest.approx(0.002, abs=0.0012)
    assert street.edges[0] > 3.6 and street.edges[1] < -3.2
    others = [dataclasses.replace(p, label="tree") for p in placed]
    assert infer_street(others, TRAMWAY.layout, np.random.default_rng(0)).road.heading == 0


def test_what_has_a_label_does_not_stand_about_without_one() -> None:
    unlabelled = TRAMWAY.model_copy(update={"layout": TRAMWAY.layout.model_copy(update={"riders": ()})})

    def stands(domain: Domain, seed: int) -> bool:
        scene = street_scenery(domain, sample(unlabelled, seed), AppearancePrior(), np.random.default_rng(seed))
        return any(item.asset.name == "street_scooter_0" for item in scene)

    seed = next(seed for seed in range(40) if stands(unlabelled, seed))
    assert not stands(TRAMWAY, seed)


def write_box(file: Path, length: float, width: float, height: float) -> None:
    corners = [f"v {x} {y} {z}" for x, y, z in itertools.product((0, length), (0, width), (0, height))]
    faces = ["1 2 4 3", "5 7 8 6", "1 5 6 2", "3 4 8 7", "1 3 7 5", "2 6 8 4"]
    file.write_text("\n".join([*corners, *(f"f {f}" for f in faces)]) + "\n")


@pytest.mark.parametrize("role", ROLES)
def test_meshes_from_files_keep_their_sizes_in_every_role(role: str, tmp_path) -> None:
    """A class that is given no size has that of its meshes; one that is given a size has this."""
    (tmp_path / "big_house_meshes").mkdir()
    for name, extents in (("small", (0.8, 0.6, 1.1)), ("large", (2.4, 1.6, 1.9))):
        write_box(tmp_path / "big_house_meshes" / f"{name}.obj", *extents)
    entry = "{what: pod}" if role == "vehicles" else "{what: pod, density: 12}"
    for size in ("", "size: {length: [2, 3], width: [1, 2], height: [1.5, 2.5]}, "):
        classes = f"  - {{name: pod, {size}meshes: [big_house_meshes]}}\n"
        text = f"{HEAD}{classes}{TAIL}  parked: 9\n  moving: 9\n  {role}: [{entry}]\n"
        domain = parse_domain(text, str(tmp_path / "mine.yaml"), validate_assets)
        placed = [p for seed in range(15) for p in sample(domain, seed).placements]
        assert len({p.asset for p in placed}) == 2, "folders say nothing of kinds"
        for p in placed:
            if size:
                low, high = domain.class_spec("pod").size_ranges()[0]
                assert (p.size >= low).all() and (p.size <= high).all()
            else:
                np.testing.assert_allclose(p.size / np.array(load_asset(p.asset).size), 1, atol=0.1)


def test_names_of_files_tell_the_kinds_of_plants_and_houses(tmp_path) -> None:
    for kind in ("row", "block", "house", "hall"):
        write_box(tmp_path / f"my_{kind}_1.obj", 8, 8, 6)
    classes = "  - {name: home, size: {length: 8, width: 8, height: 6}, meshes: [.]}\n"
    text = f"{HEAD}{classes}{TAIL}  houses: [{{what: home, density: 12}}]\n"
    domain = parse_domain(text, str(tmp_path / "mine.yaml"), validate_assets)
    kinds = {kind.name: kind for kind in STREET_KINDS}
    from sim2sg_core.packs.drive.street_models import StreetModels

    models = StreetModels(domain, np.random.default_rng(0))
    drawn = {models.draw("home", kinds["city"].houses)[0] for _ in range(40)}
    assert {Path(name.partition("?")[0]).name for name in drawn} == {"my_row_1.obj", "my_block_1.obj"}


OLD_KEYS = {
    "parked_cars": "[1, 18]", "moving_cars": "[0, 9]", "vans": "[0, 5]", "trucks": "[0, 2.5]",
    "pedestrians": "[0, 16]", "cyclists": "[0, 5]", "vegetation": "[4, 40]", "buildings": "[3, 12]",
}  # fmt: skip


def earlier_drive(keys: dict[str, str]) -> str:
    """The built-in domain as earlier versions wrote it."""
    text = shipped_files("domain.yaml")["drive"].read_text(encoding="utf-8")
    head, _, rest = text.partition("  parked: ")
    tail = rest[rest.index("  junctions: ") :]
    return head + "".join(f"  {key}: {value}\n" for key, value in keys.items()) + tail


def test_earlier_keys_mean_what_they_meant() -> None:
    earlier = parse_domain(earlier_drive(OLD_KEYS), "f")
    assert earlier == DRIVE and earlier.hash() == DRIVE.hash()
    dumped = DRIVE.to_json()
    layout = {key: value for key, value in dumped["layout"].items() if key not in (*ROLES, "parked", "moving")}
    layout |= {key: json.loads(value) for key, value in OLD_KEYS.items()}
    assert Domain.from_json(json.dumps({**dumped, "layout": layout})) == DRIVE


def test_earlier_keys_left_out_had_their_defaults() -> None:
    layout = parse_domain(earlier_drive({"moving_cars": "3"}), "f").layout
    assert isinstance(layout, StreetLayout)
    assert layout.moving == (3, 3) and layout.parked == (0, 20)
    assert {entry.what: entry.density for _, _, entry in layout.entries()} == {
        "car": None, "van": (0, 3), "truck": (0, 1.5), "pedestrian": (0, 10), "cyclist": (0, 4),
        "vegetation": (2, 30), "building": (0, 10),
    }  # fmt: skip


def test_earlier_keys_of_classes_that_are_not_there_place_nothing() -> None:
    text = earlier_drive(OLD_KEYS).replace("relation_classes: [car, van, truck, pedestrian, cyclist]", "")
    text = re.sub(r"  - name: (truck|cyclist)\n.*\n", "", text)
    domain = parse_domain(text, "f")
    assert isinstance(domain.layout, StreetLayout)
    assert domain.layout.vehicle_names == {"car", "van"} and domain.layout.riders == ()
    assert sample(domain, 0).placements


MISTAKES = [
    ("{what: tram,", "{what: trem,", "layout.vehicles[1].what", "unknown class 'trem'; did you mean tree or tram?"),
    ("{what: person,", "{what: tree,", "layout.plants[0].what", "tree is among the walkers already"),
    ("- {what: car}", "- {what: scooter}", "layout.riders[0].what", "scooter is among the vehicles already"),
    ("{what: car}", "{what: car, density: 3}", "layout.vehicles[0].density", "one class of vehicles goes without"),
    ("density: [1, 4], ", "", "layout.vehicles[1]", "tram has no density: car takes all places"),
    ("{what: car}", "{what: car, crosses: 0}", "layout.vehicles[0].crosses", "delete this key"),
    ("{what: car}", "{what: car, mesh_scale: [1, 1, 0]}", "layout.vehicles[0].mesh_scale[2]", "more than 0"),
    ("{what: person, density: [0, 20]}", "{what: person}", "layout.walkers[0].density", "missing key"),
    ("{what: person, density: [0, 20]}", "person", "layout.walkers[0]", "a mapping of keys"),
    ("[{what: person, density: [0, 20]}]", "{what: person}", "layout.walkers", "a list"),
    ("density: [0, 20]", "density: [20, 0]", "layout.walkers[0].density", "write [0, 20]"),
    ("  walkers:", "  walker:", "layout.walker", "did you mean walkers"),
    ("  moving: [1, 9]", "  moving: [1, 9]\n  vans: 3", "layout.vans", "an earlier key beside vehicles:"),
    ("  moving: [1, 9]", "  moving: 1\n  moving_cars: 3", "layout.moving_cars", "the earlier name of moving"),
    ("    yaw_symmetry: 0", "    supports: [car]", "layout.plants[0].what", "does not stand on the ground"),
    ("    yaw_symmetry: 0", "    count: 3", "classes[4].count", "parked, moving and the density of each class"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "key", "words"), MISTAKES)
def test_mistakes_name_their_place_and_remedy(old: str, new: str, key: str, words: str) -> None:
    assert old in TRAMWAY_TEXT
    text = TRAMWAY_TEXT.replace(old, new, 1)
    with pytest.raises(Sim2SGError) as caught:
        parse_domain(text, "my.yaml")
    message = str(caught.value)
    line = re.match(r"my\.yaml:(\d+): ", message)
    assert line and f" {key}: " in message and words in message, message
    assert "\n" not in message
    leaf = re.findall(r"\w+", key)[-1]
    if not leaf.isdigit() and "missing" not in words:
        assert leaf in text.splitlines()[int(line[1]) - 1], message


def test_a_street_of_nothing_is_a_mistake_and_one_without_vehicles_is_none() -> None:
    with pytest.raises(Sim2SGError, match=r"layout: nothing stands in this street; name classes under vehicles:, .*"):
        parse_domain(cubes("  lanes: 2\n", "cart"), "f")
    domain = parse_domain(cubes("  walkers: [{what: walker, density: 30}]\n", "walker"), "f")
    assert counts(domain, 10)["walker"] > 2


def test_a_mistake_in_an_earlier_key_is_told_there() -> None:
    wrong = {"[5, 0]": "write [0, 5]", "-1": "negative", "many": "write a list", "[1, x]": "number"}
    for value, words in wrong.items():
        with pytest.raises(Sim2SGError, match=r"^f:\d+: layout.vans(\[1\])?: ") as caught:
            parse_domain(earlier_drive({**OLD_KEYS, "vans": value}), "f")
        assert words in str(caught.value)


def test_how_to_raise_names_the_density_of_the_class() -> None:
    ways = {spec.name: TRAMWAY.how_to_raise(spec) for spec in TRAMWAY.classes}
    assert ways == {
        "car": "raise layout: parked (now [0, 10]) or moving (now [1, 9])",
        "tram": "raise layout: vehicles[1].density (now [1, 4]) or moving (now [1, 9])",
        "person": "raise layout: walkers[0].density (now [0, 20])",
        "scooter": "raise layout: riders[0].density (now [0, 8])",
        "tree": "raise layout: plants[0].density (now [2, 20])",
    }
