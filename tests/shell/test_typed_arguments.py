from collections.abc import Mapping
from typing import Any

import pytest

from qmpeer import limits
from qmpeer.schema import Schema, schema_from_qapi
from qmpeer.schema.model import EventDefinition
from qmpeer.shell.builtins import split
from qmpeer.shell.input_errors import InputError
from qmpeer.shell.properties import PropertyQuery, typed_values, with_properties
from qmpeer.shell.typed_arguments import ArgumentReader, boolean, integer, read_untyped
from qmpeer.shell.vocabulary import Vocabulary
from qmpeer.values import JsonValue


def read(vocabulary: Vocabulary, text: str) -> Any:
    assert vocabulary.schema is not None
    statement = split(text)[0]
    assert statement.input_error is None
    words = statement.words
    command = vocabulary.commands[words[0].value.text]
    assert command is not None
    return ArgumentReader(vocabulary.schema).arguments(command, words[1:], words[0].end)


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("stop", {}),
        ("stop {}", {}),
        ("add driver=null", {"driver": "null"}),
        ("add driver=null size=64M", {"driver": "null", "size": 64 << 20}),
        ("add driver=null size=0x400", {"driver": "null", "size": 1024}),
        ("add driver=null node-name=123", {"driver": "null", "node-name": "123"}),
        ("add driver=null node-name=true", {"driver": "null", "node-name": "true"}),
        ("add driver=null node-name=null", {"driver": "null", "node-name": "null"}),
        ("add driver=null node-name='a b'", {"driver": "null", "node-name": "a b"}),
        ("add driver=null node-name=", {"driver": "null", "node-name": ""}),
        ("add driver=null read-only=on", {"driver": "null", "read-only": True}),
        ("add driver=null read-only=FALSE", {"driver": "null", "read-only": False}),
        ("add size=1 driver=null", {"driver": "null", "size": 1}),
        ("add driver=qcow2 file=node0", {"driver": "qcow2", "file": "node0"}),
        (
            "add driver=qcow2 file.driver=file file.filename=/x node-name=y",
            {"driver": "qcow2", "file": {"driver": "file", "filename": "/x"}, "node-name": "y"},
        ),
        (
            'add driver=qcow2 file={"driver": "null"} backing=null',
            {"driver": "qcow2", "file": {"driver": "null"}, "backing": None},
        ),
        ("add driver=qcow2 file=a backing='null'",
         {"driver": "qcow2", "file": "a", "backing": "null"}),
        (
            "add driver=qcow2 file.driver=qcow2 file.file.driver=null",
            {"driver": "qcow2", "file": {"driver": "qcow2", "file": {"driver": "null"}}},
        ),
        ("add {'driver': 'null'}", {"driver": "null"}),
        (  # items in both forms
            """set-states states.0.name=file states.0.state=on names.0=1
            states.1={'name': 'null', 'state': false, 'ratio': 0.5}""".replace("\n", " "),
            {
                "states": [
                    {"name": "file", "state": True},
                    {"name": "null", "state": False, "ratio": 0.5},
                ],
                "names": ["1"],
            },
        ),
        ('set-states states=[] names=["a b"]', {"states": [], "names": ["a b"]}),
        ("set-any path=/ value=1", {"path": "/", "value": 1}),
        ("set-any path=/ value=text", {"path": "/", "value": "text"}),
        ("set-any path=/ value:=1", {"path": "/", "value": "1"}),
        ("set-any path=/ value='1'", {"path": "/", "value": "1"}),
        ("set-any path=/ value.a.0=1", {"path": "/", "value": {"a": [1]}}),
        ("set-any path=/ value=[1,null]", {"path": "/", "value": [1, None]}),
        (
            "device_add driver=e1000 mac=52:54 bootindex=1 multi=on queues.0=1",
            {"driver": "e1000", "mac": "52:54", "bootindex": 1, "multi": True, "queues": [1]},
        ),
    ],
)  # fmt: skip
def test_values(vocabulary: Vocabulary, text: str, arguments: dict[str, Any]) -> None:
    assert read(vocabulary, text) == arguments


@pytest.mark.parametrize(
    ("text", "at_fault", "reason", "hint"),
    [
        ("add driver=qcow3", "qcow3", "Parameter 'driver' does not accept value 'qcow3'",
         "did you mean qcow or qcow2?"),
        ("add driver=zzzzz", "zzzzz", "Parameter 'driver' does not accept value 'zzzzz'",
         "expected file, null, qcow, qcow2"),
        ("add", "", "Parameter 'driver' is missing",
         "driver= takes file, null, qcow, qcow2"),
        ("add driver=qcow2", "", "Parameter 'file' is missing",
         "file= takes an object (file.driver=…) or text"),
        ("add driver=qcow2 file.driver=file", "", "Parameter 'file.filename' is missing",
         "file.filename= takes text"),
        ("add driver=null siez=1", "siez", "Parameter 'siez' is unexpected", "did you mean size?"),
        ("add siez=1", "siez", "Parameter 'siez' is unexpected",
         "further members depend on driver, which is missing"),
        ("stop now=1", "now", "Parameter 'now' is unexpected", "stop takes none"),
        ("blockdev-del x.y=1", "x", "Parameter 'x' is unexpected", "blockdev-del takes node-name"),
        ("add driver=null size=big", "big", "Invalid parameter type for 'size', expected: integer",
         "size= takes a whole number (4096, 0x1000, 64M)"),
        ("add driver=null size='1'", "'1'", "Invalid parameter type for 'size', expected: integer",
         "size= takes a whole number (4096, 0x1000, 64M), without quotes"),
        ("add driver=null level=256", "256", "Parameter 'level' expects uint8_t", "from 0 to 255"),
        ("add driver=null level=-1", "-1", "Parameter 'level' expects uint8_t", "from 0 to 255"),
        ("add driver=null read-only=maybe", "maybe",
         "Invalid parameter type for 'read-only', expected: boolean",
         "read-only= takes true or false"),
        ("add driver=null node-name.x=1", "node-name.x", "'node-name' has no members",
         "node-name= takes text"),
        ("set-states states=x", "x", "Invalid parameter type for 'states', expected: array",
         "states= takes a list (states.0=…, or [..])"),
        ("set-states states.1.name=file", "states.1.name",
         "found 1 in 'states', expected 'states.0' as well", ""),
        ("set-states states.0.name=file", "", "Parameter 'states.0.state' is missing",
         "states.0.state= takes true or false"),
        ("add driver=null driver=file", "driver", "found 'driver' twice, expected it once", ""),
        ("add driver", "driver", "found 'driver', expected name=value, or one JSON object", ""),
        ("add {} x=1", "{}", "found '{}', expected name=value, or one JSON object", ""),
        ("add []", "[]", "found an array, expected a JSON object or name=value", ""),
        ('add {"driver": "null", "size": "x"}', '"size"',
         "Parameter 'size' expects uint64", ""),
        ('add driver=qcow2 file={"driver": "file", "x": 1}', '"x"',
         "Parameter 'file.filename' is missing", ""),
        ('add driver=qcow2 file={"driver": 1 2}', "2",
         "invalid JSON: expected ',' or '}'", ""),
        ("add driver=null node-name=<redacted>", "<redacted>",
         "this was a secret, which history doesn't store", "type it again"),
    ],
)  # fmt: skip
def test_mistakes(vocabulary: Vocabulary, text: str, at_fault: str, reason: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        read(vocabulary, text)

    input_error = caught.value
    assert (input_error.reason, input_error.hint) == (reason, hint)
    if reason.endswith("is missing") and not at_fault.startswith('"'):
        assert (input_error.start, input_error.end) == (len(text), len(text))
    elif at_fault != '"x"':
        assert text[input_error.start : input_error.end] == at_fault


DEVICE: JsonValue = [
    {"name": "mq", "type": "bool", "description": "on/off"},
    {"name": "serial", "type": "str"},
    {"name": "lun", "type": "uint32"},
    {"name": "level", "type": "uint8"},
    {"name": "size", "type": "size"},
    {"name": "base", "type": "uint64_t"},
    {"name": "ratio", "type": "number"},
    {"name": "iothread", "type": "link<iothread>"},
    {"name": "write-cache", "type": "OnOffAuto"},
    {"name": "werror", "type": "BlockdevOnError", "description": "Policy, report/ignore/auto"},
    {"name": "uuid", "type": "QemuUUID", "description": "UUID (aka GUID) or auto"},
    {"name": "x-width", "type": "PCIELinkWidth", "description": "1/2/4"},
    {"name": "addr", "type": "int32",
     "description": "Slot and optional function number, example: 06.0 or 06"},
    {"name": "vq-mapping", "type": "IOThreadVirtQueueMappingList"},
    {"name": "nodes", "type": "int"},
    {"name": "boot", "type": "BootConfiguration"},
    {"name": "child", "type": "child<bus>"},
    {"name": "driver", "type": "uint8"},
]  # fmt: skip
"""Types as QEMU 7.2 and 10.0 name them."""


def read_with_properties(
    schema: Schema, text: str, answers: Mapping[str, JsonValue]
) -> tuple[Any, list[str]]:
    """Read a statement, with the server's replies to property queries by their argument."""
    words = split(text)[0].words
    command = Vocabulary(schema).commands[words[0].value.text]
    assert command is not None
    asked: list[str] = []

    def answer(question: PropertyQuery) -> JsonValue:
        asked.append(" ".join([question.command, *map(str, question.arguments.values())]))
        return answers.get(question.value)

    schema, command = with_properties(schema, command, typed_values(words), answer)
    return ArgumentReader(schema).arguments(command, words[1:]), asked


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("mq=on", True), ("mq=no", False), ("mq=true", True), ("mq={}", {}),
        ("serial=123", "123"), ("serial=true", "true"), ("serial=0x1", "0x1"),
        ("serial:=5", "5"), ("serial='5'", "5"),
        ("lun=0x1", 1), ("lun=1k", 1024), ("size=64M", 64 << 20), ("base=0xfee00000", 0xFEE00000),
        ("ratio=0.5", 0.5), ("iothread=5", "5"), ("write-cache=on", "on"),
        ("write-cache=auto", "auto"), ("werror=report", "report"), ("uuid=1234", "1234"),
        ("x-width=4", "4"), ("addr=5", "5"), ("addr=0x5.1", "0x5.1"),
        ('vq-mapping=[{"iothread": "a"}]', [{"iothread": "a"}]),
        ("vq-mapping.0.iothread=a", [{"iothread": "a"}]),
        ("nodes=[0]", [0]), ("nodes.0=1", [1]), ("nodes=3", 3),
        ('boot={"menu": true}', {"menu": True}), ("boot=5", "5"),
        # What the server doesn't list is JSON, or text, and its own matter.
        ("child=5", 5), ("len-ports=2", 2), ("other=on", True), ("other=text", "text"),
    ],
)  # fmt: skip
def test_values_of_properties(schema: Schema, typed: str, value: Any) -> None:
    text = f"device_add driver=nic {typed}"

    found, asked = read_with_properties(schema, text, {"nic": DEVICE})

    name = typed.partition("=")[0].partition(".")[0].removesuffix(":")
    assert found == {"driver": "nic", name: value}
    assert type(found[name]) is type(value)
    assert asked == ["device-list-properties nic"]


@pytest.mark.parametrize(
    ("typed", "reason", "hint"),
    [
        ("mq=maybe", "Invalid parameter type for 'mq', expected: boolean",
         "mq= takes true or false"),
        ("lun=many", "Invalid parameter type for 'lun', expected: integer",
         "lun= takes a whole number (4096, 0x1000, 64M)"),
        ("level=256", "Parameter 'level' expects uint8_t", "from 0 to 255"),
        ("write-cache=true", "Parameter 'write-cache' does not accept value 'true'",
         "expected on, off, auto"),
        ("werror=repot", "Parameter 'werror' does not accept value 'repot'",
         "did you mean report?"),
    ],
)  # fmt: skip
def test_mistakes_in_properties(schema: Schema, typed: str, reason: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        read_with_properties(schema, f"device_add driver=nic {typed}", {"nic": DEVICE})

    input_error = caught.value
    assert (input_error.reason, input_error.hint) == (reason, hint)
    assert input_error.start == len("device_add driver=nic ") + typed.index("=") + 1


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("device_add driver=virtio-net a=1",
         [f"device-list-properties virtio-net{end}" for end in ("", "-pci", "-ccw", "-device")]),
        ("device_add driver=virtio-net-pci a=1", ["device-list-properties virtio-net-pci"]),
        ("device_add driver=virtio-vga-gl a=1", []),  # QEMU 7.2 would exit
        ("device_add driver=virtio-gpu-gl-pci a=1", []),
        ('device_add {"driver": "nic", "a": 1}', []),
        ("qom-set path=/machine property=a value=1", ["qom-list /machine"]),
        ("add driver=null size=1", []),
    ],
)  # fmt: skip
def test_what_is_asked_about_properties(schema: Schema, text: str, asked: list[str]) -> None:
    assert read_with_properties(schema, text, {})[1] == asked


def test_an_alias_is_asked_about_by_its_type(schema: Schema) -> None:
    found, asked = read_with_properties(
        schema, "device_add driver=virtio-net serial=1", {"virtio-net-pci": DEVICE}
    )

    assert found == {"driver": "virtio-net", "serial": "1"}
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("typed", "value"),
    [("lun value=0x10", 16), ("serial value=16", "16"), ("mq value=off", False),
     ("boot.menu value=1", 1), ("other value=1", 1), ("other value=x", "x")],
)  # fmt: skip
def test_a_property_is_set_to_a_value_of_its_type(schema: Schema, typed: str, value: Any) -> None:
    text = f"qom-set path=/nic property={typed}"

    assert read_with_properties(schema, text, {"/nic": DEVICE})[0]["value"] == value


OLD_QAPI = """
{ 'pragma': { 'doc-required': false } }
{ 'command': 'object-add', 'data': { 'qom-type': 'str', 'id': 'str', '*props': 'any' } }
{ 'command': 'netdev_add', 'data': { 'type': 'str', 'id': 'str' } }
"""
"""Commands of QEMU 4.2 as introspection shows them; they accept further members."""


@pytest.mark.parametrize(
    ("typed", "arguments"),
    [
        ("serial=1 size=1M", {"serial": "1", "size": 1 << 20}),
        ("props.serial=1 props.size=1M", {"props": {"serial": "1", "size": 1 << 20}}),
        ('props={"size": "1M"}', {"props": {"size": "1M"}}),
        ("props.other=1", {"props": {"other": 1}}),
    ],
)
def test_objects_before_they_were_in_the_schema(typed: str, arguments: dict[str, Any]) -> None:
    schema = schema_from_qapi("schema.json", lambda name: OLD_QAPI.encode())

    found, asked = read_with_properties(
        schema, f"object-add qom-type=ram id=m {typed}", {"ram": DEVICE}
    )

    assert found == {"qom-type": "ram", "id": "m", **arguments}
    assert asked == ["qom-list-properties ram"]


def test_network_backends_before_they_were_in_the_schema() -> None:
    schema = schema_from_qapi("schema.json", lambda name: OLD_QAPI.encode())

    found, _ = read_with_properties(schema, "netdev_add type=user id=u restrict=on", {})

    assert found == {"type": "user", "id": "u", "restrict": True}


@pytest.mark.parametrize(
    "answer",
    [{}, "text", 5, [5], [[]], [{}], [{"name": 5, "type": "str"}], [{"name": "serial"}],
     [{"name": "", "type": "uint8"}, {"name": ":", "type": "uint8"}],
     [{"name": "serial", "type": None}], [{"name": "serial", "type": "uint8", "description": 5}]],
    ids=repr,
)  # fmt: skip
def test_odd_answers_about_properties(schema: Schema, answer: JsonValue) -> None:
    found, _ = read_with_properties(schema, "device_add driver=nic serial=5", {"nic": answer})

    assert found == {"driver": "nic", "serial": 5}


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("wait CHANGED", {}),
        ("wait CHANGED id=1", {"id": "1"}),
        ("wait CHANGED level=1", {"level": 1}),
    ],
)
def test_the_data_of_events(schema: Schema, text: str, match: dict[str, Any]) -> None:
    event = next(each for each in schema.entities if each.name == "CHANGED")
    assert isinstance(event, EventDefinition)

    assert ArgumentReader(schema).event_match(event, split(text)[0].words[2:]) == match


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0), ("-5", -5), ("+5", 5), ("007", 7), ("1k", 1024), ("1K", 1024), ("2GiB", 2 << 30),
        ("1.5M", 3 << 19), ("1T", 1 << 40), ("1e", 1 << 60), ("0xff", 255), ("1b", 1),
        ("1.5", None), ("", None), ("1x", None), ("0xg", None), ("1.3k", None), ("1" * 50, None),
        ("٣", None),
    ],
)  # fmt: skip
def test_integers(text: str, value: int | None) -> None:
    assert integer(text) == value


def test_booleans() -> None:
    words = ["true", "On", "yes", "false", "off", "no", "1", ""]
    assert [boolean(word) for word in words] == [True, True, True, False, False, False, None, None]


def test_without_a_schema_a_value_is_json_or_text() -> None:
    words = split("x a=1 b=text c:=1 d='1' e=[1] f.g=true")[0].words

    assert read_untyped(words[1:]) == {
        "a": 1, "b": "text", "c": "1", "d": "1", "e": [1], "f": {"g": True}
    }  # fmt: skip
    assert read_untyped(split('x {"a": 1}')[0].words[1:]) == {"a": 1}


def test_a_name_of_many_levels() -> None:
    name = ".".join("a" * limits.SHELL_LEVELS)
    value: JsonValue = read_untyped(split(f"x {name}=1")[0].words[1:])
    for _ in range(limits.SHELL_LEVELS):
        assert isinstance(value, dict)
        value = value["a"]
    assert value == 1
    with pytest.raises(InputError, match="found 129 levels, expected at most 128"):
        read_untyped(split(f"x {name}.a=1")[0].words[1:])


def test_a_number_of_many_digits_is_a_name() -> None:
    name = "1" * 5000
    assert read_untyped(split(f"x a.{name}=1")[0].words[1:]) == {"a": {name: 1}}
