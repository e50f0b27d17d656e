from collections.abc import Callable

import pytest

from qmpeer.schema import Member, Schema, StructDefinition, schema_from_qapi
from qmpeer.shell.builtins import BUILTINS, line_behind, line_of, split
from qmpeer.shell.documentation import Manual
from qmpeer.shell.help_texts import help_lines
from qmpeer.shell.lines import OwnLine
from qmpeer.shell.members import type_words
from qmpeer.shell.vocabulary import Vocabulary
from tests.growth import assert_linear_time, cpu_time


def help_for(topic: str, vocabulary: Vocabulary, manual: Manual | None = None) -> list[str]:
    line = line_of(split(f"help {topic}")[0])
    assert isinstance(line, OwnLine)
    behind = line_behind(line, vocabulary.commands)
    return list(help_lines(behind, vocabulary, BUILTINS, manual))


DOCUMENTED = """
##
# @stop:
#
# Hold the guest.
#
# Since: 0.14
##
{ 'command': 'stop' }
##
# @blockdev-del:
#
# Delete a node.
#
# @node-name: which one
##
{ 'command': 'blockdev-del', 'data': { 'node-name': 'str' } }
"""


@pytest.mark.parametrize(
    ("topic", "lines"),
    [
        ("stop", ["command stop", "no arguments", "can be executed out of band: oob stop",
                  "example: stop"]),
        ("old-stop", ["command old-stop  (deprecated)", "no arguments", "example: old-stop"]),
        ("blockdev-del", ["command blockdev-del", "required arguments:", "  node-name: str",
                          "example: blockdev-del node-name=…"]),
        ("query-things", ["command query-things", "no arguments", "returns [State]",
                          "example: query-things"]),
        ("add", ["command add", "required arguments:", "  driver: file|null|qcow|qcow2",
                 "optional arguments:", "  node-name: str", "  read-only: bool",
                 "with driver=file: OptionsFile", "    filename, locking?",
                 "with driver=null: OptionsNull", "    size?, level?",
                 "with driver=qcow2: OptionsQcow2", "    file, backing?, cache?",
                 "example: add driver=…"]),
        ("CHANGED", ["event CHANGED", "required data:", "  id: str", "  level: uint8"]),
        ("Driver", ["enum Driver", "  file", "  null", "  qcow", "  qcow2"]),
        ("Cache", ["enum Cache", "  writeback", "  unsafe  (deprecated)"]),
        ("Ref", ["alternate Ref", "  Options", "  str"]),
        ("set", [BUILTINS["set"].usage]),
        ("oob", [BUILTINS["oob"].usage]),
        ("hmp info", [BUILTINS["hmp"].usage]),
        ("transaction(", BUILTINS["transaction("].usage.split("\n")),
        ("'old-stop'", ["command old-stop  (deprecated)", "no arguments", "example: old-stop"]),
        ("stpo", ["there is no command, event or type 'stpo'; did you mean stop or STOP?"]),
        ("info", ["there is no command, event or type 'info'; did you mean hmp info?"]),
        ("zzzzzz", ["there is no command, event or type 'zzzzzz'; help lists them"]),
    ],
)  # fmt: skip
def test_topics(vocabulary: Vocabulary, topic: str, lines: list[str]) -> None:
    found = help_for(topic, vocabulary)
    if topic == "stpo":
        assert found[0].startswith("there is no command, event or type 'stpo'; did you mean")
    else:
        assert found == lines


def test_behind_a_prefix_stands_a_command() -> None:
    vocabulary = Vocabulary(None, ["stop", "set", "hmp"])

    told = "this server doesn't tell its arguments"
    for line in ("oob stop", "execute stop x=1"):
        assert help_for(line, vocabulary) == [f"command stop: {told}"]
    assert help_for("set", vocabulary) == [f"command set: {told}"]  # as the line would be executed
    assert help_for("hmp", vocabulary) == [BUILTINS["hmp"].usage]
    for line in ("transaction", "'transaction('"):
        assert help_for(line, vocabulary) == BUILTINS["transaction("].usage.split("\n")
    assert help_for("oob oob stop", vocabulary) == BUILTINS["oob"].usage.split("\n")
    assert help_for('{"execute":"stop"}', vocabulary) == [
        "JSON is sent as it is; help NAME tells of the command in it"
    ]


def test_documentation_is_shown_where_it_is_known(vocabulary: Vocabulary) -> None:
    manual = Manual(schema_from_qapi("d.json", lambda name: DOCUMENTED.encode()))

    assert help_for("blockdev-del", vocabulary, manual) == [
        "command blockdev-del",
        "Delete a node.",
        "",
        "required arguments:",
        "  node-name: str",
        "      which one",
        "example: blockdev-del node-name=…",
    ]
    assert help_for("stop", vocabulary, manual)[0] == "command stop  (since 0.14)"


def test_all_that_there_is(vocabulary: Vocabulary) -> None:
    text = "\n".join(help_for("", vocabulary))

    assert all(f"\n  {word}" in text for word in BUILTINS)
    assert "Commands of this server: 10" in text
    assert "\n  old-stop  (deprecated)\n" in text
    assert "Events of this server: 2" in text


def test_a_server_that_tells_names_only() -> None:
    vocabulary = Vocabulary(None, ["stop"])

    assert help_for("stop", vocabulary) == ["command stop: this server doesn't tell its arguments"]


def members(schema: Schema) -> tuple[Member, ...]:
    of = schema.types["Many"]
    assert isinstance(of, StructDefinition)
    return of.members


WORK: dict[str, Callable[[Schema], object]] = {
    "command": lambda schema: help_for("many", Vocabulary(schema)),
    "type": lambda schema: help_for("Many", Vocabulary(schema)),
    "words": lambda schema: [type_words(schema, "Kind") for _ in members(schema)],
}


@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
def test_many_members_of_a_large_enum_take_no_long_time(work: Callable[[Schema], object]) -> None:
    def seconds(count: int) -> float:
        names = [f"value-{number}" for number in range(count)]
        definitions = [
            {"enum": "Kind", "data": names},
            {"struct": "Many", "data": dict.fromkeys(names, "Kind")},
            {"command": "many", "data": "Many"},
        ]
        source = "{ 'pragma': { 'doc-required': false } }" + "".join(map(repr, definitions))
        schema = schema_from_qapi("schema.json", lambda name: source.encode())
        return cpu_time(lambda: work(schema))

    assert_linear_time(seconds, 4000)
