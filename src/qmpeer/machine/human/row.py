"""One command of the human monitor, before there is a handler for it."""

from typing import NamedTuple

__all__ = ["Row"]


class Row(NamedTuple):
    """Hold what a table says of a command.

    Attributes:
        names: Its names, ``stop|s``; the handler goes by the first.
        args: Its arguments by QEMU's letters.
        params: The same as help shows them.
        help: What it does, as help shows it.
    """

    names: str
    args: str
    params: str
    help: str
