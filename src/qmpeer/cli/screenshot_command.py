"""``qmpeer screenshot``: a picture of a guest's screen."""

import argparse
import os
import sys
from time import monotonic
from typing import Any, Final

from qmpeer import limits
from qmpeer.cli.command_line import (
    ADDRESS,
    JSON,
    TIMEOUT,
    Subcommand,
    argument,
    count,
    natural,
    seconds,
)
from qmpeer.cli.connecting import connect
from qmpeer.cli.exits import DONE, STATUSES, UsageError
from qmpeer.cli.file_copies import AtomicFile
from qmpeer.cli.output import write_either
from qmpeer.client import Client
from qmpeer.display.pictures import Picture, inline_form, inline_text
from qmpeer.errors import LimitError
from qmpeer.values import JsonObject

_AFTER: Final = (
    """\
The picture is always a PNG: what the server writes is converted if necessary. The server needs no
permission for FILE's folder. Over a unix socket it receives an open file. Over other connections it
writes to a temporary file, so it has to run on this host.

With --watch the files are FILE with a number: screen-0001.png, screen-0002.png, ... A blinking
cursor is a change, too: --tolerance 0.0002 hides it. The exit status is 0 after --count pictures,
or after --for seconds without --count; it is 3 if --for ends before --count pictures were taken.

example:
  $ qmpeer screenshot /run/vm.qmp screen.png
  screen.png: 720x400
  $ qmpeer screenshot /run/vm.qmp --show
  $ qmpeer screenshot /run/vm.qmp boot.png --watch --for 60
  boot-0001.png: 720x400
  boot-0002.png: 1280x800

"""
    + STATUSES
)


def share(text: str) -> float:
    """Parse a share: 0 or more, and less than 1."""
    value = float(text)
    if not 0 <= value < 1:
        raise ValueError
    return value


def region(text: str) -> tuple[int, int, int, int]:
    """Parse a part of a screen, such as "0,0,640,16"."""
    x, y, width, height = map(natural, text.split(","))
    return x, y, width, height


def _run(namespace: argparse.Namespace) -> int:
    _check(namespace)
    screen = {"device": namespace.device, "head": namespace.head}
    with connect(namespace) as client:
        if not namespace.watch:
            _write(client.screenshot(**screen), namespace.file, namespace)
            return DONE
        try:
            return _watch(client, namespace, screen)
        except ValueError as error:  # the region isn't on the screen
            raise UsageError(str(error)) from error


def _check(namespace: argparse.Namespace) -> None:
    """Check everything before the server is asked for a picture."""
    if namespace.file is None and not namespace.show:
        raise UsageError("found no FILE, expected one, - for standard output, or --show")
    if namespace.head is not None and namespace.device is None:
        raise UsageError("found --head without --device")
    if namespace.show and _inline_form() is None:
        raise UsageError("this terminal isn't known to show pictures, expected FILE")
    if namespace.file == "-" and namespace.watch:
        raise UsageError("found - with --watch, expected FILE")
    for name in ("count", "during", "still", "tolerance", "region"):
        if getattr(namespace, name) is not None and not namespace.watch:
            option = "for" if name == "during" else name
            raise UsageError(f"found --{option} without --watch")


def _inline_form() -> str | None:
    return inline_form(os.environ) if sys.stdout.isatty() else None


def _watch(client: Client, namespace: argparse.Namespace, screen: dict[str, Any]) -> int:
    end = None if namespace.during is None else monotonic() + namespace.during
    options = {
        "still": namespace.still,
        "region": namespace.region,
        "tolerance": namespace.tolerance or 0.0,
        **screen,
    }
    picture: Picture | None = None
    most = limits.PICTURES_WATCHED
    for number in range(1, (namespace.count or most + 1) + 1):
        if number > most:
            raise LimitError(f"took {most} pictures, the most", "PICTURES_WATCHED", most)
        try:
            if picture is None and namespace.still is None:
                picture = client.screenshot(**screen)
                if namespace.region is not None:
                    picture.region(*namespace.region)  # an error if it isn't on the screen
            else:
                left = None if end is None else max(end - monotonic(), 0)
                picture = client.wait_screen(picture, timeout=left, **options)
        except TimeoutError:
            if end is None or monotonic() < end - limits.TIMER_EARLINESS:
                raise  # the server is silent
            if namespace.count is None:
                return DONE
            found = f"found {number - 1} of {namespace.count} pictures"
            raise TimeoutError(f"{found} in {namespace.during:g} s") from None
        path = namespace.file
        if path is not None:
            stem, extension = os.path.splitext(path)
            path = f"{stem}-{number:04}{extension}"
        _write(picture, path, namespace)
        sys.stdout.flush()  # a program that reads this can use the file at once
    return DONE


def _write(picture: Picture, path: str | None, namespace: argparse.Namespace) -> None:
    png = picture.png()
    form = _inline_form() if namespace.show else None
    if form is not None:
        for text in inline_text(png, form):
            sys.stdout.write(text)
        sys.stdout.flush()
    if path == "-":
        if sys.stdout.isatty():
            raise UsageError("found a terminal as standard output, expected --show")
        sys.stdout.buffer.write(png)
        sys.stdout.buffer.flush()
    elif path is not None:
        with AtomicFile(path) as file:
            file.write(png)
            file.commit()
        width, height = picture.width, picture.height
        facts: JsonObject = {"file": path, "width": width, "height": height}
        write_either(namespace.json, facts, f"{path}: {width}x{height}")


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
        argument("--watch", None, "take another picture whenever the screen changes"),
        argument("--count", "N", "with --watch: end after N pictures", type=count),
        argument("--for", "S", "with --watch: end after S seconds", type=seconds, dest="during"),
        argument("--still", "S", "with --watch: only when the screen hasn't changed for S seconds",
                 type=seconds),
        argument("--region", "X,Y,WIDTH,HEIGHT",
                 "with --watch: only when this part of the screen changes", type=region),
        argument("--tolerance", "SHARE",
                 "with --watch: the share of pixels, from 0 to 1, that may change unnoticed",
                 type=share),
    ),
    _run,
)  # fmt: skip
