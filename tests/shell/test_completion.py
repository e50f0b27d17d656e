from collections.abc import Mapping, Sequence

import pytest

from qmpeer.schema import schema_from_qapi
from qmpeer.shell.builtins import BUILTINS, split
from qmpeer.shell.completion import complete
from qmpeer.shell.human_completion import complete_human
from qmpeer.shell.properties import PropertyQuery
from qmpeer.shell.vocabulary import Vocabulary
from qmpeer.values import JsonValue
from tests.growth import assert_linear, assert_linear_time, cpu_time

THINGS = {
    ("block-node", ""): ["node0", "n 1", "x\x1b[2J"],
    ("device-type", ""): ["e1000"],
    ("netdev", ""): ["net0"],
    ("file", "/srv/d"): ["/srv/disk0", "/srv/dir/"],
    ("file", "sc"): ["script"],
    ("file", "my"): ["my disk", "myself"],
    ("job", ""): ["job0"],
    ("human", ""): ["info", "quit"],
    ("human", "info"): ["block", "status"],
}


PROPERTIES: Mapping[str, JsonValue] = {
    "e1000": [
        {"name": "id", "type": "str"},
        {"name": "x-new", "type": "uint8"},
        {"name": "mac", "type": "str", "description": "Ethernet 6-byte MAC Address"},
        {"name": "rombar", "type": "OnOffAuto", "description": "on/off/auto"},
        {"name": "speed", "type": "LinkSpeed", "description": "Speed (2_5/5/8)"},
        {"name": "mq", "type": "bool", "description": "on/off"},
        {"name": "irq[0]", "type": "child<irq>"},
        {"name": "netdev", "type": "str"},
        {"name": "evil\x1b[2J", "type": "str"},
        {"name": "evil name", "type": "str"},
        {"name": 5, "type": "str"},
        "nonsense",
    ],
    "/machine": [{"name": "graphics", "type": "bool"}, {"name": "smm", "type": "OnOffAuto"}],
}


def names(kind: str, about: str) -> Sequence[str]:
    return THINGS.get((kind, about), ())


def answers(question: PropertyQuery) -> JsonValue:
    return PROPERTIES.get(question.value)


def completed(vocabulary: Vocabulary, text: str) -> tuple[str, list[str]]:
    """Return the replaced text and its completions; a bar in the text is the cursor."""
    before, _, after = text.partition("|")
    found = complete(before + after, len(before), vocabulary, names, answers)
    return before[found.start :], [item.text for item in found.candidates]


@pytest.mark.parametrize(
    ("text", "replaced", "items"),
    [
        ("st|", "st", ["stop "]),
        ("STO|", "STO", []),
        ("top|", "top", ["old-stop ", "stop "]),
        ("blo|", "blo", ["blockdev-del "]),
        ("tr|", "tr", ["transaction ", "transaction("]),
        ("oob |", "", ["stop "]),
        ("execute old|", "old", ["old-stop "]),
        ("stop |", "", []),
        ("nothing |", "", []),
        ("# st|", "", []),
        ("stop # st|", "", []),
        ("add driver=#|", "#", []),
        ("'st|", "'st", []),
        # Arguments: required ones first, then the optional ones in the schema's order.
        ("add |", "", ["driver=", "node-name=", "read-only="]),
        ("add n|", "n", ["node-name="]),
        ("add driver=null |", "", ["node-name=", "read-only=", "size=", "level="]),
        ("add driver=qcow2 |", "",
         ["file=", "file.", "node-name=", "read-only=", "backing=", "backing.", "cache="]),
        ("add driver=qcow2 file=x |", "",
         ["node-name=", "read-only=", "backing=", "backing.", "cache="]),
        ("add | driver=null", "", ["node-name=", "read-only=", "size=", "level="]),
        ("add s| driver=null level=1", "s", ["size="]),
        ("add driver=qcow2 read-only=on node-name=n backing=null cache=unsafe |", "",
         ["file=", "file."]),
        # What is missing in an object that was begun.
        ("add driver=qcow2 file.driver=file |", "",
         ["file.filename=", "node-name=", "read-only=", "file.", "backing=", "backing.", "cache="]),
        ("add driver=qcow2 file.|", "file.",
         ["file.driver=", "file.node-name=", "file.read-only="]),
        ("add driver=qcow2 file.driver=null file.|", "file.",
         ["file.node-name=", "file.read-only=", "file.size=", "file.level="]),
        ("add driver=qcow2 file.driver=qcow2 file.file.d|", "file.file.d", ["file.file.driver="]),
        ("add driver=qcow2 file.nothing.|", "file.nothing.", []),
        # Lists.
        ("set-states |", "", ["states.0.", "names.0="]),
        ("set-states states.|", "states.", ["states.0."]),
        ("set-states states.0.|", "states.0.",
         ["states.0.name=", "states.0.state=", "states.0.ratio="]),
        ("set-states states.0.name=file states.0.|", "states.0.",
         ["states.0.state=", "states.0.ratio="]),
        ("set-states states.0.name=file states.1.|", "states.1.",
         ["states.1.name=", "states.1.state=", "states.1.ratio="]),
        # Values.
        ("add driver=|", "", ["file ", "null ", "qcow ", "qcow2 "]),
        ("add driver=qc|", "qc", ["qcow ", "qcow2 "]),
        ("add driver='qc|", "'qc", ['"qcow"', '"qcow2"']),
        ('add driver="qc|', '"qc', ['"qcow"', '"qcow2"']),
        ("add read-only=|", "", ["true ", "false "]),
        ("add driver=qcow2 cache=|", "", ["writeback ", "unsafe "]),
        ("add driver=qcow2 backing=|", "", ["null ", "node0 ", '"n 1" ']),
        ("add driver=qcow2 file=n|", "n", ["node0 ", '"n 1" ']),
        ("add node-name=|", "", ["node0 ", '"n 1" ']),
        ("set-states states.0.name=q|", "q", ["qcow ", "qcow2 "]),
        ("set-any value=|", "", []),
        ("blockdev-del node-name=|", "", ["node0 ", '"n 1" ']),
        ("add driver=file filename=/srv/d|", "/srv/d", ["/srv/disk0 ", "/srv/dir/"]),
        ("blockdev-del node-name=n|", "n", ["node0 ", '"n 1" ']),
        ("add driver=file filename=my|", "my", ['"my disk" ', "myself "]),
        ('add driver=file filename="my|', '"my', ['"my disk"', '"myself"']),
        ("source my|", "my", ['"my disk" ', "myself "]),
        # What the schema doesn't know.
        ("device_add driver=|", "", ["e1000 "]),
        ("device_add |", "", ["driver=", "id="]),
        ("device_add driver=nothing |", "", ["id="]),
        ("device_add driver=e1000 |", "",
         ["id=", "mac=", "mq=", "netdev=", "rombar=", "speed=", "x-new="]),
        ("device_add m| driver=e1000", "m", ["mac=", "mq="]),
        ("device_add driver=e1000 mq=|", "", ["true ", "false "]),
        ("device_add driver=e1000 rombar=o|", "o", ["on ", "off "]),
        ("device_add driver=e1000 speed=|", "", ["2_5 ", "5 ", "8 "]),
        ("device_add driver=e1000 mac=|", "", []),
        ("qom-set path=/machine property=graphics value=|", "", ["true ", "false "]),
        ("qom-set path=/machine property=smm value=|", "", ["on ", "off ", "auto "]),
        ("qom-set path=/machine property=nothing value=|", "", []),
        ("qom-set path=/nothing property=smm value=|", "", []),
        ("device_add driver=e1000 netdev=|", "", ["net0 "]),
        # JSON is left alone.
        ('{"exec|', "", []),
        ('add {"dr|', "", []),
        # Several lines.
        ("stop\nst|", "st", ["stop "]),
        ("stop\n|", "", None),
        ("add \\\n dri|", "dri", ["driver="]),
        ("transaction(\n |", "", ["abort ", "snapshot ", ") ", "cancel"]),
        ("transaction(\n sn|", "sn", ["snapshot "]),
        ("transaction( snapshot |", "", ["node=", "format="]),
        ("transaction(\n abort\n snapshot node=x f|", "f", ["format="]),
        ("transaction(\n nothing |", "", []),
        # Built-ins.
        ("help st|", "st", ["stop ", "str "]),
        ("help CH|", "CH", ["CHANGED "]),
        ("help Opt|", "Opt", ["OptionsFile ", "OptionsNull ", "OptionsQcow2 ", "Options "]),
        ("events |", "", ["on ", "off ", "CHANGED ", "STOP "]),
        ("set |", "", ["output ", "timing ", "pager ", "timeout "]),
        ("set output t|", "t", ["table"]),
        ("wait 5 CH|", "CH", ["CHANGED "]),
        ("wait CHANGED |", "", ["id=", "level="]),
        ("job |", "", ["job0 "]),
        ("source sc|", "sc", ["script "]),
        ("exit |", "", []),
        # The human monitor.
        ("hmp |", "", ["info ", "quit "]),
        ("hmp q|", "q", ["quit "]),
        ("hmp info st|", "st", ["status "]),
        ("hmp help in|", "in", ["info "]),
        ("! l|", "", []),
    ],
)  # fmt: skip
def test_completions(
    vocabulary: Vocabulary, text: str, replaced: str, items: list[str] | None
) -> None:
    found = completed(vocabulary, text)

    if items is None:
        assert "stop " in found[1]
    else:
        assert found == (replaced, items)


def test_what_is_required_is_told(vocabulary: Vocabulary) -> None:
    items = complete("add driver=qcow2 ", 17, vocabulary).candidates

    assert [item.is_required for item in items[:3]] == [True, True, False]
    assert items[0].meta == "required, object|str"
    assert complete("old", 3, vocabulary).candidates[0].meta == "deprecated"


def test_without_a_schema_there_are_names_of_commands() -> None:
    vocabulary = Vocabulary(None, ["stop", "cont"])

    assert completed(vocabulary, "st|") == ("st", ["stop "])
    assert completed(vocabulary, "stop x|") == ("x", [])


def test_a_line_for_the_human_monitor() -> None:
    assert [item.text for item in complete_human("info ", names).candidates] == [
        "block ",
        "status ",
    ]


@pytest.mark.parametrize("cursor", range(0, 70, 7))
def test_any_place_of_the_cursor_is_fine(vocabulary: Vocabulary, cursor: int) -> None:
    text = "add driver=qcow2 file.driver='file' file.filename=\"/x\" {[ # end\n)x=1 "
    complete(text, cursor, vocabulary, names)


def test_a_long_line_takes_no_long_time(vocabulary: Vocabulary) -> None:
    def run(count: int) -> None:
        text = "add " + " ".join(f"node-name{n}=x" for n in range(count)) + " "
        complete(text, len(text), vocabulary, names)

    assert_linear(run, 1000)


EVIL = ["!touch x", "#n", "a b", "a\nstop", "e\x1b[2J", "{n}", "'n", "n=1", "-", ""]
"""Names that would mean something else in place of a command."""


def test_commands_that_would_be_something_else_are_left_out() -> None:
    vocabulary = Vocabulary(None, ["stop", *EVIL])
    for text in ("", *(name[:2] for name in EVIL), "oob ", "execute "):
        found = complete(text, len(text), vocabulary)
        assert {item.text.strip() for item in found.candidates} <= {"stop", *BUILTINS}, text


def test_names_are_one_word_of_the_statement(vocabulary: Vocabulary) -> None:
    """A node's name survives completion, whatever characters the server uses in it."""
    begin = "blockdev-del node-name="
    found = complete(begin, len(begin), vocabulary, lambda kind, about: EVIL)
    values = []
    for item in found.candidates:
        (statement,) = split(begin + item.text)
        assert len(statement.words) == 2
        values.append(statement.words[1].value.text)
    assert values == [name for name in EVIL if name and name.isprintable()]


def test_names_in_lines_for_the_human_monitor() -> None:
    found = complete_human("device_del ", lambda kind, about: ["a b", "c", "d\x1b", "e\nquit"])
    assert [item.text for item in found.candidates] == ["c "]


def test_many_actions_of_a_transaction_take_no_long_time() -> None:
    def seconds(count: int) -> float:
        names = [f"action-{number}" for number in range(count)]
        definitions = [
            {"enum": "Kind", "data": names},
            {"struct": "Data", "data": {"data": "Kind"}},
            {"union": "Action", "base": {"type": "Kind"}, "discriminator": "type",
             "data": dict.fromkeys(names, "Data")},
            {"command": "transaction", "data": {"actions": ["Action"]}},
        ]  # fmt: skip
        source = "{ 'pragma': { 'doc-required': false } }" + "".join(map(repr, definitions))
        large = Vocabulary(schema_from_qapi("schema.json", lambda name: source.encode()))
        return cpu_time(lambda: complete("transaction( ", 13, large))

    assert_linear_time(seconds, 4000)
