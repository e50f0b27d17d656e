"""Which filters stand between a socket and a front end: TLS, telnet or TN3270, WebSocket.

TLS is the outermost on the wire, so that nothing leaves in clear text in front of it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from qmpeer.chardev.surroundings import Surroundings, TlsCredentials
from qmpeer.errors import ChardevError
from qmpeer.transport.aio import HandlerFactory
from qmpeer.values import JsonObject

if TYPE_CHECKING:  # what needs the ssl module is imported when there is TLS
    from qmpeer.transport.aio.filtered_stream import FilterFactory


class Filtering:
    """Know the filters of one socket device."""

    def __init__(self, data: JsonObject, surroundings: Surroundings, *, is_server: bool) -> None:
        self._data = data
        self._surroundings = surroundings
        self._is_server = is_server

    @property
    def is_websocket(self) -> bool:
        """Whether clients speak WebSocket."""
        return bool(self._data.get("websocket"))

    @property
    def protocol(self) -> str:
        """How query-chardev names what is spoken on TCP."""
        if self._data.get("telnet"):
            return "telnet"
        return "websocket" if self.is_websocket else "tcp"

    @property
    def identifies_clients(self) -> bool:
        """Whether only those get in whom TLS has made out."""
        credentials = self._credentials
        return credentials is not None and credentials.identifies_clients

    def check(self) -> None:
        """Refuse credentials that aren't there, or are for the other end, and a missing extra.

        Raises:
            ChardevError: In QEMU's words, where QEMU has any.
        """
        if self.is_websocket:
            from qmpeer.transport.filters.websocket import load_framing

            try:
                load_framing()
            except ModuleNotFoundError as error:
                raise ChardevError(str(error)) from None
        name = self._data.get("tls-creds")
        if name is None:
            return
        credentials = self._credentials
        if credentials is None:
            if self._surroundings.is_object(str(name)):
                raise ChardevError(f"Object with id '{name}' is not TLS credentials")
            raise ChardevError(f"No TLS credentials with id '{name}'")
        if credentials.is_for_server is not self._is_server:
            end = "server" if self._is_server else "client"
            raise ChardevError(f"Expected TLS credentials for a {end} endpoint")

    def wrap(
        self,
        factory: HandlerFactory,
        *,
        host: str = "",
        is_local: bool,
        failed: Callable[[OSError], None] | None = None,
    ) -> HandlerFactory:
        """Put the filters before what makes the handler of a new stream.

        Args:
            factory: What gets the clear text.
            host: Whom a client of ours believes to reach.
            is_local: The other end is let in by a file's mode, and may take its time.
            failed: Called if the stream ends during the handshakes, before there is a handler.
        """
        filters = [*self._tls(host), *self._upper()]
        if not filters:
            return factory
        from qmpeer.transport.aio.filtered_stream import filtered

        timeout = None if is_local else self._surroundings.handshake_timeout
        return filtered(factory, filters, timeout=timeout, failed=failed)

    @property
    def _credentials(self) -> TlsCredentials | None:
        return self._surroundings.credentials.get(str(self._data.get("tls-creds")))

    def _tls(self, host: str) -> "list[FilterFactory]":
        credentials = self._credentials
        if credentials is None:
            return []
        from qmpeer.transport.filters import TLSFilter

        return [
            lambda: TLSFilter(
                credentials.context,
                server_side=self._is_server,
                server_hostname=None if self._is_server else host,
                authorize=self._allows if "tls-authz" in self._data else None,
            )
        ]

    def _allows(self, name: str) -> bool:
        authorize = self._surroundings.authorizers.get(str(self._data["tls-authz"]))
        return authorize is not None and authorize(name)

    def _upper(self) -> "list[FilterFactory]":
        """Choose what is spoken above TLS.

        Spec: QEMU: telnet within WebSocket, if it is both; where it dials itself, plain bytes.
        """
        filters: list[FilterFactory] = []
        if self.is_websocket:
            from qmpeer.transport.filters import WebSocketFilter

            filters.append(lambda: WebSocketFilter(origins=self._surroundings.origins))
        if self._is_server and (self._data.get("telnet") or self._data.get("tn3270")):
            from qmpeer.transport.filters import TelnetFilter

            is_tn3270 = bool(self._data.get("tn3270"))
            filters.append(lambda: TelnetFilter(is_tn3270=is_tn3270))
        return filters
