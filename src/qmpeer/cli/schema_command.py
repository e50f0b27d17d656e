"""``qmpeer schema``: a schema shown, compared with another, queried or checked."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import Final

from qmpeer.cli.command_line import VerbGroup, argument
from qmpeer.cli.exits import (
    DONE,
    REFUSED,
    UNREACHABLE,
    UsageError,
    complain,
    os_text,
    show_schema_error,
)
from qmpeer.cli.output import write_json
from qmpeer.cli.schema_words import RELEASE, SCHEMA_STATUSES, SOURCES, TIMEOUT, load
from qmpeer.errors import QMPError, SchemaError
from qmpeer.schema import Schema, differences, find, introspection_of, listing, only
from qmpeer.sources import read_qapi

PROGRAM: Final = "qmpeer schema"

_DIFF_STATUSES: Final = """\
exit status:
  0  NEW still has everything that a client of OLD can use
  1  NEW lacks something, or restricts it; such lines begin with an exclamation mark
  2  the command line is wrong
  3  a source can't be read or reached
"""
_EXPRESSIONS: Final = """\
an EXPRESSION is the name of a command or an event; any number of these may follow:
  .name     the argument or member of this name, or the branch of a union
  :name     a member of the command's return value
  .name?    an argument or member that is optional
  =value    this value of an enum, or null, string, int, number, boolean, array, object
  @feature  a feature, such as deprecated
With slashes it is in libvirt's notation: blockdev-add/arg-type/+qcow2/backing/!null

example:
  $ qmpeer schema has unix:/run/vm.qmp blockdev-add.qcow2.backing=null
  blockdev-add.qcow2.backing=null: yes

"""
_HAS_STATUSES: Final = """\
exit status:
  0  the schema has everything asked for
  1  the schema lacks something
  2  the command line is wrong
  3  the source can't be read or reached
"""
_ONLY: Final = argument("--only", "REGEX",
                        "only the commands and events whose whole name matches, and their types",
                        nargs="+", action="extend", default=[])  # fmt: skip
COMMAND: Final = VerbGroup(
    PROGRAM, "Show the commands, events and types of a QMP server.", after=SOURCES
)


@COMMAND.verb(
    "dump",
    "List the commands, events and types of a schema.",
    f"{SOURCES}\n{SCHEMA_STATUSES}",
    argument("source", "SOURCE", "see below"),
    argument("--json", None, "write JSON, as query-qmp-schema returns it"),
    _ONLY,
    RELEASE,
    TIMEOUT,
)
def _dump(namespace: argparse.Namespace) -> int:
    schema = _only(load(namespace.source, namespace), namespace.only)
    if namespace.json:
        write_json(list(introspection_of(schema)), is_pretty=None)
    else:
        _write(listing(schema))
    return DONE


@COMMAND.verb(
    "diff",
    "Show the differences between two schemas.",
    f"{SOURCES}\n{_DIFF_STATUSES}",
    argument("old", "OLD", "the SOURCE that a client was written for; see below"),
    argument("new", "NEW", "the SOURCE that it will be used with"),
    argument("--json", None, "write the differences as a JSON list of objects"),
    _ONLY,
    RELEASE,
    TIMEOUT,
)
def _diff(namespace: argparse.Namespace) -> int:
    try:
        old = load(namespace.old, namespace)
        new = load(namespace.new, namespace)
    except QMPError as error:
        raise _UnreachableError(str(error)) from error
    found = differences(_only(old, namespace.only), _only(new, namespace.only))
    if namespace.json:
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
    "Check whether a schema has a command, an argument, a value or a feature.",
    _EXPRESSIONS + _HAS_STATUSES,
    argument("source", "SOURCE", "as for qmpeer schema dump"),
    argument("expressions", "EXPRESSION", "see below", nargs="+"),
    RELEASE,
    TIMEOUT,
)
def _has(namespace: argparse.Namespace) -> int:
    try:
        schema = load(namespace.source, namespace)
    except QMPError as error:
        raise _UnreachableError(str(error)) from error
    try:
        answers = [find(schema, expression) for expression in namespace.expressions]
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
             "require today's style and full documentation, even where the files' pragmas don't"),
    RELEASE,
)  # fmt: skip
def _lint(namespace: argparse.Namespace) -> int:
    status = DONE
    for file in namespace.files:
        try:
            read_qapi(file, is_strict=namespace.strict, release=namespace.release)
        except SchemaError as error:
            show_schema_error("", error)
            status = max(status, REFUSED)
        except OSError as error:
            complain(f"{PROGRAM} lint", os_text(error))
            status = UNREACHABLE
    return status


class _UnreachableError(OSError):
    """A source without a schema, for verbs whose exit status 1 is a result, not an error."""


def _only(schema: Schema, expressions: Sequence[str]) -> Schema:
    try:
        return only(schema, expressions) if expressions else schema
    except ValueError as error:
        raise UsageError(f"--only: {error}") from error


def _write(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.buffer.write(f"{line}\n".encode("utf-8", "backslashreplace"))
    sys.stdout.buffer.flush()
