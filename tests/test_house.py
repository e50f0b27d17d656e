"""The drawing of the house: its rooms and arrows, and that the copy in the docs is up to date."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from scripts import house

PROJECT = """
[[tool.importlinter.contracts]]
type = "forbidden"
[[tool.importlinter.contracts]]
type = "layers"
layers = ["(__main__)", "roof", "left | (planned) | right", "errors"]
"""
FILES = {
    "__init__.py": "from qmpeer.roof import run",
    "errors.py": '"""What can go wrong."""',
    "roof/__init__.py": "import qmpeer.left.door",
    "roof/run.py": "def run():\n    from qmpeer import right\n    from qmpeer.errors import Error",
    "left/__init__.py": '"""The left <room>.\n\nMore of it."""',
    "left/door.py": "if TYPE_CHECKING:\n  from qmpeer.errors import E\nfrom qmpeer.left import x",
    "right/__init__.py": "import json",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    for name, text in FILES.items():
        path = tmp_path / "src/qmpeer" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_imports_and_floors(project: Path) -> None:
    imports = house.imports_of(project / "src/qmpeer")
    assert imports == {
        "errors": set(),
        "left": {"errors"},
        "right": set(),
        "roof": {"left", "right", "errors"},
    }
    assert house.floors_of(PROJECT, imports) == [["roof"], ["left", "right"], ["errors"]]
    with pytest.raises(ValueError, match="no floor of the contract has attic"):
        house.floors_of(PROJECT, [*imports, "attic"])


def test_short_cuts() -> None:
    imports = {"a": {"b", "c", "d"}, "b": {"c"}, "c": {"d"}, "d": set[str]()}
    assert not house.is_short_cut(imports, "a", "b")
    assert house.is_short_cut(imports, "a", "c")
    assert house.is_short_cut(imports, "a", "d")


def test_a_drawing(project: Path) -> None:
    text = house.draw(project)
    assert text == house.draw(project)
    tree = ElementTree.fromstring(text)
    named = {"svg": "http://www.w3.org/2000/svg"}
    rooms = {node.text for node in tree.iterfind(".//svg:text[@class='name']", named)}
    assert rooms == {"roof", "left", "right", "errors"}
    titles = {node.text for node in tree.iterfind(".//svg:g/svg:title", named)}
    assert {"The left <room>.", "What can go wrong."} <= titles
    assert (
        len(tree.findall(".//svg:path[@class='near']", named)) == 2
    )  # arrows to the ground are left out


def test_the_drawing_in_the_docs_is_todays(capsys: pytest.CaptureFixture[str]) -> None:
    assert house.main(["--check"]) == 0, capsys.readouterr().out


def test_a_stale_drawing(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(house, "ROOT", project)
    monkeypatch.setattr(house, "PICTURE", project / "house.svg")
    assert house.main(["--check"]) == 1
    assert capsys.readouterr().out == "house.svg is stale: run python scripts/house.py\n"
    assert house.main([]) == 0
    assert house.main(["--check"]) == 0


def test_the_page_has_every_room() -> None:
    page = (house.ROOT / "docs/house.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    paths = (house.ROOT / "src/qmpeer").iterdir()
    here = {path.stem for path in paths if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert here - set(house.DOORS) <= listed


def test_the_page_names_files_that_are_there() -> None:
    page = (house.ROOT / "docs/house.md").read_text(encoding="utf-8")
    for name in re.findall(r"`([\w/]+\.py)`", page):
        assert (house.ROOT / "src/qmpeer" / name).exists() or (house.ROOT / name).exists(), name


def test_the_length_of_arrows_is_the_same_in_any_order() -> None:
    boxes = {name: house.Box(x, 0) for name, x in zip("abcd", (0, 0.1, 0.2, 0.3), strict=True)}
    assert len({house._length(0, order, boxes) for order in ("bcd", "dcb", "cdb")}) == 1
