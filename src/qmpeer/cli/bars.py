"""Bars that show how far things are, on a terminal live, else a line now and then."""

from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from qmpeer.cli.page import Page, size_text
from qmpeer.shell.visible import columns, cut, visible

if TYPE_CHECKING:
    from rich.progress import TaskID

__all__ = ["Bar", "Bars", "bar_line", "bars_on"]

_STEP: Final = 0.1
"""Of the whole, after which another line tells how far a thing is where lines can't be replaced."""
_LEAST: Final = 8
"""Columns of a bar, below which there is none."""


class Bar(msgspec.Struct, frozen=True):
    """Say how far one thing is.

    Attributes:
        name: What it is called.
        text: How it stands, in a word or two.
        current: How much is done.
        total: Of how much; 0 where that isn't known.
        is_over: Nothing more will come.
        is_failed: It has failed.
    """

    name: str
    text: str = ""
    current: int = 0
    total: int = 0
    is_over: bool = False
    is_failed: bool = False

    @property
    def fraction(self) -> float:
        """How much of it is done, from 0 to 1."""
        if self.total <= 0:
            return 1.0 if self.is_over and not self.is_failed else 0.0
        return min(max(self.current / self.total, 0.0), 1.0)


class Bars(Protocol):
    """Show bars; to be used as a context manager."""

    def show(self, bars: Iterable[Bar]) -> None:
        """Show how things stand now."""

    def __enter__(self) -> "Bars":
        """Begin."""
        ...

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave them as they are."""


def bars_on(page: Page) -> Bars:
    """Return what shows bars on an output: live on a terminal, if rich is installed."""
    if page.is_terminal:
        try:
            return _LiveBars(page)
        except ImportError:
            pass
    return _Lines(page)


def bar_line(bar: Bar, width: int) -> str:
    """Return a bar as one line of letters that any output has.

    Example:
        >>> bar_line(Bar("job0", "mirror running", 1, 4), 44)
        'job0 mirror running [####              ] 25%'
        >>> bar_line(Bar("job0", "mirror running", 1, 4), 20)
        'job0 mirror run… 25%'
    """
    text = " ".join(filter(None, (visible(bar.name), visible(bar.text))))
    if bar.is_failed:
        return cut(text, width)
    percent = "" if not bar.total and not bar.is_over else f"{bar.fraction:.0%}"
    room = width - columns(text) - len(percent) - 4
    if room < _LEAST or not percent:
        return f"{cut(text, max(width - len(percent) - 1, 4))} {percent}".rstrip()
    room = min(room, 40)
    done = int(bar.fraction * room)
    return f"{text} [{'#' * done}{' ' * (room - done)}] {percent}"


class _Lines:
    """Write a line when something has changed, or is a step further."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._shown: dict[str, tuple[str, int]] = {}

    def show(self, bars: Iterable[Bar]) -> None:
        for bar in bars:
            mark = (bar.text, int(bar.fraction / _STEP))
            if self._shown.get(bar.name) != mark:
                self._shown[bar.name] = mark
                self._page.write([bar_line(bar, min(self._page.width, 100))])

    def __enter__(self) -> "Bars":
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass


class _LiveBars:
    """Draw bars in their place, by rich."""

    def __init__(self, page: Page) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

        self._page = page
        columns_ = (
            TextColumn("{task.fields[title]}", markup=False),
            BarColumn(bar_width=max(min(40, page.width - 50), 4)),
            TaskProgressColumn(),
            TextColumn("{task.fields[size]}", markup=False),
        )
        is_narrow = page.width < 50
        self._progress = Progress(
            *(columns_[:1] + columns_[2:3] if is_narrow else columns_),
            console=Console(file=page.stream, width=page.width, highlight=False),
            refresh_per_second=8,
        )
        self._tasks: dict[str, TaskID] = {}

    def show(self, bars: Iterable[Bar]) -> None:
        bars = list(bars)
        for name in self._tasks.keys() - {bar.name for bar in bars}:
            self._progress.remove_task(self._tasks.pop(name))
        for bar in bars:
            if bar.name not in self._tasks:
                self._tasks[bar.name] = self._progress.add_task(
                    "", total=None, title="", size="", visible=False
                )
            most = max(self._page.width - 30, 12)
            title = cut(visible(f"{bar.name} {bar.text}".strip()), most)
            total = bar.total or (1 if bar.is_over else None)
            self._progress.update(
                self._tasks[bar.name],
                total=total,
                completed=bar.fraction * total if total else 0,
                title=self._page.encoded(title),
                size=size_text(bar.total) if bar.total >= 1024 else "",
                visible=True,
            )
            if bar.is_over and not bar.is_failed:
                self._progress.stop_task(self._tasks[bar.name])
        self._progress.refresh()

    def __enter__(self) -> "Bars":
        self._progress.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()
