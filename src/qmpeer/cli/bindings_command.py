"""``qmpeer bindings``: the typed binding of a schema, as a Python module."""

import argparse
import os
import sys
from typing import Final

from qmpeer.cli.command_line import Subcommand, argument
from qmpeer.cli.exits import DONE, UsageError, about_file
from qmpeer.cli.schema_words import FROM, RELEASE, SCHEMA_STATUSES, SOURCES, TIMEOUT, load
from qmpeer.codegen import bindings_text

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


def _run(given: argparse.Namespace) -> int:
    schema = load(given.source, given)
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


COMMAND: Final = Subcommand(
    "qmpeer bindings",
    "Write the typed Python binding of a schema.",
    _AFTER,
    (
        FROM,
        argument("-o", "FILE|DIR",
                 f"where to write it, in a directory as {DEFAULT_NAME}; else to standard output",
                 dest="output", completes="file"),
        argument("--only", "REGEX",
                 "commands and events whose whole name matches, and the types that they need",
                 nargs="+", action="extend", default=[]),
        RELEASE,
        TIMEOUT,
    ),
    _run,
)  # fmt: skip
