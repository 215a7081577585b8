import io
import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO

from sim2sg_core.domains import load_domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.images import decode_image
from sim2sg_core.synthesis import read_dataset, render_dataset
from sim2sg_core.synthesis.dataset import files_of, is_label

SIZE = (96, 64)
OPTIONS = dict(size=SIZE, samples=0, shadow_size=64)


def render(out, count, domain=None, **kwargs):
    jobs = [(seed, None) for seed in range(count)]
    return render_dataset(domain or load_domain("clevr"), jobs, out, workers=1, **OPTIONS, **kwargs)


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    out = tmp_path_factory.mktemp("data") / "set"
    told = []
    path = render(out, 6, progress=told.append)
    assert path == out / "annotations.json"
    assert sum(told) == 6
    return out


def test_round_trip(dataset, synthesizer):
    rows = read_dataset(dataset)
    assert len(rows) == 6
    for seed, (path, graph) in enumerate(rows):
        frame = synthesizer.frame(synthesizer.sample(seed, size=SIZE), seed)
        np.testing.assert_allclose(graph.boxes(), frame.graph.boxes(), atol=1e-3)
        assert graph.relations == frame.graph.relations
        for a, b in zip(graph.objects, frame.graph.objects):
            assert a.label == b.label
            assert abs(a.visibility - b.visibility) < 1e-3
            np.testing.assert_allclose(a.pose.position, b.pose.position, atol=1e-3)
        np.testing.assert_allclose(graph.camera.K, frame.layout.camera.K, atol=1e-5)
        assert decode_image(path.read_bytes()).shape == (SIZE[1], SIZE[0], 3)
        record = json.loads((dataset / "scenes" / f"{seed:06d}.json").read_text())
        assert record["seed"] == seed
        assert record["image"]["file"] == path.name
        assert len(record["layout"]["placements"]) >= len(graph.objects)


def test_coco_reads_it(dataset):
    with redirect_stdout(io.StringIO()):
        coco = COCO(str(dataset / "annotations.json"))
    domain = load_domain("clevr")
    assert [c["name"] for c in coco.loadCats(coco.getCatIds())] == list(domain.class_names)
    rows = read_dataset(dataset)
    for image_id, (path, graph) in zip(coco.getImgIds(), rows):
        assert coco.loadImgs(image_id)[0]["file_name"] == path.name
        annotations = coco.loadAnns(coco.getAnnIds(image_id))
        assert len(annotations) == len(graph.objects)
        for annotation, item in zip(annotations, graph.objects):
            x, y, w, h = annotation["bbox"]
            np.testing.assert_allclose([x, y, x + w, y + h], item.box, atol=1e-3)
            assert annotation["ignore"] == (not is_label(domain, item))
    ids = {a["id"] for a in coco.dataset["annotations"]}
    assert len(ids) == len(coco.dataset["annotations"])
    predicates = {c["id"]: c for c in coco.dataset["rel_categories"]}
    assert [c["name"] for c in predicates.values()] == ["left_of", "in_front_of"]
    assert [c["inverse"] for c in predicates.values()] == ["right_of", "behind"]
    image_of = {a["id"]: a["image_id"] for a in coco.dataset["annotations"]}
    for relation in coco.dataset["rel_annotations"]:
        assert relation["predicate_id"] in predicates
        assert image_of[relation["subject_id"]] == image_of[relation["object_id"]] == relation["image_id"]


def test_complete_frames_are_kept_and_damaged_ones_made_again(dataset):
    before = contents(dataset)
    kept = dataset / "images" / "000000.jpg"
    stamp = kept.stat().st_mtime_ns
    (dataset / "scenes" / "000002.json").write_text('{"half": ')
    (dataset / "images" / "000004.jpg").unlink()
    (dataset / "annotations.json").unlink()
    with pytest.raises(Sim2SGError, match="sim2sg synth"):
        read_dataset(dataset)
    render(dataset, 6)
    assert contents(dataset) == before
    assert kept.stat().st_mtime_ns == stamp


def test_other_training_settings_keep_the_frames_and_other_looks_do_not(tmp_path):
    domain = load_domain("clevr")
    image = tmp_path / "set" / "images" / "000000.jpg"

    def stamp(**changed):
        render(tmp_path / "set", 1, domain.model_copy(update=changed))
        return image.stat().st_mtime_ns

    first = stamp()
    assert stamp(training=domain.training.model_copy(update={"batch": domain.training.batch + 1})) == first
    noisy = domain.appearance.model_copy(update={"noise": (9.0, 9.0)})
    with pytest.raises(Sim2SGError, match="frame 000000 was made with another size, camera, content, or another vers"):
        stamp(appearance=noisy)
    assert image.stat().st_mtime_ns == first
    render(tmp_path / "set", 1, domain.model_copy(update={"appearance": noisy}), replace=True)
    assert image.stat().st_mtime_ns != first


@pytest.fixture
def own(dataset, tmp_path):
    """A copy of the data set, to be spoiled."""
    return Path(shutil.copytree(dataset, tmp_path / "set"))


def digit(path):
    """Changes the last digit of a file that stands before a comma: still valid JSON."""
    text = path.read_text()
    place = next(m.start() for m in reversed(list(re.finditer(r"\d(?=,)", text))))
    path.write_text(text[:place] + str(9 - int(text[place])) + text[place + 1 :])


@pytest.mark.parametrize(
    ("file", "spoil"),
    [
        ("images/000001.jpg", lambda path: path.write_bytes(path.read_bytes()[:300])),
        ("images/000001.jpg", lambda path: path.write_bytes(b"")),
        ("images/000001.jpg", lambda path: path.write_bytes((path.parent / "000002.jpg").read_bytes())),
        ("scenes/000001.json", lambda path: path.write_text("[]")),
        ("scenes/000001.json", digit),
        ("scenes/000001.json", lambda path: path.write_bytes(b"\0" * 100)),
    ],
)
def test_a_damaged_frame_is_named_and_drawn_anew(dataset, own, capsys, file, spoil):
    spoil(own / file)
    assert (own / file).read_bytes() != (dataset / file).read_bytes()
    render(own, 6)
    assert contents(own) == contents(dataset)
    assert "1 damaged frames are drawn anew (000001.jpg)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 4}, r"holds frames up to 000005, and none is removed: give --count 6, or another --out"),
        ({"count": 6, "first": 1}, r"frame 000000 was made with seed 0, not 1; give another --out"),
        ({"count": 8, "domain": "dining"}, r"frame 000000 is of domain clevr, not dining; give another --out"),
    ],
)
def test_frames_of_another_command_are_refused_and_kept(own, arguments, message):
    before = contents(own)
    first, count = arguments.get("first", 0), arguments["count"]
    jobs = [(seed, None) for seed in range(first, first + count)]
    with pytest.raises(Sim2SGError, match=message):
        render_dataset(load_domain(arguments.get("domain", "clevr")), jobs, own, workers=1, **OPTIONS)
    assert contents(own) == before


def test_more_frames_complete_a_data_set(dataset, own):
    before = contents(own / "images")
    render(own, 7)
    assert before.items() <= contents(own / "images").items() and len(read_dataset(own)) == 7


def test_pictures_and_annotations_of_others_are_refused_and_kept(tmp_path):
    pictures, labels = tmp_path / "photos/images/000000.jpg", tmp_path / "coco/annotations.json"
    for file, message in ((pictures, "has no record in scenes"), (labels, "is not of `sim2sg synth`")):
        file.parent.mkdir(parents=True)
        file.write_bytes(b"mine")
        with pytest.raises(Sim2SGError, match=message):
            render(tmp_path / file.relative_to(tmp_path).parts[0], 1)
        assert file.read_bytes() == b"mine"


def test_frames_of_earlier_versions_are_drawn_over_with_the_same(dataset, own):
    for record in (own / "scenes").iterdir():
        old = {k: v for k, v in json.loads(record.read_text()).items() if k not in ("sha256", "digest")}
        record.write_text(json.dumps(old))
    render(own, 6)
    assert contents(own) == contents(dataset)


def test_a_finished_data_set_names_its_files(dataset, own):
    assert {str(f.relative_to(dataset)) for f in files_of(dataset)} == set(contents(dataset))
    (own / "annotations.json").write_text('{"images": [3]}')
    assert files_of(own) == [own / "annotations.json"]


SCRIPT = """
import sys
from pathlib import Path
from sim2sg_core.domains import load_domain
from sim2sg_core.synthesis import render_dataset
if __name__ == "__main__":
    jobs = [(seed, None) for seed in range(60)]
    render_dataset(load_domain("clevr"), jobs, Path(sys.argv[1]), workers=1, size=(96, 64), samples=0, shadow_size=64)
"""


def start(tmp_path, out):
    script = tmp_path / "job.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    job = subprocess.Popen([sys.executable, str(script), str(out)], start_new_session=True, env=environment,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip
    deadline = time.monotonic() + 180
    while len(list(out.glob("images/[0-9]*.jpg"))) < 2:
        assert time.monotonic() < deadline, "nothing was rendered"
        assert job.poll() is None, job.communicate()
        time.sleep(0.02)
    return job


def test_a_killed_run_goes_on(tmp_path, dataset):
    out = tmp_path / "set"
    job = start(tmp_path, out)
    os.killpg(job.pid, signal.SIGKILL)
    job.wait()
    assert not (out / "annotations.json").exists()
    done = sorted(p.stem for p in (out / "images").glob("[0-9]*.jpg"))
    for part in ("images", "scenes"):  # The script makes more frames than are asked for below.
        for file in (out / part).glob("[0-9]*.*"):
            if int(file.stem) >= 6:
                file.unlink()
    stamps = {name: (out / "images" / f"{name}.jpg").stat().st_mtime_ns for name in done}
    render(out, 6)
    assert contents(out) == contents(dataset)
    for name in done[:6]:
        assert (out / "images" / f"{name}.jpg").stat().st_mtime_ns == stamps[name]


def test_workers_end_with_a_killed_parent(tmp_path):
    job = start(tmp_path, tmp_path / "set")
    job.kill()
    job.communicate(timeout=20)  # Its end comes when the last worker lets go of the pipes.


def test_interrupt_stops_cleanly(tmp_path):
    out = tmp_path / "set"
    job = start(tmp_path, out)
    os.killpg(job.pid, signal.SIGINT)
    _, errors = job.communicate(timeout=30)
    assert job.returncode != 0
    assert "KeyboardInterrupt" in errors.strip().splitlines()[-1]
    assert errors.count("Traceback") == 1  # The parent's; the command line catches it. Workers say nothing.
    assert not list(out.rglob(".*"))


def test_two_at_once_in_one_folder(tmp_path):
    out = tmp_path / "set"
    job = start(tmp_path, out)
    with pytest.raises(Sim2SGError, match=f"process {job.pid} is at work in it"):
        render(out, 6)
    job.kill()
    job.communicate()


def test_a_dead_worker_is_one_clear_error(tmp_path):
    def kill(n):
        for child in multiprocessing.active_children():
            os.kill(child.pid, signal.SIGKILL)

    with pytest.raises(Sim2SGError, match="run the same command again"):
        render(tmp_path / "set", 40, progress=kill)


def test_out_is_a_file(tmp_path):
    (tmp_path / "set").write_text("")
    with pytest.raises(Sim2SGError, match="is a file"):
        render(tmp_path / "set", 1)
    with pytest.raises(Sim2SGError):
        read_dataset(tmp_path / "set")


def test_command_line(tmp_path, capsys):
    from sim2sg_core.cli.main import main

    out = tmp_path / "set"
    words = f"synth --domain clevr --count 2 --workers 1 --width 64 --height 48 --out {out}".split()
    assert main(words) == 0
    assert len(read_dataset(out)) == 2
    assert "drawing with" in capsys.readouterr().err
    assert main([*words[:4], "1", *words[5:]]) == 2
    assert "--count 2, or another --out" in capsys.readouterr().err
    assert main(["synth", "--domain", "clevr", "--count", "0", "--out", str(out)]) == 2
    assert main(["synth", "--domain", "clevr", "--count", "1", "--width", "64", "--out", str(out)]) == 2
    assert "--height" in capsys.readouterr().err
