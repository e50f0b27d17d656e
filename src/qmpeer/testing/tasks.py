"""The tasks of asyncio that a test's function leaves running."""

import asyncio
import functools
import os
import sys
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any, Final
from weakref import WeakKeyDictionary

from qmpeer import limits

_SKIPPED: Final = (
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep,
    os.path.dirname(asyncio.__file__) + os.sep,
)
"""Folders of code that creates tasks for others: this package, and asyncio."""


def told_about_tasks(
    function: Callable[..., Awaitable[Any]], tell: Callable[[list[str]], None]
) -> Callable[..., Awaitable[Any]]:
    """Return a test's function that tells about the tasks that it leaves running.

    Args:
        function: An async function; on another loop than asyncio's nothing is told.
        tell: Called with the text of each task, when the function has returned.
    """

    @functools.wraps(function)
    async def test(*args: Any, **kwargs: Any) -> Any:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # such as trio's
            return await function(*args, **kwargs)
        watch = _TaskWatch(loop)
        try:
            result = await function(*args, **kwargs)
        finally:
            watch.end()
        tell(await watch.left())
        return result

    return test


class _TaskWatch:
    """A watch for the tasks of one loop, and the lines that create them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._before = asyncio.all_tasks(loop)
        self._places: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
        self._factory = loop.get_task_factory()
        loop.set_task_factory(self._create)

    def _create(self, loop: asyncio.AbstractEventLoop, coro: Any, **more: Any) -> Any:
        make = self._factory
        task = asyncio.Task(coro, loop=loop, **more) if make is None else make(loop, coro, **more)
        self._places[task] = _place(sys._getframe(1))
        return task

    def end(self) -> None:
        """Watch no more."""
        self._loop.set_task_factory(self._factory)

    async def left(self) -> list[str]:
        """Return the text of each task that is left, after a moment for those about to end."""
        left = asyncio.all_tasks() - self._before
        if left:
            _, left = await asyncio.wait(left, timeout=limits.TESTING_MOMENT)
        return sorted(map(self._text, left))

    def _text(self, task: "asyncio.Task[Any]") -> str:
        name = getattr(task.get_coro(), "__qualname__", repr(task.get_coro()))
        text = f"task: {name}()"
        if place := self._places.get(task):
            text += f", created at {place}"
        frames = task.get_stack(limit=1)
        if frames and (place := _place(frames[0])):
            text += f", waits at {place}"
        return f"{text}; await it, or cancel it"


def _place(frame: FrameType | None) -> str:
    """Return the innermost line outside of asyncio and this package."""
    while frame is not None and frame.f_code.co_filename.startswith(_SKIPPED):
        frame = frame.f_back
    if frame is None:
        return ""
    file = frame.f_code.co_filename.removeprefix(os.path.join(os.getcwd(), ""))
    return f"{file}:{frame.f_lineno}"
