"""``qmpeer qom`` on a real machine."""

import json
from pathlib import Path

import pytest

from qmpeer import CommandError
from qmpeer.cli.exits import RefusedError
from qmpeer.cli.main import main
from qmpeer.cli.qom_command import read_value
from qmpeer.values import JsonValue
from tests.cli.programs import at_terminal
from tests.cli.scripted_server import Scripted

real = pytest.mark.real


def qom(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["qom", *words]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


@real
def test_a_tree(qemu: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = qom(capsys, qemu, "tree", "/machine/peripheral").splitlines()
    assert lines[0] == "/machine/peripheral"
    assert "├─ nic0 (virtio-net-pci)" in lines
    assert "└─ screen (VGA)" in lines
    assert "│  ├─ virtio-backend (virtio-net-device)" in lines
    assert len(qom(capsys, qemu, "tree").splitlines()) > 100


@real
def test_a_tree_as_json(qemu: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(qom(capsys, qemu, "tree", "/machine", "--depth", "1", "--json"))
    assert told["path"] == "/machine"
    assert {"name": "peripheral", "type": "container"} in told["children"]


@real
def test_a_tree_without_unicode(qemu: str) -> None:
    shown = at_terminal("qom", qemu, "tree", "/machine/peripheral", PYTHONIOENCODING="ascii")
    assert "`- screen (VGA)" in shown.lines
    assert shown.raw.isascii()


@real
def test_properties(qemu: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert qom(capsys, qemu, "get", "/machine", "type").startswith('"pc-q35-')
    (line,) = [
        line
        for line in qom(capsys, qemu, "list", "/machine").splitlines()
        if line.startswith("graphics ")
    ]
    assert line.split() == ["graphics", "bool"]
    (line,) = [
        line
        for line in qom(capsys, qemu, "get", "/machine").splitlines()
        if line.startswith("graphics ")
    ]
    assert line.split() == ["graphics", "bool", "true"]
    told = json.loads(qom(capsys, qemu, "get", "/machine", "--json"))
    assert {"name": "graphics", "type": "bool", "value": True} in told


@real
def test_changing(qemu: str, capsys: pytest.CaptureFixture[str]) -> None:
    for word, value in (("off", "false"), ("true", "true")):
        assert qom(capsys, qemu, "set", "/machine", "dump-guest-core", word) == ""
        assert qom(capsys, qemu, "get", "/machine", "dump-guest-core") == f"{value}\n"
    assert main(["qom", qemu, "set", "/machine", "dump-guest-core", "maybe"]) == 1
    assert main(["qom", qemu, "set", "/machine", "nope", "1"]) == 1
    assert main(["qom", qemu, "get", "/nowhere"]) == 1
    assert capsys.readouterr().err.splitlines()[2].startswith("qmpeer qom: DeviceNotFound: ")


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("1", "string", "1"),
        ("1", "str", "1"),
        ("/machine", "link<x>", "/machine"),
        ("1", "uint8", 1),
        ("0x10", "uint32", 16),
        ("64M", "size", 64 << 20),
        ("18446744073709551615", "uint64_t", 2**64 - 1),
        ('{"a": 1}', "string", '{"a": 1}'),
        ('"1"', "str", '"1"'),
        ("", "str", ""),
        ("a=b", "str", "a=b"),
        ("5", "PCIELinkSpeed", "5"),
        ("[1, 2]", "int", [1, 2]),
        ("1", None, 1),
        ("on", None, "on"),
        ("[", None, "["),
        ("-1.5", "number", -1.5),
        ("yes", "bool", True),
        ("on", "OnOffAuto", "on"),
        ('{"cpus": 2}', "SMPConfiguration", {"cpus": 2}),
        ("{", "", "{"),
        ("[" * 5000, "", "[" * 5000),
    ],
)
def test_values(text: str, kind: str | None, value: JsonValue) -> None:
    found = read_value(text, "name", kind)

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "kind", "reason"),
    [
        ("maybe", "bool", "Invalid parameter type for 'name', expected: boolean"),
        ("x", "uint8", "Invalid parameter type for 'name', expected: integer"),
        ("256", "uint8", "Parameter 'name' expects uint8_t"),
        ("maybe", "OnOffAuto", "Parameter 'name' does not accept value 'maybe'"),
    ],
)
def test_values_that_are_none(text: str, kind: str, reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        read_value(text, "name", kind)


def test_a_tree_without_an_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many objects a server lists, the tree ends."""
    monkeypatch.setattr("qmpeer.limits.QOM_OBJECTS", 500)
    entries = [{"name": f"x{number}", "type": "child<y>"} for number in range(3)]
    with Scripted(tmp_path / "q", {"qom-list": entries}) as server:
        assert main(["qom", server.address, "tree"]) == 3
        assert "there are more than 500 objects" in capsys.readouterr().err
        assert len(qom(capsys, server.address, "tree", "--depth", "3").splitlines()) == 40


def test_what_can_not_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = {
        "qom-list": [{"name": "a\x1b[2J", "type": "int"}, {"name": "b", "type": "child<x>"}],
        "qom-get": CommandError("GenericError", "not\n now"),
    }
    with Scripted(tmp_path / "q", answers) as server:
        assert qom(capsys, server.address, "get", "/") == "a\\u001b[2J  int  (not\\u000a now)\n"
