"""``qmpeer docs``: the reference documentation of a schema, as files."""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from qmpeer.cli.command_line import CommandLine, seconds
from qmpeer.cli.exits import DONE, UsageError, about_file
from qmpeer.cli.html_pages import build_html, check_installed
from qmpeer.cli.schema_words import SCHEMA_STATUSES, SOURCES, load, release

PROGRAM: Final = "qmpeer docs"

_AFTER: Final = (
    SOURCES
    + """
example:
  qmpeer docs --from qapi/qapi-schema.json --format html -o reference
  xdg-open reference/index.html

"""
    + SCHEMA_STATUSES
)


def run(words: Sequence[str]) -> int:
    """Write reference documentation.

    Raises:
        UsageError: If the words make no sense, what HTML needs isn't installed, or the files can't
            be written.
        QMPError: If the schema is faulty, or its monitor leaves.
        OSError: If the schema can't be had.
    """
    given = parser().parse_intermixed_args(words)
    is_html = given.format == "html"
    if is_html:
        check_installed()
    schema = load(given.source, given.timeout, given.release)
    from qmpeer.codegen import reference_files

    title = given.title or _title(given.source)
    files = reference_files(
        schema, "md" if is_html else given.format, title, has_toctree=is_html or given.toctree
    )
    if is_html:
        build_html(files, title, given.output)
        what = os.path.join(given.output, "index.html")
    else:
        write_files(files, given.output)
        what = f"{len(files)} files in {given.output}"
    sys.stdout.write(f"{what}\n")
    return DONE


def write_files(files: Mapping[str, str], folder: str) -> None:
    """Write texts into a folder, which is made if it isn't there.

    Raises:
        FileError: If they can't be written.
    """
    with about_file(folder):
        os.makedirs(folder, exist_ok=True)
        for name, text in files.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8", newline="\n") as file:
                file.write(text)


def _title(source: str) -> str:
    name = os.path.basename(source) if os.path.exists(source) else source
    return f"Reference of {os.path.splitext(name)[0] if os.path.exists(source) else name}"


def _format(text: str) -> str:
    if text not in ("md", "man", "html"):
        raise UsageError(f"found format {text!r}, expected md, man or html")
    return text


def parser() -> CommandLine:
    """Return what reads the words."""
    parser = CommandLine(
        PROGRAM, "Write the reference of all commands, events and types of a schema.", _AFTER
    )
    parser.add_argument("--from", dest="source", metavar="SOURCE", required=True, help="see below")
    parser.add_argument(
        "--format",
        type=_format,
        metavar="FORMAT",
        required=True,
        help="md, man, or html, which needs more: pip install '.[docs]' in qmpeer's checkout",
    )
    parser.add_argument(
        "-o", dest="output", metavar="DIR", required=True, help="the folder to write to"
    )
    parser.add_argument("--title", metavar="TEXT", help="what it is the reference of")
    parser.add_argument(
        "--toctree", action="store_true", help="in md: for a page of a Sphinx site with MyST"
    )
    parser.add_argument("--release", metavar="X.Y", type=release, help="QEMU's, of old QAPI files")
    parser.add_argument("--timeout", metavar="S", type=seconds, default=10.0, help="seconds; 10")
    return parser
