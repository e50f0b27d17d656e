"""``qmpeer bindings``: the typed Python binding of a schema, as one module."""

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


def _run(namespace: argparse.Namespace) -> int:
    schema = load(namespace.source, namespace)
    name = (
        os.path.basename(namespace.source) if os.path.exists(namespace.source) else namespace.source
    )
    try:
        text = bindings_text(schema, only=namespace.only, source=name)
    except ValueError as error:
        raise UsageError(f"--only: {error}") from error
    if namespace.output is None:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
        return DONE
    path = namespace.output
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
                 f"write to FILE, or to {DEFAULT_NAME} in DIR; default: standard output",
                 dest="output", completes="file"),
        argument("--only", "REGEX",
                 "only the commands and events whose whole name matches, and the types they need",
                 nargs="+", action="extend", default=[]),
        RELEASE,
        TIMEOUT,
    ),
    _run,
)  # fmt: skip
