"""``qmpeer type``: a text typed, and keys pressed, on a guest's keyboard."""

import argparse
import sys
from typing import Final

from qmpeer import limits
from qmpeer.cli.command_line import ADDRESS, TIMEOUT, Subcommand, argument, check_text
from qmpeer.cli.connecting import connect
from qmpeer.cli.exits import DONE, STATUSES, UsageError
from qmpeer.errors import KeyboardError, LimitError
from qmpeer.keyboard import find_layout, parse_keys, plan

_AFTER: Final = (
    f"""\
The text is typed first, then the keys of --press are pressed in their order, then Enter. The layout
must be the one that the guest uses. us is built in; others need Debian's packages libxkbcommon0 and
xkb-data, and have the names of XKB: de, "de(nodeadkeys)", "fr(bepo)". A text with a character that
the layout can't type, and a key with an unknown name, are refused before anything is typed.

KEYS is a combination such as ctrl-alt-delete, shift-a, ctrl-alt-f2 or win+r. A single character
stands for the key that types it in the layout.

A password on a command line can be seen by others on this host; read it from standard input. The
end of a line is typed as Enter: printf doesn't add one, echo does.

QEMU drops keys that a guest doesn't read in time, and nobody reports it. The default rate,
{limits.KEY_RATE:g} keys a second, allows a guest to be late by 0.2 s. If it is busy or starting,
a lower one helps.

example:
  $ qmpeer type /run/vm.qmp 'root' --enter
  $ qmpeer type /run/vm.qmp - --layout de <password
  $ qmpeer type /run/vm.qmp --press ctrl-alt-f2 --press ctrl-l

"""
    + STATUSES
)


def rate(text: str) -> float:
    """Parse a number of keys a second."""
    value = float(text)
    if not limits.KEY_RATE_LEAST <= value <= limits.KEY_RATE_MOST:
        raise ValueError
    return value


def _run(namespace: argparse.Namespace) -> int:
    keys = [*namespace.press, *(["enter"] if namespace.enter else [])]
    if namespace.text is None and not keys:
        raise UsageError("found nothing to type, expected TEXT, --press or --enter")
    text = _standard_input() if namespace.text == "-" else namespace.text or ""
    check_text(text)
    try:
        layout = find_layout(namespace.layout)
        plan(text, layout)
        for each in keys:
            parse_keys(each, layout)
    except (KeyboardError, LimitError) as error:
        raise UsageError(str(error)) from error
    with connect(namespace) as client:
        if text:
            client.keyboard.type(text, layout, rate=namespace.rate)
        if keys:
            client.keyboard.press(*keys, layout=layout, rate=namespace.rate)
    return DONE


def _standard_input() -> str:
    if sys.stdin is None:
        raise UsageError("found a closed standard input, expected the text")
    # A character has at most 4 bytes; one byte more shows that the text is too long.
    data = sys.stdin.buffer.read(4 * limits.TYPED_TEXT + 1)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        found = f"found the byte {error.object[error.start]:#04x} in the text"
        raise UsageError(f"{found}, expected UTF-8") from error


COMMAND: Final = Subcommand(
    "qmpeer type",
    "Type a text and press keys on a guest's keyboard.",
    _AFTER,
    (
        ADDRESS,
        TIMEOUT,
        argument("text", "TEXT", "the text, - to read it from standard input", nargs="?"),
        argument("--press", "KEYS", "press a combination of keys; may be given several times",
                 action="append", default=[]),
        argument("--enter", None, "press Enter at the end"),
        argument("--layout", "NAME", "the guest's keyboard layout; default: us", default="us"),
        argument("--rate", "N", "keys pressed a second; default: %(default)g", type=rate,
                 default=limits.KEY_RATE),
    ),
    _run,
)  # fmt: skip
