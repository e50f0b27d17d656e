"""Facts about a server, learnt before the cases, which decide how they are tried."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec import UNSET

from qmpeer.conformance.servers.answers import answer_of, same
from qmpeer.conformance.servers.connection import Connection
from qmpeer.values import JsonObject

PINGS: Final = {"server": "query-version", "agent": "guest-ping"}
"""The command without effect of each suite."""


@dataclass(slots=True)
class Facts:
    """The facts about a server.

    Attributes:
        suite: "server" or "agent".
        greets: True if it greets a client.
        negotiates: True if qmp_capabilities succeeds.
        capabilities: The capabilities that its greeting offers.
        echoes_ids: True if a reply, an error too, has its command's id, if that is a text.
        minds_ids: True if all replies have the ids of their commands, of any type, and no other.
        commands: The names that query-commands, or guest-info, lists.
        schema: The answer to query-qmp-schema; None if there is none.
        serves_many: True if it serves several clients at once; None until a case tries it.
    """

    suite: str
    greets: bool = True
    negotiates: bool = True
    capabilities: tuple[str, ...] = ()
    echoes_ids: bool = True
    minds_ids: bool = True
    commands: tuple[str, ...] = ()
    schema: list[Any] | None = None
    serves_many: bool | None = None
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
    negotiated = answer_of(connection.reply()).kind == "return"
    version = _asked(connection, "query-version")
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
        negotiated,
        _offered(first),
        same(_id(version), "query-version") and _has_ids_in_errors(connection),
        _minds_ids(connection, "query-version"),
        _names(listed),
        schema if isinstance(schema, list) else None,
    )


def _of_agent(connection: Connection) -> Facts:
    reply = _asked(connection, "guest-ping")
    if reply is None:
        raise TimeoutError(f"found no reply to guest-ping: {connection.ending()}")
    info = _value(_asked(connection, "guest-info"))
    listed = info.get("supported_commands") if isinstance(info, dict) else None
    return Facts(
        "agent",
        greets=False,
        negotiates=False,
        echoes_ids=same(_id(reply), "guest-ping") and _has_ids_in_errors(connection),
        minds_ids=_minds_ids(connection, "guest-ping"),
        commands=_names(listed),
    )


def _has_ids_in_errors(connection: Connection) -> bool:
    return same(_id(_asked(connection, "no-such-command")), "no-such-command")


def _minds_ids(connection: Connection, ping: str) -> bool:
    """Return True if ids come back, with their types, from errors too, and only if they were sent.

    If they don't, that is judged by the cases about ids, and the others don't look at ids.
    """
    expected = (1, "a", UNSET)
    for name in (ping, "no-such-command"):
        for id in expected:
            message = {"execute": name} if id is UNSET else {"execute": name, "id": id}
            connection.send(json.dumps(message).encode() + b"\n")
            if not same(_id(connection.reply()), id):
                return False
    return True


def _id(reply: Any) -> Any:
    return reply.get("id", UNSET) if isinstance(reply, dict) else UNSET


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
