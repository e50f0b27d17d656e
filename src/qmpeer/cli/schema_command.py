"""``qmpeer schema``: show a schema, compare two, look something up, check files."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import Final

from qmpeer.cli.command_line import Verbs, argument
from qmpeer.cli.exits import DONE, REFUSED, UNREACHABLE, UsageError, complain, os_text, show
from qmpeer.cli.output import write_json
from qmpeer.cli.schema_words import RELEASE, SCHEMA_STATUSES, SOURCES, TIMEOUT, load
from qmpeer.errors import QMPError, SchemaError
from qmpeer.schema import Schema, differences, find, introspection_of, listing, only
from qmpeer.sources import read_qapi

PROGRAM: Final = "qmpeer schema"

_DIFF_STATUSES: Final = """\
exit status:
  0  nothing that a client could use has gone
  1  something has, or became less; it is marked with an exclamation mark
  2  the command line makes no sense
  3  a source can't be read or reached
"""
_EXPRESSIONS: Final = """\
an EXPRESSION begins with a command or an event; then, as often as there is something within:
  .name     an argument, a member, or the branch of a union
  :name     the same, of what the command returns
  .name?    ... that is optional
  =value    this value of an enum, or null, string, int, number, boolean, array, object
  @feature  a feature, such as deprecated
With slashes it is in libvirt's notation: blockdev-add/arg-type/+qcow2/backing/!null

example:
  $ qmpeer schema has unix:/run/vm.qmp blockdev-add.qcow2.backing=null
  blockdev-add.qcow2.backing=null: yes

"""
_HAS_STATUSES: Final = """\
exit status:
  0  all of it is there
  1  something isn't
  2  the command line makes no sense
  3  the source can't be read or reached
"""
_ONLY: Final = argument("--only", "REGEX",
                        "commands and events whose whole name matches, and the types that they use",
                        nargs="+", action="extend", default=[])  # fmt: skip
COMMAND: Final = Verbs(
    PROGRAM, "Show what commands, events and types a QMP server has.", after=SOURCES
)


@COMMAND.verb(
    "dump",
    "Show a schema.",
    f"{SOURCES}\n{SCHEMA_STATUSES}",
    argument("source", "SOURCE", "see below"),
    argument("--json", None, "as query-qmp-schema answers it"),
    _ONLY,
    RELEASE,
    TIMEOUT,
)
def _dump(given: argparse.Namespace) -> int:
    schema = _only(load(given.source, given), given.only)
    if given.json:
        write_json(list(introspection_of(schema)), is_pretty=None)
    else:
        _write(listing(schema))
    return DONE


@COMMAND.verb(
    "diff",
    "Compare two schemas.",
    f"{SOURCES}\n{_DIFF_STATUSES}",
    argument("old", "OLD", "what a client was made for; see below"),
    argument("new", "NEW", "what it meets"),
    argument("--json", None, "as a list of objects"),
    _ONLY,
    RELEASE,
    TIMEOUT,
)
def _diff(given: argparse.Namespace) -> int:
    try:
        old = load(given.old, given)
        new = load(given.new, given)
    except QMPError as error:
        raise _UnreachableError(str(error)) from error
    found = differences(_only(old, given.only), _only(new, given.only))
    if given.json:
        write_json(
            [
                {
                    "kind": change.kind,
                    "path": change.path,
                    "text": change.text,
                    "breaking": change.is_breaking,
                    "other-paths": list(change.other_paths),
                }
                for change in found.changes
            ],
            is_pretty=None,
        )
    else:
        _write(str(found).split("\n"))
    return REFUSED if found.is_breaking else DONE


@COMMAND.verb(
    "has",
    "Say whether a schema has something.",
    _EXPRESSIONS + _HAS_STATUSES,
    argument("source", "SOURCE", "as for qmpeer schema dump"),
    argument("expressions", "EXPRESSION", "see below", nargs="+"),
    RELEASE,
    TIMEOUT,
)
def _has(given: argparse.Namespace) -> int:
    try:
        schema = load(given.source, given)
    except QMPError as error:
        raise _UnreachableError(str(error)) from error
    try:
        answers = [find(schema, expression) for expression in given.expressions]
    except ValueError as error:
        raise UsageError(str(error)) from error
    _write(map(str, answers))
    return DONE if all(answer.is_there for answer in answers) else REFUSED


@COMMAND.verb(
    "lint",
    "Check schemas in the QAPI language.",
    SCHEMA_STATUSES,
    argument("files", "FILE", "the first file of a schema", nargs="+"),
    argument("--strict", None,
             "ask for today's style and full documentation, whatever the files' pragmas say"),
    RELEASE,
)  # fmt: skip
def _lint(given: argparse.Namespace) -> int:
    status = DONE
    for file in given.files:
        try:
            read_qapi(file, is_strict=given.strict, release=given.release)
        except SchemaError as error:
            show("", error)
            status = max(status, REFUSED)
        except OSError as error:
            complain(f"{PROGRAM} lint", os_text(error))
            status = UNREACHABLE
    return status


class _UnreachableError(OSError):
    """A source that has no schema, where exit status 1 means something else."""


def _only(schema: Schema, expressions: Sequence[str]) -> Schema:
    try:
        return only(schema, expressions) if expressions else schema
    except ValueError as error:
        raise UsageError(f"--only: {error}") from error


def _write(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.buffer.write(f"{line}\n".encode("utf-8", "backslashreplace"))
    sys.stdout.buffer.flush()
