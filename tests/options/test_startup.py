"""Programs with QEMU's options: their start in QEMU's order, and their end.

Modules: command_line, devices, process, startup.
"""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from qmpeer.options import StartError, StartHelp
from tests.options.program import EchoProgram
from tests.patience import PATIENCE


@asynccontextmanager
async def running(*words: str, until: str = "is_ready") -> AsyncIterator[EchoProgram]:
    """Run a program, which a signal ends."""
    program = EchoProgram(*words)
    task = asyncio.create_task(program.run())
    async with asyncio.timeout(PATIENCE):
        waiting = asyncio.create_task(getattr(program, until).wait())
        await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        yield program
        program.send_signal(signal.SIGTERM, " from pid 7 (sh)")
        await task
    assert program.reported[-1] == "terminating on signal 15 from pid 7 (sh)"
    assert program.is_closed


async def echoed(path: Path) -> None:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    writer.close()
    await writer.wait_closed()


async def test_each_device_has_its_monitor(tmp_path: Path) -> None:
    words = (
        "-qmp", f"unix:{tmp_path}/q,server=on,wait=off",
        "-chardev", f"socket,id=c,path={tmp_path}/c,server=on,wait=off",
        "-mon", "c,mode=control,pretty=on",
    )  # fmt: skip
    async with running(*words) as program:
        assert program.opened == [("compat_monitor0", False), ("c", True)]
        await echoed(tmp_path / "q")
        await echoed(tmp_path / "c")
    assert not (tmp_path / "q").exists()


async def test_an_inherited_listener(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "q"))
        listener.listen()
        device = f"socket,id=c,fd={os.dup(listener.fileno())},server=on,wait=off"
        async with running("-chardev", device, "-mon", "chardev=c,id=m,mode=control"):
            await echoed(tmp_path / "q")


async def test_monitors_that_are_objects(tmp_path: Path) -> None:
    words = (
        "--monitor-objects",
        "-object", "monitor-qmp,id=m,chardev=c,pretty=on",
        "-chardev", f"socket,id=c,path={tmp_path}/c,server=on,wait=off",
        "-qmp", "null",
    )  # fmt: skip
    async with running(*words) as program:
        assert program.opened == [("c", True), ("compat_monitor0", False)]
        assert program.devices.objects.names == ["m", "compat_monitor0"]
        await echoed(tmp_path / "c")


async def test_a_signal_ends_the_wait_for_a_client(tmp_path: Path) -> None:
    words = ("-qmp", f"unix:{tmp_path}/q,server=on", "-qmp", "unix:/nonexistent/q")
    async with running(*words, until="has_reported") as program:
        (report,) = program.reported
        assert report == (
            f"-qmp unix:{tmp_path}/q,server=on: info: QEMU waiting for connection on:"
            f" disconnected:unix:{tmp_path}/q,server=on"
        )
    assert program.opened == []


async def test_an_inherited_descriptor_goes_into_a_set(tmp_path: Path) -> None:
    fd = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    os.set_inheritable(fd, True)
    words = (
        "-add-fd", f"fd={fd},set=2,opaque=log",
        "-chardev", f"socket,id=c,path={tmp_path}/c,server=on,wait=off,logfile=/dev/fdset/2",
        "-chardev", "file,id=f,path=/dev/fdset/2",
        "-mon", "c,mode=control",
    )  # fmt: skip
    async with running(*words):
        await echoed(tmp_path / "c")
    assert (tmp_path / "log").read_bytes() == b"hello"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("-qmp unix:/nonexistent/q", "-qmp unix:/nonexistent/q: Failed to connect to"),
        ("-mon c,mode=control", '-mon c,mode=control: chardev "c" not found'),
        ("-mon mode=control", "-mon mode=control: Parameter 'chardev' is missing"),
        (
            "-mon c,mode=x -chardev null,id=c",
            "-mon c,mode=x: Parameter 'mode' does not accept value 'x'",
        ),
        ("-mon c,mode=x -qmp file:/nonexistent/f", "-qmp file:/nonexistent/f: "),
        (
            "-chardev null,id=c,mux=on -mon c,mode=control",
            "-mon c,mode=control: 'c' is shared (mux=on), which isn't supported here",
        ),
        (
            "-qmp null -mon compat_monitor0,mode=control",
            "-mon compat_monitor0,mode=control: Device 'compat_monitor0' is in use",
        ),
        ("-object secret,id=s", "Either 'file' or 'data' must be provided"),
        ("-object tls-creds-x509,id=t,dir=/nonexistent,endpoint=server", ""),
    ],
    ids=lambda value: value[:60],
)
async def test_the_first_error_ends_the_start(words: str, text: str) -> None:
    with pytest.raises(StartError) as caught:
        await EchoProgram(*words.split()).run()

    assert str(caught.value).startswith(text)


async def test_help_instead_of_a_start() -> None:
    with pytest.raises(StartHelp) as caught:
        await EchoProgram("-chardev", "help").run()

    assert caught.value.text.startswith("Available chardev backend types: \n")
