"""Inputs that fail or surprise at qemu.qmp's qmp-shell, and their results here.

The rows of the table in docs/shell.md, on a real QEMU.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmpeer import AsyncClient
from qmpeer.shell.history import FileHistory
from tests.cli.programs import run_here
from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU
from tests.shell.person import Person
from tests.shell.real_servers import listening

pytestmark = pytest.mark.real


@pytest.fixture
def qemu(tmp_path: Path, program: Callable[[str], str]) -> Iterator[Path]:
    with listening((program(QEMU), *BASE), tmp_path / "qmp") as path:
        yield path


async def test_lines(qemu: Path, qemu_version: tuple[int, int]) -> None:
    """Run all cases in one session, since none depends on the ones before."""
    async with Person(qemu, rows=1000) as person:
        for line, shown in [
            ("help query-status", "command query-status\n"),
            ("help", "query-status"),
            ('qom-get path="/machine" property="type"', '"none-machine"'),
            ('human-monitor-command command-line="info version"', f'"{qemu_version[0]}\\.'),
            (
                "blockdev-add driver=raw node-name=n0 file.driver=null-co file.size=1M",
                r"\n\{\}\n",
            ),
            ("object-add qom-type=memory-backend-ram id=m0 size=0x400000", r"\n\{\}\n"),
            ("blockdev-add driver=null-co node-name=n123 size=1M", r"\n\{\}\n"),
            ("block-dirty-bitmap-add node=n0 name=123", r"\n\{\}\n"),
            ('{"execute":"query-status"}', '"status": '),
            ('{ "execute": "query-status", "id": 7 }', '"status": '),
            ('query-named-block-nodes {"flat": true}  # all', "n0"),
            ('{"exec-oob":"query-yank"}', r"\[\]|type"),
            ("blockdev-add driver=null-co node-name=n1 siz=1M", r"\^\^\^\n.*did you mean size\?"),
            ("set output json", "qmp>"),
            ("query-name", r"\n\{\}\n"),
        ]:
            await person.executes(line, shown)
        nodes = await person.connection.connected().execute("query-named-block-nodes")
        made = {node["node-name"]: node for node in nodes}
        assert [bitmap["name"] for bitmap in made["n0"]["dirty-bitmaps"]] == ["123"]
        assert made["n0"]["image"]["virtual-size"] == 1 << 20


async def test_tab_at_an_empty_prompt_offers_all(qemu: Path) -> None:
    async with Person(qemu) as person:
        person.types("\t")
        await person.until("add-fd ")
        person.types("\t")
        await person.until("add_client ")
        person.types("\x1b")
        await person.until("")


async def test_tab_behind_a_command_offers_arguments(qemu: Path) -> None:
    async with Person(qemu) as person:
        person.types("query-b\t")
        await person.reads("query-balloon.*query-block")
        person.types("\x03migrate u\t")
        await person.until("migrate uri=")
        person.types("\x03migrate-set-capabilities capabilities.0.cap\t")
        await person.until("migrate-set-capabilities capabilities.0.capability=")
        person.types("xbz\t")
        await person.until("migrate-set-capabilities capabilities.0.capability=xbzrle ")


async def test_events_come_by_themselves_and_as_json(
    tmp_path: Path, program: Callable[[str], str]
) -> None:
    second = ("-qmp", f"unix:{tmp_path}/second,server=on,wait=off")
    with listening((program(QEMU), *BASE, *second), tmp_path / "qmp") as path:
        async with Person(path) as person:
            person.types("query-st")
            await person.until("query-st")
            async with await AsyncClient.connect(tmp_path / "second") as other:
                await other.execute("stop")
                await person.reads(r"\d\d:\d\d:\d\d\.\d{3} STOP\n")
                await other.execute("quit")
            await person.reads(r'SHUTDOWN \{"guest": false, "reason": "host-qmp-quit"\}')
            assert person.line == "query-st"


async def test_control_c_cancels_the_line(qemu: Path) -> None:
    async with Person(qemu) as person:
        person.types("query-st\x03")
        await person.executes("query-name", r"\n\{\}\n")


async def test_a_transaction_can_be_given_up(qemu: Path) -> None:
    async with Person(qemu) as person:
        person.types("transaction(\rblock-dirty-bitmap-add node=n name=b\rcancel\r")
        await person.reads("transaction cancelled")
        await person.executes("query-name", r"\n\{\}\n")


async def test_quit_then_anything(qemu: Path) -> None:
    async with Person(qemu) as person:
        await person.executes("quit", "the server closed the connection; 'reconnect'")
        await person.executes("query-status", "not connected; 'reconnect' connects again")
        assert "Traceback" not in person.text


async def test_the_human_monitor_of_a_machine_without_cpus(
    qemu: Path, qemu_version: tuple[int, int]
) -> None:
    async with Person(qemu, is_human=True) as person:
        await person.executes("info status", "VM status: running\n")
        await person.executes("   ", r"\(hmp\)")
        await person.executes("cpu", r"\(hmp\)")
        await person.executes("info version", f"{qemu_version[0]}\\.")
        person.types("info versi\t")
        await person.until("info version ")


async def test_history_is_added_to_and_never_erased(qemu: Path, tmp_path: Path) -> None:
    file = tmp_path / "history"
    file.write_text('"one"\n"two"\n')
    for line in ("query-name", "query-name {}"):
        async with Person(qemu, history=FileHistory(file, lambda text: text)) as person:
            await person.executes(line, r"\n\{\}\n")
    assert file.read_text() == '"one"\n"two"\n"query-name"\n"query-name {}"\n'


async def test_a_monitor_that_another_client_holds(
    qemu: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qmpeer.limits.SHELL_SILENCE", 0.1)
    async with Person(qemu):
        waiting = Person(qemu)
        begun = asyncio.ensure_future(waiting.terminal.begin())
        await waiting.reads("no\\s+greeting\\s+from")
    async with asyncio.timeout(PATIENCE):  # and it is served once the other has left
        assert (await begun).name == "DONE"
    await waiting.session.close()


def run(path: Path | None, *words: str, stdin: str = "", **more: str) -> tuple[int, str, str]:
    address = [str(path)] if path else []
    done = run_here("shell", *address, *words, input=stdin.encode(), **more)
    return done.status, done.out.decode(), done.err.decode()


def test_standard_input_that_is_no_terminal(qemu: Path) -> None:
    assert run(qemu, stdin="query-name\n") == (0, "{}\n", "")
    status, out, err = run(qemu, stdin="query-name\nblockdev-del node-name=nope\n")
    assert (status, out) == (1, "{}\n")
    assert "stdin:2: " in err
    assert run(None, "-c", "query-name", QMP_SOCKET=str(qemu)) == (0, "{}\n", "")


def test_flags_of_the_other_program(qemu: Path, tmp_path: Path) -> None:
    before = os.stat(qemu).st_ino
    for words in (["-l", str(tmp_path / "log")], ["-p"], ["-v"], ["-N"]):
        status, _, err = run(qemu, *words)
        assert status == 2
        assert words[0] in err
    assert os.stat(qemu).st_ino == before
    assert run(qemu, "-c", "query-name") == (0, "{}\n", "")
