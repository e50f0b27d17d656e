"""``qmpeer screenshot``: what a guest shows, as a picture."""

import argparse
import os
import sys
from typing import Final

from qmpeer.cli.command_line import ADDRESS, JSON, TIMEOUT, Subcommand, argument, natural
from qmpeer.cli.connecting import connect
from qmpeer.cli.exits import DONE, STATUSES, UsageError
from qmpeer.cli.file_copies import Whole
from qmpeer.cli.output import write_either
from qmpeer.display.pictures import inline_form, inline_text, png_size
from qmpeer.inventory.screen_dump import screen_dump
from qmpeer.values import JsonObject

_AFTER: Final = (
    """\
The picture is a PNG, whatever the server writes. The server needs no permission for FILE's folder:
over a unix socket it is handed an open file, elsewhere it writes into a temporary one, for which it
has to be on this host.

example:
  $ qmpeer screenshot /run/vm.qmp screen.png
  screen.png: 720x400
  $ qmpeer screenshot /run/vm.qmp --show

"""
    + STATUSES
)


def _run(given: argparse.Namespace) -> int:
    if given.file is None and not given.show:
        raise UsageError("found no FILE, expected one, - for standard output, or --show")
    if given.head is not None and given.device is None:
        raise UsageError("found --head without --device")
    form = None
    if given.show:
        form = inline_form(os.environ) if sys.stdout.isatty() else None
        if form is None:
            raise UsageError("this terminal isn't known to show pictures, expected FILE")
    options: JsonObject = {}
    if given.device is not None:
        options["device"] = given.device
    if given.head is not None:
        options["head"] = given.head
    with connect(given) as client:
        png = screen_dump(client, given.address, options)
    if form is not None:
        for text in inline_text(png, form):
            sys.stdout.write(text)
        sys.stdout.flush()
    if given.file == "-":
        if sys.stdout.isatty():
            raise UsageError("found a terminal as standard output, expected --show")
        sys.stdout.buffer.write(png)
        sys.stdout.buffer.flush()
    elif given.file is not None:
        with Whole(given.file) as file:
            file.write(png)
            file.commit()
        width, height = png_size(png)
        facts: JsonObject = {"file": given.file, "width": width, "height": height}
        write_either(given.json, facts, f"{given.file}: {width}x{height}")
    return DONE


COMMAND: Final = Subcommand(
    "qmpeer screenshot",
    "Take a picture of what a guest shows.",
    _AFTER,
    (
        ADDRESS,
        JSON,
        TIMEOUT,
        argument("file", "FILE", "where to, a PNG; - for standard output", nargs="?"),
        argument("--show", None,
                 "in the terminal, if it shows pictures: kitty, iTerm2, WezTerm, Ghostty"),
        argument("--device", "ID", "which display device; by default the first",
                 completes="names:device"),
        argument("--head", "N", "which of its heads", type=natural),
    ),
    _run,
)  # fmt: skip
