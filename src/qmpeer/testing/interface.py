"""The interface of all servers for tests."""

from typing import Any, Protocol


class Server(Protocol):
    """A server for tests, which listens from `start` to `stop`."""

    @property
    def address(self) -> str:
        """The address at which clients reach it."""

    @property
    def conversation(self) -> str:
        """The newest part of what passed, without secrets."""

    def start(self) -> Any:
        """Listen, and return the server itself."""

    def stop(self) -> None:
        """Disconnect all clients, and remove what `start` made."""

    def verify(self, *, allow_unexpected: bool = False, allow_unmet: bool = False) -> None:
        """Check what happened.

        Raises:
            ScriptMismatch: With all differences.
        """
