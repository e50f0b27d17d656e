from typing import Any

import pytest

from qmpeer.schema import Schema
from qmpeer.schema.model import Event
from qmpeer.shell.mistakes import Mistake
from qmpeer.shell.reading import Reader, boolean, integer, read_freely
from qmpeer.shell.vocabulary import Vocabulary
from qmpeer.shell.words import split


def read(vocabulary: Vocabulary, text: str) -> Any:
    assert vocabulary.schema is not None
    statement = split(text)[0]
    assert statement.mistake is None
    words = statement.words
    command = vocabulary.commands[words[0].value.text]
    assert command is not None
    return Reader(vocabulary.schema).arguments(command, words[1:], words[0].end)


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
         "what more there is depends on driver, which comes first"),
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
        ("add driver=null node-name.x=1", "node-name.x", "'node-name' has nothing within",
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
         "this is no JSON: expected ',' or '}'", ""),
        ("add driver=null node-name=<redacted>", "<redacted>",
         "this was a secret, which history doesn't keep", "type it again"),
    ],
)  # fmt: skip
def test_mistakes(vocabulary: Vocabulary, text: str, at_fault: str, reason: str, hint: str) -> None:
    with pytest.raises(Mistake) as caught:
        read(vocabulary, text)

    mistake = caught.value
    assert (mistake.reason, mistake.hint) == (reason, hint)
    if reason.endswith("is missing") and not at_fault.startswith('"'):
        assert (mistake.start, mistake.end) == (len(text), len(text))
    elif at_fault != '"x"':
        assert text[mistake.start : mistake.end] == at_fault


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
    assert isinstance(event, Event)

    assert Reader(schema).event_match(event, split(text)[0].words[2:]) == match


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

    assert read_freely(words[1:]) == {
        "a": 1, "b": "text", "c": "1", "d": "1", "e": [1], "f": {"g": True}
    }  # fmt: skip
    assert read_freely(split('x {"a": 1}')[0].words[1:]) == {"a": 1}
