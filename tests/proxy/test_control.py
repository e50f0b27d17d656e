"""The control socket: who the clients are, what they wait for, what was dropped; and its events.

Modules: control, interface, logbook, reports.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from qmpeer import AsyncClient
from qmpeer.errors import CommandError
from qmpeer.messages import Event
from qmpeer.monitor import Monitor, Reply
from qmpeer.proxy import Proxy
from qmpeer.schema import Validator, schema_from_introspection
from tests.patience import PATIENCE
from tests.proxy.proxied import GREETING, Proxied, error_of, until


@asynccontextmanager
async def controlled(proxied: Proxied, **options: Any) -> AsyncIterator[AsyncClient]:
    """A client of the control socket of a proxy that has started."""
    proxy = await proxied.start(**options)
    control = proxy.control()
    listener = await control.listen(f"unix:{proxied.folder}/control")
    async with await AsyncClient.connect(listener.address) as client:
        yield client
    await control.close()


async def the_client(control: AsyncClient) -> Any:
    (found,) = await control.execute("query-clients")
    return found


async def test_who_a_client_is(proxied: Proxied) -> None:
    async with controlled(proxied) as control:
        assert await control.execute("query-clients") == []
        await proxied.client()
        found = await the_client(control)
        assert (found["pid"], found["uid"], found["gid"]) == (os.getpid(), os.getuid(), os.getgid())
        assert found["listener"] == f"unix:{proxied.folder}/proxy"
        assert (found["number"], found["state"], found["oob"]) == (1, "ready", True)
        assert "process" in found
        assert found.keys().isdisjoint({"certificate", "address"})


async def test_what_clients_wait_for(proxied: Proxied) -> None:
    async with controlled(proxied, window=1) as control:
        one, two = await proxied.client(), await proxied.client()
        replies = [one.execute(name, {"secret": "hush"}) for name in ("first", "second", "third")]
        await until(lambda: proxied.server.received)
        replies.append(two.execute("other"))
        await until(lambda: len(proxied.server.received) == 1)
        while (found := await control.execute("query-clients"))[1]["queued"] != 1:
            await asyncio.sleep(0.001)
        assert [(each["in-flight"], each["queued"], each["unread"]) for each in found] == [
            (1, 0, 2),  # the window holds for each client, too
            (0, 1, 0),
        ]
        waits = [each["waits-for"] for each in found]
        assert [(each["name"], each["oob"], each["sent"]) for each in waits] == [
            ("first", False, True),
            ("other", False, False),
        ]
        assert 0 <= waits[1]["seconds"] <= waits[0]["seconds"] < PATIENCE
        server = await control.execute("query-server")
        assert (server["in-flight"], server["queued"], server["window"]) == (1, 1, 1)
        assert server["oldest"]["name"] == "first"
        assert "hush" not in str(found) + str(server)
        proxied.server.answers = lambda command: command.name
        proxied.server.answer("first")
        await asyncio.gather(*replies)
        assert "waits-for" not in (await control.execute("query-clients"))[0]
        assert "oldest" not in await control.execute("query-server")


async def test_an_out_of_band_command_that_waits(proxied: Proxied) -> None:
    async with controlled(proxied) as control:
        client = await proxied.client()
        reply = client.execute("urgent", oob=True)
        await until(lambda: proxied.server.received)
        found = await the_client(control)
        assert found["in-flight"] == 1
        assert (found["waits-for"]["name"], found["waits-for"]["oob"]) == ("urgent", True)
        proxied.server.answer({})
        await reply


async def test_counts(proxied: Proxied) -> None:
    async with controlled(proxied) as control:
        client = await proxied.client()
        before = await the_client(control)
        server_before = await control.execute("query-server")
        mark = await client.event_mark()
        replies = [client.execute(name) for name in ("good", "bad", "query-version", "open")]
        await until(lambda: len(proxied.server.received) == 3)
        good, bad, _ = proxied.server.received
        proxied.server.deliver(
            Reply(good, "x" * 1000), Reply(bad, error={"class": "GenericError", "desc": "no"})
        )
        proxied.server.deliver(Event("STOP", {}), Event("RESUME", {}))
        await replies[0]
        assert (await error_of(replies[1])).desc == "no"
        await client.wait_event("RESUME", since=mark)
        found = await the_client(control)
        counts = [found[name] for name in ("commands", "answered", "refused", "events")]
        assert counts == [4, 3, 1, 2]
        assert found["received"] > before["received"] + 80
        assert found["sent"] > before["sent"] + 1000
        server = await control.execute("query-server")
        counts = [server[name] for name in ("commands", "replies", "errors", "events")]
        assert counts == [3, 2, 1, 2]
        assert server["received"] > server_before["received"] + 1000
        assert server["sent"] > server_before["sent"] + 60
        assert (server["state"], server["connections"], server["oob"]) == ("ready", 1, True)
        assert server["version"] == GREETING["QMP"]["version"]
        proxied.server.answer({}, name="open")
        await replies[3]


async def test_a_command_of_the_proxy_counts_once(proxied: Proxied) -> None:
    async with controlled(proxied) as control:
        assert proxied.proxy is not None
        listener = await proxied.proxy.listen(f"unix:{proxied.folder}/own", extensions=True)
        async with await AsyncClient.connect(listener.address) as client:
            await client.execute("__qmpeer_set-events")
            with pytest.raises(CommandError, match="does not support OOB"):
                await client.execute("__qmpeer_set-events", oob=True)
            found = await the_client(control)
            assert [found[name] for name in ("commands", "answered", "refused")] == [2, 2, 1]


async def test_events_that_a_client_does_not_get(proxied: Proxied) -> None:
    async with controlled(proxied) as control:
        assert proxied.proxy is not None
        proxied.server.deliver(Event("STOP", {}))
        while not (await control.execute("query-server"))["events"]:
            await asyncio.sleep(0.001)
        await proxied.proxy.listen(f"unix:{proxied.folder}/filtered", events=["RES*"])
        async with await AsyncClient.connect(f"unix:{proxied.folder}/filtered") as client:
            await client.execute("query-version")
            mark = await client.event_mark()
            proxied.server.deliver(Event("STOP", {}), Event("POWERDOWN", {}), Event("RESUME", {}))
            await client.wait_event("RESUME", since=mark)
            found = await the_client(control)
            assert (found["events"], found["withheld"]) == (1, 2)


async def test_a_client_that_has_not_negotiated(proxied: Proxied) -> None:
    async with controlled(proxied) as control:
        _, writer = await asyncio.open_unix_connection(f"{proxied.folder}/proxy")
        while (await control.execute("query-clients") or [{}])[0].get("state") != "greeted":
            await asyncio.sleep(0.001)
        writer.close()


async def test_disconnecting(proxied: Proxied) -> None:
    async with controlled(proxied, window=1) as control:
        one, two = await proxied.client(), await proxied.client()
        lost, kept = one.execute("lost"), two.execute("kept")
        await until(lambda: proxied.server.received)
        async with control.events("CLIENT_GONE") as events:
            await control.execute("disconnect-client", {"number": 1})
            data = (await events.next(PATIENCE)).data
        assert (data["number"], data["reason"]) == (1, "disconnected")
        with pytest.raises(Exception, match="lost"):
            await lost
        proxied.server.answer("nobody wants this")
        await until(lambda: len(proxied.server.received) == 2)
        proxied.server.answer("kept")
        assert await kept == "kept"
        assert [each["number"] for each in await control.execute("query-clients")] == [2]
        with pytest.raises(CommandError, match="Client 1 not found"):
            await control.execute("disconnect-client", {"number": 1})
        drops = await control.execute("query-drops")
        assert drops["gone"] == {"left": 0, "unread": 0, "memory": 0, "disconnected": 1}
        assert (drops["clients"], drops["replies"], drops["late"]) == (2, 1, 0)


async def test_drops(proxied: Proxied) -> None:
    async with controlled(proxied, window=1, command_timeout=0.2) as control:
        one, two = await proxied.client(), await proxied.client()
        late = one.execute("late")
        await until(lambda: proxied.server.received)
        two.execute("dropped")
        while not (await control.execute("query-server"))["queued"]:
            await asyncio.sleep(0.001)
        await two.close()
        assert "the outcome is unknown" in (await error_of(late)).desc
        proxied.server.answer("too late")
        while not (drops := await control.execute("query-drops"))["late"]:
            await asyncio.sleep(0.001)
        assert (drops["commands"], drops["replies"], drops["late"]) == (1, 0, 1)
        assert drops["gone"]["left"] == 1


async def test_a_client_that_reads_nothing(proxied: Proxied) -> None:
    async with controlled(proxied) as control:
        reader, writer = await asyncio.open_unix_connection(f"{proxied.folder}/proxy", limit=1)
        writer.write(b'{"execute": "qmp_capabilities"}')
        while (await control.execute("query-clients") or [{}])[0].get("state") != "ready":
            await asyncio.sleep(0.001)
        reader._transport.pause_reading()  # type: ignore[attr-defined]  # or it would read ahead
        seen = False
        async with control.events("CLIENT_GONE") as events:
            for sent in range(20):
                proxied.server.deliver(Event("BIG", {"text": "x" * 500_000}))
                while (await control.execute("query-server"))["events"] <= sent:
                    await asyncio.sleep(0.001)
                for client in await control.execute("query-clients"):
                    seen = seen or client["unsent"] > 0
            data = (await events.next(PATIENCE)).data
        assert (data["number"], data["reason"]) == (1, "unread")
        assert seen
        writer.close()


async def test_events(proxied: Proxied) -> None:
    async with controlled(proxied, persist=True) as control, control.events() as events:
        client = await proxied.client()
        connected = await events.next(PATIENCE)
        assert connected.name == "CLIENT_CONNECTED"
        assert connected.data["pid"] == os.getpid()
        await client.close()
        gone = await events.next(PATIENCE)
        assert (gone.name, gone.data["reason"]) == ("CLIENT_GONE", "left")
        assert proxied.server.client is not None
        proxied.server.client.close()
        lost = await events.next(PATIENCE)
        assert (lost.name, lost.data) == (
            "SERVER_LOST",
            {"reason": "the server closed the connection"},
        )
        server = await control.execute("query-server")
        assert server["state"] == "lost"
        assert server["last-loss"]["reason"] == "the server closed the connection"
        assert server.keys().isdisjoint({"seconds", "version", "oldest"})
        await control.execute("reconnect")
        assert (await events.next(PATIENCE)).data == {"connections": 2}
        await control.execute("reconnect")  # there is nothing to do
        server = await control.execute("query-server")
        assert (server["state"], server["connections"]) == ("ready", 2)


async def test_a_server_that_cannot_be_reached_again(proxied: Proxied) -> None:
    async with controlled(proxied, persist=True) as control, control.events() as events:
        proxied.machine.shutdown()
        await events.next(PATIENCE)
        with pytest.raises(CommandError, match="No such file"):
            await control.execute("reconnect")
        assert "No such file" in (await control.execute("query-server"))["last-failure"]


async def test_before_the_server_is_there(proxied: Proxied) -> None:
    proxy = Proxy(f"unix:{proxied.folder}/server")
    control = proxy.control()
    await control.listen(f"unix:{proxied.folder}/control")
    async with await AsyncClient.connect(f"unix:{proxied.folder}/control") as client:
        assert (await client.execute("query-server"))["state"] == "down"
        await proxy.listen(f"unix:{proxied.folder}/proxy")
        _, writer = await asyncio.open_unix_connection(f"{proxied.folder}/proxy")
        while (await client.execute("query-clients") or [{}])[0].get("state") != "connected":
            await asyncio.sleep(0.001)
        await client.execute("quit")
        await proxy.wait_closed()
        drops = await client.execute("query-drops")
        assert sum(drops["gone"].values()) == 0  # the proxy's end is no departure
        writer.close()
    await control.close()


async def test_the_schema_declares_everything(proxied: Proxied) -> None:
    """Replies fit it: a checked monitor would refuse them, and a client that has bindings, too."""
    async with controlled(proxied) as control, control.events() as events:
        schema = schema_from_introspection(await control.execute("query-qmp-schema"))
        validator = Validator(schema)
        client = await proxied.client()
        client.execute("open")
        await until(lambda: proxied.server.received)
        for name in ("query-server", "query-clients", "query-drops"):
            validator.check_return(name, await control.execute(name))
        event = await events.next(PATIENCE)
        validator.check_event(event.name, event.data)
        with pytest.raises(CommandError, match="number"):
            await control.execute("disconnect-client", {"number": "1"})


def test_each_declared_command_has_a_handler() -> None:
    """Made without a loop, like a program's before it runs."""
    monitors: list[Monitor] = []

    class Kept(Monitor):
        def __init__(self, *args: Any, **named: Any) -> None:
            super().__init__(*args, **named)
            monitors.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("qmpeer.proxy.control.Monitor", Kept)
        asyncio.run(_make())
    assert monitors[0].missing_handlers() == []


async def _make() -> None:
    Proxy("unix:/nonexistent").control()
