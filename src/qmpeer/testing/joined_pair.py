"""A client and a scripted server that are joined in memory."""

from typing import Any

from qmpeer import AsyncClient, Client
from qmpeer.script import ScriptedServer


class Pair:
    """Clients and a scripted server, joined by pairs of sockets.

    Other programs reach the server at its address.

    Args:
        **options: The options of the server, those of `ScriptedServer`.

    Attributes:
        server: The server.
    """

    def __init__(self, **options: Any) -> None:
        self.server: ScriptedServer = ScriptedServer(**options)
        self._clients: list[Client] = []

    def start(self) -> "Pair":
        """Start the server, and return the pair itself."""
        self.server.start()
        return self

    def stop(self) -> None:
        """Close the clients that `client` and `new_client` have made, and stop the server."""
        for each in self._clients:
            each.close()
        self.server.stop()

    @property
    def client(self) -> Client:
        """The blocking client; connected when it is first asked for, and closed by `stop`."""
        return self._clients[0] if self._clients else self.new_client()

    def new_client(self, **options: Any) -> Client:
        """Return one more blocking client, which `stop` closes.

        Args:
            **options: Those of `Client.connect`.
        """
        client = Client.connect(self.server.new_socket(), **options)
        self._clients.append(client)
        return client

    async def connect(self, **options: Any) -> AsyncClient:
        """Return a client for asyncio, which the caller closes.

        Args:
            **options: Those of `AsyncClient.connect`.
        """
        return await AsyncClient.connect(self.server.new_socket(), **options)

    @property
    def address(self) -> str:
        """The server's address."""
        return self.server.address

    @property
    def conversation(self) -> str:
        """What passed, as `ScriptedServer.conversation`."""
        return self.server.conversation

    def verify(self, *, allow_unexpected: bool = False, allow_unmet: bool = False) -> None:
        """Check that what happened is what the script says, as `ScriptedServer.verify`.

        Raises:
            ScriptMismatch: With all differences.
        """
        self.server.verify(allow_unexpected=allow_unexpected, allow_unmet=allow_unmet)
