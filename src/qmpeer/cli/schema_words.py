"""What the subcommands that take a SOURCE have in common: how it is given, and how it is read."""

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
  a saved introspection answer      what query-qmp-schema returned, alone or as a reply
  a recorded conversation           with such a reply in it, libvirt's .replies for instance
  the address of a running monitor  unix:PATH, tcp:HOST:PORT, ...
"""
SCHEMA_STATUSES: Final = """\
exit status:
  0  done
  1  the schema is faulty, or the server answered with an error
  2  the command line makes no sense, or what it names can't be written
  3  the source can't be read or reached
"""


def load(source: str, given: argparse.Namespace) -> Schema:
    """Return the schema of a source, by the options ``given.timeout`` and ``given.release``.

    Raises:
        UsageError: If the word is neither a file nor an address.
        QMPError: If the schema is faulty, or its monitor leaves.
        OSError: If it can't be had.
    """
    with checked_address():
        return load_schema(source, timeout=given.timeout, release=given.release)


def _release(text: str) -> tuple[int, int]:
    """Read a release such as 4.2."""
    found = re.fullmatch(r"v?(\d{1,3})\.(\d{1,3})(?:\.\d{1,3})?", text)
    if not found:
        raise ValueError
    return int(found[1]), int(found[2])


FROM: Final = argument("--from", "SOURCE", "see below", dest="source", required=True)
RELEASE: Final = argument("--release", "X.Y", "QEMU's, of old QAPI files", type=_release)
TIMEOUT: Final = argument("--timeout", "S", "seconds; 10", type=seconds, default=10.0)
