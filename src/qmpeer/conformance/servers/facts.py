"""What the judge learns about a server before the cases, which decides how they are tried."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from qmpeer.conformance.servers.answers import answer_of
from qmpeer.conformance.servers.connection import Connection
from qmpeer.values import JsonObject

PINGS: Final = {"server": "query-version", "agent": "guest-ping"}
"""The command without effect of each suite."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a server can do.

    Attributes:
        suite: "server" or "agent".
        greets: True if it greets a client.
        capabilities: The capabilities that its greeting offers.
        echoes_ids: True if a reply has its command's id.
        commands: The names that query-commands, or guest-info, lists.
        schema: The answer to query-qmp-schema; None if there is none.
    """

    suite: str
    greets: bool = True
    capabilities: tuple[str, ...] = ()
    echoes_ids: bool = True
    commands: tuple[str, ...] = ()
    schema: list[Any] | None = None
    _by_name: dict[str, JsonObject] = field(default_factory=dict)

    @property
    def ping(self) -> str:
        """A command without effect that the server has."""
        return PINGS[self.suite]

    def declared(self, name: str) -> Mapping[str, Any]:
        """Return the entity of the schema with a name, {} if there is none."""
        if not self._by_name:
            for each in self.schema or ():
                if isinstance(each, dict) and isinstance(each.get("name"), str):
                    self._by_name[each["name"]] = each
        return self._by_name.get(name, {})


def learn(suite: str, connect: Callable[[], Connection]) -> Facts:
    """Ask a server for its facts, on a connection of its own.

    Raises:
        OSError: If there is no connection.
        TimeoutError: If the server answers nothing at all.
    """
    with connect() as connection:
        return _of_agent(connection) if suite == "agent" else _of_server(connection)


def _of_server(connection: Connection) -> Facts:
    first = connection.receive()
    greets = answer_of(first).kind == "greeting"
    connection.send(b'{"execute": "qmp_capabilities"}\n')
    connection.reply()
    # Twice: an odd server may have sent something else in place of the first reply.
    version = _asked(connection, "query-version")
    echoes_ids = isinstance(version, dict) and "id" in version
    if version is None and not greets:
        raise TimeoutError(
            f"found neither a greeting nor a reply: {connection.ending()}; if it is a guest agent, "
            "say --agent"
        )
    listed = _value(_asked(connection, "query-commands"))
    schema = _value(_asked(connection, "query-qmp-schema"))
    return Facts(
        "server",
        greets,
        _offered(first),
        echoes_ids,
        _names(listed),
        schema if isinstance(schema, list) else None,
    )


def _of_agent(connection: Connection) -> Facts:
    reply = _asked(connection, "guest-ping")
    if reply is None:
        raise TimeoutError(f"found no reply to guest-ping: {connection.ending()}")
    info = _value(_asked(connection, "guest-info"))
    listed = info.get("supported_commands") if isinstance(info, dict) else None
    echoes_ids = isinstance(reply, dict) and "id" in reply
    return Facts("agent", False, (), echoes_ids, _names(listed))


def _asked(connection: Connection, name: str) -> Any:
    connection.send(f'{{"execute": "{name}", "id": "{name}"}}\n'.encode())
    return connection.reply()


def _value(reply: Any) -> Any:
    return reply.get("return") if isinstance(reply, dict) else None


def _names(listed: Any) -> tuple[str, ...]:
    items = listed if isinstance(listed, list) else []
    names = [item.get("name") for item in items if isinstance(item, dict)]
    return tuple(name for name in names if isinstance(name, str))


def _offered(greeting: Any) -> tuple[str, ...]:
    inside = greeting.get("QMP") if isinstance(greeting, dict) else None
    offered = inside.get("capabilities") if isinstance(inside, dict) else None
    items = offered if isinstance(offered, list) else []
    return tuple(item for item in items if isinstance(item, str))
