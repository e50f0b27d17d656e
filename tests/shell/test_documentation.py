"""Documentation for help: its sources, its text, and its differences from the server.

Modules: help_entries, help_paths.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmpeer.schema import schema_from_qapi
from qmpeer.shell.builtins import BUILTINS, line_behind, line_of, split
from qmpeer.shell.completion import complete
from qmpeer.shell.documentation import (
    DocumentationError,
    Manual,
    documentation_file,
    documentation_from,
)
from qmpeer.shell.help_texts import help_lines
from qmpeer.shell.lines import BuiltinLine
from qmpeer.shell.vocabulary import Vocabulary
from tests.cli.programs import run_here
from tests.corpus import HAS_CORPUS, NO_CORPUS
from tests.qemu import BASE, QEMU
from tests.shell.person import Person
from tests.shell.real_servers import OURS, listening

DOCUMENTED = """
##
# @Format: What a disk looks like inside.
#
# @raw: bytes as they are
#
# @packed: compressed (since 3.0)
#
# @gone: no server has it
#
# Since: 1.0
##
{ 'enum': 'Format', 'data': [ 'raw', 'packed', 'gone' ] }
##
# @Options: What a disk is opened with.
#
# @format: how it is read
#
# @read-only: nothing is written (default: false; since 2.1)
#
# @old: not any more
#
# Features:
#
# @deprecated: Member @old is of no use.
##
{ 'union': 'Options',
  'base': { 'format': 'Format', '*read-only': 'bool',
            '*old': { 'type': 'str', 'features': [ 'deprecated' ] } },
  'discriminator': 'format',
  'data': { 'packed': 'OptionsPacked' } }
##
# @OptionsPacked: What a packed disk needs as well.
#
# @level: from 1 to 9
#
# @backing: the disk below
##
{ 'struct': 'OptionsPacked', 'data': { 'level': 'int', '*backing': 'Options' } }
##
# @Opened: What was opened.
#
# @handle: its number
##
{ 'struct': 'Opened', 'data': { 'handle': 'int' } }
##
# @disk-open:
#
# Open a disk, and \x1b[31mkeep it open until disk-close or the end, whichever comes first of both.
#
# @disks: the disks
#
# Returns: what was opened
#
# Errors:
#     - If it is not there, DeviceNotFound
#
# Since: 2.9
#
# Example:
#
# -> { "execute": "disk-open" }
# <- { "return": { "handle": 1 } }
##
{ 'command': 'disk-open', 'data': { 'disks': [ 'Options' ] }, 'returns': 'Opened' }
##
# @disk-forget:
#
# Forget a disk.
##
{ 'command': 'disk-forget' }
##
# @DISK_GONE:
#
# A disk has gone.
#
# @handle: its number
##
{ 'event': 'DISK_GONE', 'data': { 'handle': 'int' } }
"""
SERVER = """
{ 'pragma': { 'doc-required': false } }
{ 'enum': 'F', 'data': [ 'raw', 'packed', 'fresh' ] }
{ 'union': 'O', 'base': { 'format': 'F', '*read-only': 'bool', '*added': 'str' },
  'discriminator': 'format', 'data': { 'packed': 'P' } }
{ 'struct': 'P', 'data': { 'level': 'int', '*backing': 'O' } }
{ 'struct': 'R', 'data': { 'handle': 'int' } }
{ 'command': 'disk-open', 'data': { 'disks': [ 'O' ] }, 'returns': 'R' }
{ 'command': 'disk-new' }
{ 'event': 'DISK_GONE', 'data': { 'handle': 'int' } }
"""
VOCABULARY = Vocabulary(schema_from_qapi("server.json", lambda name: SERVER.encode()))
MANUAL = Manual(schema_from_qapi("docs.json", lambda name: DOCUMENTED.encode()), "docs.json")


def help_for(
    topic: str, vocabulary: Vocabulary = VOCABULARY, manual: Manual | None = MANUAL, width: int = 60
) -> str:
    line = line_of(split(f"help {topic}")[0])
    assert isinstance(line, BuiltinLine)
    behind = line_behind(line, vocabulary.commands)
    return "\n".join(help_lines(behind, vocabulary, BUILTINS, manual, width=width))


# --- What is shown ------------------------------------------------------------------------------

TOPICS = {
    "disk-open": """\
command disk-open  (since 2.9)
Open a disk, and [31mkeep it open until disk-close or the
end, whichever comes first of both.

required arguments:
  disks: [Options]
      the disks
returns Opened
      what was opened
example: disk-open disks=…

Errors
  - If it is not there, DeviceNotFound

Example
      -> { "execute": "disk-open" }
      <- { "return": { "handle": 1 } }""",
    "disk-open.disks": """\
argument disk-open.disks: [Options]  (required)
the disks

union Options
What a disk is opened with.
deprecated: Member old is of no use.

required members:
  format: raw|packed|fresh
      how it is read
optional members:
  read-only: bool  (default false, since 2.1)
      nothing is written
  added: str  (not in the documentation)
  this server has no old
with format=packed: OptionsPacked
    level, backing?""",
    "disk-open.disks.format": """\
argument disk-open.disks.format: raw|packed|fresh  (required)
how it is read

enum Format  (since 1.0)
What a disk looks like inside.

  raw
      bytes as they are
  packed  (since 3.0)
      compressed
  fresh  (not in the documentation)
  this server has no gone""",
    "disk-open.disks.format.packed": """\
value disk-open.disks.format.packed  (since 3.0)
compressed""",
    "disk-open.disks.level": """\
argument disk-open.disks.level: int  (required)
from 1 to 9
with format=packed""",
    "disk-open.disks.backing.backing.level": """\
argument disk-open.disks.backing.backing.level: int  (required)
from 1 to 9
with format=packed""",
    "disk-open.handle": """\
result disk-open.handle: int
its number""",
    "DISK_GONE.handle": """\
data DISK_GONE.handle: int
its number""",
    "O.added": "member O.added: str  (optional)",
    "OptionsPacked.level": """\
member OptionsPacked.level: int  (required)
from 1 to 9""",
    "Opened": """\
struct Opened  (as documented)
What was opened.

required members:
  handle: int
      its number""",
    "disk-new": """\
command disk-new  (not in the documentation)
no arguments
example: disk-new""",
    "disk-forget": """\
command disk-forget  (this server doesn't have it)
Forget a disk.

no arguments
example: disk-forget""",
    "disk-open.disk": "there is no 'disk' in disk-open; did you mean disks?",
    "disk-open.zzzzz": "there is no 'zzzzz' in disk-open; help disk-open lists its members",
    "disk-open.disks.zzzzz.q": (
        "there is no command, event or type 'disk-open.disks.zzzzz.q'; help lists them"
    ),
}  # fmt: skip


@pytest.mark.parametrize("topic", TOPICS)
def test_topics(topic: str) -> None:
    assert help_for(topic) == TOPICS[topic]


def test_a_path_of_too_many_levels_leads_nowhere() -> None:
    assert help_for("disk-open.disks" + 100 * ".backing").startswith("argument disk-open.disks")
    assert help_for("disk-open.disks" + 5000 * ".backing").startswith("there is no ")


def test_a_value_selects_the_branch_that_is_shown() -> None:
    vocabulary = Vocabulary(
        schema_from_qapi(
            "s.json",
            lambda name: SERVER.encode() + b"{ 'command': 'add', 'data': 'O', 'boxed': true }",
        )
    )
    assert help_for("add format=packed", vocabulary, None).endswith(
        "with format=packed: P\n"
        "required arguments:\n  level: int\n"
        "optional arguments:\n  backing: O\n"
        "example: add format=…"
    )
    assert "level" not in help_for("add format=raw", vocabulary, None)


def test_our_own_machine_says_nothing_of_other_servers() -> None:
    manual = Manual(MANUAL.schema)
    text = "\n".join(help_for(topic, manual=manual) for topic in ("disk-open.disks", "disk-new"))
    assert "how it is read" in text
    assert "not in the documentation" not in text
    assert "this server has no" not in text
    assert help_for("disk-forget", manual=manual).startswith("there is no command")


def test_a_server_that_tells_names_only_is_documented_all_the_same() -> None:
    names = Vocabulary(None, ["disk-open"])
    assert help_for("disk-open", names) == TOPICS["disk-open"]
    assert help_for("disk-open.disks.level", names).startswith("argument disk-open.disks.level")
    told = "command disk-open: this server doesn't list its arguments"
    assert help_for("disk-open", names, Manual(MANUAL.schema)) == told
    assert "doesn't have it" not in help_for("disk-forget", Vocabulary())


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("help disk-open.", {"disk-open.disks"}),
        ("help disk-open.disks.l", {"disk-open.disks.level"}),
        ("help disk-open.disks.format.p", {"disk-open.disks.format.packed"}),
        ("help DISK_GONE.h", {"DISK_GONE.handle"}),
        ("help nothing.", set()),
    ],
)  # fmt: skip
def test_completion(typed: str, offered: set[str]) -> None:
    assert {item.text for item in complete(typed, len(typed), VOCABULARY).candidates} == offered


# --- Where it comes from ------------------------------------------------------------------------


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A folder with the layout of QEMU's source tree, beside files without documentation."""
    (tmp_path / "qemu" / "qapi").mkdir(parents=True)
    (tmp_path / "qemu" / "qapi" / "qapi-schema.json").write_text(DOCUMENTED)
    (tmp_path / "empty").mkdir()
    (tmp_path / "faulty.json").write_text("{ 'command': 1 }")
    (tmp_path / "bare.json").write_text(SERVER)
    (tmp_path / "answer.json").write_text('{"return": [{"meta-type": "builtin"}]}')
    return tmp_path


@pytest.mark.parametrize("source", ["qemu", "qemu/qapi", "qemu/qapi/qapi-schema.json"])
def test_a_file_or_a_folder(sources: Path, source: str) -> None:
    assert documentation_file(str(sources / source)) == str(
        sources / "qemu" / "qapi" / "qapi-schema.json"
    )
    read = documentation_from(str(sources / source))
    manual = read()
    assert manual is not None
    assert "disk-open" in manual.entities
    assert read() is manual  # read once


EXPECTED = "expected QEMU's qapi/qapi-schema.json, or the folder that holds it"


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("nothing", "{}: No such file or directory"),
        ("empty", "{} contains no qapi-schema.json"),
        ("bare.json", f"{{}} has no documentation in it; {EXPECTED}"),
        ("faulty.json", "{}:1:"),
        ("answer.json", ""),
    ],
)
def test_what_is_no_documentation(sources: Path, source: str, sentence: str) -> None:
    path = str(sources / source)
    with pytest.raises(DocumentationError) as caught:
        documentation_from(path)()
    assert str(caught.value).startswith(sentence.format(path))
    assert "\n" not in str(caught.value)


def test_our_own_machine_is_documented_by_default() -> None:
    manual = documentation_from("")()
    assert manual is not None
    assert manual.source == ""
    assert manual.entities["stop"].documentation is not None


# --- On the command line ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with listening(OURS, tmp_path_factory.mktemp("ours") / "qmp") as path:
        yield path


def asked(server: Path, *words: str) -> tuple[int, str, str]:
    done = run_here("shell", str(server), *words)
    return done.status, done.out.decode(), done.err.decode()


def test_the_option_goes_before_the_variable(
    ours: Path, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("-c", "help disk-forget")
    status, out, err = asked(ours, "--docs", str(sources / "qemu"), *words)
    assert (status, out.split("\n")[0], err) == (
        0,
        "command disk-forget  (this server doesn't have it)",
        "",
    )
    monkeypatch.setenv("QMPEER_DOCS", str(sources / "qemu"))
    assert asked(ours, *words) == (status, out, err)
    monkeypatch.setenv("QMPEER_DOCS", str(sources / "nothing"))
    assert asked(ours, "--docs", str(sources / "qemu"), *words) == (status, out, err)


def test_an_option_that_names_nothing_is_an_error_at_once(ours: Path, sources: Path) -> None:
    for source, why in {
        "nothing": ": No such file or directory",
        "empty": " contains no qapi-schema.json",
    }.items():
        path = sources / source
        status, out, err = asked(ours, "--docs", str(path), "-c", "query-status")
        assert (status, out, err) == (2, "", f"qmpeer shell: {path}{why}\n")


def test_a_variable_that_names_nothing_is_one_only_where_help_is_asked_for(
    ours: Path, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sources / "nothing"
    monkeypatch.setenv("QMPEER_DOCS", str(path))
    status, out, err = asked(ours, "-c", "query-status", "-c", "help stop")
    assert status == 0
    assert "command stop" in out
    assert err == f"qmp-shell: no documentation: {path}: No such file or directory\n"


async def test_at_a_prompt(ours: Path, sources: Path) -> None:
    async with Person(ours, documentation=documentation_from(str(sources / "qemu"))) as person:
        await person.executes("help disk-open", r"required arguments:\n  disks: \[Options\]")
    async with Person(ours, documentation=documentation_from(str(sources / "empty"))) as person:
        await person.executes(
            "help stop", r"no documentation:\s+\S+\s+contains\s+no\s+qapi-schema.json"
        )


def test_what_the_page_shows(ours: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "shell.md").read_text()
    _, out, _ = asked(ours, "-c", "help blockdev-del")
    assert f"qmp> help blockdev-del\n{out}```\n" in page


# --- Real -----------------------------------------------------------------------------------------


@pytest.mark.real
@pytest.mark.skipif(not HAS_CORPUS, reason=NO_CORPUS)
def test_qemu_with_its_own_documentation(tmp_path: Path, program: Callable[[str], str]) -> None:
    tree = Path(os.environ["QMPEER_CORPUS"]) / "qapi" / "v7.2"
    with listening((program(QEMU), *BASE), tmp_path / "qmp") as path:
        status, out, err = asked(
            path, "--docs", str(tree),
            "-c", "help blockdev-add", "-c", "help blockdev-add.driver",
            "-c", "help blockdev-add driver=qcow2", "-c", "help blockdev-add.file.filename",
            "-c", "help BLOCK_JOB_ERROR", "-c", "help BlockdevOptionsRaw",
        )  # fmt: skip
    assert (status, err) == (0, "")
    for pattern in (
        "command blockdev-add  (since 2.9)\n",
        "  read-only: bool  (default false)\n      ",
        "\nargument blockdev-add.driver: BlockdevDriver  (required)\n",
        "\n  copy-on-read  (since 3.0)\n",
        "\nwith driver=qcow2: BlockdevOptionsQcow2\n",
        "\nargument blockdev-add.file.filename: str  (required)\n",
        "\nevent BLOCK_JOB_ERROR  (since 1.3)\n",
        "\nstruct BlockdevOptionsRaw  (since 2.9, as documented)\n",
    ):
        assert pattern in f"\n{out}", pattern
