"""Programs and tests around a program: the printed address, the command, the end of input.

Modules: child_command, companion_options, listening_places, running.
"""

import asyncio
import json
import os
import signal
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from qmpeer import limits
from qmpeer.options import StartError
from tests.options.program import EchoProgram, parse
from tests.options.test_startup import echoed, running
from tests.patience import PATIENCE

BLOCKED = frozenset({signal.SIGINT, signal.SIGTERM})


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder for temporary files, empty, with a short path."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        monkeypatch.setattr(tempfile, "tempdir", name)
        yield Path(name)
        assert list(Path(name).iterdir()) == []


async def test_an_own_socket(temporary: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with running("--print-address") as program:
        printed = capsys.readouterr().out
        assert printed.count("\n") == 1
        line = json.loads(printed)
        path = Path(line["path"])
        assert line == {
            "address": f"unix:{path}",
            "addresses": [f"unix:{path}"],
            "path": str(path),
            "pid": os.getpid(),
        }
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert path.parent.parent == temporary
        assert program.opened == [("compat_monitor0", False)]
        await echoed(path)
    assert not path.parent.exists()


async def test_every_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    options = "server=on,wait=off"
    words = (
        "-qmp", "null",
        "-qmp", f"telnet:127.0.0.1:0,{options}",
        "-qmp", f"websocket:127.0.0.1:0,{options}",
        "-chardev", f"socket,id=c,path=q,mux=off,{options}", "-mon", "c,mode=control",
        "-chardev", f"socket,id=other,path=other,{options}",
    )  # fmt: skip
    async with running(*words, "--print-address"):
        line = json.loads(capsys.readouterr().out)
    assert line["addresses"] == [f"ws://127.0.0.1:{line['port']}", f"unix:{tmp_path}/q"]
    assert (line["address"], line["host"]) == (line["addresses"][0], "127.0.0.1")
    assert "path" not in line


@contextmanager
def input_from_pipe() -> Iterator[int]:
    """Make a pipe this process's standard input; give its other end, which the block closes."""
    before = os.dup(0)
    ours, its = os.pipe()
    os.dup2(ours, 0)
    os.close(ours)
    try:
        yield its
    finally:
        os.dup2(before, 0)
        os.close(before)


async def run(*words: str) -> EchoProgram:
    """Run a program that ends with its command."""
    program = EchoProgram(*words)
    await program.run()
    return program


async def test_a_command(temporary: Path, tmp_path: Path) -> None:
    """It finds the address in its environment, and the program ends with its status."""
    script = 'test -S "$QMP_SOCKET" && echo "$QMP_ADDRESS $1" > "$2"; exit 7'
    program = await run("--", "sh", "-c", script, "sh", "--print-address", str(tmp_path / "out"))
    assert program.status == 7
    assert program.is_closed
    address, argument = (tmp_path / "out").read_text().split()
    assert argument == "--print-address"  # behind -- it isn't ours
    assert address.startswith(f"unix:{temporary}/qmpeer-")


async def test_the_address_of_a_tcp_monitor(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ("sh", "-c", f'echo "$QMP_ADDRESS $QMP_SOCKET" > {out}')
    await run("-qmp", "tcp:127.0.0.1:0,server=on,wait=off", "--", *command)
    address, plain = out.read_text().split()
    assert address == f"tcp:{plain}"


async def test_a_command_that_a_signal_ends() -> None:
    assert (await run("--", "sh", "-c", "kill -9 $$")).status == 128 + 9


async def test_a_command_has_no_signal_blocked(tmp_path: Path) -> None:
    """The program blocks some, and Python ignores others: both would be inherited."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED)
    try:
        script = f"grep -E 'SigBlk|SigIgn' /proc/self/status > {tmp_path}/out"
        assert (await run("--", "sh", "-c", script)).status == 0
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    blocked, ignored = (
        int(line.split()[1], 16) for line in (tmp_path / "out").read_text().splitlines()
    )
    assert blocked == 0
    assert not ignored & 1 << (signal.SIGPIPE - 1)


async def started(program: EchoProgram, path: Path) -> "asyncio.Task[None]":
    """Run a program, and wait until its command has written something to a FIFO."""
    task = asyncio.create_task(program.run())
    async with asyncio.timeout(PATIENCE):
        assert await asyncio.to_thread(path.read_text) == "ready\n"
    return task


async def test_signals_are_passed_on(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    script = f"trap 'exit 5' TERM; trap 'exit 6' INT; echo ready > {tmp_path}/fifo; read a"
    program = EchoProgram("--", "sh", "-c", script)
    with input_from_pipe() as its:
        task = await started(program, tmp_path / "fifo")
        program.send_signal(signal.SIGINT)  # of a terminal: the command has got it, too
        program.send_signal(signal.SIGTERM, " from pid 7 (sh)")
        await task
        os.close(its)
    assert program.status == 5
    assert program.reported == []


async def test_a_command_that_ignores_a_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "COMMAND_END", 0.01)
    os.mkfifo(tmp_path / "fifo")
    program = EchoProgram("--", "sh", "-c", f"trap '' INT; echo ready > {tmp_path}/fifo; read a")
    with input_from_pipe() as its:
        task = await started(program, tmp_path / "fifo")
        program.send_signal(signal.SIGINT, " from pid 7 (sh)")
        await task
        os.close(its)
    assert program.status == 128 + 9


async def test_a_program_that_ends_before_its_command(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    os.mkfifo(tmp_path / "go")
    script = f"echo ready > {tmp_path}/fifo; read word < {tmp_path}/go; exit $word"
    program = EchoProgram("--", "sh", "-c", script)
    task = await started(program, tmp_path / "fifo")
    program.end_by_signal()
    await asyncio.to_thread((tmp_path / "go").write_text, "3\n")
    await task
    assert program.status == 3


async def test_a_command_that_cannot_be_run(temporary: Path) -> None:
    with pytest.raises(StartError) as caught:
        await run("--", "/nonexistent/program")
    reason = "can't be run: No such file or directory"
    assert str(caught.value) == f"-- /nonexistent/program: {reason}"


@pytest.mark.parametrize("is_blocking", [True, False])
async def test_the_end_of_input(is_blocking: bool, temporary: Path) -> None:
    program = EchoProgram("--print-address", "--until-eof")
    with input_from_pipe() as its:
        os.set_blocking(0, is_blocking)
        task = asyncio.create_task(program.run())
        async with asyncio.timeout(PATIENCE):
            await program.is_ready.wait()
            os.write(its, b"this is discarded\n")
            os.close(its)
            await task
    assert program.status == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--", "--: expected a command, and its arguments"),
        ("-qmp null -daemonize -- sh", "-daemonize: expected no -- COMMAND"),
        ("-qmp unix:q,server=on --print-address", "-qmp unix:q,server=on: it waits for a client"),
        ("-qmp unix:q,server=on,wait=on -- sh", "-qmp unix:q,server=on,wait=on: it waits"),
        ("--until-eof -- sh", "--until-eof: found --, expected none: the command has the"),
        ("--until-eof -daemonize", "--until-eof: found -daemonize, expected none"),
        ("-qmp stdio --until-eof", "--until-eof: found -qmp, expected none: the device reads"),
    ],
)
def test_what_cannot_be_combined(words: str, said: str) -> None:
    with pytest.raises(StartError) as caught:
        parse(words.split())
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize("words", ["-qmp null --print-address", "-qmp null -- sh"])
async def test_no_address_to_print(words: str) -> None:
    with pytest.raises(StartError) as caught:
        await run(*words.split())
    option = words.split()[2]
    assert str(caught.value).startswith(f"{option}: no QMP monitor listens at an address, expected")


def test_others_may_wait_for_a_client() -> None:
    options = parse(["-chardev", "socket,id=c,path=q,server=on", "-qmp", "null", "--print-address"])
    assert options.prints_address
    assert not options.makes_socket
