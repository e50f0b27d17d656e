"""The filters between a socket and a front end: TLS, telnet or TN3270, WebSocket.

TLS is next to the wire, so that nothing is sent in clear text.
"""

from collections.abc import Callable

from qmpeer.chardev.host import Host, TlsCredentials
from qmpeer.errors import ChardevError
from qmpeer.transport.aio import HandlerFactory
from qmpeer.transport.aio.filtered_stream import FilterFactory, filtered
from qmpeer.transport.filters import TelnetFilter, TLSFilter, WebSocketFilter
from qmpeer.transport.filters.websocket import load_framing
from qmpeer.values import JsonObject


class SocketFilters:
    """The filters of one socket device.

    Raises:
        ChardevError: If credentials don't exist or are for the other end, or an extra is missing;
            in QEMU's words, if QEMU has such an error.
    """

    def __init__(self, data: JsonObject, host: Host, *, is_server: bool) -> None:
        self._data = data
        self._host = host
        self._is_server = is_server
        if data.get("websocket"):
            try:
                load_framing()
            except ModuleNotFoundError as error:
                raise ChardevError(str(error)) from None
        if (name := data.get("tls-creds")) is None:
            return
        credentials = self._credentials
        if credentials is None:
            if host.is_object(str(name)):
                raise ChardevError(f"Object with id '{name}' is not TLS credentials")
            raise ChardevError(f"No TLS credentials with id '{name}'")
        if credentials.is_for_server is not is_server:
            end = "server" if is_server else "client"
            raise ChardevError(f"Expected TLS credentials for a {end} endpoint")

    @property
    def identifies_clients(self) -> bool:
        """True if clients must authenticate through TLS."""
        credentials = self._credentials
        return credentials is not None and credentials.identifies_clients

    def wrap(
        self,
        factory: HandlerFactory,
        *,
        server_name: str,
        is_local: bool,
        failed: Callable[[OSError], None] | None = None,
    ) -> HandlerFactory:
        """Return a handler factory that puts the filters in front of another one.

        Spec: QEMU puts telnet inside WebSocket if both are set; a client of these sends plain
        bytes.

        Args:
            factory: Makes the handlers, which get the clear text.
            server_name: The name that a server's certificate must hold, for a client.
            is_local: True for a unix socket: its file's mode protects it, so the handshakes have no
                timeout.
            failed: Called if the stream ends during the handshakes, before there is a handler.
        """
        filters: list[FilterFactory] = []
        data, credentials = self._data, self._credentials
        if credentials is not None:
            filters.append(
                lambda: TLSFilter(
                    credentials.context,
                    server_side=self._is_server,
                    server_hostname=None if self._is_server else server_name,
                    authorize=self._allows if "tls-authz" in data else None,
                )
            )
        if data.get("websocket"):
            filters.append(lambda: WebSocketFilter(origins=self._host.origins))
        if self._is_server and (data.get("telnet") or data.get("tn3270")):
            filters.append(lambda: TelnetFilter(is_tn3270=bool(data.get("tn3270"))))
        timeout = None if is_local else self._host.handshake_timeout
        return filtered(factory, filters, timeout=timeout, failed=failed)

    @property
    def _credentials(self) -> TlsCredentials | None:
        return self._host.credentials.get(str(self._data.get("tls-creds")))

    def _allows(self, name: str) -> bool:
        authorize = self._host.authorizers.get(str(self._data["tls-authz"]))
        return authorize is not None and authorize(name)
