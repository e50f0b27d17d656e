"""The end of a connection: commands in flight, later calls, and no warnings."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from qmpeer import CommandInterrupted, ConnectionClosed
from qmpeer.errors import LimitError, MessageError
from tests.client.conftest import OurMonitor
from tests.client.faces import Face
from tests.client.scripted import connected, open_fds, reset
from tests.patience import PATIENCE


def test_a_command_in_flight_is_interrupted(face: Face) -> None:
    with connected(face) as (vm, server):
        executing = vm.begin("device_add", {"driver": "x"})
        command = server.command()
        server.close()
        with pytest.raises(CommandInterrupted) as caught:
            executing.result(PATIENCE)
        assert (caught.value.command, caught.value.id) == ("device_add", command["id"])
        assert caught.value.reason == "the server closed the connection"
        assert "its outcome is unknown" in str(caught.value)


def test_all_commands_in_flight_are_interrupted(face: Face) -> None:
    with connected(face, max_in_flight=4) as (vm, server):
        executing = [vm.begin("x", {"n": n}) for n in range(8)]
        commands = [server.command() for _ in range(4)]
        server.send(b'{"return": 17, "id": %d}\r\n{"return": {}, "i' % commands[0]["id"])
        server.close()
        outcomes = [each.exception(PATIENCE) for each in executing]
        assert outcomes.count(None) == 1
        sent = {command["arguments"]["n"] for command in commands}
        for n, outcome in enumerate(outcomes):
            # The thread of a blocking client may start its command only after the end.
            expected = CommandInterrupted if n in sent else CommandInterrupted | ConnectionClosed
            assert outcome is None or isinstance(outcome, expected), n


def test_afterwards_the_connection_is_closed(face: Face) -> None:
    with connected(face) as (vm, server):
        executing = vm.begin("x")
        server.command()
        server.close()
        with pytest.raises(CommandInterrupted):
            executing.result(PATIENCE)
        caught = []
        for _ in range(2):
            with pytest.raises(ConnectionClosed, match="the server closed the connection") as one:
                vm.execute("x")
            with pytest.raises(ConnectionClosed) as other:
                vm.wait_event("STOP")
            caught += [one.value, other.value]
        assert len({id(error) for error in caught}) == 4
        assert vm.is_closed
        assert "closed" in repr(vm)


def test_a_reset_is_no_os_error(face: Face) -> None:
    with connected(face, tcp=True) as (vm, server):
        executing = vm.begin("x")
        server.command()
        reset(server)
        with pytest.raises(CommandInterrupted) as caught:
            executing.result(PATIENCE)
        assert isinstance(caught.value.__cause__, ConnectionResetError)
        with pytest.raises(ConnectionClosed) as closed:
            vm.execute("x")
        assert isinstance(closed.value.__cause__, ConnectionResetError)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (b'{"return": nope}\r\n', None),
        (b"17\r\n", MessageError),
        (b'{"event": 1}\r\n', MessageError),
        (b'{"error": "no", "id": 1}\r\n', MessageError),
    ],
    ids=["json", "number", "event", "error"],
)
def test_a_server_that_talks_nonsense(
    face: Face, said: bytes, kind: type[Exception] | None
) -> None:
    with connected(face) as (vm, server):
        executing = vm.begin("x")
        server.command()
        server.send(said)
        with pytest.raises(CommandInterrupted) as caught:
            executing.result(PATIENCE)
        assert caught.value.__cause__ is not None
        if kind is not None:
            assert isinstance(caught.value.__cause__, kind)
        assert server.socket.recv(1) == b""


def test_a_message_without_end(face: Face) -> None:
    with connected(face, message_limit=1 << 20) as (vm, server):
        executing = vm.begin("x")
        server.command()
        try:
            while not executing.done():
                server.send(b'{"return": "' + b"x" * 100_000)
        except (BrokenPipeError, ConnectionResetError):
            pass
        with pytest.raises(CommandInterrupted, match="longer than 1048576 bytes") as caught:
            executing.result(PATIENCE)
        assert isinstance(caught.value.__cause__, LimitError)


def test_what_came_before_the_end_is_an_outcome(face: Face) -> None:
    with connected(face) as (vm, server):
        executing = vm.begin("x")
        command = server.command()
        server.event("STOP")
        server.reply(command, 1)
        server.close()
        assert executing.result(PATIENCE) == 1
        assert vm.event_mark() == 1


def test_what_came_before_a_command_too_late_is_kept(face: Face) -> None:
    with connected(face) as (vm, server):
        server.event("SHUTDOWN")
        server.close()
        with pytest.raises((CommandInterrupted, ConnectionClosed)):
            vm.execute("x")
        assert vm.wait_event("SHUTDOWN", since=0, timeout=PATIENCE).number == 1


@pytest.mark.parametrize("is_reset", [False, True], ids=["closed", "reset"])
def test_quit_that_is_cut_off_is_a_success(face: Face, is_reset: bool) -> None:
    with connected(face, tcp=True) as (vm, server):
        quitting = vm.begin("quit")
        server.command()
        if is_reset:
            reset(server)
        else:
            server.close()
        assert quitting.result(PATIENCE) == {}
        with pytest.raises(ConnectionClosed):
            vm.execute("query-status")


def test_quit_is_no_success_when_we_close(face: Face) -> None:
    with connected(face) as (vm, server):
        quitting = vm.begin("quit")
        server.command()
        vm.close()
        with pytest.raises(CommandInterrupted, match="the client was closed"):
            quitting.result(PATIENCE)


def test_quit_is_no_success_when_it_was_never_sent(face: Face) -> None:
    with connected(face, max_in_flight=1) as (vm, server):
        holding = vm.begin("x")
        server.command()
        quitting = vm.begin("quit")
        # A later command that times out shows that this one is queued.
        with pytest.raises(TimeoutError):
            vm.execute("y", timeout=0.02)
        server.close()
        for each in (holding, quitting):
            with pytest.raises(CommandInterrupted):
                each.result(PATIENCE)


def test_a_half_closed_connection_is_an_end(face: Face) -> None:
    with connected(face) as (vm, server):
        executing = vm.begin("x")
        server.command()
        server.socket.shutdown(1)
        with pytest.raises(CommandInterrupted):
            executing.result(PATIENCE)


def test_closing_ends_what_is_in_flight(face: Face) -> None:
    with connected(face) as (vm, server):
        executing, waiting = vm.begin("x"), vm.events()
        server.command()
        vm.close()
        with pytest.raises(CommandInterrupted, match="the client was closed"):
            executing.result(PATIENCE)
        assert list(waiting) == []
        with pytest.raises(ConnectionClosed, match="the client was closed"):
            vm.execute("x")
        with pytest.raises(ConnectionClosed):
            vm.wait_event("STOP")
        assert server.socket.recv(1) == b""


def test_closing_twice(face: Face) -> None:
    with connected(face) as (vm, _):
        vm.close()
        vm.close()
        assert vm.is_closed


def test_closing_after_the_server_has(face: Face) -> None:
    with connected(face) as (vm, server):
        server.close()
        vm.close()
        vm.close()


def test_nothing_stays_open(face: Face) -> None:
    with connected(face):  # the loop has opened descriptors of its own
        pass
    before = open_fds()
    for _ in range(3):
        with connected(face) as (vm, _):
            vm.events()
    assert open_fds() == before


STRICT = ("-X", "dev", "-W", "error")
"""Options that make Python show all warnings, including those of unclosed async clients."""
CLIENTS = {
    "blocking": """
        from qmpeer import Client
        vm = Client.connect({address!r})
        vm.execute("echo")
        {last}
        """,
    "async": """
        import asyncio
        from qmpeer import AsyncClient
        async def main():
            global vm
            asyncio.get_running_loop().slow_callback_duration = {patience}
            vm = await AsyncClient.connect({address!r})
            await vm.execute("echo")
            vm.execute("hold", {{"name": "x"}})
            {last}
        asyncio.run(main())
        """,
}
ENDS = {
    "closed": {"blocking": "vm.close()", "async": "await vm.close()"},
    "closed twice": {
        "blocking": "vm.close(); vm.close()",
        "async": "[await vm.close() for _ in 'ab']",
    },
    "open": {"blocking": "", "async": ""},
    "raised": {"blocking": "raise SystemExit", "async": "raise SystemExit"},
    "deleted": {"blocking": "del vm", "async": "del vm"},
    "subscribed": {"blocking": "e = vm.events()", "async": "e = vm.events(); await vm.close()"},
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("kind", CLIENTS)
def test_the_interpreters_end_is_quiet(ours: OurMonitor, kind: str, end: str) -> None:
    text = textwrap.dedent(CLIENTS[kind]).format(
        address=ours.address, last=ENDS[end][kind], patience=PATIENCE
    )
    strict = () if kind == "async" and "close()" not in ENDS[end][kind] else STRICT
    done = run_python(text, *strict)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def run_python(text: str, *options: str) -> "subprocess.CompletedProcess[str]":
    import qmpeer

    source = Path(qmpeer.__file__).parents[1]
    return subprocess.run(
        [sys.executable, *options, "-c", text],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={"PYTHONPATH": str(source)},
    )


def test_a_program_that_lets_sigpipe_end_it_lives_on(ours: OurMonitor) -> None:
    """Command-line tools keep SIGPIPE's default action for their output."""
    done = run_python(
        textwrap.dedent(
            """
            import signal, socket
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            from qmpeer import Client, ConnectionClosed, CommandInterrupted
            one, other = socket.socketpair()
            vm = Client.connect(one, negotiate=False)
            other.close()
            for _ in range(2):
                try:
                    vm.execute("x")
                except (CommandInterrupted, ConnectionClosed) as error:
                    print(type(error).__name__)
            """
        )
    )
    assert (done.stdout, done.stderr) == ("CommandInterrupted\nConnectionClosed\n", "")
