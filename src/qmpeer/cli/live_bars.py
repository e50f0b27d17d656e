"""Progress bars on an output: live on a terminal, elsewhere a line now and then."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeAlias

from qmpeer.cli.output import Output
from qmpeer.display.bars import Bar, bar_line
from qmpeer.display.layout import size_text
from qmpeer.display.safe_text import cut, visible

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


ShowBars: TypeAlias = Callable[[Iterable[Bar]], None]
"""Shows the current state of all bars."""
_STEP: Final = 0.1
"""The share of progress after which another line is written, where lines can't be replaced."""


@contextmanager
def bars_on(output: Output) -> Iterator[ShowBars]:
    """Yield a function that shows bars: live on a terminal if rich is installed, else as lines."""
    progress = _progress_on(output) if output.is_terminal else None
    if progress is None:
        yield _lines_on(output)
    else:
        with progress:
            yield _live_on(output, progress)


def _lines_on(output: Output) -> ShowBars:
    """Return a function that writes a line when a bar's text changed, or it is a step further."""
    shown: dict[str, tuple[str, int]] = {}

    def show(bars: Iterable[Bar]) -> None:
        for bar in bars:
            mark = (bar.text, int(bar.fraction / _STEP))
            if shown.get(bar.name) != mark:
                shown[bar.name] = mark
                output.write([bar_line(bar, min(output.width, 100))])

    return show


def _progress_on(output: Output) -> "Progress | None":
    """Return rich's bars; None if it isn't installed."""
    try:
        from rich.console import Console  # optional extra: shell
        from rich.progress import (  # optional extra: shell
            BarColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
        )
    except ImportError:
        return None
    title, share = TextColumn("{task.fields[title]}", markup=False), TaskProgressColumn()
    console = Console(file=output.stream, width=output.width, highlight=False)
    if output.width < 50:
        return Progress(title, share, console=console, refresh_per_second=8)
    bar = BarColumn(bar_width=min(40, output.width - 46))
    size = TextColumn("{task.fields[size]}", markup=False)
    return Progress(title, bar, share, size, console=console, refresh_per_second=8)


def _live_on(output: Output, progress: "Progress") -> ShowBars:
    """Return a function that redraws the bars in place."""
    tasks: dict[str, TaskID] = {}

    def show(bars: Iterable[Bar]) -> None:
        bars = list(bars)  # used twice
        for name in tasks.keys() - {bar.name for bar in bars}:
            progress.remove_task(tasks.pop(name))
        for bar in bars:
            if bar.name not in tasks:
                tasks[bar.name] = progress.add_task(
                    "", total=None, title="", size="", visible=False
                )
            title = cut(visible(f"{bar.name} {bar.text}".strip()), max(output.width - 30, 12))
            # Without a total rich shows a moving bar; one that is over must stand still.
            total = bar.total or (1 if bar.is_over else None)
            progress.update(
                tasks[bar.name],
                total=total,
                completed=bar.fraction * total if total else 0,
                title=output.encoded(title),
                size=size_text(bar.total) if bar.total >= 1024 else "",
                visible=True,
            )
            if bar.is_over and not bar.is_failed:
                progress.stop_task(tasks[bar.name])
        progress.refresh()

    return show
