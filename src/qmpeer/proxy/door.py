"""A door: the raw backend of one listener."""

from qmpeer.monitor import RawClient
from qmpeer.proxy.hub import Hub
from qmpeer.proxy.rules import ListenerRules
from qmpeer.proxy.session import ProxySession


class Door:
    """The raw backend of one listener's clients.

    Args:
        hub: Executes their commands.
        rules: What they may have.

    Attributes:
        window: The in-band commands of one client that may be with the proxy at once.
    """

    def __init__(self, hub: Hub, rules: ListenerRules) -> None:
        self._hub = hub
        self._rules = rules
        self.window: int = hub.client_window

    def open_session(self, client: RawClient) -> ProxySession:
        """Return the session of a client that has connected; see `qmpeer.monitor.RawBackend`."""
        return self._hub.enter(self._rules, client)
