"""Checkpoints of the right format with wrong entries: one line, before anything large is made."""

from __future__ import annotations

import zipfile

import pytest
import torch

from sim2sg_core.domains import load_domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.model import build_network, load_network, save_checkpoint


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "good.pt"
    domain = load_domain("clevr")
    network = build_network(domain, backbone="small", seed=1)
    save_checkpoint(path, network, domain, ema={name: p.detach() for name, p in network.named_parameters()})
    load_network(path)
    return path


def entry(*keys, value=None, drop=False):
    """Returns what changes, or drops, one entry of a checkpoint."""

    def edit(data):
        inner = data
        for key in keys[:-1]:
            inner = inner[key]
        if drop:
            del inner[keys[-1]]
        else:
            inner[keys[-1]] = value

    return edit


def first_weight(value):
    return lambda data: data["network"].update({next(iter(data["network"])): value})


def all_nan(data):
    for part in ("network", "ema"):
        data[part] = {k: torch.full_like(v, torch.nan) if v.is_floating_point() else v for k, v in data[part].items()}


MANY = 10**6
WRONG = {
    "no config": (entry("config", drop=True), "config wants plain keys"),
    "config of other keys": (entry("config", value={"classes": "x"}), "classes: a whole number"),
    "config as a list": (entry("config", value=[1, 2]), "config wants plain keys"),
    "config with a tensor": (entry("config", "width", value=torch.zeros(3)), "config wants plain keys"),
    "huge input": (entry("config", "width", value=32 * 10**7), "width: a whole number from 32 to 4096"),
    "huge channels": (entry("config", "channels", value=MANY), "channels: a whole number from 1 to 1024"),
    "many classes": (entry("config", "classes", value=MANY), "classes: a whole number from 1 to 1000"),
    "more classes than sizes": (entry("config", "classes", value=4), "class_sizes: a list of 4x3"),
    "an unknown backbone": (entry("config", "backbone", value="nope"), "backbone 'nope' is not known"),
    "focal length": (entry("config", "focal", value=float("nan")), "focal: a number"),
    "no network": (entry("network", value={}), "lacks score_temperature"),
    "network as a list": (entry("network", value=[1]), "expected a mapping of names to tensors, found list"),
    "another shape": (first_weight(torch.zeros(2)), "is float32 2, and should be float32 "),
    "another type": (first_weight(torch.zeros((), dtype=torch.int64)), "is int64 alone, and should be float32 "),
    "no tensor": (first_weight(1.0), "is float, and should be"),
    "a weight too many": (entry("network", "more", value=torch.zeros(1)), "'more' is no weight"),
    "an expanded tensor": (first_weight(torch.zeros(1).expand(10**12)), "is float32 1000000000000"),
    "not finite": (all_nan, "not finite"),
    "ema as a list": (entry("ema", value=[1]), "expected a mapping of names to tensors, found list"),
    "ema of another": (entry("ema", value={"x": torch.zeros(1)}), "'x' is no weight"),
    "frozen blocks": (entry("frozen_blocks", value="abc"), "frozen_blocks is no whole number"),
    "domain as a text": (entry("domain", value="nope"), "domain wants plain keys"),
    "no domain": (entry("domain", drop=True), "domain wants plain keys"),
    "domain's name": (entry("domain", "name", value="../../x\n\x1b[31m"), "its domain: .*is not a name"),
    "domain of other classes": (lambda data: data["domain"]["classes"].pop(), "classes and .*domain"),
    "format as a tensor": (entry("format", value=torch.ones(3)), "not a checkpoint of"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_entries(good, tmp_path, name):
    edit, message = WRONG[name]
    data = torch.load(good, weights_only=True)
    edit(data)
    path = tmp_path / "c.pt"
    torch.save(data, path)
    with pytest.raises(Sim2SGError, match=rf"c\.pt: .*{message}") as caught:
        load_network(path)
    assert "\x1b" not in str(caught.value) and "\n" not in str(caught.value)


def repacked(source, out, kind, size=0):
    """Writes a checkpoint with its first storage deflated, or grown to `size` zeros."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(out, "w", kind) as new:
        for info in old.infolist():
            data = old.read(info)
            new.writestr(info.filename, bytes(size) if size and info.filename.endswith("data/0") else data)
    return out


def test_deflated_storages_are_refused_before_they_are_read(good, tmp_path):
    path = repacked(good, tmp_path / "c.pt", zipfile.ZIP_DEFLATED, size=1 << 26)
    with pytest.raises(Sim2SGError, match=r"c\.pt: .* is deflated"):
        load_network(path)


def test_entries_that_overlap_are_refused(good, tmp_path):
    path = repacked(good, tmp_path / "c.pt", zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    # All entries of the directory at the file's end name the largest one: each storage would be read from there.
    with zipfile.ZipFile(path) as container:
        largest = max(container.infolist(), key=lambda info: info.file_size)
        entries, at = len(container.infolist()), container.start_dir
    for _ in range(entries):
        assert data[at : at + 4] == b"PK\1\2"
        data[at + 20 : at + 28] = largest.file_size.to_bytes(4, "little") * 2
        at += 46 + sum(int.from_bytes(data[at + k : at + k + 2], "little") for k in (28, 30, 32))
    path.write_bytes(data)
    with pytest.raises(Sim2SGError, match="bytes in its entries"):
        load_network(path)


def test_the_format_of_old_is_refused(good, tmp_path):
    data = torch.load(good, weights_only=True)
    torch.save(data, tmp_path / "c.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(Sim2SGError, match="not a whole checkpoint"):
        load_network(tmp_path / "c.pt")
