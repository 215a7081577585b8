import json

import cv2
import pytest

from sim2sg_core.cli.main import main
from sim2sg_core.domains import Domain
from sim2sg_core.domains.credits import FILE, credits_of, write_credits
from sim2sg_core.domains.mesh_library import FOLDERS
from sim2sg_core.synthesis import library_mix
from sim2sg_core.synthesis.assets.library_assets import coarse_library_asset, library_asset
from sim2sg_core.synthesis.assets.registry import coarse_asset, load_asset
from tests.small_library import write_library

DOMAIN = """\
name: own
box: visible
input: {width: 64, height: 64}
camera: {width: 64, height: 48, hfov_deg: 50, height_m: 2.5, pitch_deg: 25}
layout: {type: scatter, count: 2, distance: [5, 8], lateral: [-2, 2]}
classes:
  - {name: cart, meshes: [{library: sweethome3d, id: "Small#cart"}]}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with the small library, which nothing names yet."""
    monkeypatch.setenv(FOLDERS, "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "library").mkdir()
    write_library(tmp_path / "library")
    for cached in (library_asset, coarse_library_asset, load_asset, coarse_asset):
        cached.cache_clear()
    yield tmp_path
    for cached in (library_asset, coarse_library_asset, load_asset, coarse_asset):
        cached.cache_clear()


def test_list_finds_models(folder, capsys):
    path = ["--library-path", str(folder / "library")]
    assert main(["assets", "list", *path]) == 0
    out = capsys.readouterr().out
    assert "Small#cart" in out and "4 1.5 1.2" in out and out.endswith("2 of 2 models\n")
    assert main(["assets", "list", "--category", "vehi", "--search", "WHEELS", *path]) == 0
    assert "Small#shelf" not in capsys.readouterr().out
    assert main(["assets", "list", "--search", "moon", *path]) == 2
    assert "its categories: Living room, Vehicles" in capsys.readouterr().err


def test_show_draws_a_sheet(folder, capsys, monkeypatch):
    monkeypatch.setenv(FOLDERS, str(folder / "library"))
    sheet = folder / "sheet.png"
    assert main(["assets", "show", "Small#cart", "Small#shelf", "--out", str(sheet)]) == 0
    assert capsys.readouterr().out == f"{sheet}\n"
    image = cv2.imread(str(sheet))
    assert image.shape[1] > 500 and image.std() > 10
    assert main(["assets", "show", "Small#car", "--out", str(sheet)]) == 2
    assert "did you mean Small#cart" in capsys.readouterr().err


def test_a_missing_library_or_folder_is_one_line(folder, capsys, monkeypatch):
    monkeypatch.setattr("sim2sg_core.domains.mesh_library._archives", lambda library: [])
    assert main(["assets", "list"]) == 2
    err = capsys.readouterr().err
    assert "apt-get install sweethome3d-furniture" in err and "--library-path" in err and err.count("\n") == 1
    assert main(["assets", "list", "--library-path", str(folder / "none")]) == 2
    assert "no such folder" in capsys.readouterr().err


def test_synth_says_what_it_uses_and_whom_it_is_owed_to(folder, capsys):
    (folder / "own.yaml").write_text(DOMAIN)
    out = folder / "data"
    command = ["synth", "--domain", str(folder / "own.yaml"), "--count", "2", "--out", str(out), "--workers", "1"]
    assert main([*command, "--library-path", str(folder / "library")]) == 0
    assert "1 mesh of sweethome3d, as the domain's file says" in capsys.readouterr().err
    text = (out / FILE).read_text()
    assert "Small catalogue" in text and "Creative Commons Attribution 3.0" in text and "by Ada & Bob" in text
    assert "http://creativecommons.org/licenses/by/3.0/" in text and "changed" in text
    scene = json.loads((out / "scenes" / "000000.json").read_text())
    assert scene["layout"]["placements"][0]["asset"] == "library:sweethome3d/Small%23cart"


def test_assets_mixes_a_library_into_a_built_in_domain(folder, capsys, monkeypatch):
    (folder / "library.yaml").write_text("sweethome3d: {car: [Small#cart]}")
    monkeypatch.setattr(library_mix, "shipped_files", lambda name: {"drive": folder / "library.yaml"})
    out = folder / "check"
    options = ["--assets", "sweethome3d", "--library-path", str(folder / "library")]
    assert main(["domain", "check", "drive", "--count", "1", "--out", str(out), *options]) == 0
    assert "1 mesh of sweethome3d beside the domain's own: car 1" in capsys.readouterr().err
    assert (out / "contact_sheet.png").is_file()
    assert main(["domain", "check", "clevr", "--count", "1", "--out", str(out), *options]) == 2
    assert "fit the domain clevr" in capsys.readouterr().err


def test_credits_are_joined_and_nothing_is_written_where_nothing_is_owed(folder):
    def owed(*heads):
        return Domain.model_construct(credits={head: (f"{head} model, by A",) for head in heads})

    write_credits(folder / "none", owed())
    assert not (folder / "none").exists()
    write_credits(folder / "data", owed("one", "two"))
    write_credits(folder / "model", owed("two", "three"), [folder / "data", folder / "none"])
    paragraphs = (folder / "model" / FILE).read_text().strip().split("\n\n")[1:]
    assert [p.split("\n")[0] for p in paragraphs] == ["two", "three", "one"]
    write_credits(folder / "model", owed("four"))
    kept = (folder / "model" / FILE).read_text().strip().split("\n\n")[1:]
    assert [p.split("\n")[0] for p in kept] == ["four", "two", "three", "one"], "other models may lie in the folder"


def test_credits_of_a_run_are_found_from_its_checkpoints(tmp_path):
    train = tmp_path / "run" / "round_1" / "train"
    train.mkdir(parents=True)
    checkpoint = train / "checkpoint.pt"
    checkpoint.touch()
    write_credits(tmp_path / "run", Domain.model_construct(credits={"Library": ("Car, by A",)}))
    write_credits(tmp_path / "robot", sources=[checkpoint])
    assert "- Car, by A" in (tmp_path / "robot" / FILE).read_text()
    assert credits_of(train) is None, "a folder of data has its own"
