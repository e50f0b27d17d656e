"""A guest agent as a ready behaviour, and our own procedures against it."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from qmpeer import CommandError
from qmpeer.client import AsyncGuestAgent, GuestAgent
from qmpeer.script import ScriptedServer
from qmpeer.script.agent_behaviour import Agent, Program
from tests.corpus import HAS_CORPUS, qapi_schema
from tests.patience import PATIENCE


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    schema = qapi_schema("v7.2", "qga/qapi-schema.json") if HAS_CORPUS else None
    with ScriptedServer(greeting=None, schema=schema) as made:
        yield made


def behave(server: ScriptedServer) -> Agent:
    return server.guest_agent(
        programs={
            "/bin/date": Program(stdout=b"now\n", stderr=b"!", seconds=0.02),
            "/bin/false": Program(exit_code=1),
        },
        files={"/etc/hostname": b"guest\n"},
        filesystems=3,
    )


def test_it_answers_our_client(server: ScriptedServer) -> None:
    behave(server)
    with closing(GuestAgent.connect(server.address, command_timeout=PATIENCE)) as client:
        client.ping()
        info = client.info()
        assert info.commands["guest-exec"].is_enabled
        assert not info.commands["guest-shutdown"].answers_success
        assert client.execute("guest-get-host-name") == {"host-name": "guest"}
        assert client.execute("guest-get-time") > 0
        client.execute("guest-set-time")


def test_programs(server: ScriptedServer) -> None:
    behave(server)
    with closing(GuestAgent.connect(server.address, command_timeout=PATIENCE)) as client:
        done = client.run(["/bin/date"])
        assert (done.exit_code, done.stdout, done.stderr) == (0, b"now\n", b"!")
        assert client.run(["/bin/false"]).exit_code == 1
        with pytest.raises(CommandError, match="“/nope” \\(No such file or directory\\)"):
            client.run(["/nope"])
        with pytest.raises(CommandError, match="Invalid parameter 'pid'"):
            client.execute("guest-exec-status", {"pid": 1})


def test_frozen_file_systems(server: ScriptedServer) -> None:
    agent = behave(server)
    with closing(GuestAgent.connect(server.address, command_timeout=PATIENCE)) as client:
        assert client.freeze_status() == "thawed"
        with client.frozen():
            assert agent.is_frozen
            assert client.freeze_status() == "frozen"
            with pytest.raises(CommandError, match="the agent is in frozen state"):
                client.execute("guest-get-time")
            assert not client.info().commands["guest-exec"].is_enabled
        assert client.thaw() == 0


def test_files(server: ScriptedServer) -> None:
    agent = behave(server)
    with closing(GuestAgent.connect(server.address, command_timeout=PATIENCE)) as client:
        assert client.read_file("/etc/hostname") == b"guest\n"
        client.write_file("/tmp/a", b"x" * 100_000)
        assert agent.files["/tmp/a"] == b"x" * 100_000
        handle = client.execute("guest-file-open", {"path": "/tmp/a", "mode": "a"})
        client.execute("guest-file-write", {"handle": handle, "buf-b64": "eQ=="})
        client.execute("guest-file-flush", {"handle": handle})
        assert agent.files["/tmp/a"].endswith(b"xy")
        with pytest.raises(CommandError, match="failed to open file '/nope' \\(mode: 'rb'\\)"):
            client.read_file("/nope")
        with pytest.raises(CommandError, match="handle '7' has not been found"):
            client.execute("guest-file-close", {"handle": 7})


def test_a_shutdown_has_no_reply(server: ScriptedServer) -> None:
    agent = behave(server)
    with closing(GuestAgent.connect(server.address, command_timeout=PATIENCE)) as client:
        with pytest.raises(CommandError, match="mode is invalid"):
            client.execute("guest-shutdown", {"mode": "dive"})
        client.shutdown("reboot")
        client.ping()
    assert agent.mode == "reboot"


def test_the_bytes_of_a_synchronization(server: ScriptedServer) -> None:
    behave(server)
    with closing(server.new_socket()) as raw:
        raw.settimeout(PATIENCE)
        raw.sendall(b'{"execute": "guest-sync-delimited", "arguments": {"id": 5}}')
        assert _read(raw) == b'\xff{"return": 5}\r\n'
        raw.sendall(b'\xff{"execute": "guest-sync", "arguments": {"id": 6}}')
        assert _read(raw).endswith(b'{"return": 6}\r\n')


def _read(raw: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\n") or b"return" not in data:
        data += raw.recv(4096)
    return data


def test_the_async_client(server: ScriptedServer) -> None:
    async def run() -> None:
        client = await AsyncGuestAgent.connect(server.address, command_timeout=PATIENCE)
        try:
            assert (await client.run(["/bin/date"])).stdout == b"now\n"
        finally:
            await client.close()

    behave(server)
    asyncio.run(run())
