"""The facts of judgements: about the host, the server's nodes, and clients' descriptors."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from qmpeer.policy.held_files import HeldFiles
from qmpeer.policy.paths import ServerFiles
from qmpeer.proxy.descriptors import Descriptors
from qmpeer.proxy.node_facts import NodeFacts
from qmpeer.proxy.own_requests import OwnRequests
from qmpeer.proxy.request import Requester
from qmpeer.proxy.server_process import files_of_server

if TYPE_CHECKING:
    from qmpeer.policy import Facts


class ServerFacts:
    """The facts about one server.

    Args:
        own: Asks the server.
        descriptors: The descriptors of clients.
        unix_socket: Returns the number of the socket that leads to the server.

    Attributes:
        nodes: The block nodes.
    """

    __slots__ = ("_descriptors", "_files", "_unix_socket", "nodes")

    def __init__(
        self,
        own: OwnRequests,
        descriptors: Descriptors,
        unix_socket: Callable[[], int | None],
    ) -> None:
        self.nodes: NodeFacts = NodeFacts(own)
        self._descriptors = descriptors
        self._unix_socket = unix_socket
        self._files: ServerFiles | ValueError | None = None  # or why they aren't known

    def facts_for(self, requester: Requester) -> "Facts":
        """Return the facts for one client's commands."""
        return ClientFacts(self, self._descriptors, requester)

    @contextmanager
    def held_for(self, requester: Requester) -> Iterator["HeldFacts"]:
        """Give the facts for one command of a client, in which files stay what they are."""
        facts = HeldFacts(self, self._descriptors, requester)
        try:
            yield facts
        finally:
            facts.close()

    def forget(self) -> None:
        """Forget the files of a server: it has gone, or another one has come."""
        files, self._files = self._files, None
        if isinstance(files, ServerFiles):
            files.close()

    @property
    def files(self) -> ServerFiles:
        """The files as the server sees them. It is found out once for each connection.

        Raises:
            ValueError: If that isn't known, with the reason.
        """
        if self._files is None:
            self._files = _find(self._unix_socket())
        if isinstance(self._files, ValueError):
            raise self._files
        return self._files

    async def refresh(self) -> None:
        """Ask the server for what it may have changed."""
        if self._files is None and (number := self._unix_socket()) is not None:
            found = await asyncio.to_thread(_find, number)
            self._keep(found, number)
        await self.nodes.refresh()

    def _keep(self, found: ServerFiles | ValueError, number: int) -> None:
        """Keep what was found out, if it is still about this server and not known yet."""
        if self._files is None and number == self._unix_socket():
            self._files = found
        elif isinstance(found, ServerFiles):
            found.close()


def _find(unix_socket: int | None) -> ServerFiles | ValueError:
    try:
        return files_of_server(unix_socket)
    except ValueError as error:
        return error


class ClientFacts:
    """The facts for the commands of one client; see `qmpeer.policy.Facts`."""

    __slots__ = ("_descriptors", "_requester", "_server")

    def __init__(self, server: ServerFacts, descriptors: Descriptors, requester: Requester) -> None:
        self._server = server
        self._descriptors = descriptors
        self._requester = requester

    @property
    def files(self) -> ServerFiles | HeldFiles:
        """The server's files.

        Raises:
            ValueError: If they aren't known, with the reason.
        """
        return self._server.files

    def under(self, path: str, folder: str) -> str | None:
        """Return None if the server would open a path under a folder, else why it wouldn't."""
        return self.files.under(path, folder)

    def head(self, path: str, size: int) -> bytes | None:
        """Return the first bytes of one of the server's files; None if there is none."""
        return self.files.head(path, size)

    def node_file(self, name: str) -> str | None:
        """Return the file of a block node or device; None if it has none."""
        return self._server.nodes.file(name)

    def node_driver(self, name: str) -> str | None:
        """Return the driver of a block node or device; None if it isn't known."""
        return self._server.nodes.driver(name)

    def owns_fd_set(self, number: int) -> bool:
        """Return True if a set of descriptors is this client's own."""
        return self._descriptors.owns_set(number, self._requester)


class HeldFacts(ClientFacts):
    """The facts for one command, in which the files that were looked at stay what they are.

    Attributes:
        has_asked_nodes: True once it was asked about a block node.
    """

    __slots__ = ("_held", "has_asked_nodes")

    def __init__(self, server: ServerFacts, descriptors: Descriptors, requester: Requester) -> None:
        super().__init__(server, descriptors, requester)
        self._held: HeldFiles | None = None
        self.has_asked_nodes: bool = False

    def node_file(self, name: str) -> str | None:
        """Return the file of a block node or device; None if it has none."""
        self.has_asked_nodes = True
        return super().node_file(name)

    def node_driver(self, name: str) -> str | None:
        """Return the driver of a block node or device; None if it isn't known."""
        self.has_asked_nodes = True
        return super().node_driver(name)

    @property
    def files(self) -> HeldFiles:
        """The same, held open."""
        if self._held is None:
            self._held = HeldFiles(self._server.files)
        return self._held

    def close(self) -> None:
        """Release the files that it holds."""
        if self._held is not None:
            self._held.close()
