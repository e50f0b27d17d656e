"""``qmpeer docs``: the reference documentation of a schema, as files."""

import argparse
import os
import re
import sys
from typing import Final

from qmpeer.cli.command_line import Subcommand, argument
from qmpeer.cli.exits import DONE, UsageError
from qmpeer.cli.html_pages import build_html, check_installed
from qmpeer.cli.output import write_files
from qmpeer.cli.schema_words import FROM, RELEASE, SCHEMA_STATUSES, SOURCES, TIMEOUT, load
from qmpeer.codegen import FORMATS, reference_files

_AFTER: Final = (
    SOURCES
    + """
example:
  qmpeer docs --from qapi/qapi-schema.json --format html -o reference
  xdg-open reference/index.html

A Sphinx project that uses the format sphinx needs extensions = ["qmpeer.sphinx_domain"] in conf.py.

"""
    + SCHEMA_STATUSES
)
_NAMESPACE: Final = re.compile(r"[A-Za-z0-9_-]+")


def _run(namespace: argparse.Namespace) -> int:
    is_html = namespace.format == "html"
    if is_html:
        check_installed()
    schema = load(namespace.source, namespace)
    title = namespace.title or _title(namespace.source)
    files = reference_files(
        schema,
        "sphinx" if is_html else namespace.format,
        title,
        has_toctree=namespace.toctree,
        namespace=namespace.name_prefix or "",
    )
    if is_html:
        build_html(files, title, namespace.output)
        what = os.path.join(namespace.output, "index.html")
    else:
        write_files(files, namespace.output)
        what = f"{len(files)} files in {namespace.output}"
    sys.stdout.write(f"{what}\n")
    return DONE


def _title(source: str) -> str:
    name = os.path.basename(source) if os.path.exists(source) else source
    return f"Reference of {os.path.splitext(name)[0] if os.path.exists(source) else name}"


def _format(text: str) -> str:
    if text not in (*FORMATS, "html"):
        raise UsageError(f"found format {text!r}, expected {', '.join(FORMATS)} or html")
    return text


def _namespace(text: str) -> str:
    if not _NAMESPACE.fullmatch(text):
        raise UsageError(f"found namespace {text!r}, expected letters, digits, - and _")
    return text


COMMAND: Final = Subcommand(
    "qmpeer docs",
    "Write the reference of all commands, events and types of a schema.",
    _AFTER,
    (
        FROM,
        argument("--format", "FORMAT", "md, man, sphinx (the QAPI domain) or html; for html first "
                 "run: pip install '.[docs]' in qmpeer's checkout", type=_format, required=True),
        argument("-o", "DIR", "the folder to write to", dest="output", required=True),
        argument("--title", "TEXT", "the title of the reference"),
        argument("--toctree", None, "md: add a table of contents for a Sphinx site with MyST"),
        argument("--namespace", "NAME", "sphinx: keep the names apart from those of another schema "
                 "in the same project, such as QMP and QGA", dest="name_prefix", type=_namespace),
        RELEASE,
        TIMEOUT,
    ),
    _run,
)  # fmt: skip
