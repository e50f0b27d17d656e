"""A page of lines that is shown again and again: in place on a terminal, else one after another."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from qmpeer.cli.output import Output

ShowPage: TypeAlias = Callable[[Iterable[str]], None]
"""Shows the lines of a page, which may contain colour sequences."""


@contextmanager
def page_on(output: Output) -> Iterator[ShowPage]:
    """Yield a function that shows a page: in place on a terminal, if rich is installed.

    Otherwise it writes the pages one after another, with a blank line behind each.
    """
    if output.is_terminal:
        try:
            from rich.console import Console  # optional extra: shell
            from rich.live import Live  # optional extra: shell
            from rich.text import Text  # optional extra: shell
        except ImportError:
            pass
        else:
            console = Console(file=output.stream, width=output.width, highlight=False)
            with Live(console=console, auto_refresh=False) as live:
                yield lambda lines: live.update(
                    Text.from_ansi(output.encoded("\n".join(lines))), refresh=True
                )
            return
    yield lambda lines: output.write([*lines, ""])
