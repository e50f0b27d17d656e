"""Predicates tried at load, on samples made from a schema or from nothing.

Modules: cel_trial, cel_samples, predicates.
"""

from pathlib import Path

import pytest

from qmpeer import limits
from qmpeer.effects import CommandEffects, Effect
from qmpeer.errors import PolicyError
from qmpeer.policy.cel_members import MemberReader, Reads
from qmpeer.policy.cel_nodes import PredicateError
from qmpeer.policy.cel_predicate import CelPredicate
from qmpeer.policy.cel_samples import SampleMaker
from qmpeer.policy.cel_syntax import parse
from qmpeer.policy.cel_trial import try_predicate
from qmpeer.policy.predicates import read_predicate, text_test_warnings
from qmpeer.schema import Schema, schema_from_qapi
from qmpeer.toml.items import DocumentKind, read_document
from tests.corpus import own_and_real, recorded_schema

QAPI = """
{ 'enum': 'Driver', 'data': ['raw', 'file', 'nbd'] }
{ 'struct': 'Base', 'data': { '*node-name': 'str', '*read-only': 'bool' } }
{ 'struct': 'File', 'data': { 'filename': 'str', '*locking': 'OnOff' } }
{ 'enum': 'OnOff', 'data': ['on', 'off'] }
{ 'struct': 'Raw', 'data': { 'file': 'Ref', '*size': 'size', '*speed': 'number' } }
{ 'alternate': 'Ref', 'data': { 'definition': 'Node', 'reference': 'str' } }
{ 'union': 'Node', 'base': { 'driver': 'Driver', '*common': 'Base' }, 'discriminator': 'driver',
  'data': { 'raw': 'Raw', 'file': 'File' } }
{ 'struct': 'Action', 'data': { 'type': 'str', 'data': 'any', '*tags': ['str'] } }
{ 'command': 'add', 'data': 'Node', 'boxed': true }
{ 'command': 'all', 'data': { 'actions': ['Action'] } }
{ 'command': 'stop' }
{ 'command': 'device_add', 'data': { 'driver': 'str', '*id': 'str' }, 'gen': false }
"""


def _schema() -> Schema:
    return schema_from_qapi("test.json", lambda _: QAPI.encode())


def trial(text: str, *commands: str, schema: Schema | None) -> tuple[int, str] | None:
    try:
        try_predicate(CelPredicate(text), commands, schema)
    except PredicateError as error:
        return error.offset, str(error)
    return None


@pytest.mark.parametrize(
    ("command", "text", "offset", "reason"),
    [
        ("add", "args.file == 1", 0, "found a text or an object beside a number, expected values"),
        ("add", "1 != args.file", 0, "found a number beside a text or an object, expected values"),
        (
            "add",
            'args.file.filenam == "a"',
            10,
            "found the member filenam of args.file, which none",
        ),
        ("add", "args.fil.filename == 1", 5, "found the member fil of args, which none"),
        ("add", "args.driver.x == 1", 12, "found the member x of args.driver, which has string as"),
        (
            "add",
            "has(args.filename.x)",
            18,
            "found the member x of args.filename, which has string",
        ),
        (
            "add",
            "has(args.sizee)",
            9,
            "found the member sizee of args, which none",
        ),
        ("add", "true || has(args.sizee)", 17, "found the member sizee of args, which none"),
        (
            "add",
            '!("driverr" in args)',
            2,
            "found the member driverr of args, which none",
        ),
        (
            "add",
            'args["driverr"] == "raw"',
            5,
            "found the member driverr of args, which none",
        ),
        (
            "add",
            'args.driver == "rwa"',
            15,
            "found 'rwa' for args.driver, expected raw, file, nbd; ",
        ),
        ("add", 'args.driver in ["raw", "fil"]', 23, "found 'fil' for args.driver, expected raw, "),
        ("add", "args.driver in [1]", 0, "found a text beside a number"),
        ("add", "args.driver", 0, "found a text, expected true or false"),
        ("add", 'args.driver == "raw" && args.size', 24, "found a number, expected true or false"),
        ("add", "args.size ? true : false", 0, "found a number, expected true or false"),
        ("add", '(args.driver == "raw") == 1', 0, "found a boolean beside a number"),
        (
            "add",
            "true || args.size.startsWith('1')",
            8,
            "found values of other types than startsWi",
        ),
        ("add", "true || args.size > '1'", 8, "found values of other types than an operator"),
        (
            "add",
            'true ? true : under(args.size, "/a")',
            14,
            "under: found a number, expected a path",
        ),
        ("add", "under(args.filename, 1)", 0, "under: found a number, expected a path"),
        ("add", "args.size == null", 0, "found a number beside null"),
        ("add", 'node_file(args.size) == "a"', 0, "node_file: found a number, expected a name"),
        ("add", "args.driver.matches('(')", 0, "matches: '(' not a valid regex"),
        (
            "all",
            'args.actions.all(a, a.typ == "x")',
            22,
            "found the member typ of a, which none",
        ),
        ("all", "args.actions.all(a, a.type)", 20, "found a text, expected true or false"),
        ("all", "args.actions.all(a, a.tags.all(t, t == 1))", 34, "found a text beside a number"),
        ("all", "args.all(a, true)", 0, "found a value that is object, expected a list"),
        ("all", "['a'].all(t, t == 1)", 13, "found a text beside a number"),
        ("all", "'a'.all(t, t == 1)", 0, "found a loop over something else, expected a list"),
        ("stop", "args.x == 1", 5, "found the member x of args"),
        ("device_add", "args.id == 1", 0, "found a text beside a number"),
        (
            "stop",
            'command == "stopp"',
            11,
            "found 'stopp' for command, expected stop; did you mean",
        ),
        ("stop", 'peer.uid == "root"', 0, "found a number or null beside a text"),
        ("stop", "peer().listener > 1", 0, "found values of other types than an operator"),
        ("stop", "1", 0, "found a number, expected true or false"),
    ],
)
def test_what_can_never_hold(command: str, text: str, offset: int, reason: str) -> None:
    found = trial(text, command, schema=_schema())
    assert found is not None
    assert (found[0], found[1][: len(reason)]) == (offset, reason)


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("add", 'under(args.file.filename, "/srv") && !has(args.common)'),
        ("add", 'args.file.file.file.filename == "deep"'),
        ("add", 'args.file == "n" || args.file.driver in ["raw", "file"]'),
        ("add", "args.size > 5 && args.speed < 1.5 && args.speed != 2"),
        ("add", '"node-name" in args.common && args.common["read-only"]'),
        ("add", "type(args.file) == string"),
        ("add", "size(args.filename) < 100"),
        ("all", 'args.actions.all(a, a.type != "x" && a.data.anything == 1)'),
        ("all", "args.actions.exists(a, a.tags.all(t, t.startsWith('x')))"),
        ("all", "args.actions == [] || args.actions[0].type == 'x'"),
        ("all", "size(args.actions) < 5"),
        ("all", "['a', 'b'].exists(t, t == 'x')"),
        ("device_add", 'args.romfile == "x" || args.id == "y" || args.addr == 5'),
        ("stop", 'peer.uid == 5 || peer.certificate == null || peer.certificate == "CN=a"'),
        ("stop", "args == {}"),
        ("unknown", "args.x == 1"),
    ],
)
def test_what_can_hold(command: str, text: str) -> None:
    assert trial(text, command, schema=_schema()) is None
    assert trial(text, command, schema=None) is None


def test_a_member_of_one_command_is_enough() -> None:
    assert trial('args.driver == "raw"', "add", "stop", schema=_schema()) is None
    assert trial('args.driver == "rtl8139"', "add", "device_add", schema=_schema()) is None


@pytest.mark.parametrize(
    ("text", "offset", "reason"),
    [
        ('args.x + 1 == "a"', 0, "found a number beside a text"),
        ("args.x.startsWith(1)", 0, "found values of other types than startsWith takes"),
        ("under(args.x, 1)", 0, "under: found a number, expected a path"),
        ("true || size(args.x) > 'a'", 8, "found values of other types than an operator"),
        ("args.l.all(x, x + 1)", 14, "found a number, expected true or false"),
    ],
)
def test_what_can_never_hold_without_a_schema(text: str, offset: int, reason: str) -> None:
    found = trial(text, "add", schema=None)
    assert found is not None
    assert (found[0], found[1][: len(reason)]) == (offset, reason)


@pytest.mark.parametrize("name", own_and_real([], ["7.2.0_x86_64"]))
def test_a_real_schema(name: str) -> None:
    schema = recorded_schema(name)
    add = "blockdev-add"
    text = 'under(args.file.filename, "/srv/vm") && !has(args.backing)'
    assert trial(text, add, schema=schema) is None
    assert trial("args.file == 1", add, schema=schema) is not None
    assert trial('args.file.filenam == "a"', add, schema=schema) is not None
    actions = 'args.actions.all(a, a.type == "abort" || a.data.device == "x")'
    assert trial(actions, "transaction", schema=schema) is None


def test_samples() -> None:
    reads = Reads()
    MemberReader({"args": reads}).read(parse("args.file == args.file.size && has(args.driver)"))
    maker = SampleMaker(_schema(), ["add"])
    assert maker.samples(reads, maker.arguments) == [
        {"file": {}, "driver": "raw"},
        {"file": "a text", "driver": "raw"},
        {"file": {"size": 1}, "driver": "raw"},
    ]
    assert "filename" in maker.member_names(maker.arguments)


def test_samples_are_limited() -> None:
    names = " && ".join(f"args.m{number} == 1" for number in range(20))
    reads = Reads()
    MemberReader({"args": reads}).read(parse(names))
    maker = SampleMaker(None, ["add"])
    assert len(maker.samples(reads, maker.arguments)) == limits.PREDICATE_SAMPLES


# --- In a file ------------------------------------------------------------------------------------

_KIND = DocumentKind("policies", "policy", 1000, PolicyError)


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("when = 'args.x == bogus'", "1:19"),
        ('when = "args.x == \\"a\\" || bogus"', "1:28"),
        ('\n\nwhen = """\n  true &&\\\n   \n  bogus"""', "6:3"),
        ("when = '''true\n  || bogus'''", "2:6"),
        ("when = '''true\r\n  || bogus'''", "2:6"),
        ('when = "\\u0074rue || bogus"', "1:22"),
        ("when = '\"\u00e9\U0001f600\" == bogus'", "1:17"),
        ("when = 'args.'", "1:14"),
    ],
)
def test_places_inside_texts(tmp_path: Path, source: str, place: str) -> None:
    path = tmp_path / "p.toml"
    path.write_bytes(source.encode())
    with pytest.raises(PolicyError) as caught:
        read_predicate(read_document(str(path), _KIND).table(["when"])["when"], ["add"])
    assert caught.value.place == f"{path}:{place}"
    assert caught.value.reason.startswith("when: found the ")


def test_without_a_schema_the_table_is_one(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    for text in ("args.file == 1", 'args.file.filenam == "a"', "has(args.bakcing)"):
        path.write_text(f"when = '{text}'")
        item = read_document(str(path), _KIND).table(["when"])["when"]
        with pytest.raises(PolicyError):
            read_predicate(item, ["blockdev-add"])
        assert read_predicate(item, ["blockdev-add", "own-command"])


def test_human_monitor_commands(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"

    def read(text: str, *commands: str) -> CelPredicate:
        path.write_text(f"when = '{text}'")
        item = read_document(str(path), _KIND).table(["when"])["when"]
        return read_predicate(item, commands, is_human=True)

    assert read('under(args.filename, "/srv") && args["cpu-index"] == 1', "screendump")
    assert read('args.anything == "x"', "device_add")
    with pytest.raises(PolicyError, match="did you mean filename"):
        read('under(args.filenam, "/srv")', "screendump")


def test_one_that_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text("when = 'args.size > 5'\nno = 5")
    item = read_document(str(path), _KIND).table(["when", "no"])
    assert read_predicate(item["when"], ["add"], _schema()).mentions == (("size",),)
    with pytest.raises(PolicyError, match="no: found 5, expected a text"):
        read_predicate(item["no"], ["add"])


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ('args.file.filename.startsWith("/srv/")', ["startsWith of args.file.filename"]),
        ('args.l.all(e, e.path.matches("^/srv/.*"))', ["matches of args.l.*.path"]),
        ('args.l.exists(e, e.path.contains("/srv/"))', ["contains of args.l.*.path"]),
        ('args.name.startsWith("/srv/")', []),
        ('under(args.file.filename, "/srv/")', []),
        ('args.file.filename == "/srv/a"', []),
    ],
)
def test_plain_tests_of_paths(text: str, warned: list[str]) -> None:
    effects = CommandEffects(
        "add", frozenset({Effect.OPENS_PATHS}), sensitive=("file.filename", "**.path")
    )
    found = [*text_test_warnings(CelPredicate(text), effects)]
    assert [each.partition(" is ")[0] for each in found] == warned
