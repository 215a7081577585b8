"""Colour families: read from the tables of the package and of its packs, and drawn by their shares."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.synthesis import appearance, palettes, tables
from sim2sg_core.synthesis.assets.registry import load_asset
from sim2sg_core.synthesis.palettes import Family


@pytest.fixture
def pack_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes the palettes.yaml of a pack that is installed beside the others."""
    shipped = palettes.shipped_files

    def write(text: str) -> Path:
        file = tmp_path / "palettes.yaml"
        file.write_text(text)
        monkeypatch.setattr(palettes, "shipped_files", lambda name: {**shipped(name), "mine": file})
        palettes.palettes.cache_clear()
        return file

    yield write
    palettes.palettes.cache_clear()


def test_the_built_in_ones_cover_streets_and_rooms() -> None:
    known = palettes.palettes()
    assert {"paint", "foliage", "asphalt", "skin", "rubber", "ceramic", "table_glass"} <= set(known)
    assert set(appearance.patch_surfaces()) == {"floor", *known}
    for name, family in known.items():
        assert sum(family.shares) == pytest.approx(1.0) and len(family.shares) == len(family.colors), name


def test_a_pack_brings_palettes_of_its_own(pack_file) -> None:
    pack_file("rust: {colors: [[140, 70, 30]], jitter: 0, shade: 1}")
    assert "rust" in appearance.patch_surfaces() and "paint" in appearance.patch_surfaces()
    assert palettes.palettes()["rust"].draw(np.random.default_rng(0)) == pytest.approx(np.array([140, 70, 30]) / 255)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rust: {colors: [[1, 2, 3]], jiter: 3}", "rust.jiter: unknown key; did you mean jitter?"),
        ("rust: {colors: [[1, 2, 300]]}", "rust.colors.0.2: Input should be less than or equal to 255"),
        ("rust: {colors: [[1, 2, 3]], shade: [1.2, 0.8]}", "rust.shade: the range runs backwards; write [0.8, 1.2]"),
        ("rust: {colors: [[1, 2, 3]], shares: [1, 2]}", "rust: 1 colors, 2 shares; give each color one"),
        ("rust: {colors: []}", "rust: 0 colors"),
        ("skin: {colors: [[1, 2, 3]]}", "packs/drive/palettes.yaml has a palette of this name; rename one"),
    ],
)
def test_a_mistake_is_named_with_file_and_palette(pack_file, text: str, told: str) -> None:
    file = pack_file(text)
    with pytest.raises(Sim2SGError) as error:
        palettes.palettes()
    assert str(error.value).startswith(f"{file}: ") and told in str(error.value)


def test_colors_are_drawn_by_their_shares() -> None:
    family = Family(((255, 0, 0), (0, 255, 0)), shares=(3, 1), jitter=0.0, shade=(1.0, 1.0))
    rng = np.random.default_rng(1)
    drawn = np.array([family.draw(rng) for _ in range(2000)])
    assert drawn[:, 0].mean() == pytest.approx(0.75, abs=0.03) and drawn.sum(1) == pytest.approx(1.0)


def test_the_order_of_names_changes_nothing_that_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    assets = [load_asset(name) for name in ("car_sedan_0", "cup_mug_coffee", "pedestrian_00")]
    painter = appearance.Painter()
    drawn = [painter.materials(asset, np.random.default_rng(3)) for asset in assets]
    turned = dict(reversed(palettes.palettes().items()))
    monkeypatch.setattr(appearance, "palettes", lambda: turned)
    assert drawn == [painter.materials(asset, np.random.default_rng(3)) for asset in assets]


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="PyYAML without libyaml is ten times as slow")
def test_they_are_read_fast() -> None:
    palettes.palettes()  # Imports and the packs come first.
    spent = []
    for _ in range(3):
        palettes.palettes.cache_clear()
        tables._read_yaml.cache_clear()
        start = time.process_time()
        palettes.palettes()
        spent.append(time.process_time() - start)
    assert min(spent) < 0.06
