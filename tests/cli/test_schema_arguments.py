"""The values that ``qmpeer exec`` sends, read by the server's schema and by property types.

Modules: schema_arguments, argument_words, exec_command.
"""

import json
import socket
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from qmpeer import CommandError
from qmpeer.cli.main import main
from qmpeer.schema import introspection_of, schema_from_qapi
from tests.cli.scripted_server import Scripted
from tests.patience import PATIENCE

QAPI = """
{ 'pragma': { 'doc-required': false } }
{ 'enum': 'Driver', 'data': [ 'null', 'file' ] }
{ 'struct': 'Inner', 'data': { '*level': 'uint8', '*name': 'str' } }
{ 'command': 'add',
  'data': { '*driver': 'Driver', '*name': 'str', '*size': 'size', '*is-open': 'bool',
            '*ratio': 'number', '*names': ['str'], '*inner': 'Inner', '*value': 'any',
            '*password': 'str' } }
{ 'command': 'device_add', 'data': { 'driver': 'str', '*id': 'str' }, 'gen': false }
{ 'command': 'qom-set', 'data': { 'path': 'str', 'property': 'str', 'value': 'any' } }
"""
PROPERTIES = [
    {"name": "serial", "type": "str"},
    {"name": "mq", "type": "bool"},
    {"name": "lun", "type": "uint32"},
    {"name": "write-cache", "type": "OnOffAuto"},
]
NOT_FOUND = CommandError("DeviceNotFound", "Device 'other' not found")


def server(tmp_path: Path, **answers: Any) -> Scripted:
    schema = introspection_of(schema_from_qapi("schema.json", lambda name: QAPI.encode()))
    known: Mapping[str, Any] = {
        "query-qmp-schema": schema,
        "query-status": {},
        "device-list-properties": lambda typename: PROPERTIES if typename == "nic" else NOT_FOUND,
        "qom-list": lambda path: PROPERTIES if path == "/nic" else NOT_FOUND,
        "add": {}, "device_add": {}, "qom-set": {},
    }  # fmt: skip
    return Scripted(tmp_path / "q", {**known, **answers})


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        (["name=123"], {"name": "123"}),
        (["name=true"], {"name": "true"}),
        (["name=null"], {"name": "null"}),
        (['name="1"'], {"name": "1"}),
        (["size=64M"], {"size": 64 << 20}),
        (["size=0x1000"], {"size": 4096}),
        (["is-open=on"], {"is-open": True}),
        (["is-open=No"], {"is-open": False}),
        (["ratio=.5"], {"ratio": 0.5}),
        (["driver=null"], {"driver": "null"}),
        (["names=[1, 2]"], {"names": [1, 2]}),  # without a plain word the schema is not queried
        (["names.0=1", "names.1=2"], {"names": ["1", "2"]}),
        (["inner.level=0x10", "inner.name=7"], {"inner": {"level": 16, "name": "7"}}),
        (['inner={"level": 1}', "size=1k"], {"inner": {"level": 1}, "size": 1024}),
        (["value=1"], {"value": 1}),
        (["value=text", "size=1"], {"value": "text", "size": 1}),
        (['{"name": 5}'], {"name": 5}),
    ],
    ids=str,
)
def test_values_by_the_schema(tmp_path: Path, words: list[str], arguments: Any) -> None:
    with server(tmp_path) as scripted:
        assert main(["exec", scripted.address, "add", *words]) == 0

    assert scripted.seen[-1] == ("add", arguments)
    assert repr(scripted.seen[-1][1]) == repr(arguments)  # 1 isn't True


def test_nothing_is_asked_where_all_is_text(tmp_path: Path) -> None:
    with server(tmp_path) as scripted:
        assert main(["exec", scripted.address, "add", "name=text", "driver=file"]) == 0

    assert scripted.seen == [("add", {"name": "text", "driver": "file"})]


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        (["driver=nic", "serial=123", "lun=0x1"], {"driver": "nic", "serial": "123", "lun": 1}),
        (["driver=nic", "mq=on", "write-cache=on"],
         {"driver": "nic", "mq": True, "write-cache": "on"}),
        (["driver=other", "mq=on", "n=1"], {"driver": "other", "mq": True, "n": 1}),
    ],
)  # fmt: skip
def test_values_by_properties(tmp_path: Path, words: list[str], arguments: Any) -> None:
    with server(tmp_path) as scripted:
        assert main(["exec", scripted.address, "device_add", *words]) == 0

    assert scripted.seen[-1] == ("device_add", arguments)


def test_the_value_of_a_property(tmp_path: Path) -> None:
    with server(tmp_path) as scripted:
        words = ["path=/nic", "property=serial", "value=5"]
        assert main(["exec", scripted.address, "qom-set", *words]) == 0

    assert scripted.seen[-1] == ("qom-set", {"path": "/nic", "property": "serial", "value": "5"})


@pytest.mark.parametrize("answer", [CommandError("CommandNotFound", "no"), {}, [{}], "x"], ids=repr)
def test_without_a_schema_values_are_json_or_text(tmp_path: Path, answer: Any) -> None:
    with server(tmp_path, **{"query-qmp-schema": answer}) as scripted:
        words = ["name=1", "is-open=on", "size=64M", "value:=2"]
        assert main(["exec", scripted.address, "add", *words]) == 0

    arguments = {"name": 1, "is-open": "on", "size": "64M", "value": "2"}
    assert scripted.seen[-1] == ("add", arguments)


@pytest.mark.parametrize(
    ("command", "words", "line"),
    [
        ("add", ["level=9x"], "Parameter 'level' is unexpected; " + "add takes driver, name, size, "
         + "is-open, ratio, names, inner, value, password"),
        ("add", ["siez=1"], "Parameter 'siez' is unexpected; did you mean size?"),
        ("device_add", ["driver=nic", "mq=5"],
         "Invalid parameter type for 'mq', expected: boolean; mq= takes true or false"),
    ],
)  # fmt: skip
def test_what_the_server_would_refuse(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command: str,
    words: list[str],
    line: str,
) -> None:
    with server(tmp_path) as scripted:
        assert main(["exec", scripted.address, command, *words]) == 1

    assert capsys.readouterr().err == f"qmpeer exec: {line}\n"
    assert command not in [name for name, _ in scripted.seen]


@pytest.mark.parametrize(
    ("words", "desc", "hint"),
    [
        (["name=5"], "Invalid parameter type for 'name', expected: string",
         "sent name as 5; name:=5 sends text"),
        (["inner.name=true"], "Invalid parameter type for 'inner.name', expected: string",
         "sent inner.name as true; inner.name:=true sends text"),
        (["names.0=5"], "Invalid parameter type for 'names[0]', expected: string",
         "sent names[0] as 5; names.0:=5 sends text"),
        (["size=big"], "Invalid parameter type for 'size', expected: integer",
         'sent size as "big"'),
        (["level=256"], "Parameter 'level' expects uint8_t",
         "sent level as 256; level:=256 sends text"),
        (['{"name": 5}'], "Invalid parameter type for 'name', expected: string", "sent name as 5"),
        (["password=5"], "Invalid parameter type for 'password', expected: string",
         'sent password as "<redacted>"'),
        (["name=" + "5" * 200], "Invalid parameter type for 'name', expected: string",
         "sent name as " + "5" * 100 + "..."),
        (["name=5"], "Invalid parameter type for 'other', expected: string", None),
        (["name=5"], "it failed", None),
    ],
)  # fmt: skip
def test_a_refused_type_is_explained(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    desc: str,
    hint: str | None,
) -> None:
    refusal = CommandError("GenericError", desc)
    without_schema = {"query-qmp-schema": CommandError("CommandNotFound", "no"), "add": refusal}
    with server(tmp_path, **without_schema) as scripted:
        assert main(["exec", scripted.address, "add", *words]) == 1

    line = f"qmpeer exec: GenericError: {desc}"
    assert capsys.readouterr().err == (f"{line}; {hint}\n" if hint else f"{line}\n")


@pytest.mark.parametrize(
    ("command", "hint"),
    [("device_ad", "; did you mean device_add?"), ("zzz", "")],
)
def test_an_unknown_command_gets_the_nearest_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, hint: str
) -> None:
    with server(tmp_path) as scripted:
        assert main(["exec", scripted.address, command]) == 1

    assert capsys.readouterr().err == f"qmpeer exec: CommandNotFound: no {command}{hint}\n"


def test_a_listed_command_that_is_not_found_is_not_suggested(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = CommandError("CommandNotFound", "not in this recording")
    with server(tmp_path, device_add=missing) as scripted:
        assert main(["exec", scripted.address, "device_add"]) == 1

    assert capsys.readouterr().err == "qmpeer exec: CommandNotFound: not in this recording\n"


def test_a_misspelt_property_gets_the_nearest_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refusal = CommandError("GenericError", "Property 'nic.serail' not found")
    with server(tmp_path, device_add=refusal) as scripted:
        assert main(["exec", scripted.address, "device_add", "driver=nic", "serail=x"]) == 1

    assert capsys.readouterr().err.endswith("not found; did you mean serial?\n")


def test_a_mistake_in_text_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The server refuses arguments sent without a look at the schema; the hint is shown anyway."""
    refusal = CommandError("GenericError", "Parameter 'drivr' is unexpected")
    with server(tmp_path, add=refusal) as scripted:
        assert main(["exec", scripted.address, "add", "drivr=x"]) == 1

    assert capsys.readouterr().err.endswith("is unexpected; did you mean driver?\n")


def test_out_of_band_nothing_is_asked(tmp_path: Path) -> None:
    """--oob is for a server whose in-band commands hang."""
    with server(tmp_path) as scripted:
        assert main(["exec", scripted.address, "add", "size=64M", "--oob"]) == 1

    assert [name for name, _ in scripted.seen] in ([], ["add"])


class Deaf(threading.Thread):
    """A server that answers a few commands and then no more.

    Args:
        path: The unix path on which it listens.
        answers: Its replies, beginning with the one to qmp_capabilities.

    Attributes:
        seen: The names of the commands received.
    """

    def __init__(self, path: Path, answers: Sequence[Any]) -> None:
        super().__init__()
        self.seen: list[str] = []
        self._answers = list(answers)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._listener.settimeout(PATIENCE)

    def run(self) -> None:
        with self._listener, self._listener.accept()[0] as client, client.makefile("rwb") as lines:
            client.settimeout(PATIENCE)
            lines.write(b'{"QMP": {"version": {}, "capabilities": []}}\n')
            lines.flush()
            for line in lines:
                request = json.loads(line)
                self.seen.append(request["execute"])
                if self._answers:
                    reply = {**self._answers.pop(0), "id": request.get("id")}
                    lines.write(json.dumps(reply).encode() + b"\n")
                    lines.flush()


@pytest.mark.parametrize(
    ("words", "answers", "status", "line", "seen"),
    [
        (["add", "size=1"], [{"return": {}}], 3, "query-qmp-schema wasn't answered in 0.5 s",
         ["query-qmp-schema"]),
        (["ad"], [{"return": {}}, {"error": {"class": "CommandNotFound", "desc": "no ad"}}], 1,
         "CommandNotFound: no ad", ["ad", "query-commands"]),
        (["add", "name=x"], [{"return": {}}, {"error": {"class": "GenericError", "desc": "no"}}], 1,
         "GenericError: no", ["add", "query-qmp-schema"]),
    ],
)  # fmt: skip
def test_a_server_that_answers_no_more(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    answers: list[Any],
    status: int,
    line: str,
    seen: list[str],
) -> None:
    deaf = Deaf(tmp_path / "q", answers)
    deaf.start()

    assert main(["exec", str(tmp_path / "q"), *words, "--timeout", "0.5"]) == status

    deaf.join(PATIENCE)
    assert capsys.readouterr().err == f"qmpeer exec: {line}\n"
    assert deaf.seen[1:] == seen
