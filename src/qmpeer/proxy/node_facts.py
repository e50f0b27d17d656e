"""The block nodes of the server, as it told them last.

Spec: QAPI, query-named-block-nodes and query-block. A device, such as that of -drive, is called by
its own name, and means the node at its top.
"""

from typing import Final

from qmpeer.errors import CommandError
from qmpeer.proxy import texts
from qmpeer.proxy.own_requests import OwnRequests
from qmpeer.proxy.request import Request
from qmpeer.values import JsonObject, JsonValue

_FORMS: Final[tuple[JsonObject | None, ...]] = ({"flat": True}, None)
"""The arguments of query-named-block-nodes: QEMU before 5.0 lacks "flat"."""


class NodeFacts:
    """The files and drivers of block nodes.

    Args:
        own: Asks the server.

    Attributes:
        as_of: The number of commands sent before it was asked that may have changed nodes.
    """

    __slots__ = ("_changes", "_own", "_seen", "as_of")

    def __init__(self, own: OwnRequests) -> None:
        self._own = own
        self._seen: dict[str, tuple[str | None, str | None]] = {}  # file and driver, by name
        self._changes = 0  # clients' commands that may have changed nodes
        self.as_of: int = 0

    def check(self, request: Request) -> JsonObject | None:
        """Check a request that is about to be sent; return the error if it can't be.

        One that was judged by the nodes mustn't follow a command that may have changed them since.
        """
        if request.nodes_as_of is not None and request.nodes_as_of != self._changes:
            return texts.nodes_changed(request)
        if not (request.requester is self._own or request.command.name.startswith("query-")):
            self._changes += 1
        return None

    async def refresh(self) -> None:
        """Ask the server. If it doesn't tell, no node is known."""
        self._seen = {}
        self.as_of = self._changes
        nodes = await self._nodes()
        devices = await self._ask("query-block")
        seen: dict[str, tuple[str | None, str | None]] = {}
        for device in devices:
            inserted = device.get("inserted")
            name = device.get("device")
            if isinstance(inserted, dict) and isinstance(name, str) and name:
                seen[name] = _file_and_driver(inserted)
        for node in nodes:
            if isinstance(name := node.get("node-name"), str):
                seen[name] = _file_and_driver(node)
        self._seen = seen

    async def _nodes(self) -> list[JsonObject]:
        for arguments in _FORMS:
            try:
                return _objects(await self._own.execute("query-named-block-nodes", arguments))
            except CommandError:
                continue
        return []

    async def _ask(self, command: str) -> list[JsonObject]:
        try:
            return _objects(await self._own.execute(command))
        except CommandError:
            return []

    def file(self, name: str) -> str | None:
        """Return the file of a node or device; None if it has none or isn't known."""
        return self._seen.get(name, (None, None))[0]

    def driver(self, name: str) -> str | None:
        """Return the driver of a node or device; None if it isn't known."""
        return self._seen.get(name, (None, None))[1]


def _file_and_driver(node: JsonObject) -> tuple[str | None, str | None]:
    return _text(node.get("file")) or None, _text(node.get("drv"))


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) else None


def _objects(value: JsonValue) -> list[JsonObject]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
