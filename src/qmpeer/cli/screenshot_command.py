"""``qmpeer screenshot``: a picture of a guest's screen."""

import argparse
import os
import sys
from typing import Final

from qmpeer.cli.command_line import ADDRESS, JSON, TIMEOUT, Subcommand, argument, natural
from qmpeer.cli.connecting import connect
from qmpeer.cli.exits import DONE, STATUSES, UsageError
from qmpeer.cli.file_copies import AtomicFile
from qmpeer.cli.output import write_either
from qmpeer.display.pictures import inline_form, inline_text, png_size
from qmpeer.inventory.screen_dump import screen_dump
from qmpeer.values import JsonObject

_AFTER: Final = (
    """\
The picture is always a PNG: what the server writes is converted if necessary. The server needs no
permission for FILE's folder. Over a unix socket it receives an open file. Over other connections it
writes to a temporary file, so it has to run on this host.

example:
  $ qmpeer screenshot /run/vm.qmp screen.png
  screen.png: 720x400
  $ qmpeer screenshot /run/vm.qmp --show

"""
    + STATUSES
)


def _run(namespace: argparse.Namespace) -> int:
    if namespace.file is None and not namespace.show:
        raise UsageError("found no FILE, expected one, - for standard output, or --show")
    if namespace.head is not None and namespace.device is None:
        raise UsageError("found --head without --device")
    # Everything about the terminal is checked before the server is asked for a picture.
    form = None
    if namespace.show:
        form = inline_form(os.environ) if sys.stdout.isatty() else None
        if form is None:
            raise UsageError("this terminal isn't known to show pictures, expected FILE")
    options: JsonObject = {}
    if namespace.device is not None:
        options["device"] = namespace.device
    if namespace.head is not None:
        options["head"] = namespace.head
    with connect(namespace) as client:
        png = screen_dump(client, namespace.address, options)
    if form is not None:
        for text in inline_text(png, form):
            sys.stdout.write(text)
        sys.stdout.flush()
    if namespace.file == "-":
        if sys.stdout.isatty():
            raise UsageError("found a terminal as standard output, expected --show")
        sys.stdout.buffer.write(png)
        sys.stdout.buffer.flush()
    elif namespace.file is not None:
        with AtomicFile(namespace.file) as file:
            file.write(png)
            file.commit()
        width, height = png_size(png)
        facts: JsonObject = {"file": namespace.file, "width": width, "height": height}
        write_either(namespace.json, facts, f"{namespace.file}: {width}x{height}")
    return DONE


COMMAND: Final = Subcommand(
    "qmpeer screenshot",
    "Take a picture of a guest's screen.",
    _AFTER,
    (
        ADDRESS,
        JSON,
        TIMEOUT,
        argument("file", "FILE", "the PNG file to write, - for standard output", nargs="?"),
        argument("--show", None,
                 "show the picture in the terminal: kitty, iTerm2, WezTerm or Ghostty"),
        argument("--device", "ID", "the display device; default: the first",
                 completes="names:device"),
        argument("--head", "N", "the head of that device", type=natural),
    ),
    _run,
)  # fmt: skip
