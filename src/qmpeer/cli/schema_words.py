"""Options and help texts of the subcommands that read a schema from a SOURCE."""

import argparse
import re
from typing import Final

from qmpeer.cli.command_line import argument, seconds
from qmpeer.cli.exits import checked_address
from qmpeer.schema import Schema
from qmpeer.sources import load_schema

SOURCES: Final = """\
a SOURCE is one of:
  a schema in the QAPI language     its first file, such as qapi/qapi-schema.json
  a saved introspection answer      the return value or the reply of query-qmp-schema
  a recorded conversation           with such a reply in it, such as libvirt's .replies
  the address of a running monitor  unix:PATH, tcp:HOST:PORT, ...
  installed, installed:PROGRAM      the QEMU on PATH, or another one; asked once, then kept
"""
SCHEMA_STATUSES: Final = """\
exit status:
  0  success
  1  the schema is faulty, or the server returned an error
  2  the command line is wrong, or the output can't be written
  3  the source can't be read or reached
"""


def load(source: str, namespace: argparse.Namespace) -> Schema:
    """Return the schema of a source, using the options --timeout and --release.

    Raises:
        UsageError: If the word is neither a file nor an address.
        QMPError: If the schema is faulty, or the monitor closes the connection.
        OSError: If the source can't be read or reached.
    """
    with checked_address():
        return load_schema(source, timeout=namespace.timeout, release=namespace.release)


def _release(text: str) -> tuple[int, int]:
    """Parse a release such as 4.2."""
    found = re.fullmatch(r"v?(\d{1,3})\.(\d{1,3})(?:\.\d{1,3})?", text)
    if not found:
        raise ValueError
    return int(found[1]), int(found[2])


FROM: Final = argument("--from", "SOURCE", "see below", dest="source", required=True)
RELEASE: Final = argument("--release", "X.Y", "the QEMU release of old QAPI files", type=_release)
TIMEOUT: Final = argument("--timeout", "S", "wait at most S seconds for a monitor (default 10)",
                          type=seconds, default=10.0)  # fmt: skip
