"""The command line of a replay, and its process.

Modules: options, process.
"""

import asyncio
import signal
from pathlib import Path

import pytest

from qmpeer import AsyncClient
from qmpeer.options import StartError
from qmpeer.options.signals import OnSignal
from qmpeer.replay.options import ReplayOptions, parse_options
from qmpeer.replay.process import load_replay, run_replay
from tests.patience import PATIENCE

TEXT = '-> {"execute": "a"}\n<- {"return": 1}\n'


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("-qmp stdio", "found no recording, expected a FILE"),
        ("f", "no option opens a monitor"),
        ("f -monitor stdio", "-monitor stdio: there is no human monitor here"),
        ("f -qmp stdio --order odd", "--order odd: expected any or recorded"),
        ("f -qmp stdio --conversation 0", "--conversation 0: expected a number from 1"),
        ("f -qmp stdio --conversation ²", "--conversation ²: expected a number from 1"),
        ("f -qmp stdio --delays odd", "--delays odd: expected none, recorded, or seconds"),
        ("f -qmp stdio --delays -1", "--delays -1: expected none, recorded, or seconds"),
        ("f -qmp stdio --delays nan", "--delays nan: expected none, recorded, or seconds"),
        ("f -qmp stdio --timestamps odd", "--timestamps odd: expected now or recorded"),
        ("f -qmp stdio --report odd", "--report odd: expected text, json or none"),
        ("f -qmp stdio --server tcp:x", "--server tcp:x: found 'x', expected HOST:PORT"),
        ("f -qmp stdio --server http://me:x@h", "--server http://me:<redacted>@h: found 'http"),
        ("f -qmp stdio --add", "--add: expected --server ADDRESS, too"),
        ("f -qmp stdio --server", "--server: requires an argument"),
        ("f -qmp stdio --odd", "--odd: invalid option"),
    ],
)
def test_what_is_wrong(words: str, reason: str) -> None:
    with pytest.raises(StartError) as caught:
        parse_options(words.split())
    assert str(caught.value).startswith(reason)


def test_options() -> None:
    options = parse_options(
        [
            "a",
            "b",
            "-qmp-pretty",
            "stdio",
            "--strict",
            "--order",
            "recorded",
            "--conversation",
            "2",
            "--delays",
            "0.5",
            "-S",
            "-m",
            "1",
            "--timestamps",
            "recorded",
            "--server",
            "q",
            "--add",
            "--report",
            "json",
            "--report-file",
            "/tmp/r",
        ]
    )
    assert options.files == ["a", "b"]
    assert (options.is_strict, options.order, options.conversation) == (True, "recorded", 2)
    assert (options.delays, options.timestamps) == (0.5, "recorded")
    assert (options.server, options.adds) == (f"unix:{Path.cwd()}/q", True)
    assert (options.report, options.report_file) == ("json", "/tmp/r")
    assert parse_options(["a", "-qmp", "stdio", "--delays", "recorded"]).delays == "recorded"
    assert parse_options(["-h", "--odd"]).wants_help


@pytest.mark.parametrize(
    ("text", "words", "reason"),
    [
        (None, "", "r.txt: No such file or directory"),
        ("-> {\n", "", "r.txt:1: found the beginning of a JSON value"),
        (TEXT, "--conversation 2", "found conversation 2, expected 1"),
    ],
)
def test_recordings_that_cannot_be_replayed(
    text: str | None, words: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if text is not None:
        (tmp_path / "r.txt").write_text(text)
    with pytest.raises(StartError) as caught:
        load_replay(parse_options(f"r.txt -qmp stdio {words}".split()), pytest.fail)
    assert str(caught.value).startswith(reason)


class Running:
    """A replay that runs until the end of the block.

    Attributes:
        said: What it has written to standard error.
    """

    def __init__(self, options: ReplayOptions) -> None:
        self.said: list[str] = []
        self.replay = load_replay(options, self.said.append)
        self._options = options
        self._is_ready = asyncio.Event()
        self._signal: OnSignal | None = None

    def _watch(self, when: OnSignal) -> None:
        self._signal = when

    async def __aenter__(self) -> "Running":
        self._task = asyncio.create_task(
            run_replay(
                self._options, self.replay, self.said.append, self._is_ready.set, self._watch
            )
        )
        async with asyncio.timeout(PATIENCE):
            await self._is_ready.wait()
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._signal is not None
        self._signal(signal.SIGTERM, "")
        async with asyncio.timeout(PATIENCE):
            await self._task


async def test_clients_come_in_on_each_device(tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text(TEXT)
    options = parse_options(
        [
            str(tmp_path / "r.txt"), "-qmp", f"unix:{tmp_path}/a,server=on,wait=off",
            "-chardev", f"socket,id=c,path={tmp_path}/b,server=on,wait=off",
            "-mon", "chardev=c,mode=control,pretty=on",
        ]
    )  # fmt: skip
    async with Running(options) as running:
        for path in (tmp_path / "a", tmp_path / "b"):
            async with await AsyncClient.connect(path, timeout=PATIENCE) as vm:
                assert await vm.execute("a") == 1
                with pytest.raises(Exception, match="CommandNotFound"):
                    await vm.execute("b")
    assert running.said == ["not recorded: b"] * 2 + ["terminating on signal 15"]
    assert running.replay.report.clients == 2
    assert not (tmp_path / "a").exists()


async def test_its_control_socket(tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text(TEXT)
    options = parse_options(
        [
            str(tmp_path / "r.txt"), "-qmp", f"unix:{tmp_path}/q,server=on,wait=off",
            "--control", f"{tmp_path}/c",
        ]
    )  # fmt: skip
    async with Running(options):  # noqa: SIM117 - the sockets must be there
        async with (
            await AsyncClient.connect(tmp_path / "c", timeout=PATIENCE) as control,
            await AsyncClient.connect(tmp_path / "q", timeout=PATIENCE) as vm,
        ):
            await vm.execute("a")
            assert (await control.execute("query-report"))["is_complete"] is True
            mark = await vm.event_mark()
            await control.execute("send-event", {"name": "STOP", "data": {"x": 1}})
            event = await vm.wait_event("STOP", since=mark, timeout=PATIENCE)
            assert event.data == {"x": 1}
            assert event.timestamp is not None
            await control.execute("reset")
            report = await control.execute("query-report")
            assert (report["played"], report["clients"]) == (0, 0)
            await vm.execute("a")
            assert (await control.execute("query-report"))["is_complete"] is True
