"""Calls that may be repeated: cut off, late or refused at any point, and never done twice.

Modules: aio.ensure, aio.presence, blocking.ensure, blocking.presence.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer import CommandError, CommandInterrupted, ConnectionClosed, limits
from qmpeer.client import aio, blocking
from qmpeer.client.timeouts import Countdown
from qmpeer.errors import CompletionError, ConflictError
from tests.client.faces import Face
from tests.client.hourglass import Hourglass
from tests.client.scripted import ScriptedServer, connected
from tests.client.test_reconnecting import connected as reconnecting
from tests.client.test_reconnecting import until_lost
from tests.patience import PATIENCE

# A server in a few lines

ARGUMENTS: dict[str, dict[str, Any]] = {
    "block-node": {"driver": "null-co"},
    "chardev": {"backend": {"type": "null", "data": {}}},
    "device": {"driver": "usb-kbd"},
    "job": {"device": "a", "target": "b", "sync": "full"},
    "netdev": {"type": "user"},
    "object": {"qom-type": "iothread"},
}
SHOWN: dict[str, tuple[str, Any]] = {
    "block-node": ("query-named-block-nodes", [{"node-name": "x", "drv": "null-co"}]),
    "chardev": ("qom-list", [{"name": "x", "type": "child<chardev-null>"}]),
    "device": ("qom-list", [{"name": "x", "type": "child<usb-kbd>"}]),
    "job": ("query-jobs", [{"id": "x", "type": "backup", "status": "running"}]),
    "netdev": ("human-monitor-command", "x: index=0,type=user,net=10.0.2.0,restrict=off\r\n"),
    "object": ("qom-list", [{"name": "x", "type": "child<iothread>"}]),
}
"""The query that lists the things of a kind, and its answer."""
ADDED = {
    "block-node": "blockdev-add",
    "chardev": "chardev-add",
    "device": "device_add",
    "job": "blockdev-backup",
    "netdev": "netdev_add",
    "object": "object-add",
}
REMOVED = {
    "block-node": "blockdev-del",
    "chardev": "chardev-remove",
    "netdev": "netdev_del",
    "object": "object-del",
}


class Server:
    """A server with one thing or none, a client of it, and a fate for each of its commands.

    Fates: "" is a reply. "lost" commands never arrive, "unanswered" ones are executed without a
    reply, "late" ones after the next command, "slow" ones after the client's deadline. "closed"
    ones aren't sent. Before "made" and "taken" ones, another client makes or takes the thing.
    """

    def __init__(self, kind: str, fates: Iterable[str] = (), *, exists: bool = False) -> None:
        self.kind = kind
        self.fates = deque(fates)
        self.exists = exists
        self.asked: list[str] = []
        self.made = self.removed = 0
        self.interruption: type[BaseException] = KeyboardInterrupt
        self._late: list[tuple[str, Any]] = []

    def execute(self, command: str, arguments: Any = None, *, timeout: float | None) -> Any:
        fate = self.fates.popleft() if self.fates else ""
        if fate == "closed":
            raise ConnectionClosed("the server closed the connection")
        self.asked.append(command)
        if fate in ("made", "taken"):
            self.exists = fate == "made"
        if fate == "late":
            self._late.append((command, arguments))
        if fate in ("late", "lost"):
            raise CommandInterrupted(command, 1, fate)
        try:
            return self._run(command, arguments)
        finally:
            self.settle()
            match fate:
                case "unanswered":
                    raise CommandInterrupted(command, 1, fate)
                case "slow":
                    raise TimeoutError(fate)
                case "interrupted":
                    raise self.interruption

    def settle(self) -> None:
        """Execute the late commands."""
        late, self._late = self._late, []
        for command, arguments in late:
            try:
                self._run(command, arguments)
            except CommandError:
                pass

    def _run(self, command: str, arguments: Any) -> Any:
        query, answer = SHOWN[self.kind]
        if command == query:
            return answer if self.exists else type(answer)()
        if command == ADDED[self.kind]:
            if self.exists:
                raise CommandError("GenericError", "Duplicate ID 'x'", command)
            self.made += 1
            # A job that dismisses itself has ended by the next command.
            self.exists = self.kind != "job" or arguments["auto-dismiss"] is False
        else:
            assert command == REMOVED[self.kind]
            if not self.exists:
                raise CommandError("GenericError", "'x' not found", command)
            self.removed += 1
            self.exists = False
        return {}


class AsyncServer:
    """The same, for the async client."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def execute(self, *args: Any, **options: Any) -> Any:
        return self._server.execute(*args, **options)


def at_once(coroutine: Coroutine[Any, Any, bool]) -> bool:
    """Return the result of a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return bool(end.value)
    raise AssertionError("it waits")


class Blocking:
    """Calls of the blocking client."""

    @staticmethod
    def present(server: Server, arguments: Any = None) -> bool:
        command = ADDED["job"] if server.kind == "job" else None
        ensuring = blocking.Ensuring(server, server.kind, "x", Countdown(None))  # type: ignore[arg-type] # only a part of a client
        return ensuring.be_present(arguments or ARGUMENTS[server.kind], command)

    @staticmethod
    def absent(server: Server) -> bool:
        return blocking.Ensuring(server, server.kind, "x", Countdown(None)).be_absent()  # type: ignore[arg-type] # only a part of a client


class Async:
    """Calls of the async client."""

    @staticmethod
    def present(server: Server, arguments: Any = None) -> bool:
        command = ADDED["job"] if server.kind == "job" else None
        client: Any = AsyncServer(server)
        ensuring = aio.Ensuring(client, server.kind, "x", Countdown(None))
        return at_once(ensuring.be_present(arguments or ARGUMENTS[server.kind], command))

    @staticmethod
    def absent(server: Server) -> bool:
        client: Any = AsyncServer(server)
        return at_once(aio.Ensuring(client, server.kind, "x", Countdown(None)).be_absent())


Twin = type[Blocking] | type[Async]
twins = pytest.mark.parametrize("twin", [Blocking, Async])


# Any fate


FATES = st.lists(
    st.sampled_from(["", "lost", "unanswered", "late", "slow", "closed", "made", "taken"]),
    max_size=12,
)


def repeat(call: Callable[[], bool], server: Server) -> None:
    """Repeat a call as a user does, until it succeeds."""
    for _ in range(14):
        before = len(server.asked)
        try:
            result = call()
        except (CommandInterrupted, ConnectionClosed, TimeoutError):
            continue
        except CommandError:  # others make and take it while this call looks
            continue
        acts = {*ADDED.values(), *REMOVED.values()}
        assert not result or acts & {*server.asked[before:]}
        server.fates.clear()
        return
    raise AssertionError("it never succeeds")


@pytest.mark.property
@twins
@given(kind=st.sampled_from(sorted(SHOWN)), fates=FATES)
def test_it_exists_once(twin: Twin, kind: str, fates: list[str]) -> None:
    server = Server(kind, fates)
    repeat(lambda: twin.present(server), server)
    assert server.exists
    server.settle()
    assert server.exists
    assert server.made <= 1 + fates.count("taken")
    if "made" not in fates and "taken" not in fates:
        assert server.made == 1
    assert twin.present(server) is False


@pytest.mark.property
@twins
@given(kind=st.sampled_from(sorted(REMOVED)), fates=FATES)
def test_it_is_removed_once(twin: Twin, kind: str, fates: list[str]) -> None:
    server = Server(kind, fates, exists=True)
    repeat(lambda: twin.absent(server), server)
    assert not server.exists
    assert server.removed <= 1 + fates.count("made")
    if "made" not in fates and "taken" not in fates:
        assert server.removed == 1
    assert twin.absent(server) is False


# Each fate by itself


@twins
@pytest.mark.parametrize("kind", SHOWN)
def test_what_is_sent(twin: Twin, kind: str) -> None:
    server = Server(kind)
    look = SHOWN[kind][0]
    assert twin.present(server) is True
    assert server.asked == [look, ADDED[kind]]
    assert twin.present(server) is False
    # The look may show a netdev that was removed under its NIC; QEMU refuses one that is there.
    again = [look, ADDED[kind], look] if kind == "netdev" else [look]
    assert server.asked[2:] == again
    if kind in REMOVED:
        del server.asked[:]
        assert twin.absent(server) is True
        assert server.asked == [look, REMOVED[kind]]
        assert twin.absent(server) is False
        assert server.asked[2:] == [look]


@twins
@pytest.mark.parametrize(
    ("fates", "result", "acts"),
    [
        (["lost"], True, 1),
        (["", "lost"], True, 2),
        (["", "unanswered"], True, 1),
        (["", "unanswered", "lost"], True, 1),
        (["", "late"], True, 2),
        (["", "made"], False, 1),
        (["", "made", "lost"], False, 1),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_it_looks_again(twin: Twin, fates: list[str], result: bool, acts: int) -> None:
    server = Server("block-node", fates)
    assert twin.present(server) is result
    assert server.asked.count("blockdev-add") == acts
    assert server.made == (0 if "made" in fates else 1)


@twins
@pytest.mark.parametrize(
    ("fates", "error", "text"),
    [
        (["", "lost"] * limits.ENSURE_ATTEMPTS, CommandInterrupted, "blockdev-add was cut off"),
        (["lost"] * limits.ENSURE_ATTEMPTS, CommandInterrupted, "query-named-block-nodes was cut"),
        (["", "lost", "lost", "lost"], CommandInterrupted, "blockdev-add was cut off"),
        (["", "lost", "closed"], CommandInterrupted, "blockdev-add was cut off"),
        (["lost", "closed"], ConnectionClosed, "the server closed the connection"),
        (["", "closed"], ConnectionClosed, "the server closed the connection"),
        (["", "unanswered", "slow"], TimeoutError, "slow"),
        (["", "made", "taken"], CommandError, "Duplicate ID"),
    ],
)
def test_it_gives_up(twin: Twin, fates: list[str], error: type[Exception], text: str) -> None:
    server = Server("block-node", fates)
    with pytest.raises(error, match=text):
        twin.present(server)
    assert not server.fates
    twin.present(server)
    assert server.exists


@pytest.mark.parametrize(
    ("twin", "interruption"),
    [(Blocking, KeyboardInterrupt), (Async, KeyboardInterrupt), (Async, asyncio.CancelledError)],
)
@pytest.mark.parametrize("place", [0, 1])
def test_an_interruption_ends_it_at_once(
    twin: Twin, interruption: type[BaseException], place: int
) -> None:
    server = Server("object", [""] * place + ["interrupted"])
    server.interruption = interruption
    with pytest.raises(interruption):
        twin.present(server)
    assert len(server.asked) == place + 1
    assert twin.present(server) is (place == 0)
    assert server.made == 1


@twins
def test_a_conflict(twin: Twin) -> None:
    server = Server("block-node", exists=True)
    with pytest.raises(ConflictError, match='found driver "null-co", expected "raw"'):
        twin.present(server, {"driver": "raw"})
    server = Server("block-node", ["", "made"])  # and it is checked whose was faster
    with pytest.raises(ConflictError, match='found driver "null-co", expected "raw"'):
        twin.present(server, {"driver": "raw"})


@twins
def test_what_is_refused(twin: Twin) -> None:
    server = Server("object", exists=True)
    refusal = CommandError("GenericError", "object 'x' is in use, can not be deleted")
    run = server._run

    def refuse(command: str, arguments: Any) -> Any:
        if command == "object-del":
            raise refusal
        return run(command, arguments)

    server._run = refuse  # type: ignore[method-assign] # for this test
    with pytest.raises(CommandError) as caught:
        twin.absent(server)
    assert caught.value is refusal
    assert server.asked == ["qom-list", "object-del", "qom-list"]


# Servers without a command or a container


def not_there(server: ScriptedServer, expected: str, error_class: str = "CommandNotFound") -> Any:
    command = server.command()
    assert command["execute"] == expected
    server.fail(command, error_class, "not found")
    return command.get("arguments")


def answer(server: ScriptedServer, expected: str, value: Any = None) -> Any:
    command = server.command()
    assert command["execute"] == expected
    server.reply(command, value)
    return command.get("arguments")


def test_a_server_without_devices(face: Face) -> None:
    """qemu-storage-daemon."""
    with connected(face) as (vm, server):
        ensuring = vm.start("ensure_present", "device", "x", {"driver": "usb-kbd"})
        not_there(server, "qom-list", "DeviceNotFound")
        not_there(server, "device_add")
        not_there(server, "qom-list", "DeviceNotFound")
        with pytest.raises(CommandError, match="CommandNotFound") as caught:
            ensuring.result(PATIENCE)
        assert caught.value.command == "device_add"
        ensuring = vm.start("ensure_absent", "device", "x")
        not_there(server, "qom-list", "DeviceNotFound")
        assert ensuring.result(PATIENCE) is False


def test_a_server_without_qom(face: Face) -> None:
    with connected(face) as (vm, server):
        ensuring = vm.start("ensure_present", "object", "x", {"qom-type": "iothread"})
        not_there(server, "qom-list")
        with pytest.raises(CommandError, match="CommandNotFound"):
            ensuring.result(PATIENCE)


def test_chardevs_of_an_old_server(face: Face) -> None:
    with connected(face) as (vm, server):
        for labels, result in (([], True), (["x"], False)):
            ensuring = vm.start("ensure_present", "chardev", "x", {"backend": {"type": "null"}})
            not_there(server, "qom-list", "DeviceNotFound")
            answer(server, "query-chardev", [{"label": label} for label in labels])
            if result:
                answer(server, "chardev-add")
            assert ensuring.result(PATIENCE) is result


def test_nodes_of_an_old_server(face: Face) -> None:
    with connected(face) as (vm, server):
        ensuring = vm.start("ensure_absent", "block-node", "x")
        assert not_there(server, "query-named-block-nodes", "GenericError") == {"flat": True}
        assert answer(server, "query-named-block-nodes", []) is None
        assert ensuring.result(PATIENCE) is False


def test_properties_that_can_be_read(face: Face) -> None:
    given = {"driver": "virtio-blk-pci", "bus": "pci.0", "serial": "s", "x-new": 1}
    with connected(face) as (vm, server):
        ensuring = vm.start("ensure_present", "device", "x", given)
        answer(server, "qom-list", [{"name": "x", "type": "child<virtio-blk-pci>"}])
        path = "/machine/peripheral/x"
        asked = answer(server, "qom-get", "/machine/pci.0")
        assert asked == {"path": path, "property": "parent_bus"}
        assert answer(server, "qom-get", "s") == {"path": path, "property": "serial"}
        not_there(server, "qom-get", "GenericError")
        assert ensuring.result(PATIENCE) is False


# Removing devices and jobs


def test_a_device_is_gone_after_its_event(face: Face) -> None:
    path = "/machine/peripheral-anon/device[1]"
    with connected(face) as (vm, server):
        ensuring = vm.start("ensure_absent", "device", path)
        listed = [{"name": "device[1]", "type": "child<usb-kbd>"}]
        assert answer(server, "qom-list", listed) == {"path": "/machine/peripheral-anon"}
        assert answer(server, "device_del") == {"id": path}
        server.event("DEVICE_DELETED", path=path)
        assert ensuring.result(PATIENCE) is True


def test_a_guest_that_refuses(face: Face) -> None:
    with connected(face) as (vm, server):
        ensuring = vm.start("ensure_absent", "device", "x")
        listed = [{"name": "x", "type": "child<usb-kbd>"}]
        answer(server, "qom-list", listed)
        answer(server, "device_del")
        server.event("DEVICE_UNPLUG_GUEST_ERROR", device="x", path="/machine/peripheral/x")
        answer(server, "qom-list", listed)
        with pytest.raises(CompletionError, match="DEVICE_UNPLUG_GUEST_ERROR"):
            ensuring.result(PATIENCE)


def job(server: ScriptedServer, status: str) -> None:
    """Answer query-jobs with a job in a state, or without one."""
    answer(server, "query-jobs", [{"id": "x", "status": status}] if status else [])


@pytest.mark.parametrize(
    "steps",
    [
        ["concluded", "job-dismiss"],
        ["concluded", "!job-dismiss", "", ""],  # somebody else dismissed it
        ["running", "job-cancel", "@", "running", "@", "concluded", "job-dismiss"],
        ["running", "job-cancel", "@", ""],  # it dismisses itself
        ["running", "!job-cancel", "concluded", "concluded", "job-dismiss"],
        ["running", "!job-cancel", "ready", "ready", "job-cancel", "@", "concluded", "job-dismiss"],
        ["aborting", "@", "concluded", "job-dismiss"],
        ["null", "@", ""],
        [""],
    ],
    ids="-".join,
)
def test_a_job_is_cancelled_and_dismissed(face: Face, steps: list[str]) -> None:
    with connected(face) as (vm, server):
        ensuring = vm.start("ensure_absent", "job", "x", timeout=PATIENCE)
        job(server, "running")
        for step in steps:
            if step == "@":
                server.event("JOB_STATUS_CHANGE", id="x", status="?")
            elif step.startswith("!"):
                not_there(server, step[1:], "GenericError")
            elif step.startswith("job-"):
                answer(server, step)
            else:
                job(server, step)
        assert ensuring.result(PATIENCE) is True


def test_a_job_that_can_not_be_cancelled(face: Face) -> None:
    with connected(face) as (vm, server):
        ensuring = vm.start("ensure_absent", "job", "x")
        for _ in range(2):
            job(server, "running")
        not_there(server, "job-cancel", "GenericError")
        for _ in range(2):
            job(server, "running")
        with pytest.raises(CommandError, match="GenericError"):
            ensuring.result(PATIENCE)


def test_a_job_of_an_old_server(face: Face) -> None:
    jobs = [{"device": "x", "type": "mirror", "len": 5, "offset": 0}]
    with connected(face) as (vm, server):
        ensuring = vm.start("ensure_absent", "job", "x")
        for _ in range(2):
            not_there(server, "query-jobs")
            answer(server, "query-block-jobs", jobs)
        not_there(server, "job-cancel")
        assert answer(server, "block-job-cancel") == {"device": "x", "force": True}
        server.event("BLOCK_JOB_CANCELLED", device="x")
        not_there(server, "query-jobs")
        answer(server, "query-block-jobs", [])
        assert ensuring.result(PATIENCE) is True


def test_a_job_that_does_not_end(face: Face, hourglass: Hourglass) -> None:
    with connected(face) as (vm, server):
        ensuring = vm.start("ensure_absent", "job", "x", timeout=0.2)
        for _ in range(2):
            job(server, "running")
        answer(server, "job-cancel")
        server.event("JOB_STATUS_CHANGE", id="x", status="aborting")
        command = server.command()
        hourglass.let_go()
        server.reply(command, [{"id": "x", "status": "aborting"}])
        with pytest.raises(TimeoutError, match=r"job x hasn't ended in 0\.2 s, it is aborting"):
            ensuring.result(PATIENCE)


# Real connections


NODE = {"driver": "null-co"}
NODES = SHOWN["block-node"][1]


def test_a_reply_that_is_lost(face: Face, tmp_path: Path) -> None:
    with reconnecting(face, tmp_path) as (vm, servers, server):
        ensuring = vm.start("ensure_present", "block-node", "x", NODE)
        answer(server, "query-named-block-nodes", [])
        assert server.command()["execute"] == "blockdev-add"
        server.close()
        second = servers.greet()
        answer(second, "query-named-block-nodes", NODES)
        assert ensuring.result(PATIENCE) is True
        assert not second.has_input()
        assert vm.client.interruptions[0].commands == ("blockdev-add",)


def test_a_look_that_is_cut_off(face: Face, tmp_path: Path) -> None:
    with reconnecting(face, tmp_path) as (vm, servers, server):
        ensuring = vm.start("ensure_absent", "block-node", "x")
        server.command()
        server.close()
        second = servers.greet()
        answer(second, "query-named-block-nodes", NODES)
        answer(second, "blockdev-del")
        assert ensuring.result(PATIENCE) is True


def test_a_command_that_ends_the_server(face: Face, tmp_path: Path) -> None:
    with reconnecting(face, tmp_path) as (vm, servers, server):
        ensuring = vm.start("ensure_present", "block-node", "x", NODE)
        for number in range(limits.ENSURE_ATTEMPTS):
            if number:
                server = servers.greet()
            answer(server, "query-named-block-nodes", [])
            assert server.command()["execute"] == "blockdev-add"
            server.close()
        with pytest.raises(CommandInterrupted) as caught:
            ensuring.result(PATIENCE)
        assert caught.value.command == "blockdev-add"


def test_without_another_connection(face: Face) -> None:
    with connected(face) as (vm, server):
        ensuring = vm.start("ensure_present", "block-node", "x", NODE)
        answer(server, "query-named-block-nodes", [])
        server.command()
        server.close()
        with pytest.raises(CommandInterrupted, match="blockdev-add was cut off"):
            ensuring.result(PATIENCE)
        with pytest.raises(ConnectionClosed):
            vm.call("ensure_present", "block-node", "x", NODE)


def test_a_connection_that_is_lost_while_a_job_ends(face: Face, tmp_path: Path) -> None:
    with reconnecting(face, tmp_path) as (vm, servers, server):
        ensuring = vm.start("ensure_absent", "job", "x")
        for _ in range(2):
            job(server, "running")
        answer(server, "job-cancel")
        server.close()
        second = servers.greet()
        for _ in range(2):
            job(second, "concluded")
        answer(second, "job-dismiss")
        assert ensuring.result(PATIENCE) is True


def test_no_connection_until_the_deadline(face: Face, tmp_path: Path) -> None:
    with reconnecting(face, tmp_path) as (vm, servers, _):
        servers.go_away()
        until_lost(vm)
        with pytest.raises(TimeoutError):
            vm.call("ensure_present", "block-node", "x", NODE, timeout=0.01)


def test_a_command_that_is_executed_after_the_deadline(face: Face, hourglass: Hourglass) -> None:
    with connected(face) as (vm, server):
        ensuring = vm.start("ensure_present", "block-node", "x", NODE, timeout=0.01)
        command = server.command()
        hourglass.let_go()
        server.reply(command, [])
        with pytest.raises(TimeoutError, match="blockdev-add wasn't answered in"):
            ensuring.result(PATIENCE)
        ensuring = vm.start("ensure_present", "block-node", "x", NODE)
        answer(server, "blockdev-add")
        answer(server, "query-named-block-nodes", NODES)
        assert ensuring.result(PATIENCE) is False


def test_a_mistake_sends_nothing(face: Face) -> None:
    with connected(face) as (vm, server):
        for arguments in (("disk", "x"), ("job", "x"), ("device", "x"), ("device", "a/b", NODE)):
            with pytest.raises(ValueError, match=r"^found "):
                vm.call("ensure_present", *arguments)
        with pytest.raises(ValueError, match=r"^found 'disk' as a kind"):
            vm.call("ensure_absent", "disk", "x")
        for kind, id in (("device", "a/b"), ("object", "/objects/x"), ("device", "")):
            with pytest.raises(ValueError, match="expected one without a slash"):
                vm.call("ensure_absent", kind, id)
        assert not server.has_input()
