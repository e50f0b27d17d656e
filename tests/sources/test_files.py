"""Reading of files that a user named, and the ones that are refused."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from qmpeer import limits
from qmpeer.errors import SchemaError, SchemaSyntaxError
from qmpeer.sources import read_qapi
from qmpeer.sources.files import read_regular


def test_a_file_is_read_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "file"
    for data in (b"", b"a", b"abc"):
        file.write_bytes(data)
        assert read_regular(str(file), 3) == data
    file.write_bytes(b"abcd")
    with pytest.raises(SchemaSyntaxError) as caught:
        read_regular(str(file), 3)
    assert str(caught.value) == f"{file} is too large: at most 3 bytes are read"


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"a")
    (tmp_path / "link").symlink_to("file")
    assert read_regular(str(tmp_path / "link"), 3) == b"a"


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda path: None, "No such file or directory"),
        (os.mkdir, "Not a regular file"),
        (os.mkfifo, "Not a regular file"),
        (lambda path: os.symlink("/dev/null", path), "Not a regular file"),
        (lambda path: os.symlink("/dev/zero", path), "Not a regular file"),
        (lambda path: os.symlink(path, path), "Too many levels of symbolic links"),
    ],
    ids=["nothing", "folder", "pipe", "device", "device without end", "link to itself"],
)
def test_what_is_no_file_is_refused(
    make: Callable[[str], object], expected: str, tmp_path: Path
) -> None:
    path = str(tmp_path / "it")
    make(path)
    with pytest.raises(OSError, match=expected) as caught:
        read_regular(path, 3)
    assert caught.value.filename == path


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"abcd")
    for name in (str(tmp_path), str(tmp_path / "large")):
        before = os.listdir("/proc/self/fd")
        with pytest.raises((OSError, SchemaSyntaxError)):
            read_regular(name, 3)
        assert os.listdir("/proc/self/fd") == before


# --- QAPI ---------------------------------------------------------------------------------------


def test_qapi_is_read_with_what_it_includes(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "schema.json").write_text("{ 'include': 'more/events.json' }\n{ 'command': 'go' }")
    (tmp_path / "more" / "events.json").write_text("{ 'event': 'GONE' }")
    schema = read_qapi(str(tmp_path / "schema.json"))
    assert [entity.name for entity in schema.entities] == ["go", "GONE"]


def test_release_and_strictness_are_given_on(tmp_path: Path) -> None:
    file = tmp_path / "schema.json"
    file.write_text("{ 'command': 'go' }")
    assert not read_qapi(str(file), release=(4, 2)).form.enum_members
    assert read_qapi(str(file), release=(6, 2)).form.enum_members
    with pytest.raises(SchemaError, match="the doc comment is missing"):
        read_qapi(str(file), is_strict=True)


def test_every_included_file_has_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SCHEMA_FILE_SIZE", 40)
    (tmp_path / "schema.json").write_text("{ 'include': 'large.json' }\n")
    (tmp_path / "large.json").write_text("{ 'command': 'go' }".ljust(41))
    with pytest.raises(SchemaError, match=r"large\.json is too large: at most 40 bytes are read"):
        read_qapi(str(tmp_path / "schema.json"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("none.json", "No such file or directory"), (".", "Not a regular file")],
)
def test_an_include_that_can_not_be_read_is_a_fault_of_the_schema(
    name: str, expected: str, tmp_path: Path
) -> None:
    file = tmp_path / "schema.json"
    file.write_text(f"{{ 'include': '{name}' }}\n")
    with pytest.raises(SchemaError) as caught:
        read_qapi(str(file))
    assert expected in str(caught.value)
    assert str(caught.value).startswith(f"{file}:1:14: ")


def test_a_first_file_that_can_not_be_read_is_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_qapi(str(tmp_path / "none.json"))
