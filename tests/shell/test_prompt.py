"""The prompt with keys from a pipe, on a monitor in the same process."""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from qmpeer import limits
from qmpeer.errors import CommandError
from qmpeer.monitor import Monitor
from qmpeer.shell.history import FileHistory
from qmpeer.shell.secrets import without_secrets
from tests import growth
from tests.patience import PATIENCE
from tests.shell.person import Person

HOSTILE = "\x1b]0;title\x07\x1b[2J\x9b31m\r\u202e"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "qmp"


@pytest_asyncio.fixture
async def monitor(path: Path) -> AsyncIterator[Monitor]:
    monitor = Monitor(name="test", version=(7, 2, 0))

    @monitor.command("stop")
    def stop() -> None:
        monitor.emit("STOP")

    @monitor.command("fail")
    def fail(name: str) -> None:
        raise CommandError("GenericError", f"Device '{name}' {HOSTILE}")

    @monitor.command("query-hostile")
    def query_hostile() -> dict[str, Any]:
        return {HOSTILE: [HOSTILE]}

    @monitor.command("query-list")
    def query_list() -> list[dict[str, Any]]:
        return [{"id": "a", "size": 1}, {"id": "bb", "size": 20}]

    @monitor.command("query-long")
    def query_long(size: int) -> list[int]:
        return list(range(size))

    @monitor.command("object-add")
    def object_add(id: str, data: str = "") -> None:
        pass

    @monitor.command("sleep")
    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds)

    @monitor.command("human-monitor-command")
    def human(command_line: str) -> str:
        if command_line == "help":
            return "info [what] -- show\r\nquit|q  -- leave\r\nfill -- \r\n"
        if command_line == "info":
            return "info status  -- show\r\ninfo block  -- show\r\n"
        if command_line.startswith("lines "):
            return "".join(f"line {n}\r\n" for n in range(int(command_line[6:])))
        return f"you said {command_line}{HOSTILE}\r\n"

    await monitor.listen(path, many=True)
    yield monitor
    monitor.shutdown()
    async with asyncio.timeout(PATIENCE):
        await monitor.wait_closed()


# --- Input, completion, errors ------------------------------------------------------------------


async def test_a_command(monitor: Monitor, path: Path) -> None:
    async with Person(path) as person:
        assert "connected to QEMU 7.2.0" in person.text
        await person.executes("query-version", r'"major": 7')
        await person.executes("query-long size=3", r"\[0, 1, 2\]")
        await person.executes('{"execute": "query-long", "arguments": {"size": 2}}', r"\[0, 1\]")
        await person.executes('query-long {"size": 1}', r"\[0\]")


async def test_several_lines_while_a_bracket_is_open(monitor: Monitor, path: Path) -> None:
    async with Person(path) as person:
        person.types('query-long {\r"size": # how many\r2')
        await person.until('query-long {\n"size": # how many\n2')
        person.types("\r}\r")
        await person.reads(r"\[0, 1\]")


async def test_tab_completes(monitor: Monitor, path: Path) -> None:
    async with Person(path) as person:
        person.types("query-v\t")
        await person.until("query-version ")
        person.types("\x15query-lo\t")
        await person.until("query-long ")
        person.types("s\t")
        await person.until("query-long size=")


async def test_a_mistake_is_marked_below_what_was_typed(monitor: Monitor, path: Path) -> None:
    async with Person(path) as person:
        await person.executes("query-long siez=1", r"\n                \^\^\^\^\n")
        await person.reads(r"Parameter 'siez' is unexpected\ndid you mean size\?\n")
        await person.executes("query-long size=x", r"\n                     \^\n")
        await person.reads(r"'size', expected: integer\nsize= takes a whole number")
        await person.executes("query-lnog", r"\n     \^{10}\n.*did you mean query-long")
        await person.executes("stop 'x", r"\n          \^\^\nthe quote ' isn't closed")


async def test_an_error_of_the_server_is_marked_where_it_names_an_argument(
    monitor: Monitor, path: Path
) -> None:
    async with Person(path) as person:
        await person.executes(
            "fail name=nope", r"\n               \^\^\^\^\nGenericError: Device 'nope'"
        )


async def test_control_c_cancels_and_control_d_leaves(monitor: Monitor, path: Path) -> None:
    async with Person(path) as person:
        person.types("sto")
        await person.until("sto")
        person.types("\x03")
        await person.until("")
        await person.executes("query-long size=1", r"\[0\]")
        person.types("\x04")
        assert person.left is not None
        await asyncio.wait_for(person.left, PATIENCE)


async def test_exit_leaves(monitor: Monitor, path: Path) -> None:
    async with Person(path) as person:
        person.types("exit\r")
        assert person.left is not None
        await asyncio.wait_for(person.left, PATIENCE)


async def test_five_megabytes_pasted(monitor: Monitor, path: Path) -> None:
    async with Person(path) as person:
        spent = []
        for size in (5_000_000 // growth.RATIO, 5_000_000):
            begin = time.process_time()
            data = json.dumps({"execute": "object-add", "arguments": {"id": "x" * size}})
            await person.pastes(data)
            await person.until(f"<pasted 1: {len(data)} characters>")
            person.types("\r")
            await person.reads(r"\n\{\}\n")
            spent.append(time.process_time() - begin)
        assert spent[1] <= growth.MOST * max(spent[0], growth.LEAST_SECONDS)
        await person.executes("query-long size=1", r"\[0\]")


async def test_a_paste_that_looks_like_another_stays_as_it_is(monitor: Monitor, path: Path) -> None:
    got: list[str] = []

    @monitor.command("take")
    def take(text: str) -> None:
        got.append(text)

    comment = "#" + "c" * limits.SHELL_PASTE
    value = f"<pasted 2: {len(comment)} characters>" + "v" * limits.SHELL_PASTE
    async with Person(path) as person:
        await person.pastes(json.dumps({"execute": "take", "arguments": {"text": value}}) + " ")
        await person.pastes(comment)
        while "<pasted 2: " not in person.line:
            await asyncio.sleep(0)
        person.types("\r")
        await person.reads(r"\n\{\}\n")
    assert got == [value]


async def test_lines_pasted_together_are_executed_up_to_the_first_error(
    monitor: Monitor, path: Path
) -> None:
    async with Person(path) as person:
        await person.pastes("query-long size=1\r\nquery-nothing\nquery-long size=2\n")
        person.types("\r")
        await person.reads(
            r"\[0\]\n.*query-nothing\n\^{13}\n.*the statements after it were not executed"
        )
        assert "[0, 1]" not in person.text


# --- Help, output, settings ---------------------------------------------------------------------


async def test_help(monitor: Monitor, path: Path) -> None:
    async with Person(path, rows=200) as person:
        await person.executes("help", r"Built-ins of the shell.*query-long")
        await person.executes(
            "help query-long", r"command query-long\nrequired arguments:\n  size: int"
        )
        await person.executes("help query-lnog", r"did you mean query-long")


async def test_forms_of_output(monitor: Monitor, path: Path) -> None:
    async with Person(path) as person:
        await person.executes("query-list", r"id  size\na      1\nbb    20\n")
        await person.executes("set output json", "")
        await person.executes("query-list", r'\[\n  \{"id": "a", "size": 1\},\n')
        await person.executes("set output raw", "")
        await person.executes("query-list", r'\n\[\{"id": "a", "size": 1\}, \{"id"')
        await person.executes("set timing on", "")
        await person.executes("query-list", r"\d+\.\d ms\n")
        await person.executes("set", r"output raw\ntiming on\npager on\ntimeout 300\n")
        await person.executes("set output xml", r"output must be one of auto, json, table, raw")
        await person.executes("set colour x", r"there is no setting 'colour'")


async def test_nothing_of_the_servers_reaches_the_terminal_raw(
    monitor: Monitor, path: Path
) -> None:
    async with Person(path) as person:
        await person.executes("query-hostile", r"\\u001b\[2J")
        await person.executes("fail name=x", r"Device 'x' \\u001b")
        await person.executes("hmp x", r"you said x\\u001b")
        monitor.emit("STOP", {"reason": HOSTILE})
        await person.reads(r"STOP.*\\u202e")
        raw = person.paper.getvalue()
        assert not any(
            part in raw for part in ("\x1b]0;title", "\x1b[2J", "\x9b", "\u202e", "\x07")
        )


async def test_a_terminal_of_twenty_columns(monitor: Monitor, path: Path) -> None:
    async with Person(path, columns=20, rows=6) as person:
        await person.executes("query-list", r"id  size\na      1\n")
        await person.executes("query-long siez=1", r"\^+\n.*unexpected")
        person.types("query-li\t\r")
        await person.reads(r"id  size\n")


# --- Events -------------------------------------------------------------------------------------


async def test_events_come_above_the_prompt_and_leave_it_alone(
    monitor: Monitor, path: Path
) -> None:
    async with Person(path) as person:
        person.types("query-lo")
        await person.until("query-lo")
        monitor.emit("RESUME", {"why": "é"})
        await person.reads(r"\d\d:\d\d:\d\d\.\d{3} RESUME \{\"why\": \"é\"\}\n.*qmp>.*query-lo")
        assert person.line == "query-lo"


async def test_events_come_before_the_reply(monitor: Monitor, path: Path) -> None:
    async with Person(path) as person:
        await person.executes("stop", r"STOP\n\{\}\n")


async def test_events_are_filtered(monitor: Monitor, path: Path) -> None:
    async with Person(path) as person:
        await person.executes("events off", "events shown: off")
        await person.executes("stop", r"\n\{\}\n")
        await person.executes("events ST.P", "events shown: those that match ST.P")
        await person.executes("stop", r"STOP\n\{\}\n")
        await person.executes("events (", "invalid regular expression")
        await person.executes("events", "events shown: those that match ST.P")


async def test_a_flood_of_events_leaves_the_prompt_usable(monitor: Monitor, path: Path) -> None:
    async def flood() -> None:
        while True:
            for _ in range(100):
                monitor.emit("NOISE", {"text": "x" * 50})
            await asyncio.sleep(0)

    async with Person(path) as person:
        flooding = asyncio.ensure_future(flood())
        try:
            await person.executes("query-long size=2", r"\[0, 1\]")
            await person.reads(r"… \d+ more events were not shown")
        finally:
            flooding.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await flooding
        assert person.text.count("NOISE") < 2000


async def test_waiting_for_an_event(monitor: Monitor, path: Path) -> None:
    async with Person(path) as person:
        await person.executes("stop", r"STOP\n\{\}\n")
        await person.executes("wait 5 STOP", "qmp>")  # which came before
        person.types("wait CHANGED id=x\r")
        await person.until("")
        monitor.emit("CHANGED", {"id": "y"})
        monitor.emit("CHANGED", {"id": "x"})
        await person.reads(r'"id": "x"')
        await person.executes("wait 0 STOP", r"event STOP didn't come in 0 s")
        await person.executes("wait", "expected the name of an event")


# --- The connection -----------------------------------------------------------------------------


async def test_a_server_that_goes_away_is_a_sentence(monitor: Monitor, path: Path) -> None:
    async with Person(path) as person:
        for listener in monitor.listeners:
            listener.close()
        monitor.shutdown()
        await person.reads(r"the server closed the connection; 'reconnect' connects again")
        await person.reads(r"\(gone\)")
        await person.executes("stop", "not connected; 'reconnect' connects again")
        await person.executes("reconnect", r"No such\sfile|Connection refused")
        second = Monitor(name="second", version=(8, 0, 0))
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        await second.listen(path, many=True)
        await person.executes("reconnect", "connected to QEMU 8.0.0")
        await person.executes("query-version", '"major": 8')
        second.shutdown()
        await second.wait_closed()


async def test_it_connects_again_by_itself(monitor: Monitor, path: Path) -> None:
    async with Person(path, reconnects=True) as person:
        for listener in monitor.listeners:
            listener.close()
        monitor.shutdown()
        await person.reads("reconnecting as soon as possible")
        second = Monitor(name="second", version=(8, 0, 0))
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        await second.listen(path, many=True)
        await person.reads("connected to QEMU 8.0.0.*qmp>")
        second.shutdown()
        await second.wait_closed()


async def test_a_busy_monitor_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmpeer.limits.SHELL_SILENCE", 0.05)
    server = socket.socket(socket.AF_UNIX)  # which takes clients, and says nothing
    server.bind(str(path))
    server.listen()
    person = Person(path, connect_timeout=0.3)
    await person.terminal.begin()
    said = " ".join(person.text.split())
    assert re.search(r"no greeting from \S+ for 0\.05 seconds: a monitor serves one", said)
    assert "give QEMU a second monitor" in said
    assert "hasn't greeted in 0.3 s" in person.text
    await person.session.close()
    server.close()


async def test_nobody_there(tmp_path: Path) -> None:
    person = Person(tmp_path / "nothing")
    await person.terminal.begin()
    assert "No such file or directory" in " ".join(person.text.split())
    await person.session.close()


# --- The rest -----------------------------------------------------------------------------------


async def test_history_keeps_no_secrets(monitor: Monitor, path: Path, tmp_path: Path) -> None:
    file = tmp_path / "history"
    history = FileHistory(file, lambda text: without_secrets(text, {"object-add"}))
    async with Person(path, history=history) as person:
        await person.executes("object-add id=s data=geheim", r"\{\}\n")
        person.types("\x1b[A")
        await person.until("object-add id=s data=<redacted>")
        person.types("\r")
        await person.reads("this was a secret, which history doesn't store\ntype it again")
    assert "geheim" not in file.read_text()


async def test_history_is_searched(monitor: Monitor, path: Path) -> None:
    async with Person(path) as person:
        await person.executes("query-long size=1", r"\[0\]")
        await person.executes("query-list", "bb")
        person.types("\x12long\r")
        await person.until("query-long size=1")


async def test_recording(monitor: Monitor, path: Path, tmp_path: Path) -> None:
    file = tmp_path / "transcript"
    async with Person(path) as person:
        await person.executes(f"record {file}", "qmp>")
        await person.executes("stop", r"STOP\n\{\}\n")
        await person.executes("object-add id=s data=geheim", r"\{\}\n")
        await person.executes("fail name=x", "GenericError")
        await person.executes("record off", "qmp>")
        await person.executes("query-list", "bb")
    lines = file.read_text().splitlines()
    assert lines[0] == '-> {"execute": "stop"}'
    assert lines[1].startswith('<- {"timestamp": {"seconds": ')
    assert lines[2] == '<- {"return": {}}'
    redacted = {"id": "s", "data": "<redacted>"}
    assert json.loads(lines[3][3:]) == {"execute": "object-add", "arguments": redacted}
    assert lines[6].startswith('<- {"error": {"class": "GenericError"')
    assert len(lines) == 7
    assert file.stat().st_mode & 0o777 == 0o600


async def test_source_and_save(monitor: Monitor, path: Path, tmp_path: Path) -> None:
    script, reply = tmp_path / "script", tmp_path / "reply"
    script.write_text("# twice\nquery-long size=1\n\nquery-nothing\nquery-long size=2\n")
    async with Person(path) as person:
        await person.executes(f"save {reply}", "there is no reply yet")
        await person.executes(f"source {script}", r"\[0\]\n\S+script:4:\nquery-nothing\n\^{13}\n")
        assert "[0, 1]" not in person.text
        await person.executes(f"save {reply}", "qmp>")
        script.write_text(f"source {script}\n")
        await person.executes(f"source {script}", "more than 10 nested source commands")
        await person.executes("source /nonexistent", "No such file or directory")
    assert json.loads(reply.read_text()) == [0]


async def test_commands_of_the_system(monitor: Monitor, path: Path, tmp_path: Path) -> None:
    async with Person(path) as person:
        await person.executes(f"! echo 'a # b' > {tmp_path}/out", "qmp>")
        await person.executes("! exit 3", "the command ended with status 3")
    assert (tmp_path / "out").read_text() == "a # b\n"


@pytest.mark.parametrize("line", ["! {child}", "query-long size=100"], ids=["child", "pager"])
async def test_control_c_belongs_to_the_child_that_has_the_terminal(
    monitor: Monitor, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    child, out = tmp_path / "child", tmp_path / "out"
    os.mkfifo(tmp_path / "keys")
    child.write_text(f"#!/bin/sh\nread keys < {tmp_path}/keys && echo $keys > {out}\n")
    child.chmod(0o700)
    monkeypatch.setenv("PAGER", str(child))
    async with Person(path, has_pager=True) as person:
        person.types(line.format(child=child) + "\r")
        async with asyncio.timeout(PATIENCE):
            keys = await asyncio.to_thread((tmp_path / "keys").open, "w")
        with keys:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            keys.write("still there\n")
        await person.executes("stop", r"\{\}\n")
    assert out.read_text() == "still there\n"
    assert "cancelled" not in person.text


async def test_what_the_human_monitor_prints_goes_through_the_pager(
    monitor: Monitor, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAGER", f"tee {tmp_path}/out")
    async with Person(path, has_pager=True) as person:
        await person.executes("hmp lines 3", "line 2")
        assert not (tmp_path / "out").exists()
        await person.executes("hmp lines 50", r"\nqmp>")
    assert (tmp_path / "out").read_text() == "".join(f"line {n}\n" for n in range(50))


async def test_help_breaks_at_blanks(monitor: Monitor, path: Path) -> None:
    async with Person(path, columns=40) as person:
        await person.executes("help set", r"set \[output auto\|json\|table\|raw\]\n    \[timing on")
        await person.executes("help query-nmae", r"or type\n    'query-nmae'; did you mean\n")


async def test_escape_is_a_key_of_its_own_before_long(monitor: Monitor, path: Path) -> None:
    async with Person(path) as person:
        application = person.terminal._prompt.app
        assert application.timeoutlen is not None
        assert application.ttimeoutlen + application.timeoutlen <= 0.5
        person.types("\x1bb")  # together they are another
        await person.executes("stop", r"\{\}\n")


async def test_the_human_monitor(monitor: Monitor, path: Path) -> None:
    async with Person(path) as person:
        await person.executes("hmp info status", "you said info status")
        await person.executes("hmp", "expected a command of the human monitor")
        person.types("hmp inf\t")
        await person.until("hmp info ")
        person.types("bl\t")
        await person.until("hmp info block ")
    async with Person(path, is_human=True) as person:
        person.types("inf\t")
        await person.until("info ")
        person.types("st\t")
        await person.until("info status ")
        person.types("\r")
        await person.reads(r"you said info status")
        await person.executes("   ", r"\(hmp\)")
        await person.executes("cpu", "you said cpu")


async def test_out_of_band(monitor: Monitor, path: Path) -> None:
    async with Person(path) as person:
        await person.executes("oob stop", "stop does not support OOB")
        await person.executes("oob", "expected a command")
        await person.executes("execute stop", r"\{\}\n")
