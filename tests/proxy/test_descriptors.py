"""Descriptors through the proxy: with which command they travel, and which client they belong to.

Modules: descriptors, fd_names, fd_sets.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from qmpeer import AsyncClient, Monitor, limits
from qmpeer.messages import Event
from qmpeer.monitor import Reply
from qmpeer.policy import Policy, Rule
from qmpeer.policy.argument_tests import MemberTest, OwnFdSet
from qmpeer.proxy.fd_names import names_in
from qmpeer.values import JsonObject, JsonValue
from tests.proxy.fd_server import FdServer, send
from tests.proxy.proxied import Proxied, error_of, until

OWN_SET: Final = MemberTest(("filename",), (OwnFdSet(),))


class Scene(Proxied):
    """A server that keeps descriptors, a proxy in front of it, and its clients."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.fd_server = self.server = FdServer()
        self.machine = Monitor(backend=self.server)

    @property
    def log(self) -> list[str]:
        return self.fd_server.log

    async def sock(self) -> socket.socket:
        """Return a blocking socket to the proxy, as a client that has negotiated."""
        sock = socket.socket(socket.AF_UNIX)
        await asyncio.to_thread(sock.connect, f"{self.folder}/proxy")
        send(sock, b'{"execute": "qmp_capabilities", "id": 1}\n')
        data = b""
        while b'"id": 1' not in data:
            data += await asyncio.to_thread(sock.recv, 65536)
        return sock


@pytest_asyncio.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    made = Scene(tmp_path)
    yield made
    await made.close()


@pytest.fixture
def files(tmp_path: Path) -> Iterator[list[int]]:
    """Return the descriptors of 8 files."""
    opened = [os.open(tmp_path / f"file-{n}", os.O_RDWR | os.O_CREAT) for n in range(8)]
    yield opened
    for fd in opened:
        os.close(fd)


def inode(fd: int) -> int:
    return os.fstat(fd).st_ino


def open_fds() -> int:
    return len(os.listdir("/proc/self/fd"))


def named(name: str) -> JsonObject:
    return {"fdname": name}


async def leave(scene: Scene, client: AsyncClient) -> None:
    assert scene.proxy is not None
    before = scene.proxy.clients
    await client.close()
    await until(lambda: scene.proxy is not None and scene.proxy.clients < before)


# With which command they travel


async def test_each_set_goes_with_its_command(scene: Scene, files: list[int]) -> None:
    await scene.start(window=1)
    one, two = await scene.client(), await scene.client()
    replies = []
    for n, fd in enumerate(files):
        client = (one, two)[n % 2]
        replies += [client.execute("getfd", named(f"f{n}"), fds=[fd]), client.execute("query")]
    await asyncio.gather(*replies)
    found = {name: inode(fd) for name, fd in scene.fd_server.named.items()}
    assert found == {f"f{n}": inode(fd) for n, fd in enumerate(files)}


async def test_they_may_come_before_their_command(scene: Scene, files: list[int]) -> None:
    """A client may send them with white space, or with the first bytes of a command."""
    await scene.start()
    with await scene.sock() as sock:
        send(sock, b" ", files[:1])
        send(sock, b'{"execute": "getfd", "arguments": {"fdname": "a"}}\n')
        send(sock, b'{"execute": "query"}\n{"execute": "getfd", "argum', files[1:2])
        send(sock, b'ents": {"fdname": "b"}}\n{"execute": "query"}\n')
        send(sock, b'{"execute": "query"}\n')
        both = b'{"execute": "query"}\n{"execute": "getfd", "arguments": {"fdname": "c"}}\n'
        send(sock, both, files[2:4])
        await until(lambda: len(scene.log) == 7)
    found = {name: inode(fd) for name, fd in scene.fd_server.named.items()}
    assert found == {name: inode(fd) for name, fd in zip("abc", files, strict=False)}
    assert scene.log.count("query") == 4


async def test_a_later_set_replaces_one_without_a_command(scene: Scene, files: list[int]) -> None:
    await scene.start()
    with await scene.sock() as sock:
        before = open_fds()
        send(sock, b" ", files[:2])
        await until(lambda: open_fds() == before + 2)
        send(sock, b" ", files[2:5])
        await until(lambda: open_fds() == before + 3)
        send(sock, b'{"execute": "getfd", "arguments": {"fdname": "a"}}\n')
        await until(lambda: scene.log)
    assert inode(scene.fd_server.named["a"]) == inode(files[2])


async def test_too_many_wait_for_their_turn(scene: Scene, files: list[int]) -> None:
    await scene.start(window=1)
    client = await scene.client()
    scene.fd_server.is_held = True
    replies = [
        client.execute("add-fd", {"fdset-id": n % 7}, fds=[files[n % 7]] * 8)
        for n in range(limits.BOUND_FDS)
    ]
    await until(lambda: scene.fd_server.received)
    assert len(scene.fd_server.received) == 1
    scene.fd_server.is_held = False
    scene.fd_server.let_go()
    await asyncio.gather(*replies)
    for number, fds in scene.fd_server.sets.items():
        assert {inode(fd) for fd in fds.values()} == {inode(files[number])}


async def test_malformed_commands_keep_none(scene: Scene, files: list[int]) -> None:
    await scene.start()
    with await scene.sock() as sock:
        before = open_fds()
        for _ in range(3):
            send(sock, b'{"execute": "getfd", "extra": 1}\n', files)
            send(sock, b'{"execute": "qmp_capabilities"}\n', files)
        await asyncio.to_thread(sock.recv, 100)
        send(sock, b'{"execute": "last"}\n')
        await until(lambda: "last" in scene.log)
        assert open_fds() <= before + len(files)
    await until(lambda: scene.proxy is not None and scene.proxy.clients == 0)
    assert open_fds() == before - 2  # the socket's two ends are closed


async def test_a_server_that_takes_none(scene: Scene, files: list[int]) -> None:
    proxy = await scene.start("tcp:127.0.0.1:0", window=1)
    client = await scene.client()
    before = open_fds()
    for _ in range(3):
        error = await error_of(client.execute("getfd", named("a"), fds=files[:1]))
        assert error.error_class == "GenericError"
        assert "getfd can't be sent to the server: descriptors travel over unix" in error.desc
        assert await client.execute("query") == {}
    assert open_fds() == before
    assert scene.log == ["query"] * 3
    assert proxy._hub.server is not None
    assert proxy._hub.server.session.commands_in_flight == 0


# From the server


async def test_they_come_with_the_answer(scene: Scene, files: list[int]) -> None:
    await scene.start()
    before = open_fds()
    scene.fd_server.is_held = True
    with await scene.sock() as one, await scene.sock() as two:
        send(one, b'{"execute": "a", "id": "a"}\n')
        await until(lambda: len(scene.server.received) == 1)
        send(two, b'{"execute": "b", "id": "b"}\n')
        await until(lambda: len(scene.server.received) == 2)
        a, b = scene.server.received
        scene.server.deliver(
            Event("E", {}),
            Reply(a, 1, fds=(os.dup(files[0]), os.dup(files[1]))),
            Reply(b, 2, fds=(os.dup(files[2]),)),
            Event("F", {}),
        )
        for sock, expected in ((one, files[:2]), (two, files[2:3])):
            fds = await asyncio.to_thread(receive_until, sock, b'"id"')
            assert [inode(fd) for fd in fds] == [inode(fd) for fd in expected]
            for fd in fds:
                os.close(fd)
        scene.fd_server._held.clear()
    await until(lambda: scene.proxy is not None and scene.proxy.clients == 0)
    assert open_fds() == before


def receive_until(sock: socket.socket, text: bytes) -> list[int]:
    data = b""
    found: list[int] = []
    while text not in data:
        more, fds, _, _ = socket.recv_fds(sock, 65536, 16)
        data += more
        found += fds
    return found


async def test_nobody_waits_for_those_of_an_answer(scene: Scene, files: list[int]) -> None:
    await scene.start()
    client = await scene.client()
    before = open_fds()
    scene.fd_server.is_held = True
    with await scene.sock() as leaving:
        send(leaving, b'{"execute": "a"}\n')
        await until(lambda: scene.server.received)
    await until(lambda: scene.proxy is not None and scene.proxy.clients == 1)
    (a,) = scene.server.received
    scene.fd_server._held.clear()
    scene.server.deliver(Reply(a, 1, fds=(os.dup(files[0]),)))
    scene.fd_server.is_held = False
    await client.execute("query")
    assert open_fds() == before


# Names


async def test_a_name_of_another_client(scene: Scene, files: list[int]) -> None:
    await scene.start()
    one, two = await scene.client(), await scene.client()
    await one.execute("getfd", named("tap"), fds=files[:1])
    sentence = "File descriptor named 'tap' belongs to another client of the proxy"
    uses: list[tuple[str, JsonObject]] = [
        ("getfd", named("tap")),
        ("closefd", named("tap")),
        ("use", {"vhostfd": "x:tap"}),
        ("use", {"deep": [{"uri": "fd:tap"}]}),
    ]
    for command, arguments in uses:
        error = await error_of(two.execute(command, arguments, fds=files[1:2]))
        assert (error.error_class, error.desc) == ("GenericError", sentence)
    assert scene.log == ["getfd tap"]
    await one.execute("getfd", named("tap"), fds=files[2:3])
    assert inode(scene.fd_server.named["tap"]) == inode(files[2])
    await one.execute("closefd", named("tap"))
    await two.execute("getfd", named("tap"), fds=files[1:2])
    assert inode(scene.fd_server.named["tap"]) == inode(files[1])


async def test_a_name_that_is_on_its_way(scene: Scene, files: list[int]) -> None:
    await scene.start()
    one, two = await scene.client(), await scene.client()
    scene.fd_server.is_held = True
    first = one.execute("getfd", named("tap"), fds=files[:1])
    await until(lambda: scene.server.received)
    await error_of(two.execute("closefd", named("tap")))
    second = two.execute("getfd", named("tap"), fds=files[1:2])
    other = one.execute("getfd", named("other"), fds=files[2:3])
    scene.fd_server.is_held = False
    scene.fd_server.let_go()
    await first
    assert "belongs to another client" in (await error_of(second)).desc
    await other


async def test_one_command_with_descriptors_at_a_time(scene: Scene, files: list[int]) -> None:
    """QEMU keeps one set: the next one would replace it before its command is executed."""
    await scene.start(window=7)
    one, two, three = [await scene.client() for _ in range(3)]
    scene.fd_server.is_held = True
    replies = [
        each.execute("getfd", named(f"{n}"), fds=files[n : n + 1])
        for n, each in enumerate((one, two))
    ]
    replies += [each.execute("query") for each in (one, two, three)]
    await until(lambda: len(scene.server.received) == 3)
    assert sorted(scene.server.names) == ["getfd", "query", "query"]
    urgent = two.execute("urgent", oob=True, fds=files[:1])
    assert "the descriptors of another command are on their way" in (await error_of(urgent)).desc
    scene.fd_server.let_go(1)
    await until(lambda: len(scene.server.received) == 5)
    scene.fd_server.is_held = False
    scene.fd_server.let_go()
    await asyncio.gather(*replies)
    assert [inode(fd) for fd in scene.fd_server.named.values()] == [inode(fd) for fd in files[:2]]


async def test_a_name_that_was_used_up(scene: Scene, files: list[int]) -> None:
    await scene.start()
    one, two = await scene.client(), await scene.client()
    for _ in range(2):
        await one.execute("getfd", named("tap"), fds=files[:1])
        await error_of(two.execute("getfd", named("tap"), fds=files[1:2]))
        assert await one.execute("use", {"vhostfd": "tap"}) == {"used": True}
    await two.execute("getfd", named("tap"), fds=files[1:2])
    await leave(scene, one)
    await two.execute("query")
    assert inode(scene.fd_server.named["tap"]) == inode(files[1])
    assert "closefd tap" not in scene.log


async def test_names_that_are_left_behind(scene: Scene, files: list[int]) -> None:
    await scene.start()
    one, two = await scene.client(), await scene.client()
    for n in range(3):
        await one.execute("getfd", named(f"n{n}"), fds=files[:1])
    await one.execute("use", {"vhostfd": "n1"})
    await two.execute("getfd", named("other"), fds=files[1:2])
    await one.execute("closefd", named("n2"))
    await leave(scene, one)
    await until(lambda: list(scene.fd_server.named) == ["other"])
    await two.execute("query")
    assert sorted(scene.log[-3:]) == ["closefd n0", "closefd n1", "query"]


async def test_a_name_that_is_taken_over_from_a_client_that_has_left(
    scene: Scene, files: list[int]
) -> None:
    """Whichever comes first, the closefd or the next getfd: the new descriptor stays."""
    await scene.start(window=1)
    for n in range(4):
        one, two = await scene.client(), await scene.client()
        await one.execute("getfd", named("tap"), fds=files[:1])
        scene.fd_server.is_held = True
        blocker = two.execute("blocker")
        await until(lambda: scene.server.names[-1] == "blocker")
        # It waits in the proxy, before or behind the closefd.
        replies = [two.execute("getfd", named("tap"), fds=files[1:2])] if n % 2 else []
        await leave(scene, one)
        if not replies:
            replies = [two.execute("getfd", named("tap"), fds=files[1:2])]
        scene.fd_server.is_held = False
        scene.fd_server.let_go()
        await asyncio.gather(blocker, *replies)
        await two.execute("query")
        assert inode(scene.fd_server.named["tap"]) == inode(files[1])
        await leave(scene, two)
        await until(lambda: not scene.fd_server.named)


async def test_a_client_that_leaves_while_its_getfd_is_executed(
    scene: Scene, files: list[int]
) -> None:
    await scene.start()
    one, two = await scene.client(), await scene.client()
    scene.fd_server.is_held = True
    one.execute("getfd", named("tap"), fds=files[:1])
    await until(lambda: scene.server.received)
    await leave(scene, one)
    scene.fd_server.is_held = False
    scene.fd_server.let_go()
    await until(lambda: scene.log == ["getfd tap", "closefd tap"])
    await two.execute("query")
    assert not scene.fd_server.named


async def test_a_getfd_that_fails_leaves_the_older_one_to_be_closed(
    scene: Scene, files: list[int]
) -> None:
    await scene.start(window=1)
    one, two = await scene.client(), await scene.client()
    await one.execute("getfd", named("tap"), fds=files[:1])
    scene.fd_server.is_held = True
    blocker = two.execute("blocker")
    await until(lambda: scene.server.names[-1] == "blocker")
    failing = two.execute("getfd", named("tap"))
    await leave(scene, one)
    scene.fd_server.is_held = False
    scene.fd_server.let_go()
    assert "No file descriptor" in (await error_of(failing)).desc
    await blocker
    await until(lambda: not scene.fd_server.named)


async def test_no_client_gets_a_descriptor_that_another_one_left_with_the_server(
    scene: Scene, files: list[int]
) -> None:
    await scene.start()
    one, two = await scene.client(), await scene.client()
    await error_of(one.execute("getfd", {"name": "wrong"}, fds=files[:1]))
    for command, arguments in (("getfd", named("b")), ("add-fd", {})):
        error = await error_of(two.execute(command, arguments))
        assert error.desc == "No file descriptor supplied via SCM_RIGHTS"
    await one.execute("getfd", named("a"))  # as in QEMU
    assert list(scene.fd_server.named) == ["a"]
    assert "No file descriptor" in (await error_of(two.execute("getfd", named("b")))).desc


async def test_the_number_of_names_is_bounded(
    scene: Scene, files: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "NAMED_FDS", 2)
    await scene.start()
    one, two = await scene.client(), await scene.client()
    for name in ("a", "b"):
        await one.execute("getfd", named(name), fds=files[:1])
        await one.execute("add-fd", {"fdset-id": 0}, fds=files[:1])
    for client in (one, two):
        error = await error_of(client.execute("getfd", named("c"), fds=files[:1]))
        assert error.desc == "The clients of the proxy hold 2 descriptors already"
        error = await error_of(client.execute("add-fd", fds=files[:1]))
        assert error.desc == "The clients of the proxy hold 2 descriptors already"
    await one.execute("use", {"vhostfd": "b"})
    await two.execute("getfd", named("c"), fds=files[:1])


def test_the_names_in_arguments() -> None:
    arguments: JsonValue = {
        "type": "tap",
        "id": "t0",
        "fds": "a:b",
        "vhostfd": "c",
        "addr": {"type": "fd", "str": "d"},
        "list": [{"fdname": "e"}, {"uri": "fd:f"}, 5, None],
        "fd": 7,
    }
    assert sorted(names_in(arguments)) == ["a", "b", "c", "d", "e", "f"]


# Sets


async def test_a_set_of_another_client(scene: Scene, files: list[int]) -> None:
    await scene.start()
    one, two = await scene.client(), await scene.client()
    made = await one.execute("add-fd", fds=files[:1])
    other = await two.execute("add-fd", fds=files[:1])
    number = made["fdset-id"]
    for command, arguments in (
        ("add-fd", {"fdset-id": number}),
        ("remove-fd", {"fdset-id": number}),
        ("remove-fd", made),
    ):
        error = await error_of(two.execute(command, arguments, fds=files[1:2]))
        assert error.desc == f"File descriptor set {number} belongs to another client of the proxy"
    await two.execute("remove-fd", other)
    await one.execute("add-fd", {"fdset-id": number}, fds=files[1:2])
    await one.execute("remove-fd", {"fdset-id": number})
    await two.execute("add-fd", {"fdset-id": number}, fds=files[1:2])


async def test_a_set_may_hold_what_no_client_has_passed(scene: Scene, files: list[int]) -> None:
    """A set of the server's command line doesn't become a client's own by one more descriptor."""
    rules = [
        Rule(name="passes", names=frozenset({"add-fd", "remove-fd"})),
        Rule(name="uses", names=frozenset({"screendump"}), tests=(OWN_SET,)),
    ]
    await scene.start(policy=Policy(rules))
    client = await scene.client()
    scene.fd_server.sets[2] = {}
    await client.execute("add-fd", {"fdset-id": 2}, fds=files[:1])
    error = await error_of(client.execute("screendump", {"filename": "/dev/fdset/2"}))
    assert error.desc.endswith("expected /dev/fdset/N with a set that this client has passed")
    made = await client.execute("add-fd", fds=files[:1])
    await client.execute("add-fd", made, fds=files[1:2])
    await client.execute("screendump", {"filename": f"/dev/fdset/{made['fdset-id']}"})
    await client.execute("remove-fd", {"fdset-id": 2})


async def test_no_client_adds_to_a_set_of_the_proxy(scene: Scene, files: list[int]) -> None:
    await scene.start()
    client = await scene.client()
    number = limits.PROXY_FD_SETS
    error = await error_of(client.execute("add-fd", {"fdset-id": number}, fds=files[:1]))
    assert error.desc == f"File descriptor set {number} belongs to another client of the proxy"
    await client.execute("add-fd", {"fdset-id": number - 1}, fds=files[:1])


async def test_sets_that_are_left_behind(scene: Scene, files: list[int]) -> None:
    await scene.start()
    one, two = await scene.client(), await scene.client()
    used = await one.execute("add-fd", fds=files[:1])
    unused = await one.execute("add-fd", fds=files[1:2])
    kept = await two.execute("add-fd", fds=files[2:3])
    scene.fd_server.files = ["disk", f"/dev/fdset/{used['fdset-id']}"]
    await leave(scene, one)
    sets = scene.fd_server.sets
    await until(lambda: list(sets) == [used["fdset-id"], kept["fdset-id"]])
    assert unused["fdset-id"] not in sets
    # Once it isn't used any more, it goes too.
    scene.fd_server.files = []
    three = await scene.client()
    await leave(scene, three)
    await until(lambda: list(sets) == [kept["fdset-id"]])


async def test_a_set_that_is_taken_over(scene: Scene, files: list[int]) -> None:
    await scene.start()
    one, two = await scene.client(), await scene.client()
    made = await one.execute("add-fd", fds=files[:1])
    scene.fd_server.files = [f"json:{{'filename': '/dev/fdset/{made['fdset-id']}'}}"]
    await leave(scene, one)
    await until(lambda: scene.log[-1] == "query-named-block-nodes")
    added = await two.execute("add-fd", {"fdset-id": made["fdset-id"]}, fds=files[1:2])
    scene.fd_server.files = []
    await leave(scene, two)
    await until(lambda: not scene.fd_server.sets)
    assert added["fdset-id"] == made["fdset-id"]


async def test_a_set_that_a_client_changes_while_it_is_to_be_removed(
    scene: Scene, files: list[int]
) -> None:
    """The client may get a descriptor of the same number, which must stay."""
    await scene.start(window=3)
    one, two = await scene.client(), await scene.client()
    made = await one.execute("add-fd", {"fdset-id": 3}, fds=files[:1])
    scene.fd_server.is_held = True
    await leave(scene, one)
    await until(lambda: scene.server.names[-1] == "query-named-block-nodes")
    removing = two.execute("remove-fd", {"fdset-id": 3})
    adding = two.execute("add-fd", {"fdset-id": 3}, fds=files[1:2])
    await until(lambda: scene.server.names[-1] == "add-fd")
    scene.fd_server.let_go(1)  # the proxy now wants to remove the old one
    for _ in range(30):  # turns of the loop, in which it would be sent
        await asyncio.sleep(0)
    assert scene.log[-1] == "query-named-block-nodes"
    scene.fd_server.is_held = False
    scene.fd_server.let_go()
    await removing
    assert await adding == made  # as the kernel takes the lowest number
    await two.execute("query")
    assert [inode(fd) for fd in scene.fd_server.sets[3].values()] == [inode(files[1])]
    await leave(scene, two)
    await until(lambda: not scene.fd_server.sets)


# When the server goes


async def test_what_each_client_had(scene: Scene, files: list[int]) -> None:
    proxy = await scene.start()
    one, two = await scene.client(), await scene.client()
    for name in ("a", "b"):
        await one.execute("getfd", named(name), fds=files[:1])
    await two.execute("add-fd", {"fdset-id": 5}, fds=files[:1])
    descriptors = proxy._hub._descriptors
    sessions = list(proxy._hub.sessions)
    found = [(each.requester, each.names, each.sets) for each in descriptors.clear()]
    assert found == [(sessions[0], ("a", "b"), ()), (sessions[1], (), (5,))]
    assert descriptors.clear() == []


async def test_what_another_server_lacks(scene: Scene, files: list[int]) -> None:
    await scene.start(reconnect=True)
    one, two = await scene.client(), await scene.client()
    mark = await one.event_mark()
    await one.execute("getfd", named("tap"), fds=files[:1])
    await one.execute("getfd", named("used"), fds=files[:1])
    await one.execute("use", {"vhostfd": "used"})
    await two.execute("add-fd", {"fdset-id": 5}, fds=files[:1])
    before = open_fds()
    scene.fd_server.is_held = True
    sent = one.execute("getfd", named("sent"), fds=files[:1])
    await until(lambda: scene.server.names[-1] == "getfd")
    waiting = two.execute("getfd", named("waiting"), fds=files[:1])
    scene.fd_server.is_held = False
    assert scene.server.client is not None
    scene.server.client.close()
    assert "the outcome of getfd is unknown" in (await error_of(sent)).desc
    assert "getfd wasn't sent" in (await error_of(waiting)).desc
    event = await one.wait_event("__QMPEER_SERVER_BACK", since=mark)
    assert event.data["not-restored"] == [
        {"kind": "descriptor", "name": "tap"},
        {"kind": "fd-set", "name": "5"},
    ]
    await two.execute("getfd", named("tap"), fds=files[1:2])
    assert inode(scene.fd_server.named["tap"]) == inode(files[1])
    assert open_fds() <= before


# Nothing is left open


async def test_clients_that_are_killed(scene: Scene, files: list[int]) -> None:
    await scene.start(window=2)
    steady = await scene.client()
    await steady.execute("query")
    await until(lambda: scene.proxy is not None and scene.proxy.clients == 1)
    before = open_fds()
    for n in range(60):
        scene.fd_server.is_held = n % 3 == 0
        sock = await scene.sock()
        for name in range(n % 5 + 1):
            text = b'{"execute": "getfd", "arguments": {"fdname": "n%d"}}\n' % name
            send(sock, text, files[: n % 4 + 1])
        send(sock, b'{"execute": "add-fd", "argu', files[:2])
        if n % 2:
            await until(lambda: scene.server.received)
        sock.close()
        if n % 3 == 0:
            await asyncio.sleep(0)
            scene.fd_server.is_held = False
            scene.fd_server.let_go()
    await until(lambda: scene.proxy is not None and scene.proxy.clients == 1)
    await steady.execute("query")
    await until(lambda: not scene.fd_server.named)
    close = scene.fd_server._last
    assert open_fds() == before + len(close)
