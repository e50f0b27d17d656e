"""Reference documentation: the pages' contents, for every source and format.

Modules: reference.entries, reference.manual, reference.markdown, reference.pages.
"""

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

import pytest

from qmpeer.codegen import FORMATS, ReferenceFormat, reference_files
from qmpeer.codegen.reference.blocks import Code, Example, Heading, ItemList, Note, Paragraph, Text
from qmpeer.codegen.reference.markup import blocks_of
from qmpeer.codegen.reference.pages import reference_of
from qmpeer.errors import Location
from qmpeer.schema import (
    BUILT_INS,
    CommandDefinition,
    Documentation,
    Schema,
    StructDefinition,
    schema_from_qapi,
)
from qmpeer.schema.model import Definition
from tests.codegen.hostile_texts import hostile_schema
from tests.corpus import (
    MACHINE_TREE,
    RECORDINGS,
    SMALL_RECORDINGS,
    SMALL_TREES,
    TREES,
    own_and_real,
    qapi_schema,
    recorded_schema,
)
from tests.growth import assert_linear
from tests.patience import PATIENCE

QAPI = """
##
# = Players
#
# About players.
##

##
# == Trays
##

##
# @Tray:
#
# Where the tray is.
#
# @open: Out. Like *this*, _that_ and `so`.
#
# @half-way: (since 2.1)
#
# Since: 1.0
##
{ 'enum': 'Tray', 'data': [ 'open', 'half-way' ] }

##
# @move:
#
# Move the @tray of a player, as @query-player says.
#
# @tray: Where to, see https://example.org/trays_1.
#
# @speed: How fast (default: 5; since 2.0)
#
#     - slow
#     - not so slow
#
# Features:
#
# @deprecated: Use @query-player instead.
#
# @json-cli: It is on the command line too.
#
# @unstable: Member @speed is an experiment.
#
# Returns: Where it is now.
#
# Errors:
#     - GenericError if it is stuck
#
# .. note:: Don't hold it.
#
# Since: 1.0
#
# Example:
#
# -> { "execute": "move",
#      "arguments": { "tray": "open" } }
# <- { "return": {} }
##
{ 'command': 'move',
  'data': { 'tray': 'Tray', '*speed': { 'type': 'int', 'features': [ 'unstable' ] } },
  'returns': 'Player', 'features': [ 'deprecated', 'json-cli' ], 'if': 'CONFIG_TRAY',
  'allow-oob': true }

##
# @Player:
#
# A player.
#
# @trays: All of them.
#
# Since: 1.0
##
{ 'struct': 'Player', 'data': { 'trays': [ 'Tray' ] } }

##
# @query-player:
#
# Return the player.
#
# Since: 1.0
##
{ 'command': 'query-player', 'returns': 'Player' }

##
# @MOVED:
#
# It has moved.
#
# @tray: Where to.
#
# Since: 1.0
##
{ 'event': 'MOVED', 'data': { 'tray': 'Tray' } }
"""

MOVE = """\
### move

*Command, since 1.0, deprecated, may be executed out of band*, if `CONFIG_TRAY`

> **Deprecated**
>
> Use [`query-player`](#query-player) instead.

Move the `tray` of a player, as [`query-player`](#query-player) says.

**Arguments**

- `tray` ([`Tray`](#tray)): Where to, see [https://example.org/trays\\_1](<https://example.org/trays_1>).
- `speed` (`int`, optional, default 5, since 2.0, **unstable**): How fast

  - slow
  - not so slow

**Returns**: [`Player`](#player)

Where it is now.

**Features**

- `json-cli`: It is on the command line too.
- `unstable`: Member `speed` is an experiment.

**Errors**

- GenericError if it is stuck

> **Note**
>
> Don't hold it.

**Example**

```text
-> { "execute": "move",
     "arguments": { "tray": "open" } }
<- { "return": {} }
```
"""


@pytest.fixture(scope="module")
def player() -> Schema:
    return schema_from_qapi("player.json", lambda name: QAPI.encode())


def test_formats_are_those_of_the_type() -> None:
    assert get_args(ReferenceFormat) == FORMATS


def test_commands_come_first_then_events_then_types(player: Schema) -> None:
    page = reference_files(player, "md", "Player")["player.md"]
    headings = re.findall(r"^##+ (\S+)", page, re.MULTILINE)
    assert headings == ["Trays", "move", "query-player", "MOVED", "Tray", "Player"]


def test_entry(player: Schema) -> None:
    page = reference_files(player, "md", "Player")["player.md"]
    assert page.startswith("# Players\n\nAbout players.\n\n## Trays\n\n### move\n")
    assert MOVE in page
    assert "- `open`: Out. Like *this*, \\_that\\_ and *so*.\n- `half-way` (since 2.1)\n" in page


def test_index(player: Schema) -> None:
    index = reference_files(player, "md", "A <b>player</b>")["index.md"]
    assert index.startswith("# A \\<b\\>player\\</b\\>\n\nCommands: 2, Events: 1, Types: 2\n")
    assert "- [Players](player.md)" in index
    assert "- [`move`](player.md#move) *(deprecated)*\n- [`query-player`]" in index
    assert "toctree" not in index
    assert (
        "```{toctree}\n:hidden:\n:maxdepth: 1\n\nplayer\n```"
        in (reference_files(player, "md", "Player", has_toctree=True)["index.md"])
    )


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_schema_gives_the_same_bytes(format: ReferenceFormat, player: Schema) -> None:
    again = schema_from_qapi("player.json", lambda name: QAPI.encode())
    assert reference_files(player, format, "P") == reference_files(again, format, "P")


# --- Markup of doc comments -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("a\nb\n\nc", (Paragraph((Text("a b"),)), Paragraph((Text("c"),)))),
        ("-> {\n   }\n\n<- 1\n\nend", (Code("-> {\n   }\n\n<- 1"), Paragraph((Text("end"),)))),
        ("| a\n|  b", (Code("a\n b"),)),
        ("= A", (Heading(2, "A"),)),
        ("== A", (Heading(3, "A"),)),
        ("****\nTop\n****\n\nSub\n===", (Heading(2, "Top"), Heading(3, "Sub"))),
        (".. code-block:: none\n\n  a", (Code("a"),)),
        (".. warning:: b", (Note("warning", (Paragraph((Text("b"),)),)),)),
        (".. qmp-example::\n    :title: T\n\n    -> 1", (Example((Code("-> 1"),), "T"),)),
        (
            ".. qmp-example::\n   :annotated:\n\n   How::\n\n     -> 1",
            (Example((Paragraph((Text("How:"),)), Code("-> 1"))),),
        ),
        ("::\n\n  a", (Code("a"),)),
        (".. target:\n\nx", (Paragraph((Text("x"),)),)),
        ("---", (Paragraph((Text("---"),)),)),
        ("", ()),
    ],
)
def test_blocks(text: str, blocks: tuple[object, ...]) -> None:
    assert blocks_of(text, lambda name: None) == blocks


def test_lists_nest_and_end() -> None:
    found = blocks_of("- a\n  b\n\n  - c\n- d\n\n1. e\n2. f\nend", lambda name: None)
    bullets, numbers = found[0], found[1]
    assert isinstance(bullets, ItemList)
    assert isinstance(numbers, ItemList)
    assert numbers.is_numbered
    assert [len(items.items) for items in (bullets, numbers)] == [2, 2]
    assert isinstance(bullets.items[0].blocks[1], ItemList)


def test_deep_text_ends() -> None:
    deep = "\n".join(" " * (2 * index) + "- a" for index in range(2000))
    assert blocks_of(deep, lambda name: None)


@pytest.mark.parametrize("format", FORMATS)
def test_hostile_text_stays_text(format: ReferenceFormat) -> None:
    schema = hostile_schema()
    for page in reference_files(schema, format, "T").values():
        assert "\x1b" not in page
        if format == "man":
            assert not re.search(r"^\.so|^'br", page, re.MULTILINE)
        if format == "md":
            assert not re.search(r"(?<![\\`])<script>", page)


@pytest.mark.parametrize(
    ("code", "fence"), [("plain", 3), ("`a`", 3), ("```", 4), ("x ````` y", 6)]
)
def test_no_code_ends_its_own_fence(code: str, fence: int) -> None:
    documentation = Documentation(symbol="go", text=f"::\n\n  {code}")
    schema = Schema(BUILT_INS, (CommandDefinition(name="go", documentation=documentation),))
    (page,) = (text for text in reference_files(schema, "md", "T").values() if code in text)
    ticks = "`" * fence
    assert f"\n{ticks}text\n{code}\n{ticks}\n" in page


# --- Whole schemas: our own, and real ones --------------------------------------------------------


def _sources(trees: Iterable[tuple[str, str]], recordings: Iterable[str]) -> list[Any]:
    return [
        *(pytest.param(release, root, id=f"{release} {root}") for release, root in trees),
        *(pytest.param("recorded", name, id=name) for name in recordings),
    ]


sources = pytest.mark.parametrize(
    ("release", "root"),
    own_and_real(
        _sources([*SMALL_TREES, MACHINE_TREE], SMALL_RECORDINGS), _sources(TREES, RECORDINGS)
    ),
)


def whole_schema(release: str, root: str) -> Schema:
    return recorded_schema(root) if release == "recorded" else qapi_schema(release, root)


def shown(schema: Schema) -> list[Definition]:
    types = [of for name, of in schema.types.items() if name not in BUILT_INS]
    named = [of for of in types if isinstance(of, Definition)]
    return [*schema.entities, *(of for of in named if not getattr(of, "is_implicit", False))]


@sources
def test_markdown_of_whole_schemas(release: str, root: str) -> None:
    schema = whole_schema(release, root)
    files = reference_files(schema, "md", "Whole")
    headings = {
        name: re.findall(r"^#{2,6} (.*)$", text, re.MULTILINE) for name, text in files.items()
    }
    entries = [title for name, titles in headings.items() if name != "index.md" for title in titles]
    for of in shown(schema):
        assert entries.count(of.name.replace("_", "\\_")) >= 1, of.name
    anchors = {
        name: {re.sub(r"[^\w\- ]", "", t.lower()).replace(" ", "-") for t in titles}
        for name, titles in headings.items()
    }
    for name, text in files.items():
        prose = re.sub(r"^(`{3,})text\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
        for file, anchor in re.findall(r"\]\(([\w.-]*)(?:#([\w-]+))?\)", prose):
            assert file == "" or file in files, (name, file)
            if anchor:
                stem = re.sub(r"-\d+$", "", anchor)
                assert {anchor, stem} & anchors[file or name], (name, file, anchor)
    every = "".join(files.values())
    for of in shown(schema):
        if isinstance(of, StructDefinition) and not of.is_implicit:
            assert all(f"- `{member.name}`" in every for member in of.members)


@sources
def test_manual_pages_of_whole_schemas(release: str, root: str) -> None:
    schema = whole_schema(release, root)
    text = "".join(reference_files(schema, "man", "Whole").values())
    for entity in schema.entities:
        assert entity.name.replace("-", "\\-") in text


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
@pytest.mark.parametrize("release", own_and_real(["small-9.2"], ["v7.2"]))
def test_manual_pages_are_sound(release: str, tmp_path: Path) -> None:
    for name, page in reference_files(qapi_schema(release), "man", "QEMU 7.2").items():
        (tmp_path / name).write_text(page)
    done = subprocess.run(
        ["groff", "-ww", "-z", "-man", "-Tutf8", *sorted(map(str, tmp_path.iterdir()))],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_many_options_of_a_directive_take_no_long_time() -> None:
    def run(count: int) -> None:
        (code,) = blocks_of(".. code::\n" + "  :a: b\n" * count + "\n  x", lambda name: None)
        assert code == Code("x")

    assert_linear(run, 400_000)


def test_many_modules_take_no_long_time() -> None:
    def run(count: int) -> None:
        definitions = tuple(
            CommandDefinition(name=f"c{number}", location=Location(f"{number}.json", 1, 1))
            for number in range(count)
        )
        assert len(reference_of(Schema({**BUILT_INS}, definitions), "Many").pages) == count

    assert_linear(run, 4000)
