"""The start of a proxy before a monitor that another client may hold.

Spec: QEMU's monitor serves one client. The next one can connect, and then hears nothing.
"""

import asyncio
from collections.abc import Callable, Coroutine

from qmpeer import limits
from qmpeer.transport.unix_users import Users, find_users


async def start_beside_others(
    start: Coroutine[None, None, None],
    find_path: Callable[[], str],
    report: Callable[[str], None] | None,
    *,
    silence: float = limits.PROXY_SILENCE,
) -> None:
    """Start a proxy; if its server doesn't greet, find out who holds it.

    Args:
        start: The start, such as `Proxy.start()`.
        find_path: Returns the path of the server's socket, which another proxy may move.
        report: Gets a sentence about who holds it, and the start goes on. If it is None, the start
            is given up then.
        silence: Seconds until the first look.

    Raises:
        TimeoutError: If the server isn't ready in time, or another client holds it; it names that
            client's process.
        OSError: As the start does.
        QMPError: As the start does.
    """
    task = asyncio.create_task(start)
    try:
        await asyncio.wait({task}, timeout=silence)
        users = None if task.done() else await _look(find_path())
        if users is not None and users.is_held and not task.done():
            if report is None:
                raise TimeoutError(f"it accepts the connection but doesn't greet: {users}")
            report(f"{find_path()} accepts the connection but doesn't greet yet: {users}")
        try:
            await task
        except TimeoutError as error:
            users = await _look(find_path())
            if users is None or isinstance(error.__cause__, ConnectionRefusedError):
                raise  # nobody listens
            # If it is held, all that its silence might mean otherwise is of no interest.
            found = "it didn't greet in time" if users.is_held else str(error)
            raise TimeoutError(f"{found}: {users}") from error
    finally:
        task.cancel()


async def _look(path: str) -> Users | None:
    """Look who uses a socket; it takes milliseconds in which nothing else should wait."""
    try:
        return await asyncio.to_thread(find_users, path)
    except OSError:
        return None  # there is no such socket, or not yet
