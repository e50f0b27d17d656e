"""The event loop of a benchmark's own program: uvloop's or asyncio's."""

import asyncio
import os
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T], loop: str | None = None) -> T:
    """Run a coroutine to its end.

    Args:
        work: The coroutine.
        loop: "uvloop", or any other text for asyncio's loop; None to use QMPEER_LOOP.
    """
    if (os.environ.get("QMPEER_LOOP") if loop is None else loop) == "uvloop":
        import uvloop

        return uvloop.run(work)
    return asyncio.run(work)
