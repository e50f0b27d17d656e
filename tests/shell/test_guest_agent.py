"""The shell on a guest agent, which has no greeting and no schema, and may not answer."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.fake_agent import FakeAgent
from tests.shell.person import Person
from tests.shell.real_servers import running


@pytest.fixture
def agent(tmp_path: Path, program: Callable[[str], str]) -> Iterator[Path]:
    path = tmp_path / "qga"
    argv = [program("qemu-ga"), "-m", "unix-listen", "-p", str(path), "-t", str(tmp_path)]
    with running(argv, path):
        yield path


@pytest.mark.real
async def test_a_real_one(agent: Path) -> None:
    async with Person(agent, negotiate=False) as person:
        person.types("guest-pi\t")
        await person.until("guest-ping ")
        person.types("\r")
        await person.reads(r"\n\{\}\n")
        await person.executes("guest-pnig", "did you mean guest-ping")
        await person.executes('guest-exec path=echo arg=["a b"] capture-output=true', '"pid": ')
        await person.executes("guest-file-open path=/nonexistent/x", "GenericError: ")


async def test_a_command_that_answers_only_its_failure(tmp_path: Path) -> None:
    with FakeAgent(
        tmp_path / "qga", {"guest-shutdown": None, "guest-info": {"supported_commands": []}}
    ) as agent:
        async with Person(tmp_path / "qga", negotiate=False) as person:
            await person.executes("guest-shutdown mode=powerdown", r"\n\{\}\n")
        assert ("guest-shutdown", {"mode": "powerdown"}) in agent.seen


async def test_an_agent_that_has_stopped_answering(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: dict[str, Any] = {"guest-get-time": None, "guest-info": {"supported_commands": []}}
    with FakeAgent(tmp_path / "qga", answers) as agent:
        async with Person(tmp_path / "qga", negotiate=False) as person:
            await person.executes("set timeout 0.2", "qga>")
            await person.executes("guest-get-time", r"(?s)0\.\d+\s+s")
            await person.executes("guest-nothing", "GenericError: not here")
        assert [name for name, _ in agent.seen[-2:]] == ["guest-get-time", "guest-nothing"]


async def test_nobody_behind_the_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmpeer.limits.SHELL_SILENCE", 0.05)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(silent, tmp_path / "qga")
    async with server:
        person = Person(tmp_path / "qga", negotiate=False, connect_timeout=0.3)
        assert (await person.terminal.begin()).name == "LOST"
    said = " ".join(person.text.split())
    assert "no answer from a guest agent" in said
    assert "it may not be running" in said
    await person.session.close()


async def test_another_server_that_does_not_greet(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            command = json.loads(line.rpartition(b"\xff")[2])
            refusal = {"error": {"class": "CommandNotFound", "desc": "not here"}}
            answer = {"return": 1} if command["execute"] == "version" else refusal
            writer.write(json.dumps({**answer, "id": command.get("id")}).encode() + b"\n")
        writer.close()

    server = await asyncio.start_unix_server(serve, tmp_path / "sock")
    async with server, Person(tmp_path / "sock", negotiate=False) as person:
        await person.executes("version", r"\n1\n")
