"""A real server that answers what a recording lacks, and additions to the recording.

Modules: additions, upstream.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from qmpeer import AsyncClient
from qmpeer.errors import CommandError, TranscriptError
from qmpeer.messages import CommandMessage
from qmpeer.monitor import Context, Monitor
from qmpeer.replay import Miss, Replay
from qmpeer.replay.additions import Additions
from qmpeer.replay.conversations import RecordedReply, recorded_conversations
from qmpeer.replay.files import read_recording
from tests.patience import PATIENCE
from tests.replay.plays import GREETING, NEGOTIATION

TEXT = f"""\
# one
{GREETING}{NEGOTIATION}-> {{"execute": "a"}}
<- {{"return": 1}}
@ connection 2
@ opened
{GREETING}{NEGOTIATION}-> {{"execute": "b"}}
<- {{"return": 2}}
@ closed by client
@ connection 1
-> {{"execute": "never-answered"}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "r.txt"
    path.write_text(TEXT)
    return path


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[str]:
    """Return the address of a real server."""
    monitor = Monitor(name="real")
    count = 0

    @monitor.command("count")
    def counted() -> int:
        nonlocal count
        count += 1
        return count

    @monitor.command("set-password")
    def set_password(password: str) -> None:
        raise CommandError("DeviceNotFound", f"no device for {password}")

    @monitor.command("take")
    def take(context: Context) -> int:
        fds = context.take_fds()
        for fd in fds:
            os.close(fd)
        return len(fds)

    address = f"unix:{tmp_path / 'real.qmp'}"
    await monitor.listen(address, many=True)
    yield address
    monitor.shutdown()
    await monitor.wait_closed()


async def ask_all(replay: Replay, path: Path) -> list[object]:
    """Ask a replay what is recorded, and what isn't."""
    monitor = Monitor(backend=replay)
    await monitor.listen(f"unix:{path}", many=True)
    async with await AsyncClient.connect(f"unix:{path}") as vm:
        found: list[object] = [await vm.execute("a"), await vm.execute("count")]
        try:
            await vm.execute("set-password", {"password": "hunter2"})
        except CommandError as error:
            found.append(f"{error}")
        found.append(await vm.execute("count"))
    monitor.shutdown()
    await monitor.wait_closed()
    return found


ANSWERS = [1, 1, "DeviceNotFound: no device for hunter2", 2]


async def test_a_server_answers_what_is_missing(server: str, file: Path, tmp_path: Path) -> None:
    replay = Replay.load(file, server=server)
    assert await ask_all(replay, tmp_path / "x.qmp") == ANSWERS
    report = replay.report
    assert [each.asked.command for each in report.from_server] == ["count", "set-password", "count"]
    assert report.asked_in_vain_count == 0
    assert "answered by the server: 3" in str(report)
    assert file.read_text() == TEXT


async def test_its_answers_are_added_to_the_file(server: str, file: Path, tmp_path: Path) -> None:
    replay = Replay.load(file, server=server, add=True)
    assert await ask_all(replay, tmp_path / "x.qmp") == ANSWERS
    text = file.read_text()
    assert "hunter2" not in text
    assert text.startswith(TEXT)  # the first conversation has the last line
    again = Replay.load(file, strict=True)
    shown = [1, 1, "DeviceNotFound: no device for <redacted>", 2]
    assert await ask_all(again, tmp_path / "y.qmp") == shown
    assert again.report.asked_in_vain_count == 0


async def test_descriptors_go_along(server: str, file: Path, tmp_path: Path) -> None:
    monitor = Monitor(backend=Replay.load(file, server=server))
    path = tmp_path / "x.qmp"
    await monitor.listen(f"unix:{path}")
    async with await AsyncClient.connect(f"unix:{path}") as vm:
        assert await vm.execute("take", fds=[0]) == 1
    monitor.shutdown()
    await monitor.wait_closed()


async def test_a_server_that_is_gone(file: Path, tmp_path: Path) -> None:
    replay = Replay.load(file, server=f"unix:{tmp_path / 'none'}")
    monitor = Monitor(backend=replay)
    await monitor.listen(f"unix:{tmp_path / 'x.qmp'}")
    async with await AsyncClient.connect(f"unix:{tmp_path / 'x.qmp'}") as vm:
        with pytest.raises(
            CommandError, match=r"GenericError: .* the server failed: .*No such file"
        ):
            await vm.execute("count")
        assert await vm.execute("a") == 1
    monitor.shutdown()
    await monitor.wait_closed()
    assert replay.report.asked_in_vain_count == 1


async def test_a_client_that_leaves_while_the_server_works(file: Path, tmp_path: Path) -> None:
    real = Monitor(name="real")
    entered, left = asyncio.Event(), asyncio.Event()

    @real.command("count")
    async def count() -> None:
        entered.set()
        await left.wait()

    await real.listen(f"unix:{tmp_path / 'real.qmp'}")
    monitor = Monitor(backend=Replay.load(file, server=f"unix:{tmp_path / 'real.qmp'}"))
    await monitor.listen(f"unix:{tmp_path / 'x.qmp'}")
    async with await AsyncClient.connect(f"unix:{tmp_path / 'x.qmp'}") as vm:
        waiting = asyncio.ensure_future(vm.execute("count"))
        await entered.wait()
    with pytest.raises(Exception, match="count was cut off"):
        await waiting
    async with asyncio.timeout(PATIENCE):
        while real.connections:
            await asyncio.sleep(0)
    left.set()
    for each in (monitor, real):
        each.shutdown()
        await each.wait_closed()


def test_additions_go_behind_their_conversation(file: Path) -> None:
    first, second = recorded_conversations(read_recording(file))
    additions = Additions(str(file))
    additions.add(second, CommandMessage("c"), RecordedReply(0.0, 3))
    additions.add(first, CommandMessage("d", {"x": 1}, is_oob=True), RecordedReply(0.0, 4))
    additions.write()
    additions.add(second, CommandMessage("e"), RecordedReply(0.0, 5))
    additions.write()
    additions.write()
    one, two = recorded_conversations(read_recording(file))
    assert [each.command.name for each in one.exchanges] == ["a", "never-answered", "d"]
    assert [len(each.steps) for each in one.exchanges] == [1, 0, 1]
    assert [each.command.name for each in two.exchanges] == ["b", "c", "e"]
    assert [each.steps[0].value for each in two.exchanges] == [2, 3, 5]


def test_a_file_that_has_changed_is_left_alone(file: Path) -> None:
    (first, _) = recorded_conversations(read_recording(file))
    additions = Additions(str(file))
    file.write_text(TEXT + "# mine\n")
    additions.add(first, CommandMessage("c"), RecordedReply(0.0, 3))
    with pytest.raises(TranscriptError, match="found a changed file"):
        additions.write()
    assert file.read_text() == TEXT + "# mine\n"


def test_only_transcripts_with_a_server_can_be_added_to(file: Path) -> None:
    with pytest.raises(ValueError, match="found add without a server"):
        Replay.load(file, add=True)
    file.write_text('{"execute": "a"}\n\n{"return": 1}\n')
    with pytest.raises(TranscriptError, match="found replies, expected a transcript to add to"):
        Replay.load(file, server="unix:x", add=True)


async def test_a_program_whose_on_miss_fails_gets_an_answer(
    server: str, file: Path, tmp_path: Path
) -> None:
    def fail(miss: Miss) -> None:
        raise ZeroDivisionError("by zero")

    replay = Replay.load(file, server=server, on_miss=fail)
    monitor = Monitor(backend=replay)
    await monitor.listen(f"unix:{tmp_path / 'x.qmp'}", many=True)
    async with await AsyncClient.connect(f"unix:{tmp_path / 'x.qmp'}") as vm:
        with pytest.raises(CommandError, match="Internal error in count: by zero"):
            await vm.execute("count")
        assert await vm.execute("a") == 1
    monitor.shutdown()
    await monitor.wait_closed()
