"""The server goes, and comes back: what clients are told, and what waits, fails or ends.

Modules: known_answers, proxy, server_connection, server_link, session, witness.
"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from qmpeer import Monitor, limits
from qmpeer.errors import CommandError, ConnectionClosed, QMPError
from qmpeer.messages import Event, Timestamp
from qmpeer.proxy import Proxy
from qmpeer.proxy.hub import Hub
from qmpeer.proxy.rules import ListenerRules
from qmpeer.schema import Validator, schema_from_qapi
from qmpeer.transport import PeerIdentity
from qmpeer.values import JsonObject, JsonValue
from tests.patience import PATIENCE
from tests.proxy.proxied import GREETING, Proxied, TestServer, error_of, until

LOST, BACK = "__QMPEER_SERVER_LOST", "__QMPEER_SERVER_BACK"
OTHER_GREETING: JsonObject = {
    "QMP": {
        "version": {"qemu": {"micro": 1, "minor": 2, "major": 10}, "package": ""},
        "capabilities": [],
    }
}
OLD = json.dumps(GREETING).encode() + b"\r\n"


def go(proxied: Proxied) -> None:
    """Let the server end all its connections, and listen no more."""
    if proxied.server.client is not None:
        proxied.server.client.close()
    proxied.machine.shutdown()


async def come_back(proxied: Proxied, greeting: JsonObject = GREETING) -> TestServer:
    """Start another server at the same address."""
    proxied.server = TestServer(greeting)
    proxied.machine = Monitor(backend=proxied.server)
    await proxied.machine.listen(f"unix:{proxied.folder}/server", many=True)
    return proxied.server


class RawClient:
    """A client that sees each message, and that reads only when it is told to."""

    def __init__(self, folder: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.setblocking(False)
        self._path = f"{folder}/proxy"
        self._loop = asyncio.get_running_loop()
        self._received = b""

    async def connect(self, capabilities: Sequence[str] = ()) -> None:
        await self._loop.sock_connect(self._socket, self._path)
        assert "QMP" in await self.next()
        await self.send(
            {"execute": "qmp_capabilities", "arguments": {"enable": [*capabilities]}, "id": "-"}
        )
        assert await self.next() == {"return": {}, "id": "-"}

    async def send(self, *messages: dict[str, Any]) -> None:
        data = b"".join(json.dumps(message).encode() for message in messages)
        await self._loop.sock_sendall(self._socket, data)

    async def next(self) -> Any:
        async with asyncio.timeout(PATIENCE):
            while b"\n" not in self._received:
                data = await self._loop.sock_recv(self._socket, 4096)
                if not data:
                    return None
                self._received += data
        line, _, self._received = self._received.partition(b"\n")
        return json.loads(line)

    def close(self) -> None:
        self._socket.close()

    async def rest(self) -> list[Any]:
        """Read to the end of the connection."""
        messages = []
        while (message := await self.next()) is not None:
            messages.append(message)
        self._socket.close()
        return messages


Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def odd_server(folder: Path, *behaviours: Behaviour) -> AsyncIterator[list[int]]:
    """A server whose first connections behave as told; the list says which ones have come."""
    came: list[int] = []
    tasks: set[asyncio.Task[Any] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        came.append(len(came))
        try:
            if len(came) <= len(behaviours):
                await behaviours[len(came) - 1](reader, writer)
        except (asyncio.CancelledError, OSError):
            pass  # the test, or the proxy's connection, has ended
        finally:
            writer.close()
            await asyncio.wait([asyncio.create_task(writer.wait_closed())])

    server = await asyncio.start_unix_server(serve, f"{folder}/server")
    try:
        yield came
    finally:
        server.close()
        running = {task for task in tasks if task is not None}
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)


# --- The proxy ends with its server


async def test_each_request_that_came_is_answered_before_the_end(proxied: Proxied) -> None:
    proxy = await proxied.start(window=2)
    client = RawClient(proxied.folder)
    await client.connect(["oob"])
    await client.send(*({"execute": f"c{n}", "id": n} for n in range(40)))
    await client.send({"exec-oob": "urgent", "id": "urgent"})
    await until(lambda: "urgent" in proxied.server.names)
    assert proxied.server.names == ["c0", "c1", "urgent"]
    proxied.server.deliver(Event("STOP", {}, Timestamp(1, 2)))
    go(proxied)
    event, *messages = await client.rest()
    assert event["event"] == "STOP"
    answers = {message["id"]: message["error"]["desc"] for message in messages}
    assert [message["id"] for message in messages if message["id"] != "urgent"] == [*range(40)]
    for id in (0, 1, "urgent"):
        assert "so the outcome of" in answers.pop(id)
    assert all("wasn't sent: the connection" in text for text in answers.values())
    assert len(answers) == 38
    await proxy.wait_closed()
    assert (proxy.end_reason, proxy.is_orderly_end) == ("the server closed the connection", False)


async def test_a_client_that_reads_slowly_gets_everything(proxied: Proxied) -> None:
    proxy = await proxied.start()
    client = RawClient(proxied.folder)
    await client.connect()
    await client.send({"execute": "long"}, {"execute": "open"}, {"execute": "late"})
    await until(lambda: len(proxied.server.received) == 3)
    proxied.server.answer("x" * 3_000_000, name="long")
    proxied.server.deliver(Event("SHUTDOWN", {"guest": True}, Timestamp(1, 2)))
    go(proxied)
    await until(lambda: proxy.end_reason is not None)
    long, *rest = await client.rest()
    assert len(long["return"]) == 3_000_000
    assert [message.get("event", "error") for message in rest] == ["SHUTDOWN", "error", "error"]
    await proxy.wait_closed()
    assert proxy.is_orderly_end


async def test_a_client_that_does_not_read_is_cut_off(
    proxied: Proxied, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qmpeer.limits.CLOSE_TIMEOUT", 0.05)
    proxy = await proxied.start()
    client = RawClient(proxied.folder)
    await client.connect()
    await client.send(*({"execute": "long"} for _ in range(50)))
    proxied.server.answers = lambda command: "x" * 200_000
    await until(lambda: len(proxied.server.received) > 4)
    go(proxied)
    async with asyncio.timeout(PATIENCE):
        await proxy.wait_closed()
    assert proxy.clients == 0
    client.close()


@pytest.mark.parametrize(
    ("events", "command", "is_orderly"),
    [
        ([], "stop", False),
        ([], "quit", True),
        (["SHUTDOWN"], "stop", True),
        (["SHUTDOWN", "RESET", "RESUME"], "stop", False),
    ],
    ids=["cut", "quit", "shutdown", "no-shutdown"],
)
async def test_an_orderly_end(
    proxied: Proxied, events: list[str], command: str, is_orderly: bool
) -> None:
    proxy = await proxied.start()
    proxied.server.answers = lambda command: {}
    client = await proxied.client()
    await client.execute(command)
    for name in events:
        mark = await client.event_mark()
        proxied.server.deliver(Event(name, {}, Timestamp(1, 2)))
        await client.wait_event(name, since=mark)
    go(proxied)
    await proxy.wait_closed()
    assert proxy.is_orderly_end is is_orderly


async def test_quit_that_the_end_cuts_off_has_succeeded(proxied: Proxied) -> None:
    proxy = await proxied.start()
    client = await proxied.client()
    ending = client.execute("quit")
    await until(lambda: proxied.server.names)
    go(proxied)
    assert await ending == {}
    await proxy.wait_closed()
    assert proxy.is_orderly_end


async def test_a_client_that_comes_at_the_end_is_sent_away() -> None:
    class Client:
        """A monitor's side of a client, such as one that opens a character device."""

        identity = PeerIdentity()
        is_closed = False

        def close(self) -> None:
            self.is_closed = True

    ended: list[bool] = []
    hub = Hub(4, None, waits=True, on_lost=pytest.fail)
    hub.end("the end", lambda: ended.append(True))
    client: Any = Client()
    hub.enter(ListenerRules(name="late"), client)
    await asyncio.sleep(0)
    assert client.is_closed
    assert ended == [True]


# --- The proxy stays


async def test_commands_wait_for_the_next_server(proxied: Proxied) -> None:
    proxy = await proxied.start(persist=True)
    one, two = await proxied.client(), await proxied.client()
    sent = one.execute("sent")
    await until(lambda: proxied.server.received)
    marks = [await each.event_mark() for each in (one, two)]
    go(proxied)
    assert "the outcome of sent is unknown" in str(await error_of(sent))
    for client, mark in zip((one, two), marks, strict=True):
        event = await client.wait_event(LOST, since=mark)
        assert event.data == {"reason": "the server closed the connection", "reconnects": False}
    assert not proxy.is_connected
    with pytest.raises(OSError):
        await proxy.reconnect()
    waiting = [one.execute("first"), one.execute("urgent", oob=True), two.execute("third")]
    joining = asyncio.create_task(proxied.client())
    await asyncio.sleep(0.02)
    assert not any(each.done() for each in (*waiting, joining))
    server = await come_back(proxied)
    server.answers = lambda command: command.name
    await proxy.reconnect()
    await proxy.reconnect()  # it is there
    assert await asyncio.gather(*waiting) == ["first", "urgent", "third"]
    assert await (await joining).execute("fourth") == "fourth"
    event = await one.wait_event(BACK, since=marks[0])
    assert event.data == {
        "same-version": True,
        "version": "7.8.9 (for tests)",
        "not-restored": [],
    }
    assert proxy.is_connected


async def test_what_was_meant_for_the_last_server_does_not_wait(proxied: Proxied) -> None:
    proxy = await proxied.start(persist=True, window=2)
    client = RawClient(proxied.folder)
    await client.connect(["oob"])
    await client.send(*({"execute": f"old{n}", "id": n} for n in range(30)))
    await until(lambda: len(proxied.server.received) == 2)
    go(proxied)
    messages = [await client.next() for _ in range(31)]
    assert [each["event"] for each in messages if "event" in each] == [LOST]
    texts = [each["error"]["desc"] for each in messages if "error" in each]
    assert all("is unknown" in text for text in texts[:2])
    assert all("wasn't sent: the connection" in text for text in texts[2:])
    await client.send({"execute": "new", "id": "new"})
    (await come_back(proxied)).answers = lambda command: command.name
    await proxy.reconnect()
    assert (await client.next())["event"] == BACK
    assert await client.next() == {"return": "new", "id": "new"}
    assert proxied.server.names == ["new"]
    client.close()


async def test_a_silent_server_gets_no_end_of_commands(
    proxied: Proxied, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qmpeer.limits.PROXY_UNANSWERED", 5)
    await proxied.start()
    clients = [await proxied.client() for _ in range(3)]
    replies = [client.execute("urgent", oob=True) for client in clients for _ in range(4)]
    await until(lambda: sum(each.done() for each in replies) == 7)
    refused = await error_of(next(each for each in replies if each.done()))
    assert "it hasn't answered 5 other commands" in str(refused)
    assert proxied.server.names == ["urgent"] * 5
    for client in clients:
        await client.close()


async def test_commands_fail_while_there_is_no_server(proxied: Proxied) -> None:
    proxy = await proxied.start(persist=True, when_down="fail", window=1)
    client = await proxied.client()
    sent, waiting = client.execute("sent"), client.execute("waiting")
    await until(lambda: proxied.server.received)
    await asyncio.sleep(0.01)
    mark = await client.event_mark()
    go(proxied)
    assert "the outcome of sent is unknown" in str(await error_of(sent))
    await client.wait_event(LOST, since=mark)
    assert "waiting wasn't sent" in str(await error_of(waiting))
    new = await proxied.client()
    for oob in (False, True):
        assert "later wasn't sent" in str(await error_of(new.execute("later", oob=oob)))
    assert "query-version wasn't sent" in str(await error_of(new.execute("query-version")))
    (await come_back(proxied)).answers = lambda command: command.name
    await proxy.reconnect()
    assert await client.execute("after") == "after"
    assert proxied.server.names == ["after"]


async def test_waiting_has_a_time_limit(proxied: Proxied) -> None:
    await proxied.start(persist=True, command_timeout=0.1)
    client = await proxied.client()
    mark = await client.event_mark()
    go(proxied)
    await client.wait_event(LOST, since=mark)
    for oob in (False, True):
        text = str(await error_of(client.execute("late", oob=oob)))
        assert "late wasn't sent in 0.1 s: there is no connection to the server" in text


async def test_what_another_server_lacks(proxied: Proxied) -> None:
    proxy = await proxied.start(reconnect=True)
    client = await proxied.client()
    proxied.server.answers = lambda command: [] if command.name == "query-qmp-schema" else {}
    assert await client.execute("query-qmp-schema") == []
    for name, state in (("events", True), ("xbzrle", True), ("events", False)):
        wanted: JsonValue = [{"capability": name, "state": state}]
        await client.execute("migrate-set-capabilities", {"capabilities": wanted})
    mark = await client.event_mark()
    go(proxied)
    lost = await client.wait_event(LOST, since=mark)
    assert lost.data["reconnects"] is True
    assert proxy._hub.witness is not None
    proxy._hub.witness.leave_behind("descriptor", ["tap0"])
    server = await come_back(proxied, OTHER_GREETING)
    server.answers = lambda command: command.name
    back = await client.wait_event(BACK, since=mark)
    assert back.data == {
        "same-version": False,
        "version": "10.2.1",
        "not-restored": [
            {"kind": "capability", "name": "oob"},
            {"kind": "migration-capability", "name": "xbzrle"},
            {"kind": "descriptor", "name": "tap0"},
        ],
    }
    assert await client.execute("query-qmp-schema") == "query-qmp-schema"
    assert "can't be sent out of band" in str(await error_of(client.execute("any", oob=True)))
    assert (await proxied.client()).greeting.capabilities == ()
    for event in (lost, back):
        _check_declared(event)


def _check_declared(event: Event) -> None:
    """Check an event's data against our QAPI file."""
    folder = Path(__file__).parents[2] / "src/qmpeer/proxy/qapi"
    schema = schema_from_qapi("server-events.json", lambda name: (folder / name).read_bytes())
    Validator(schema).check_event(event.name, event.data)


async def test_odd_servers_are_left_behind(
    proxied: Proxied, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is in the proxy's way for a limited time, then comes one that is right."""
    monkeypatch.setattr("qmpeer.limits.RECONNECT_DELAY", 0.001)
    monkeypatch.setattr("qmpeer.limits.RECONNECT_DELAY_MOST", 0.005)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # the proxy gives up

    async def greets_and_dies(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OLD)
        await reader.readuntil(b"\n")

    async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OLD)
        await reader.readuntil(b"\n")
        writer.write(b'{"error": {"class": "GenericError", "desc": "no"}, "id": 1}\n')
        await reader.read()

    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(range(256)))
        await reader.read()

    async def ready_for_a_moment(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(OLD)
        id = json.loads(await reader.readuntil(b"\n"))["id"]
        event = b'{"event": "EARLY", "timestamp": {"seconds": 1, "microseconds": 2}}\n'
        writer.write(b'{"return": {}, "id": %d}\n' % id + event)
        writer.close()

    await proxied.start(reconnect=True, timeout=0.2)
    client = await proxied.client()
    mark = await client.event_mark()
    go(proxied)
    await proxied.machine.wait_closed()
    behaviours = (silent, greets_and_dies, refuses, garbage, ready_for_a_moment)
    waiting = client.execute("at-last")
    async with odd_server(tmp_path, *behaviours) as came:
        await until(lambda: len(came) >= len(behaviours))
    assert not waiting.done()
    (tmp_path / "server").unlink(missing_ok=True)
    (await come_back(proxied)).answers = lambda command: command.name
    assert await waiting == "at-last"
    assert (await client.wait_event(BACK, since=mark)).data["same-version"] is True


async def test_late_answers_to_an_earlier_proxy(proxied: Proxied, tmp_path: Path) -> None:
    """Whatever ids its commands had, none is taken for one of ours."""

    async def old_machine(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OLD)
        first = json.loads(await reader.readuntil(b"\n"))["id"]
        assert first >= limits.IDS
        for id in range(limits.IDS):
            writer.write(b'{"return": "late", "id": %d}\n' % id)
            writer.write(b'{"error": {"class": "GenericError", "desc": "late"}, "id": %d}\n' % id)
        writer.write(b'{"return": {}, "id": %d}\n' % first)
        while line := await reader.readline():
            id = json.loads(line)["id"]
            assert id < limits.IDS
            writer.write(b'{"return": "in time", "id": %d}\n' % id)

    async with odd_server(tmp_path, old_machine):
        proxy = proxied.proxy = Proxy(f"unix:{tmp_path}/server")
        await proxy.start()
        await proxy.listen(f"unix:{tmp_path}/proxy")
        client = await proxied.client()
        for _ in range(3):
            assert await client.execute("any") == "in time"
        assert proxy._hub.server is not None
        assert proxy._hub.server.session.ignored == 2 * limits.IDS


async def test_events_of_the_next_server_come_behind_ours(proxied: Proxied, tmp_path: Path) -> None:
    def event(name: str) -> bytes:
        return b'{"event": "%s", "timestamp": {"seconds": 1, "microseconds": 2}}\n' % name.encode()

    async def another(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OLD)
        id = json.loads(await reader.readuntil(b"\n"))["id"]
        writer.write(event("TOO_EARLY") * 100)
        await writer.drain()
        await asyncio.sleep(0.02)  # so they don't come with the answer
        writer.write(b'{"return": {}, "id": %d}\n' % id + event("EARLY"))
        await reader.read()

    proxy = await proxied.start(persist=True)
    client = RawClient(proxied.folder)
    await client.connect()
    go(proxied)
    assert (await client.next())["event"] == LOST
    await proxied.machine.wait_closed()
    async with odd_server(tmp_path, another):
        await proxy.reconnect()
        assert [(await client.next())["event"] for _ in range(2)] == [BACK, "EARLY"]
    client.close()


async def test_a_server_that_half_closes_has_gone(proxied: Proxied, tmp_path: Path) -> None:
    all_there, is_over = asyncio.Event(), asyncio.Event()

    async def half_closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OLD)
        id = json.loads(await reader.readuntil(b"\n"))["id"]
        writer.write(b'{"return": {}, "id": %d}\n' % id)
        await reader.read(1)
        await all_there.wait()
        writer.write_eof()  # without reading what else has come
        await is_over.wait()

    async with odd_server(tmp_path, half_closes):
        proxy = proxied.proxy = Proxy(f"unix:{tmp_path}/server")
        await proxy.start()
        await proxy.listen(f"unix:{tmp_path}/proxy")
        client = await proxied.client()
        open_ones = [client.execute("long", {"text": "x" * 2_000_000}) for _ in range(3)]
        await until(lambda: sum(len(each.requests) for each in proxy._hub.sessions) == 3)
        all_there.set()
        for each in open_ones:
            assert "the outcome of long is unknown" in str(await error_of(each))
        await proxy.wait_closed()
        is_over.set()


async def test_garbage_in_the_middle(proxied: Proxied, tmp_path: Path) -> None:
    async def babbles(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OLD)
        id = json.loads(await reader.readuntil(b"\n"))["id"]
        writer.write(b'{"return": {}, "id": %d}\n' % id)
        await reader.readuntil(b"\n")
        writer.write(b"]]]\n")
        await reader.read()

    async with odd_server(tmp_path, babbles):
        proxy = proxied.proxy = Proxy(f"unix:{tmp_path}/server", persist=True, when_down="fail")
        await proxy.start()
        await proxy.listen(f"unix:{tmp_path}/proxy")
        client = await proxied.client()
        mark = await client.event_mark()
        assert "the outcome of any is unknown" in str(await error_of(client.execute("any")))
        assert "JSON" in str((await client.wait_event(LOST, since=mark)).data["reason"])


async def test_a_proxy_that_reconnects_for_some_time(proxied: Proxied) -> None:
    proxy = await proxied.start(reconnect=0.1)
    client = await proxied.client()
    waiting = client.execute("waiting")
    go(proxied)
    with pytest.raises((CommandError, QMPError)):
        await waiting
    await proxy.wait_closed()
    assert proxy.end_reason is not None
    assert "not made anew in 0.1 s" in proxy.end_reason
    assert not proxy.is_orderly_end
    with pytest.raises(ConnectionClosed):
        await proxy.reconnect()


async def test_a_proxy_that_is_closed_while_it_reconnects(proxied: Proxied, tmp_path: Path) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    proxy = await proxied.start(reconnect=True)
    client = await proxied.client()
    go(proxied)
    await proxied.machine.wait_closed()
    async with odd_server(tmp_path, silent) as came:
        await until(lambda: came)
        waiting = client.execute("waiting")
        await asyncio.sleep(0.01)
        proxy.close()
        assert "waiting wasn't sent" in str(await error_of(waiting))
        await proxy.wait_closed()
    assert proxy.end_reason is None


async def test_a_server_that_always_leaves_is_tried_with_pauses(
    proxied: Proxied, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def short(seconds: float) -> None:
        if seconds:
            pauses.append(seconds)
        await sleep(0)

    async def leaves(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OLD)
        id = json.loads(await reader.readuntil(b"\n"))["id"]
        writer.write(b'{"return": {}, "id": %d}\n' % id)
        await reader.read(1)  # the proxy does nothing, so only the end comes
        await sleep(0)

    async def leaves_soon(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(0.02):
            await leaves(reader, writer)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await leaves_soon(reader, writer)
        except TimeoutError:
            pass

    async with odd_server(tmp_path, *[serve] * 5) as came:
        proxied.proxy = Proxy(f"unix:{tmp_path}/server", reconnect=True)
        await proxied.proxy.start()
        monkeypatch.setattr("qmpeer.proxy.server_link.asyncio.sleep", short)
        async with asyncio.timeout(PATIENCE):
            while len(came) < 5:
                await sleep(0.001)
        proxied.proxy.close()
    assert pauses[:3] == [0.05, 0.1, 0.2]


def test_what_makes_no_sense() -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="found when_down='never', expected"):
            Proxy("unix:x", persist=True, when_down="never")  # type: ignore[arg-type]
        ends = socket.socketpair()
        for options in ({"persist": True}, {"reconnect": True}, {"reconnect": 5.0}):
            for address in (ends[0], "fd:9"):
                with pytest.raises(ValueError, match="expected an address to connect to again"):
                    Proxy(address, **options)
        for end in ends:
            end.close()

    asyncio.run(main())
