"""``qmpeer schema``: show a schema, compare two, look something up, check files."""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from qmpeer.cli.command_line import CommandLine, seconds
from qmpeer.cli.exits import DONE, REFUSED, UNREACHABLE, UsageError, complain, os_text, show
from qmpeer.cli.output import write_json
from qmpeer.cli.schema_words import SCHEMA_STATUSES, SOURCES, load, release

if TYPE_CHECKING:
    from qmpeer.schema import Schema

PROGRAM: Final = "qmpeer schema"

ABOUT: Final = "What commands, events and types a QMP server has."
_USAGE: Final = """\
usage: qmpeer schema dump SOURCE [--json] [--only REGEX ...]
       qmpeer schema diff OLD NEW [--json] [--only REGEX ...]
       qmpeer schema has SOURCE EXPRESSION ...
       qmpeer schema lint FILE ...

What commands, events and types a QMP server has. Each of these has its own --help.

"""
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


def run(words: Sequence[str]) -> int:
    """Do what the first word says.

    Raises:
        UsageError: If the words make no sense.
        QMPError: If a schema is faulty, or its monitor leaves.
        OSError: If a schema can't be had.
    """
    name = words[0] if words else ""
    if name in ("-h", "--help"):
        sys.stdout.write(_USAGE + SOURCES)
        return DONE
    if name not in _VERBS:
        found = f"found {name!r}" if name else "found nothing"
        raise UsageError(f"{found}, expected one of {', '.join(_VERBS)}")
    return _VERBS[name](words[1:])


def _dump_parser() -> CommandLine:
    parser = _parser("dump", "Show a schema.", SOURCES + "\n" + SCHEMA_STATUSES)
    parser.add_argument("source", metavar="SOURCE", help="see below")
    parser.add_argument("--json", action="store_true", help="as query-qmp-schema answers it")
    _add_common(parser)
    return parser


def _dump(words: Sequence[str]) -> int:
    given = _dump_parser().parse_intermixed_args(words)
    schema = _only(load(given.source, given.timeout, given.release), given.only)
    from qmpeer.schema import introspection_of, listing

    if given.json:
        write_json(list(introspection_of(schema)), is_pretty=None)
    else:
        _write(listing(schema))
    return DONE


def _diff_parser() -> CommandLine:
    parser = _parser("diff", "Compare two schemas.", SOURCES + "\n" + _DIFF_STATUSES)
    parser.add_argument("old", metavar="OLD", help="what a client was made for; see below")
    parser.add_argument("new", metavar="NEW", help="what it meets")
    parser.add_argument("--json", action="store_true", help="as a list of objects")
    _add_common(parser)
    return parser


def _diff(words: Sequence[str]) -> int:
    given = _diff_parser().parse_intermixed_args(words)
    try:
        old = load(given.old, given.timeout, given.release)
        new = load(given.new, given.timeout, given.release)
    except Exception as error:
        raise _as_unreachable(error) from error
    from qmpeer.schema import differences

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


def _has_parser() -> CommandLine:
    parser = _parser("has", "Say whether a schema has something.", _EXPRESSIONS + _HAS_STATUSES)
    parser.add_argument("source", metavar="SOURCE", help="as for qmpeer schema dump")
    parser.add_argument("expressions", metavar="EXPRESSION", nargs="+", help="see below")
    parser.add_argument("--timeout", metavar="S", type=seconds, default=10.0, help="seconds; 10")
    return parser


def _has(words: Sequence[str]) -> int:
    given = _has_parser().parse_intermixed_args(words)
    try:
        schema = load(given.source, given.timeout)
    except Exception as error:
        raise _as_unreachable(error) from error
    from qmpeer.schema import find

    try:
        answers = [find(schema, expression) for expression in given.expressions]
    except ValueError as error:
        raise UsageError(str(error)) from error
    _write(map(str, answers))
    return DONE if all(answer.is_there for answer in answers) else REFUSED


def _lint_parser() -> CommandLine:
    parser = _parser("lint", "Check schemas in the QAPI language.", SCHEMA_STATUSES)
    parser.add_argument("files", metavar="FILE", nargs="+", help="the first file of a schema")
    parser.add_argument(
        "--strict",
        action="store_true",
        help="ask for today's style and full documentation, whatever the files' pragmas say",
    )
    parser.add_argument("--release", metavar="X.Y", type=release, help="QEMU's, of old files")
    return parser


def _lint(words: Sequence[str]) -> int:
    given = _lint_parser().parse_intermixed_args(words)
    from qmpeer.errors import SchemaError
    from qmpeer.sources import read_qapi

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


_VERBS: Final[dict[str, Callable[[Sequence[str]], int]]] = {
    "dump": _dump,
    "diff": _diff,
    "has": _has,
    "lint": _lint,
}
PARSERS: Final[dict[str, Callable[[], CommandLine]]] = {
    "dump": _dump_parser,
    "diff": _diff_parser,
    "has": _has_parser,
    "lint": _lint_parser,
}
"""What reads the words behind each of these."""


class _Unreachable(OSError):
    """Tell that a source has no schema, where exit status 1 means something else."""


def _as_unreachable(error: Exception) -> Exception:
    from qmpeer.errors import QMPError

    return _Unreachable(str(error)) if isinstance(error, QMPError) else error


def _parser(verb: str, description: str, after: str) -> CommandLine:
    return CommandLine(f"{PROGRAM} {verb}", description, after)


def _add_common(parser: CommandLine) -> None:
    parser.add_argument(
        "--only",
        metavar="REGEX",
        nargs="+",
        action="extend",
        default=[],
        help="commands and events whose whole name matches, and the types that they use",
    )
    parser.add_argument("--release", metavar="X.Y", type=release, help="QEMU's, of old QAPI files")
    parser.add_argument("--timeout", metavar="S", type=seconds, default=10.0, help="seconds; 10")


def _only(schema: "Schema", expressions: Sequence[str]) -> "Schema":
    from qmpeer.schema import only

    try:
        return only(schema, expressions) if expressions else schema
    except ValueError as error:
        raise UsageError(f"--only: {error}") from error


def _write(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.buffer.write(f"{line}\n".encode("utf-8", "backslashreplace"))
    sys.stdout.buffer.flush()
