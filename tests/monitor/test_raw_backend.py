"""A backend that stands for another server, behind a monitor on real sockets.

Modules: raw_connection.
"""

import asyncio
import contextlib
import logging
import os
import socket
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from qmpeer import limits
from qmpeer.errors import CommandError, LocalProtocolError
from qmpeer.messages import CommandMessage, Event, Timestamp
from qmpeer.monitor import CutOff, Monitor, RawBackend, RawClient, Reply
from qmpeer.transport import raise_fd_limit
from qmpeer.values import JsonObject
from tests.monitor import raw_client
from tests.monitor.raw_client import until
from tests.patience import PATIENCE

OLD = Timestamp(1234567890, 5)


def greeting(name: str = "far", *capabilities: str) -> JsonObject:
    return {"QMP": {"version": {"package": name}, "capabilities": [*capabilities]}}


class FarSession:
    """One client: its commands wait until the test answers them, unless their name tells more."""

    def __init__(self, far: "Far", client: RawClient) -> None:
        self.far = far
        self.client = client
        self.waiting: deque[CommandMessage] = deque()
        self.closed = 0

    def execute(self, command: CommandMessage) -> None:
        match command.name:
            case "echo":
                self.client.deliver(Reply(command, command.arguments or {}))
            case "refuse":
                raise CommandError("DeviceNotFound", "none here")
            case "fail":
                raise ZeroDivisionError("by zero")
            case "answer-and-fail":
                self.client.deliver(Reply(command, "done"))
                raise ZeroDivisionError("behind the reply")
            case "close-and-answer":
                self.client.deliver(Event("LAST", {}))
                self.client.close()
                self.client.deliver(Reply(command))
            case "take-fds":
                fds = self.client.take_fds()
                for fd in fds:
                    os.write(fd, b"taken")
                    os.close(fd)
                self.client.deliver(Reply(command, len(fds)))
            case _:
                self.waiting.append(command)

    def close(self) -> None:
        self.closed += 1


class Far:
    """A backend that stands for a server far away."""

    def __init__(self, window: int = 4) -> None:
        self.window = window
        self.sessions: list[FarSession] = []
        self.greeting: JsonObject | None = greeting("far", "oob")

    def open_session(self, client: RawClient) -> FarSession:
        session = FarSession(self, client)
        self.sessions.append(session)
        client.greet(self.greeting)
        return session


@pytest.fixture
def far() -> Far:
    return Far()


Made = Callable[[RawBackend], Monitor]


@pytest_asyncio.fixture
async def made() -> AsyncIterator[Made]:
    """Return a function that makes monitors, which are shut down after the test."""
    monitors: list[Monitor] = []

    def make(backend: RawBackend) -> Monitor:
        monitors.append(Monitor(backend=backend))
        return monitors[-1]

    yield make
    for monitor in monitors:
        monitor.shutdown()
        async with asyncio.timeout(PATIENCE):
            await monitor.wait_closed()


@pytest_asyncio.fixture
async def monitor(made: Made, far: Far) -> Monitor:
    return made(far)


async def opened(monitor: Monitor, path: Path, *, oob: bool = False) -> raw_client.RawClient:
    await monitor.listen(path, many=True)
    return await raw_client.RawClient.connect(path, oob=oob)


async def waiting(session: FarSession, count: int) -> list[CommandMessage]:
    await until(lambda: len(session.waiting) == count)
    return list(session.waiting)


async def test_every_name_goes_to_the_backend(monitor: Monitor, far: Far, path: Path) -> None:
    async with await opened(monitor, path) as client:
        for name in ("query-version", "query-commands", "query-qmp-schema", "nonsense"):
            client.send({"execute": name, "id": name})
            (command,) = await waiting(far.sessions[0], 1)
            assert command.name == name
            far.sessions[0].client.deliver(Reply(command, ["from afar"]))
            assert await client.receive() == {"return": ["from afar"], "id": name}
            far.sessions[0].waiting.clear()


async def test_a_reply_and_events_leave_in_the_order_of_one_call(
    monitor: Monitor, far: Far, path: Path
) -> None:
    async with await opened(monitor, path) as client:
        client.send({"execute": "a", "id": 1}, {"execute": "b", "id": 2})
        first, second = await waiting(far.sessions[0], 2)
        event = Event("BLOCK_JOB_READY", {"device": "d"}, OLD)
        far.sessions[0].client.deliver(
            Reply(second, error={"class": "GenericError", "desc": "no", "hint": 1}),
            event,
            event,  # QEMU's seven aren't limited here, and any other isn't either
            Event("RTC_CHANGE", {"offset": 1}, OLD),
            Event("RTC_CHANGE", {"offset": 2}, None),
            Reply(first, 1.5),
        )
        stamp = {"seconds": OLD.seconds, "microseconds": OLD.microseconds}
        ready = {"timestamp": stamp, "event": "BLOCK_JOB_READY", "data": {"device": "d"}}
        assert [await client.receive() for _ in range(6)] == [
            {"id": 2, "error": {"class": "GenericError", "desc": "no", "hint": 1}},
            ready,
            ready,
            {"timestamp": stamp, "event": "RTC_CHANGE", "data": {"offset": 1}},
            {"event": "RTC_CHANGE", "data": {"offset": 2}},
            {"return": 1.5, "id": 1},
        ]


async def test_replies_of_the_backend_during_execution(monitor: Monitor, path: Path) -> None:
    async with await opened(monitor, path, oob=True) as client:
        for id in range(100):
            client.send({"execute": "echo", "arguments": {"n": id}, "id": id})
        client.send({"exec-oob": "echo", "id": "o"})
        replies = [await client.receive() for _ in range(101)]
        in_band = [reply for reply in replies if reply["id"] != "o"]
        assert in_band == [{"return": {"n": id}, "id": id} for id in range(100)]


async def test_out_of_band_overtakes_everything(monitor: Monitor, far: Far, path: Path) -> None:
    async with await opened(monitor, path, oob=True) as client:
        await client.send_all(b'{"execute": "slow"}' * 500)
        client.send({"exec-oob": "echo", "id": "o"})
        assert await client.receive() == {"return": {}, "id": "o"}
        assert len(await waiting(far.sessions[0], 4)) == far.window
        answered = 0
        while answered < 500:
            await until(lambda: far.sessions[0].waiting)
            far.sessions[0].client.deliver(Reply(far.sessions[0].waiting.popleft()))
            answered += 1
        assert [await client.receive() for _ in range(500)] == [{"return": {}}] * 500


async def test_a_reply_starts_many_that_had_waited(monitor: Monitor, far: Far, path: Path) -> None:
    far.window = 1
    async with await opened(monitor, path, oob=True) as client:
        await client.send_all(b'{"execute": "slow"}' + b'{"execute": "echo"}' * 1000)
        (first,) = await waiting(far.sessions[0], 1)
        client.send({"exec-oob": "echo", "id": "all are queued"})
        await client.receive()
        far.sessions[0].client.deliver(Reply(first, "first"))
        assert await client.receive() == {"return": "first"}
        assert [await client.receive() for _ in range(1000)] == [{"return": {}}] * 1000


@pytest.mark.parametrize(
    ("name", "error"),
    [("refuse", ("DeviceNotFound", "none here")), ("fail", ("GenericError", "by zero"))],
)
async def test_exceptions_are_answers(
    monitor: Monitor, path: Path, name: str, error: tuple[str, str]
) -> None:
    async with await opened(monitor, path) as client:
        reply = await client.execute(name)
        assert reply["error"]["class"] == error[0]
        assert error[1] in reply["error"]["desc"]


async def test_an_exception_behind_the_reply_is_logged(
    monitor: Monitor, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with await opened(monitor, path) as client:
        assert await client.execute("answer-and-fail") == {"return": "done"}
        assert "the backend failed after its reply" in caplog.text
        assert await client.execute("echo") == {"return": {}}
        client.send({"execute": "close-and-answer"})
        assert (await client.receive())["event"] == "LAST"
        assert await client.receive_rest() == b""


async def test_finish_waits_for_the_answers(monitor: Monitor, far: Far, path: Path) -> None:
    async with await opened(monitor, path) as client:
        await client.send_all(b'{"execute": "slow"}' * far.window + b'{"execute": "echo"}' * 20)
        commands = await waiting(far.sessions[0], far.window)
        raw = far.sessions[0].client
        await until(lambda: raw.state.waiting)
        raw.finish()
        raw.finish()
        for command in commands:
            raw.deliver(Reply(command, "slow"))
        replies = [await client.receive() for _ in range(24)]
        assert replies.count({"return": "slow"}) == 4
        assert replies.count({"return": {}}) == 20
        assert raw.state.waiting == 0
        assert await client.receive_rest() == b""
        raw.finish()  # it has gone


async def test_finish_has_a_time_limit(
    monitor: Monitor, far: Far, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CLOSE_TIMEOUT", 0.01)
    async with await opened(monitor, path) as client:
        client.send({"execute": "never answered"})
        await waiting(far.sessions[0], 1)
        ended = threading.Thread(target=far.sessions[0].client.finish)  # any thread may call it
        ended.start()
        assert await client.receive_rest() == b""
        ended.join()


async def test_a_second_reply_is_the_backends_mistake(
    monitor: Monitor, far: Far, path: Path
) -> None:
    async with await opened(monitor, path) as client:
        client.send({"execute": "a"})
        (command,) = await waiting(far.sessions[0], 1)
        with pytest.raises(LocalProtocolError):
            far.sessions[0].client.deliver(Reply(command, 1), Reply(command, 2), Reply(command, 3))
        assert await client.receive() == {"return": 1}
        with pytest.raises(TypeError):
            far.sessions[0].client.deliver(Event("ODD", {"x": object()}))  # type: ignore[dict-item]
        assert client.is_silent()


async def test_events_before_negotiation_are_dropped(
    monitor: Monitor, far: Far, path: Path
) -> None:
    await monitor.listen(path, many=True)
    async with await raw_client.RawClient.dial(path) as client:
        await client.receive()
        far.sessions[0].client.deliver(Event("EARLY", {}))
        client.send({"execute": "qmp_capabilities"})
        assert await client.receive() == {"return": {}}
        far.sessions[0].client.deliver(Event("LATE", {}))
        assert await client.receive() == {"event": "LATE"}


async def test_the_first_events_follow_the_negotiation(made: Made, path: Path) -> None:
    class Eager(Far):
        def open_session(self, client: RawClient) -> FarSession:
            client.greet(greeting("far"), lambda: client.deliver(Event("FIRST", {}, OLD)))
            return FarSession(self, client)

    async with await opened(made(Eager()), path) as client:
        assert (await client.receive())["event"] == "FIRST"


async def test_a_late_greeting(made: Made, far: Far, path: Path) -> None:
    class Late:
        window = 1
        client: RawClient | None = None

        def open_session(self, client: RawClient) -> FarSession:
            self.client = client
            return FarSession(far, client)

    late = Late()
    monitor = made(late)
    await monitor.listen(path)
    async with await raw_client.RawClient.dial(path) as client:
        client.send({"execute": "qmp_capabilities"}, {"execute": "echo", "id": 3})
        await until(lambda: late.client)
        assert client.is_silent()
        assert late.client is not None
        late.client.greet(greeting("late"))
        assert await client.receive() == greeting("late")
        assert await client.receive() == {"return": {}}
        assert await client.receive() == {"return": {}, "id": 3}


async def test_no_greeting_and_no_negotiation(monitor: Monitor, far: Far, path: Path) -> None:
    far.greeting = None
    await monitor.listen(path)
    async with await raw_client.RawClient.dial(path) as client:
        assert await client.execute("echo", {"x": 1}, id=1) == {"return": {"x": 1}, "id": 1}


async def test_pretty(monitor: Monitor, far: Far, path: Path) -> None:
    await monitor.listen(path, pretty=True)
    async with await raw_client.RawClient.dial(path) as client:
        assert await client.receive(pretty=True) == far.greeting
        client.send({"execute": "qmp_capabilities"})
        assert await client.receive(pretty=True) == {"return": {}}
        far.sessions[0].client.deliver(Event("E", {"a": 1}, None))
        assert await client.receive(pretty=True) == {"event": "E", "data": {"a": 1}}


async def test_descriptors(monitor: Monitor, path: Path) -> None:
    ours, theirs = os.pipe()
    try:
        async with await opened(monitor, path) as client:
            client.send({"execute": "take-fds"}, fds=[theirs])
            assert await client.receive() == {"return": 1}
            assert os.read(ours, 9) == b"taken"
    finally:
        os.close(ours)
        os.close(theirs)


def open_fds() -> int:
    return len(os.listdir("/proc/self/fd"))


async def test_each_set_goes_with_its_own_command(
    monitor: Monitor, far: Far, path: Path, tmp_path: Path
) -> None:
    """All are sent before the first one is executed."""
    far.window = 1
    async with await opened(monitor, path) as client:
        client.send({"execute": "slow"})
        (first,) = await waiting(far.sessions[0], 1)
        before = open_fds()
        with contextlib.ExitStack() as files:
            opened_files = [files.enter_context((tmp_path / f"{n}").open("w")) for n in range(5)]
            for file in opened_files:
                client.send({"execute": "take-fds"}, fds=[file.fileno()])
                client.send({"execute": "echo"}, fds=[file.fileno()])  # which doesn't take it
        far.sessions[0].client.deliver(Reply(first))
        replies = [(await client.receive())["return"] for _ in range(11)]
        assert replies == [{}, *[1, {}] * 5]
        assert open_fds() == before
    assert [(tmp_path / f"{n}").read_text() for n in range(5)] == ["taken"] * 5


async def test_few_descriptors_wait(
    monitor: Monitor, far: Far, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BOUND_FDS", 4)
    far.window = 1
    async with await opened(monitor, path, oob=True) as client:
        client.send({"execute": "slow"})
        (first,) = await waiting(far.sessions[0], 1)
        before = open_fds()
        ours, theirs = os.pipe()
        for _ in range(50):
            client.send({"execute": "take-fds"}, fds=[theirs, theirs])
        await until(lambda: open_fds() >= before + 2 + 4)
        assert open_fds() == before + 2 + 4
        far.sessions[0].client.deliver(Reply(first))
        assert [(await client.receive())["return"] for _ in range(51)] == [{}, *[2] * 50]
        assert open_fds() == before + 2
        os.close(ours)
        os.close(theirs)


async def test_descriptors_of_a_client_that_leaves(monitor: Monitor, far: Far, path: Path) -> None:
    far.window = 1
    async with await opened(monitor, path, oob=True) as client:
        client.send({"execute": "slow"})
        await waiting(far.sessions[0], 1)
        before = open_fds()
        client.send({"execute": "qmp_capabilities"}, fds=[0])
        client.send({"execute": "take-fds", "wrong": 1}, fds=[0, 0])  # it won't be executed
        client.send({"execute": "take-fds"}, fds=[0, 0, 0])
        client.send({"exec-oob": "echo"})
        assert await client.receive() == {"return": {}}
        assert open_fds() == before + 4
    await until(lambda: far.sessions[0].closed)
    assert open_fds() == before - 2  # the client's socket, and the monitor's


async def test_descriptors_with_a_reply(
    monitor: Monitor, far: Far, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tcp = await monitor.listen("tcp:127.0.0.1:0", many=True)
    async with await opened(monitor, path) as client:
        other = await raw_client.RawClient.connect(tcp.address)
        before = open_fds()
        for each in (client, other):
            each.send({"execute": "a"}, {"execute": "b"})
        event = Event("E", {})
        for session in far.sessions:
            one, two = await waiting(session, 2)
            session.client.deliver(event, Reply(one, 1, fds=(os.dup(0),)), event, Reply(two, 2))
        await until(lambda: "descriptors of a reply can't be sent" in caplog.text)
        data, fds, _, _ = socket.recv_fds(client.sock, 1000, 8)
        while not fds:
            data, fds, _, _ = socket.recv_fds(client.sock, 1000, 8)
        assert data.endswith(b'{"return": 1}\r\n')
        assert [os.fstat(fd).st_ino for fd in fds] == [os.fstat(0).st_ino]
        os.close(fds[0])
        for each, rest in ((client, ("E", 2)), (other, ("E", 1, "E", 2))):
            for expected in rest:
                message = await each.receive()
                assert message.get("event", message.get("return")) == expected
        assert open_fds() == before
        other.close()
        await until(lambda: monitor.connections == 1)
        before = open_fds()
        unknown = CommandMessage("unknown")
        with pytest.raises(LocalProtocolError):
            far.sessions[0].client.deliver(
                *[Reply(unknown, n, fds=(os.dup(0), os.dup(0))) for n in range(3)]
            )
        assert open_fds() == before
    await until(lambda: far.sessions[0].closed)
    before = open_fds()
    far.sessions[0].client.deliver(Reply(CommandMessage("late"), 1, fds=(os.dup(0),)))
    assert open_fds() == before


async def test_a_client_that_leaves(monitor: Monitor, far: Far, path: Path) -> None:
    async with await opened(monitor, path) as client:
        client.send({"execute": "slow"})
        (command,) = await waiting(far.sessions[0], 1)
    await until(lambda: far.sessions[0].closed)
    assert far.sessions[0].closed == 1
    far.sessions[0].client.deliver(Reply(command), Event("E", {}))
    far.sessions[0].client.close()
    assert monitor.connections == 0


async def test_the_backend_disconnects(monitor: Monitor, far: Far, path: Path) -> None:
    async with await opened(monitor, path) as client:
        client.send({"execute": "one"}, {"execute": "two"})
        one, _ = await waiting(far.sessions[0], 2)
        far.sessions[0].client.deliver(Reply(one, "x" * 100_000))
        far.sessions[0].client.close()
        assert len(await client.receive_rest()) > 100_000
    await until(lambda: far.sessions[0].closed)


async def test_delivery_from_another_thread(monitor: Monitor, far: Far, path: Path) -> None:
    async with await opened(monitor, path) as client:
        session = far.sessions[0]
        client.send({"execute": "slow", "id": 1})
        (command,) = await waiting(session, 1)

        def deliver() -> None:
            for number in range(20):
                session.client.deliver(Event("E", {"n": number}))
            session.client.deliver(Reply(command), Event("END", {}))
            session.client.close()

        thread = threading.Thread(target=deliver)
        thread.start()
        got = [await client.receive() for _ in range(22)]
        thread.join()
        assert got[:20] == [{"event": "E", "data": {"n": number}} for number in range(20)]
        assert got[20:] == [{"return": {}, "id": 1}, {"event": "END"}]
        assert await client.receive_rest() == b""


async def test_a_session_that_cannot_be_opened(
    made: Made, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        window = 1

        def open_session(self, client: RawClient) -> FarSession:
            client.greet(greeting())
            raise OSError("no route to the server")

    monitor = made(Broken())
    await monitor.listen(path)
    with caplog.at_level(logging.ERROR, "qmpeer.monitor"):
        async with await raw_client.RawClient.dial(path) as client:
            await client.receive_rest()
        await until(lambda: monitor.connections == 0)
    assert "the backend failed to open a session" in caplog.text


async def test_a_client_that_reads_no_events_is_disconnected(
    monitor: Monitor, far: Far, path: Path
) -> None:
    async with await opened(monitor, path):
        session = far.sessions[0]
        event = Event("FLOOD", {"text": "x" * 1_000_000})
        for _ in range(limits.UNSENT_EVENTS // 1_000_000 + 8):
            session.client.deliver(event)
            await asyncio.sleep(0)
        await until(lambda: session.closed)
        assert session.client.cut_off is CutOff.UNREAD


async def test_the_shutdown_waits_for_replies(monitor: Monitor, far: Far, path: Path) -> None:
    async with await opened(monitor, path) as client:
        client.send({"execute": "slow", "id": 1})
        (command,) = await waiting(far.sessions[0], 1)
        monitor.shutdown()
        await asyncio.sleep(0)
        far.sessions[0].client.deliver(Reply(command, "last"))
        assert await client.receive() == {"return": "last", "id": 1}
        assert await client.receive_rest() == b""
        async with asyncio.timeout(PATIENCE):
            await monitor.wait_closed()


def test_what_a_raw_backend_excludes(monitor: Monitor, far: Far) -> None:
    with pytest.raises(ValueError, match="command stop can't be registered"):
        monitor.command("stop")(lambda: None)
    with pytest.raises(ValueError, match="found a human monitor"):
        monitor.human_connection_factory()
    with pytest.raises(ValueError, match="found a schema, expected none"):
        Monitor(backend=far, schema=Monitor().schema())


@pytest.mark.parametrize("count", [50, pytest.param(1000, marks=pytest.mark.slow)])
async def test_many_clients_each_with_a_greeting_and_a_window(made: Made, count: int) -> None:
    class Own(Far):
        def open_session(self, client: RawClient) -> FarSession:
            self.greeting = greeting(f"vm{len(self.sessions)}", "oob")
            return super().open_session(client)

    far = Own(window=3)
    monitor = made(far)
    raise_fd_limit(2 * count)
    clients: list[raw_client.RawClient] = []
    for number in range(count):
        near, distant = socket.socketpair()
        monitor.attach(distant)
        client = raw_client.RawClient(near)
        clients.append(client)
        assert await client.receive() == greeting(f"vm{number}", "oob")
        client.send(
            {"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}},
            *({"execute": "slow", "id": id} for id in range(9)),
        )
    await until(lambda: all(len(session.waiting) == 3 for session in far.sessions))
    for client, session in zip(clients, far.sessions, strict=True):
        client.send({"exec-oob": "echo", "id": "o"})
        assert await client.receive() == {"return": {}}
        assert await client.receive() == {"return": {}, "id": "o"}
        session.client.deliver(Reply(session.waiting[1], session.client.peer))
    for client, session in zip(clients, far.sessions, strict=True):
        assert (await client.receive())["id"] == 1
        await until(lambda session=session: len(session.waiting) == 4)
        client.close()
    await until(lambda: all(session.closed == 1 for session in far.sessions))


async def test_the_state_of_a_client(monitor: Monitor, far: Far, path: Path) -> None:
    async with await opened(monitor, path, oob=True) as client:
        session = far.sessions[0]
        negotiated = session.client.state
        assert negotiated.is_ready
        assert negotiated.is_oob_enabled
        assert (negotiated.waiting, negotiated.unsent) == (0, 0)
        assert session.client.identity.pid == os.getpid()
        requests = b'{"execute": "slow"}' * 7
        client.send(requests)
        await waiting(session, far.window)
        state = session.client.state
        assert state.received == negotiated.received + len(requests)
        assert state.waiting == 7 - far.window
        session.client.deliver(Reply(session.waiting.popleft(), "x" * 100))
        line = await client.receive_bytes()
        assert session.client.state.sent == negotiated.sent + len(line) + 2
        assert session.client.cut_off is None


async def test_bytes_that_a_client_does_not_read(monitor: Monitor, far: Far, path: Path) -> None:
    async with await opened(monitor, path) as client:
        session = far.sessions[0]
        before = session.client.state.sent
        size = 0
        while not session.client.state.unsent:
            session.client.deliver(Event("BIG", {"text": "x" * 50_000}, OLD))
            size += len('{"timestamp": {"seconds": 1234567890, "microseconds": 5}, ')
            size += len('"event": "BIG", "data": {"text": ""}}\r\n') + 50_000
            await asyncio.sleep(0)
        assert session.client.state.sent == before + size
        await until(lambda: _drain(client) == 0 and not session.client.state.unsent)


def _drain(client: raw_client.RawClient) -> int:
    try:
        return len(client.sock.recv(1 << 20))
    except BlockingIOError:
        return 0


async def test_a_client_that_needs_too_much_memory(
    monkeypatch: pytest.MonkeyPatch, monitor: Monitor, far: Far, path: Path
) -> None:
    monkeypatch.setattr("qmpeer.limits.LISTENER_MEMORY", 200_000)
    async with await opened(monitor, path) as client:
        (session,) = far.sessions
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            await client.send_all(b'{"execute": "' + b"x" * 300_000)
        await until(lambda: session.closed)
        assert session.client.cut_off is CutOff.MEMORY


async def test_a_long_answer_that_nobody_reads_keeps_no_client(
    monkeypatch: pytest.MonkeyPatch, monitor: Monitor, far: Far, path: Path
) -> None:
    monkeypatch.setattr("qmpeer.limits.CLOSE_TIMEOUT", 0.05)
    async with await opened(monitor, path) as client:
        (session,) = far.sessions
        client.send({"execute": "slow"})
        (command,) = await waiting(session, 1)
        session.client.deliver(Reply(command, ["x" * 1000] * 30_000))
        await until(lambda: session.client.state.unsent)
        session.client.close()
        await until(lambda: session.closed)
        assert session.client.cut_off is None
