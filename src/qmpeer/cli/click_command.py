"""``qmpeer click``: a guest's pointer moved, clicked, dragged or scrolled."""

import argparse
from typing import Final

from qmpeer.cli.command_line import ADDRESS, TIMEOUT, Subcommand, argument, count, natural
from qmpeer.cli.connecting import connect
from qmpeer.cli.exits import DONE, STATUSES, UsageError
from qmpeer.client import Client

_AFTER: Final = (
    """\
X and Y are pixels from the upper left corner of the screen, as in a picture of qmpeer screenshot.
They are exact if the machine has a tablet (-device usb-tablet) that the guest has started. With a
mouse they are a guess, as guests accelerate it.

example:
  $ qmpeer click /run/vm.qmp 640 400
  $ qmpeer click /run/vm.qmp 640 400 --count 2
  $ qmpeer click /run/vm.qmp 10 10 --to 300,200
  $ qmpeer click /run/vm.qmp 640 400 --scroll -3

"""
    + STATUSES
)


def place(text: str) -> tuple[int, int]:
    """Parse a pixel, such as "300,200"."""
    x, y = map(natural, text.split(","))
    return x, y


def _run(namespace: argparse.Namespace) -> int:
    if namespace.head is not None and namespace.device is None:
        raise UsageError("found --head without --device")
    with connect(namespace) as client:
        try:
            _point(client, namespace)
        except ValueError as error:
            raise UsageError(str(error)) from error
    return DONE


def _point(client: Client, namespace: argparse.Namespace) -> None:
    pointer, x, y = client.pointer, namespace.x, namespace.y
    screen = {"device": namespace.device, "head": namespace.head}
    if namespace.move:
        pointer.move(x, y, **screen)
    elif namespace.to is not None:
        to_x, to_y = namespace.to
        pointer.drag(x, y, to_x, to_y, namespace.button, **screen)
    elif namespace.scroll is not None:
        pointer.scroll(namespace.scroll, at=(x, y), **screen)
    else:
        pointer.click(x, y, namespace.button, namespace.count, **screen)


COMMAND: Final = Subcommand(
    "qmpeer click",
    "Move a guest's pointer to a pixel, and click there.",
    _AFTER,
    (
        ADDRESS,
        TIMEOUT,
        argument("x", "X", "pixels from the left", type=natural),
        argument("y", "Y", "pixels from the top", type=natural),
        argument("--button", None, "the button; default: left",
                 choices=("left", "middle", "right", "side", "extra"), default="left"),
        argument("--count", "N", "click N times; 2 is a double click", type=count, default=1),
        (
            argument("--move", None, "only move the pointer there"),
            argument("--to", "X,Y", "drag from there to this pixel", type=place),
            argument("--scroll", "N", "turn the wheel there: N notches down, -N notches up",
                     type=int),
        ),
        argument("--device", "ID", "the display device; default: the first",
                 completes="names:device"),
        argument("--head", "N", "the head of that device", type=natural),
    ),
    _run,
)  # fmt: skip
