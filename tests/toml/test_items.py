"""Values of a TOML file: each read as what is expected, or refused at its place.

Modules: items, place, reading.
"""

import builtins
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qmpeer.errors import PolicyError, ScriptError
from qmpeer.toml.items import DocumentKind, Item, read_document

KIND = DocumentKind("letters", "pip install '.[policy]'", 1000, PolicyError)


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Item]:
    monkeypatch.chdir(tmp_path)

    def read(text: str | bytes, kind: DocumentKind = KIND) -> Item:
        Path("a.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_document("a.toml", kind)

    return read


def test_values(read: Callable[..., Item]) -> None:
    items = read("a = [1, 2.5]\nb.c = 'x'\nd = true\n").table({"a", "b", "d"}, required={"a"})
    assert [item.seconds() for item in items["a"].array()] == [1.0, 2.5]
    assert items["a"].array()[0].integer(1, 1) == 1
    assert items["a"].json() == [1, 2.5]
    assert len(items["a"].one_or_more()) == 2
    assert items["d"].one_or_more() == [items["d"]]
    below = items["b"].any_table()["c"]
    assert (below.text(), below.text("x", "y"), below.name) == ("x", "x", "b.c")
    assert (str(below.place), str(below.key_place)) == ("a.toml:2:7", "a.toml:2:3")
    assert items["b"].json_object() == {"c": "x"}
    assert items["d"].flag()


@pytest.mark.parametrize(
    ("text", "look", "said"),
    [
        ("b = 1", lambda item: item.table({"bc"}), "1:1: found the key 'b', expected one of bc"),
        ("", lambda item: item.table({}, required=["b"]), "1:1: found no b, expected one"),
        ("b = [1,\n 'x']", lambda item: item.any_table()["b"].array()[1].integer(), "2:2: b[1]: "),
        ("b = 1", lambda item: item.any_table()["b"].any_table(), "1:5: b: found 1, expected a "),
        ("b = {}", lambda item: item.any_table()["b"].array(), "1:5: b: found a table, expected"),
        (
            "b = []",
            lambda item: item.any_table()["b"].one_or_more(),
            "1:5: b: found none, expected at least one",
        ),
        (
            "b = 'x'",
            lambda item: item.any_table()["b"].text("y", "z"),
            '1:5: b: found "x", expect',
        ),
        ("b = 1", lambda item: item.any_table()["b"].flag(), "1:5: b: found 1, expected true or"),
        ("b = nan", lambda item: item.json(), "1:5: b: found nan, expected a value that JSON has"),
        ("b = -1", lambda item: item.any_table()["b"].seconds(), "1:5: b: found -1, expected sec"),
        ("b = 1", lambda item: item.any_table()["b"].json_object(), "1:5: b: found 1, expected a"),
    ],
)
@pytest.mark.parametrize("error", [PolicyError, ScriptError])
def test_mistakes(
    error: type[PolicyError] | type[ScriptError],
    text: str,
    look: Callable[[Item], Any],
    said: str,
    read: Callable[..., Item],
) -> None:
    document = read(text, KIND._replace(error=error))
    with pytest.raises(error) as caught:
        look(document)
    assert str(caught.value).removeprefix("a.toml:").startswith(said)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a = 1\nb = '\xff'\n", "a.toml:2:6: found byte 0xff, expected UTF-8"),
        (b"#" * 1001, "a.toml: found more than 1000 bytes, expected a shorter file"),
        (b"a =", "a.toml:1:4: not TOML: invalid value"),
        (b"a = 1\na = 2", "a.toml:2:6: not TOML: cannot overwrite a value"),
    ],
)
def test_files_that_are_no_documents(data: bytes, said: str, read: Callable[..., Item]) -> None:
    with pytest.raises(PolicyError) as caught:
        read(data)
    assert str(caught.value) == said


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_document(str(tmp_path / "none"), KIND)


def test_without_the_extra(read: Callable[..., Item], monkeypatch: pytest.MonkeyPatch) -> None:
    really = builtins.__import__

    def find(name: str, *more: Any) -> Any:
        if name.startswith("tree_sitter"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return really(name, *more)

    monkeypatch.setattr(builtins, "__import__", find)
    said = r"letters need tree_sitter: pip install '.\[policy\]'"
    with pytest.raises(ModuleNotFoundError, match=said):
        read("")
