"""``qmpeer relay``: its command line, and clients through it.

Modules: monitor_program, relay_command.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from qmpeer import AsyncClient, CommandError, CommandInterrupted, Monitor, QMPError
from qmpeer.cli.main import main
from qmpeer.cli.relay_options import RelayOptions, parse_relay_options
from tests.cli.relaying import Relaying, monitor_at
from tests.patience import PATIENCE


def parse(*words: str) -> RelayOptions:
    return parse_relay_options(RelayOptions(), words, pytest.fail)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("", "found no ADDRESS, expected that of the QMP server, such as unix:/run/vm.qmp"),
        ("-qmp stdio", "found no ADDRESS, expected that of the QMP server"),
        ("q", "no option opens a monitor, expected one such as -qmp unix:/run/new.sock,server=on"),
        ("q -monitor stdio", "-monitor stdio: there is no human monitor here, expected QMP"),
        ("q -qmp-pretty stdio", "-qmp-pretty stdio: nothing is indented here"),
        ("q r -qmp stdio", "r: there is an ADDRESS already, expected an option"),
        ("tcp:x -qmp stdio", "found 'x', expected HOST:PORT"),
        (
            "http://me:hush@host -qmp stdio",
            "found 'http://me:<redacted>@host', expected an address",
        ),
        ("wss://me:hush@host:1 -qmp stdio", "found 'wss://me:<redacted>@host:1', expected an a"),
        ("q wss://me:hush@host -qmp stdio", "wss://me:<redacted>@host: there is an ADDRESS"),
        ("q --timeout 0 -qmp stdio", "--timeout 0: expected a positive number of seconds"),
        ("q --timeout -qmp stdio", "--timeout -qmp: expected a positive number of seconds"),
        ("q -serial stdio", "-serial: invalid option"),
        (
            "q -qmp stdio --fault ctu",
            "--fault ctu: found an unknown fault 'ctu'; did you mean cut?",
        ),
        ("q -qmp stdio --fault sigkill", "--fault sigkill: expected --server-pid, the server's"),
        ("q -qmp unix:./q,server=on", "-qmp unix:./q,server=on: this is the server's address"),
        ("q -qmp unix:/nonexistent/p,server=on", "-qmp unix:/nonexistent/p,server=on: Failed to"),
    ],
)
def test_what_is_wrong(words: str, reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["relay", *words.split()]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"qmpeer relay: {reason}")
    assert err.count("\n") == 1
    assert "hush" not in err


def test_addresses_and_own_options(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    options = parse("-qmp", "stdio", "q", "--timeout", "2.5", "--wait-for-socket", "-S", "-m", "1")
    assert options.server == f"unix:{tmp_path}/q"  # a daemon changes its folder
    assert (options.timeout, options.waits_for_socket) == (2.5, True)
    assert parse("tcp:localhost:1", "-qmp", "unix:q,server=on").server == "tcp:localhost:1"


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["relay", "-h"]) == 0
    assert capsys.readouterr().out.startswith("usage: qmpeer relay ADDRESS [options]\n")
    assert main(["relay", "--version"]) == 0
    assert capsys.readouterr().out.startswith("qmpeer ")


async def test_clients_come_in_on_each_device(tmp_path: Path) -> None:
    server = tmp_path / "vm"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "inherited"))
        listener.listen()
        options = parse(
            str(server), "-qmp", f"unix:{tmp_path}/own,server=on,wait=off",
            "-chardev", f"socket,id=c,fd={os.dup(listener.fileno())},server=on,wait=off",
            "-mon", "chardev=c,id=m,mode=control",
        )  # fmt: skip
    async with monitor_at(server) as monitor, Relaying(options) as relaying:
        async with (
            await AsyncClient.connect(tmp_path / "own", timeout=PATIENCE) as first,
            await AsyncClient.connect(tmp_path / "inherited", timeout=PATIENCE) as second,
        ):
            for client in (first, second):
                assert await client.execute("query-status") == {"status": "running"}
            async with second.events("STOP") as events:
                monitor.emit("STOP")
                assert (await events.next(PATIENCE)).name == "STOP"
        assert relaying.said == []
    assert relaying.said == ["terminating on signal 15"]
    assert not (tmp_path / "own").exists()


async def test_faults(tmp_path: Path) -> None:
    """They happen between the relay's clients and a server that knows nothing of them."""
    fault = "cut reply=query-status byte=5 connection=1"
    options = parse(
        str(tmp_path / "vm"), "-qmp", f"unix:{tmp_path}/own,server=on,wait=off",
        "--fault", fault, "--fault", "late seconds=0.01",
    )  # fmt: skip
    async with monitor_at(tmp_path / "vm"), Relaying(options) as relaying:
        async with await AsyncClient.connect(tmp_path / "own", timeout=PATIENCE) as client:
            with pytest.raises(CommandInterrupted):
                await client.execute("query-status")
        async with await AsyncClient.connect(tmp_path / "own", timeout=PATIENCE) as client:
            assert await client.execute("query-status") == {"status": "running"}
        assert relaying.said == [f"fault: {fault}"]


async def test_a_server_that_is_not_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    options = parse(str(tmp_path / "vm"), "-qmp", f"unix:{tmp_path}/own,server=on,wait=off")
    async with Relaying(options):
        with pytest.raises((QMPError, OSError)):
            await AsyncClient.connect(tmp_path / "own", timeout=PATIENCE)
    assert f"no connection to unix:{tmp_path}/vm: " in caplog.text


async def test_a_client_before_the_server_has_accepted(tmp_path: Path) -> None:
    """With wait=on the client is there before the monitor; its bytes wait for the server."""
    options = parse(str(tmp_path / "vm"), "-qmp", f"unix:{tmp_path}/own,server=on")
    relaying = Relaying(options)
    async with monitor_at(tmp_path / "vm"):
        client = await AsyncClient.connect(tmp_path / "own", timeout=PATIENCE, wait_for_socket=True)
        async with relaying, client:
            assert await client.execute("query-status") == {"status": "running"}
    assert relaying.said[0].startswith(f"-qmp unix:{tmp_path}/own,server=on: info: QEMU waiting")


def test_standard_streams(tmp_path: Path) -> None:
    """The relay passes on the end of its input, and ends: nobody else can come."""
    monitor = Monitor(name="vm", version=(7, 2, 0))
    monitor.start(f"unix:{tmp_path}/vm")
    argv = [sys.executable, "-m", "qmpeer", "relay", f"{tmp_path}/vm", "-qmp", "stdio"]
    said = b'{"execute": "qmp_capabilities"}{"execute": "query-version", "id": 7}'
    done = subprocess.run(argv, input=said, capture_output=True, timeout=PATIENCE)
    monitor.stop()
    assert (done.returncode, done.stderr) == (0, b"")
    greeting, negotiated, version = map(json.loads, done.stdout.splitlines())
    assert "QMP" in greeting
    assert negotiated == {"return": {}}
    assert version["id"] == 7


async def test_its_control_socket(tmp_path: Path) -> None:
    """An event is put into what the server sends; it has no report."""
    server = tmp_path / "vm"
    options = parse(
        str(server), "-qmp", f"unix:{tmp_path}/own,server=on,wait=off",
        "--control", f"{tmp_path}/c",
    )  # fmt: skip
    async with monitor_at(server), Relaying(options) as relaying:  # noqa: SIM117 - as they come
        async with (
            await AsyncClient.connect(tmp_path / "own", timeout=PATIENCE) as vm,
            await AsyncClient.connect(tmp_path / "c", timeout=PATIENCE) as control,
        ):
            assert await vm.execute("query-status") == {"status": "running"}
            (call,) = await control.execute("query-calls", {"command": "query-status"})
            assert call["connection"] == 1
            mark = await vm.event_mark()
            await control.execute("send-event", {"name": "STOP", "data": {"x": 1}})
            assert (await vm.wait_event("STOP", since=mark, timeout=PATIENCE)).data == {"x": 1}
            assert await control.execute("query-faults") == []
            with pytest.raises(CommandError, match="qmpeer relay has no report"):
                await control.execute("query-report")
            with pytest.raises(CommandError, match="expected --server-pid, the server's process"):
                await control.execute("fault-add", {"fault": "sigkill"})
    assert relaying.said[0] == 'fault: inject STOP data={"x": 1}'
