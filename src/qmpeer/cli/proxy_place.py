"""The place of a proxy: that of its server, or sockets of a service manager."""

import asyncio
import errno
import socket
import sys
from typing import Final

from qmpeer import limits
from qmpeer.cli.exits import os_text
from qmpeer.cli.proxy_options import ProxyOptions
from qmpeer.options import StartError, Warn
from qmpeer.options.service_manager import SERVING, notify
from qmpeer.proxy import Proxy
from qmpeer.proxy.held_monitor import start_beside_others
from qmpeer.proxy.taken_place import Outcome, PlaceAddress, TakenPlace, restore
from qmpeer.transport import Address, UnixAddress, parse_address
from qmpeer.transport.aio import Listener
from qmpeer.transport.listening import ExposedError
from qmpeer.transport.sockets import adopt_fd

_STEP: Final = 0.02


class ProxyPlace:
    """The place of one proxy.

    Args:
        options: The parsed command line.
        report: Shows a text on standard error.

    Raises:
        StartError: If the server's place is to be taken and can't be.

    Attributes:
        server: The address of the server, wherever its socket is.
    """

    def __init__(self, options: ProxyOptions, report: Warn) -> None:
        self._options = options
        self._report = report
        self._taken: TakenPlace | None = None
        self._proxy: Proxy | None = None  # once it stands in the server's place
        self._listener: Listener | None = None
        self._moving: asyncio.Task[None] | None = None
        self.server: Address | str = options.server
        self._socket = unix_path(options.server)
        if options.takes_over:
            try:
                self._taken = TakenPlace(
                    self._socket or "", mode=options.socket_mode, owner=options.socket_owner
                )
                self._taken.find()
            except OSError as error:
                raise _failure(error) from error
            self.server = PlaceAddress(self._taken)

    async def start(self, proxy: Proxy) -> None:
        """Connect to the server; say who holds it, if it doesn't greet.

        Raises:
            OSError: If the connection fails.
            QMPError: If the server doesn't speak QMP.
        """
        if self._socket is None:
            await proxy.start()
            return
        taken, path = self._taken, self._socket
        if taken is not None:
            await start_beside_others(proxy.start(), lambda: taken.server_path, None)
        else:
            await start_beside_others(proxy.start(), lambda: path, self._report)

    async def listen(self, proxy: Proxy) -> None:
        """Listen in the server's place, and on the sockets of the service manager.

        Raises:
            StartError: If that fails.
        """
        for passed in self._options.passed:
            sock = adopt_fd(passed.fd)
            try:
                await proxy.listen(sock, name=passed.name, insecure=self._options.is_insecure)
            except ExposedError as error:
                reason = f"{error.reason}, or --insecure"
                raise StartError("LISTEN_FDS", f"{passed.fd} ({passed.name})", reason) from error
        self._proxy = proxy
        if self._taken is not None:
            try:
                await self._serve(self._taken, self._taken.take())
            except OSError as error:
                raise _failure(error) from error

    async def _serve(self, taken: TakenPlace, sock: socket.socket) -> None:
        assert self._proxy is not None
        if self._listener is not None:
            self._listener.close()  # no client finds this one any more
        self._listener = await self._proxy.listen(sock, name=f"unix:{taken.path}")

    # A proxy that outlives its server

    def server_changed(self, is_there: bool) -> None:
        """Take the place again, after the server has gone or a new one has come."""
        if self._proxy is None:  # that is the start
            return
        notify(SERVING if is_there else "STATUS=waiting for the server")
        if self._taken is None:
            return
        if self._moving is not None:
            self._moving.cancel()
        move = self._take_again if is_there else self._stand_again
        self._moving = asyncio.get_running_loop().create_task(move(self._taken))

    async def _take_again(self, taken: TakenPlace) -> None:
        """Move the socket of a new server aside."""
        try:
            if not taken.is_ours:
                await self._serve(taken, taken.take())
        except OSError as error:
            self._report(f"can't take the server's place again: {os_text(error)}")

    async def _stand_again(self, taken: TakenPlace) -> None:
        """Listen at the path, from which the server has removed our socket."""
        await self.wait_gone()
        try:
            if taken.is_free:
                await self._serve(taken, taken.stand())
        except OSError as error:
            if error.errno != errno.EADDRINUSE:  # otherwise a new server was quicker
                self._report(f"can't listen in the server's place: {os_text(error)}")

    # The end

    async def wait_gone(self) -> None:
        """Wait until the server, whose connection has ended, listens no more; not for long."""
        if self._taken is not None:
            until = asyncio.get_running_loop().time() + limits.PROXY_SERVER_END
            while not self._taken.forget_server():
                if asyncio.get_running_loop().time() > until:
                    return
                await asyncio.sleep(_STEP)

    def leave(self) -> None:
        """Put the server's socket back. Idempotent."""
        if self._taken is None:
            return
        taken, self._taken = self._taken, None
        if self._moving is not None:
            self._moving.cancel()
        try:
            outcome = taken.put_back()
        except OSError as error:
            later = f"qmpeer proxy --restore {taken.path} may do it later"
            self._report(f"{taken.path} can't be put back: {os_text(error)}; {later}")
            return
        if outcome is Outcome.KEPT:
            self._report(f"{taken.path}: {outcome.value}: {taken.moved}")


def unix_path(server: str) -> str | None:
    """Return the path of an address in the file system; None for any other."""
    address = parse_address(server)
    if isinstance(address, UnixAddress) and not address.is_abstract:
        return address.path
    return None


def restore_place(path: str) -> int:
    """Put a socket back that a killed proxy has left aside; say what was found.

    Raises:
        StartError: If that can't be done.
    """
    try:
        outcome = restore(path)
    except OSError as error:
        raise StartError("--restore", path, os_text(error)) from error
    if outcome is Outcome.KEPT:
        raise StartError("--restore", path, outcome.value)
    sys.stdout.write(f"{path}: {outcome.value}\n")
    return 0


def _failure(error: OSError) -> StartError:
    return StartError("--take-over", None, os_text(error))
