"""The facts of judgements: about the host, the server's nodes, and clients' descriptors."""

from qmpeer.policy import Facts
from qmpeer.proxy.descriptors import Descriptors
from qmpeer.proxy.own_requests import OwnRequests
from qmpeer.proxy.request import Requester


class ServerFacts:
    """The facts about one server.

    Args:
        own: Asks the server.
        descriptors: The descriptors of clients.
    """

    __slots__ = ("_descriptors", "_own")

    def __init__(self, own: OwnRequests, descriptors: Descriptors) -> None:
        self._own = own
        self._descriptors = descriptors

    def facts_for(self, requester: Requester) -> Facts:
        """Return the facts for one client's commands."""
        return ClientFacts(self, self._descriptors, requester)

    async def refresh(self) -> None:
        """Ask the server for what it may have changed."""


class ClientFacts:
    """The facts for the commands of one client; see `qmpeer.policy.Facts`."""

    __slots__ = ("_descriptors", "_requester", "_server")

    def __init__(self, server: ServerFacts, descriptors: Descriptors, requester: Requester) -> None:
        self._server = server
        self._descriptors = descriptors
        self._requester = requester

    def under(self, path: str, folder: str) -> str | None:
        """Return None if the server would open a path under a folder, else why it wouldn't."""
        return "the server's process isn't known, so paths can't be judged"

    def node_file(self, name: str) -> str | None:
        """Return the file of a block node or device; None if it has none."""
        return None

    def owns_fd_set(self, number: int) -> bool:
        """Return True if a set of descriptors is this client's own."""
        return self._descriptors.owns_set(number, self._requester)
