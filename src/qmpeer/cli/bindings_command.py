"""``qmpeer bindings``: the typed binding of a schema, as a Python module."""

import os
import sys
from collections.abc import Sequence
from typing import Final

from qmpeer.cli.command_line import CommandLine, seconds
from qmpeer.cli.exits import DONE, UsageError, about_file
from qmpeer.cli.schema_words import SCHEMA_STATUSES, SOURCES, load, release

PROGRAM: Final = "qmpeer bindings"
DEFAULT_NAME: Final = "qmp_bindings.py"

_AFTER: Final = (
    SOURCES
    + """
example:
  qmpeer bindings --from unix:/run/vm.qmp -o vm.py
  >>> import vm
  >>> client.execute(vm.query_status()).running
  True

"""
    + SCHEMA_STATUSES
)


def run(words: Sequence[str]) -> int:
    """Write a binding.

    Raises:
        UsageError: If the words make no sense, or the file can't be written.
        QMPError: If the schema is faulty, or its monitor leaves.
        OSError: If the schema can't be had.
    """
    given = parser().parse_intermixed_args(words)
    schema = load(given.source, given.timeout, given.release)
    from qmpeer.codegen import bindings_text

    name = os.path.basename(given.source) if os.path.exists(given.source) else given.source
    try:
        text = bindings_text(schema, only=given.only, source=name)
    except ValueError as error:
        raise UsageError(f"--only: {error}") from error
    if given.output is None:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
        return DONE
    path = given.output
    if os.path.isdir(path):
        path = os.path.join(path, DEFAULT_NAME)
    with about_file(path), open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    return DONE


def parser() -> CommandLine:
    """Return what reads the words."""
    parser = CommandLine(PROGRAM, "Write the typed Python binding of a schema.", _AFTER)
    parser.add_argument("--from", dest="source", metavar="SOURCE", required=True, help="see below")
    parser.add_argument(
        "-o",
        dest="output",
        metavar="FILE|DIR",
        help=f"where to write it, in a directory as {DEFAULT_NAME}; else to standard output",
    )
    parser.add_argument(
        "--only",
        metavar="REGEX",
        nargs="+",
        action="extend",
        default=[],
        help="commands and events whose whole name matches, and the types that they need",
    )
    parser.add_argument("--release", metavar="X.Y", type=release, help="QEMU's, of old QAPI files")
    parser.add_argument("--timeout", metavar="S", type=seconds, default=10.0, help="seconds; 10")
    return parser
