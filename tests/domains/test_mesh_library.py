import io
import json

import numpy as np
import pytest
from PIL import Image

from sim2sg_core.domains import Domain, sh3f_archives
from sim2sg_core.domains.loading import parse_domain
from sim2sg_core.domains.mesh_library import FOLDERS, library_model, library_models
from sim2sg_core.domains.sh3f_archives import properties, read_catalogue, read_model
from sim2sg_core.errors import Sim2SGError
from tests.small_library import CART, HEAD, SHELF, cart, needs_library, write_library

DOMAIN = """\
name: own
box: visible
input: {width: 64, height: 64}
camera: {width: 96, height: 64, hfov_deg: 50, height_m: 1.2, pitch_deg: 35}
layout: {type: scatter, count: 3, distance: [1.3, 2.0], lateral: [-0.5, 0.5]}
classes:
  - {name: cart, meshes: [{library: sweethome3d, id: "Small#cart"}]}
  - {name: shelf, meshes: [{library: sweethome3d, id: "Small#shelf", turn_deg: 90}]}
"""


@pytest.fixture
def archive(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDERS, str(tmp_path))
    return write_library(tmp_path)


def one_line(error) -> str:
    text = str(error.value)
    assert "\n" not in text and len(text) < 400
    return text


def test_properties_are_read_as_java_writes_them():
    text = "a=1\r\n! no\n  b : two words \n c\\:d=\\u00e9\\tx\ne#2 = long\\\n   er\n\nf\ng\\\\=h\\\\\n#x=1"
    assert dict(properties(text)) == {
        "a": "1",
        "b": "two words ",
        "c:d": "é\tx",
        "e#2": "longer",
        "f": "",
        "g\\": "h\\",
    }


def test_a_catalogue_says_what_there_is(archive):
    found = read_catalogue(archive)
    assert [m.id for m in found] == ["Small#cart", "Small#shelf"]
    cart, shelf = found
    assert (cart.name, cart.tags, cart.category, cart.creator) == ("Cart", "Wheels,Small", "Vehicles", "Ada & Bob")
    assert cart.size == pytest.approx((4.0, 1.5, 1.2))
    assert (cart.top, shelf.top) == (None, 0.5)
    assert cart.catalogue == "Small catalogue" and "license © Somebody" in cart.license
    assert cart.license.endswith("http://creativecommons.org/licenses/by/3.0/")
    assert shelf.rotation == (1, 0, 0, 0, 0, 1, 0, -1, 0)


def test_models_have_the_size_of_the_catalogue_and_face_along_x(archive):
    parts = {p.visual.material.name: p for p in read_model(library_model("sweethome3d", "Small#cart"))}
    points = np.concatenate([p.vertices for p in parts.values()])
    assert np.ptp(points, axis=0) == pytest.approx([4.05 / 4.05 * 4.0, 1.5, 1.2])
    assert parts["nose"].vertices[:, 0].mean() > parts["carPaint"].vertices[:, 0].mean() + 1
    assert parts["flag"].vertices[:, 2].min() > parts["carPaint"].vertices[:, 2].max()
    # Nothing is mirrored: faces still look outwards.
    assert parts["nose"].volume > 0
    turned = {p.visual.material.name: p for p in read_model(library_model("sweethome3d", "Small#cart"), 90)}
    assert turned["nose"].vertices[:, 1].mean() > turned["carPaint"].vertices[:, 1].mean() + 1
    assert turned["nose"].visual.material.image.size == (32, 32)


def test_a_models_own_rotation_comes_first(archive):
    parts = {p.visual.material.name: p for p in read_model(library_model("sweethome3d", "Small#shelf"))}
    assert np.ptp(parts["wood"].vertices, axis=0)[1:] == pytest.approx([0.8, 1.0])
    # The glass, at y = 2 in the file, is behind: modelRotation takes y to -z.
    assert parts["glass"].vertices[:, 0].mean() < parts["wood"].vertices[:, 0].min() + 1e-6


def test_domains_take_sizes_digests_and_credits_from_the_library(archive, tmp_path, monkeypatch):
    domain = parse_domain(DOMAIN, str(tmp_path / "own.yaml"))
    cart, shelf = domain.classes
    assert cart.sizes == ((4.0, 1.5, 1.2),) and cart.measured
    assert shelf.sizes == ((0.8, 0.3, 1.0),)
    assert (cart.surfaces, shelf.surfaces) == ((1.0,), (0.5,))
    assert set(domain.digests) == {"sweethome3d:Small#cart", "sweethome3d:Small#shelf"}
    ((head, lines),) = domain.credits.items()
    assert head.startswith("Small catalogue (library sweethome3d). License: Creative Commons Attribution 3.0")
    assert lines == ("Cart (Small#cart), by Ada & Bob", "Shelf (Small#shelf), by an unnamed author")
    # A model carries it all along, to machines without the library.
    text = json.dumps(domain.to_json())
    monkeypatch.setenv(FOLDERS, "")
    again = Domain.from_json(text)
    assert again == domain and again.hash() == domain.hash()
    assert again.to_json()["classes"][0]["meshes"] == [{"library": "sweethome3d", "id": "Small#cart", "turn_deg": 0.0}]


def test_the_hash_follows_the_mesh(archive, tmp_path):
    before = parse_domain(DOMAIN, str(tmp_path / "own.yaml")).hash()
    write_library(tmp_path, cart=cart() + "# edited\n")
    assert parse_domain(DOMAIN, str(tmp_path / "own.yaml")).hash() != before


@pytest.mark.parametrize(
    ("meshes", "told"),
    [
        ("{library: sweethome3d}", r"meshes\[0\]\.library: library is given without id; add it"),
        ("{id: x}", r"meshes\[0\]: a mesh has either file: or library: and id:"),
        ("{file: a.obj, library: sweethome3d, id: x}", "no mesh"),
        ('{library: sweethome3d, id: "Small#crt"}', r"has no 'Small#crt'; did you mean Small#cart"),
        ('{library: sweethome3d, id: "Small#cart", unit: m}', "unit: the library knows it; delete it"),
        ('{library: sweethome3d, id: "Small#cart", turn_deg: 45}', "turn_deg: .*multiples of 90"),
        ("{library: ikea, id: x}", "'ikea' is not one of 'sweethome3d'"),
    ],
)
def test_mistakes_in_a_domain_are_told_at_their_line(archive, tmp_path, meshes, told):
    text = DOMAIN.replace('{library: sweethome3d, id: "Small#cart"}', meshes)
    with pytest.raises(Sim2SGError, match=told) as error:
        parse_domain(text, str(tmp_path / "own.yaml"))
    assert ":7: " in one_line(error)


def test_library_meshes_may_stand_beside_built_in_ones_files_may_not(archive, tmp_path):
    text = DOMAIN.replace("{name: cart,", "{name: cart, assets: [cube],")
    assert parse_domain(text, str(tmp_path / "own.yaml")).classes[0].assets == ("cube",)
    (tmp_path / "a.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 1\nf 1 2 3\n")
    text = text.replace('{library: sweethome3d, id: "Small#cart"}', "a.obj")
    with pytest.raises(Sim2SGError, match="assets and meshes are both given"):
        parse_domain(text, str(tmp_path / "own.yaml"))


def test_a_missing_library_is_told_with_what_installs_it(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDERS, str(tmp_path / "nowhere"))
    monkeypatch.setattr("sim2sg_core.domains.mesh_library.LIBRARIES", {"sweethome3d": _elsewhere(tmp_path)})
    with pytest.raises(Sim2SGError, match=r"apt-get install sweethome3d-furniture, or give .*SIM2SG_ASSETS"):
        library_models("sweethome3d")
    with pytest.raises(Sim2SGError, match="no mesh library is called 'other'; known: sweethome3d"):
        library_models("other")


def _elsewhere(folder):
    import dataclasses

    from sim2sg_core.domains.mesh_library import LIBRARIES

    return dataclasses.replace(LIBRARIES["sweethome3d"], folder=folder / "no such folder")


@pytest.mark.parametrize(
    ("catalogue", "told"),
    [
        (CART.replace("width#1=150", "width#1=wide"), "Small#cart: width is 'wide', not a number"),
        (CART.replace("width#1=150", "width#1=-3"), "Small#cart: a size of .* cm"),
        (CART.replace("depth#1=400", "depth#1=nan"), "Small#cart: depth is 'nan'"),
        (CART.replace("height#1=120.0", "height#1=1e9"), "Small#cart: a size of .* cm"),
        (CART.replace("cart.obj", "../../../etc/passwd"), r"no /small/cart/\.\./\.\./\.\./etc/passwd in the archive"),
        (CART.replace("cart.obj", "gone.obj"), "no /small/cart/gone.obj in the archive"),
        (SHELF.replace("1 0 0 0 0 1 0 -1 0", "1 0 0 0 0 1"), "modelRotation is .*, not 9 numbers"),
        (SHELF.replace("1 0 0 0 0 1 0 -1 0", "1 0 0 0 1 0 0 0 -1"), "modelRotation is no rotation"),
    ],
)
def test_catalogues_that_make_no_sense_are_told_in_one_line(tmp_path, catalogue, told):
    with pytest.raises(Sim2SGError, match=told) as error:
        read_catalogue(write_library(tmp_path, catalogue=f"{HEAD}\n{catalogue}"))
    one_line(error)


def test_archives_that_are_none_are_told_in_one_line(tmp_path):
    (tmp_path / "Bad.sh3f").write_bytes(b"PK\x03\x04 and nothing more")
    with pytest.raises(Sim2SGError, match="cannot be read as a zip file") as error:
        read_catalogue(tmp_path / "Bad.sh3f")
    one_line(error)
    with pytest.raises(Sim2SGError, match=r"has no PluginFurnitureCatalog\.properties"):
        read_catalogue(write_library(tmp_path, catalogue=None))
    whole = write_library(tmp_path).read_bytes()
    at = whole.index(b"PluginFurnitureCatalog.properties") + 60  # In the midst of its bytes.
    (tmp_path / "Bad.sh3f").write_bytes(whole[:at] + bytes(b ^ 255 for b in whole[at : at + 40]) + whole[at + 40 :])
    with pytest.raises(Sim2SGError, match="cannot be read") as error:
        read_catalogue(tmp_path / "Bad.sh3f")
    one_line(error)


def large_picture() -> bytes:
    stream = io.BytesIO()
    Image.new("1", (9000, 9000)).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"cart": "usemtl nothing\n"}, "Small#cart: has no faces"),
        ({"cart": "v 0 0 0\nf 1 2 3\n"}, "Small#cart: "),
        ({"cart": b"\x00\xff\x00 f 1/2/x f"}, "Small#cart: "),
        ({"cart": "v nan 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 2 3\nf 1 3 4\n"}, "Small#cart: "),
        ({"picture": b"\x89PNG\r\n\x1a\nnot really"}, ""),
        ({"picture": large_picture()}, "a texture of 9000x9000 pixels is too large"),
    ],
)
def test_models_that_make_no_sense_are_told_in_one_line(tmp_path, monkeypatch, changed, told):
    monkeypatch.setattr(sh3f_archives, "MOST_PIXELS", 4 << 20)
    write_library(tmp_path, **changed)
    model = read_catalogue(tmp_path / "Small.sh3f")[0]
    if not told:  # No picture: the part is plain.
        assert len(read_model(model)) == 5
        return
    with pytest.raises(Sim2SGError, match=told) as error:
        read_model(model)
    one_line(error)


@pytest.mark.parametrize("kind", ["model", "material", "picture", "catalogue"])
def test_what_is_too_large_is_not_read(tmp_path, monkeypatch, kind):
    archive = write_library(tmp_path)
    model = read_catalogue(archive)[0]
    monkeypatch.setitem(sh3f_archives.LARGEST, kind, 50)
    with pytest.raises(Sim2SGError, match=f"is larger than a {kind} may be"):
        read_catalogue(archive) if kind == "catalogue" else read_model(model)


def test_pictures_outside_the_archive_are_not_looked_for(tmp_path):
    secret = tmp_path / "secret.png"
    secret.write_bytes(large_picture())
    for path in (str(secret), f"../../..{secret}", "..\\..\\secret.png"):
        mtl = f"newmtl nose\nKd 0 1 0\nmap_Kd {path}\n"
        model = read_catalogue(write_library(tmp_path, materials=mtl))[0]
        nose = next(p for p in read_model(model) if p.visual.material.name == "nose")
        assert nose.visual.material.image is None


@needs_library
def test_the_whole_real_library_can_be_listed():
    models = library_models("sweethome3d")
    assert len(models) > 800
    seat = models["Scopia#seat_leon"]
    assert seat.category == "Vehicles" and seat.size == pytest.approx((4.195, 1.924, 1.46))
    assert all(m.license and m.creator for m in models.values())
