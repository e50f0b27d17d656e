"""Human commands: from letters, signatures and QMP commands; their help and their completion."""

import enum
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from qmpeer.errors import CommandError
from qmpeer.monitor import Context, Monitor
from qmpeer.monitor.human import (
    BlockDevice,
    Completions,
    FileName,
    Format,
    HumanContext,
    Letter,
    Mebibytes,
    OnOff,
    RestOfLine,
    SizeInBytes,
    show_value,
)
from tests.patience import PATIENCE


class Action(enum.Enum):
    PAUSE = "pause"
    NONE = "none"


@pytest.fixture
def monitor() -> Monitor:
    return Monitor(name="test", version=(7, 2, 0), package="mine")


def said(monitor: Monitor, line: str) -> str:
    text = monitor.run_human(line)
    assert isinstance(text, str)
    assert "\n" not in text.replace("\r\n", "")
    return text.replace("\r\n", "\n")


# Registered when they are needed


def test_commands_for_later_are_registered_once_at_the_first_line(monitor: Monitor) -> None:
    calls = []

    def register() -> None:
        calls.append("later")
        monitor.human_command("wink", help="wink")(lambda: "wink")

    monitor.human.later(register)
    assert calls == []
    assert said(monitor, "wink") == "wink\n"
    assert list(monitor.human.complete("wi").names) == ["wink"]
    assert said(monitor, "help wink") == "wink  -- wink\n"
    assert calls == ["later"]


def test_a_second_thread_waits_until_they_are_registered(monitor: Monitor) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def register() -> None:
        begun.set()
        assert go_on.wait(PATIENCE)
        monitor.human_command("wink", help="wink")(lambda: "wink")

    monitor.human.later(register)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(said, monitor, "wink")
        assert begun.wait(PATIENCE)
        second = threads.submit(said, monitor, "wink")
        go_on.set()
        assert (first.result(PATIENCE), second.result(PATIENCE)) == ("wink\n", "wink\n")


def test_one_that_fails_is_tried_again(monitor: Monitor) -> None:
    attempts = []

    def register() -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("not yet")
        monitor.human_command("wink", help="wink")(lambda: "wink")

    monitor.human.later(register)
    assert "not yet" in said(monitor, "wink")
    assert said(monitor, "wink") == "wink\n"


def test_a_line_or_a_key_is_what_asks_for_them(monitor: Monitor) -> None:
    calls: list[str] = []
    monitor.human.later(lambda: calls.append("for a line"))
    monitor.run_human("help")
    monitor.human.later(lambda: calls.append("for a key"))
    assert calls == ["for a line"]
    monitor.human.complete("h")
    assert calls == ["for a line", "for a key"]


# Signatures


def test_a_signature_says_what_the_arguments_are(monitor: Monitor) -> None:
    taken: list[Any] = []

    @monitor.human_command("all")
    def take(
        word: str,
        number: int,
        switch: bool,
        action: Action,
        how: Literal["soft", "hard"],
        file: FileName,
        device: BlockDevice,
        memory: Mebibytes,
        size: SizeInBytes,
        fmt: Format,
        power: OnOff = True,
        delay: float = 0.0,
        more: RestOfLine | None = None,
        force: bool = False,
        *,
        context: HumanContext,
    ) -> None:
        """Take all there is."""
        taken.append((word, number, switch, action, how, file, device, memory, size, fmt))
        taken.append((power, delay, more, force, context.is_interactive))

    line = 'all -f "a b" 1+1 on pause hard /f d0 2 1k /2xb off 5ms the  rest'
    assert said(monitor, line) == ""
    assert taken[0][:9] == ("a b", 2, True, Action.PAUSE, "hard", "/f", "d0", 2 << 20, 1 << 10)
    assert taken[0][9] == Format(2, "x", 1)
    assert taken[1] == (False, 0.005, "the  rest", True, False)
    assert said(monitor, "all a 1 off none soft f d 1 1") == ""
    assert taken[3] == (True, 0.0, None, False, False)
    assert said(monitor, "help all") == (
        "all [-f] word number switch on|off action how file device memory size /fmt "
        "[power=on|off] [delay] [more] -- take all there is\n"
    )


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("watch pause", "pause\n"),
        ("watch", "none\n"),
        ("watch bogus", "Error: Parameter 'action' does not accept value 'bogus'\n"),
        ("watch a b", "watch: extraneous characters at the end of line\n"),
    ],
)
def test_a_word_that_is_none_of_the_choices_is_refused(
    monitor: Monitor, line: str, text: str
) -> None:
    @monitor.human_command("watch")
    def watch(action: Action = Action.NONE) -> str:
        return action.value

    assert said(monitor, line).startswith(text)


def none(context: Context, *args: str) -> None: ...
def keywords(**more: str) -> None: ...
def listed(names: list[str]) -> None: ...
def two_flags(force: bool = False, fast: bool = False) -> None: ...
def numbers(level: Literal[1, 2]) -> None: ...


@pytest.mark.parametrize("function", [none, keywords, listed, two_flags, numbers])
def test_what_a_line_cannot_give_is_refused(monitor: Monitor, function: Any) -> None:
    with pytest.raises(TypeError):
        monitor.human_command("x")(function)
    assert said(monitor, "x") == "unknown command: 'x'\n"


def test_other_annotations_mean_nothing(monitor: Monitor) -> None:
    @monitor.human_command("n")
    def number(value: Annotated[int, "how many"]) -> int:
        return value

    assert said(monitor, "n 2*3") == "6\n"


def test_async_handlers_do_not_block(monitor: Monitor) -> None:
    async def later() -> None: ...

    with pytest.raises(ValueError, match="blocking and also async"):
        monitor.human_command("later", blocking=True)(later)


# Letters


def test_letters_say_it_too_and_what_is_missing_is_none(monitor: Monitor) -> None:
    taken: list[Any] = []

    def take(force: bool, read_only: bool, device: str, arg: str | None, rest: str = "r") -> None:
        taken.append((force, read_only, device, arg, rest))

    monitor.human_command("t", args="force:-f,read-only:-r,device:B,arg:s?,rest:S?")(take)
    for line in ("t d", "t -r d a", "t -f d a b c"):
        assert said(monitor, line) == ""
    assert taken == [
        (False, False, "d", None, "r"),
        (False, True, "d", "a", "r"),
        (True, False, "d", "a", "b c"),
    ]


def test_letters_that_do_not_go_with_the_handler_are_refused(monitor: Monitor) -> None:
    with pytest.raises(TypeError, match="device"):
        monitor.human_command("t", args="device:B")(lambda: None)


@pytest.mark.parametrize(
    "name", ["help", "stop|?", "info", "info history", "a/b", "", "a||b", "\t"]
)
def test_names_that_cannot_be_are_refused(monitor: Monitor, name: str) -> None:
    with pytest.raises(ValueError, match=r"registered|name|unpack"):
        monitor.human_command(name)(lambda: None)


def test_subcommands_go_where_there_are_some(monitor: Monitor) -> None:
    monitor.human_command("snapshot list", help="list them")(lambda: "none")
    monitor.human_command("snapshot delete|del", help="delete one")(lambda tag: tag)
    assert said(monitor, "snapshot list") == "none\n"
    assert said(monitor, "snapshot del x") == "x\n"
    assert said(monitor, "snapshot bogus x") == "unknown command: 'snapshot bogus'\n"
    listed = "snapshot delete|del tag -- delete one\nsnapshot list  -- list them\n"
    assert said(monitor, "snapshot") == said(monitor, "help snapshot") == listed
    monitor.human_command("plain")(lambda: None)
    with pytest.raises(ValueError, match="plain has no subcommands"):
        monitor.human_command("plain x")(lambda: None)


# What handlers return and raise


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("", ""),
        ("a", "a\n"),
        ("a\nb\n", "a\nb\n"),
        ({}, ""),
        ([], ""),
        (True, "true\n"),
        (1.5, "1.5\n"),
        ({"a": {}, "b": "x\ny", "c": None}, "a:\nb:\n  x\n  y\nc: null\n"),
        ([{"a": 1, "b": [2, 3]}, []], "- a: 1\n  b:\n    - 2\n    - 3\n-\n"),
    ],
)
def test_values_are_written_for_people(value: object, text: str) -> None:
    assert show_value(value) == text


async def test_errors_of_async_handlers_are_text(
    monitor: Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    @monitor.human_command("fail")
    async def fail(how: str) -> None:
        if how == "soft":
            raise CommandError("DeviceNotFound", "Device 'x' not found")
        raise RuntimeError

    for line, text in (
        ("fail soft", "Error: Device 'x' not found\r\n"),
        ("fail hard", "Error: Internal error in fail: RuntimeError\r\n"),
        ("fail", 'fail: string expected\r\nTry "help fail" for more information\r\n'),
    ):
        outcome = monitor.run_human(line)
        assert (outcome if isinstance(outcome, str) else await outcome) == text
    assert "fail failed" in caplog.text


def test_a_line_of_a_program_has_its_context(monitor: Monitor) -> None:
    class Program:
        """Whoever sent it."""

        monitor = None
        peer = "unix:7"

    @monitor.human_command("who")
    def who(context: HumanContext) -> str:
        assert context.monitor is monitor
        return repr(context.peer)

    assert said(monitor, "who") == "''\n"
    assert monitor.run_human("who", Program()) == "'unix:7'\r\n"  # type: ignore[arg-type]  # all it asks


def test_errors_are_text(monitor: Monitor, caplog: pytest.LogCaptureFixture) -> None:
    @monitor.human_command("fail")
    def fail(how: str) -> None:
        if how == "soft":
            raise CommandError("DeviceNotFound", "Device 'x' not found")
        raise RuntimeError("broken")

    assert said(monitor, "fail soft") == "Error: Device 'x' not found\n"
    assert not caplog.records
    assert said(monitor, "fail hard") == "Error: Internal error in fail: broken\n"
    assert "fail failed" in caplog.text


# Made of QMP commands


def test_a_qmp_command_gives_a_human_one(monitor: Monitor) -> None:
    @monitor.command("eject")
    def eject(device_name: str, force: bool = False, *, context: Context) -> dict[str, object]:
        """Open a tray."""
        if device_name == "nope":
            raise CommandError("DeviceNotFound", "Device 'nope' not found")
        return {"opened": device_name, "forced": force, "by": context.peer}

    monitor.human_from_qmp("eject")
    monitor.human_from_qmp("eject", "out|o", args="force:-x,device-name:B", help="the same")
    monitor.human_from_qmp("query-version", "info version", show=lambda v: str(v["package"]))
    assert said(monitor, "eject -f d") == "opened: d\nforced: true\nby: \n"
    assert said(monitor, "o d") == "opened: d\nforced: false\nby: \n"
    assert said(monitor, "o -x nope") == "Error: Device 'nope' not found\n"
    assert said(monitor, "info version") == "mine\n"
    assert said(monitor, "help eject") == "eject [-f] device-name -- open a tray\n"
    assert said(monitor, "help o") == "out|o [-x] device-name -- the same\n"


def test_arguments_of_a_qmp_command_without_a_handler_must_be_said(monitor: Monitor) -> None:
    with pytest.raises(ValueError, match="pass args="):
        monitor.human_from_qmp("nope")
    monitor.human_from_qmp("nope", args="")
    assert said(monitor, "nope") == "Error: The command nope has not been found\n"


# Help


def test_help_lists_all_in_order(monitor: Monitor) -> None:
    monitor.human_command("stop|s", help="stop")(lambda: None)
    monitor.human_command("Stop", help="capital letters come first")(lambda: None)
    lines = said(monitor, "help").splitlines()
    assert [line.split()[0] for line in lines] == ["Stop", "help|?", "info", "print|p", "stop|s"]
    assert lines[-1] == "stop|s  -- stop"
    assert said(monitor, "info") == said(monitor, "help info")
    assert said(monitor, "info") == "info history  -- show the command line history\n"


@pytest.mark.parametrize("details", ["none  none\nall  all", lambda: "none  none\nall  all\n"])
def test_help_may_have_details(monitor: Monitor, details: Any) -> None:
    monitor.human_command("log", help="log items", details=details)(lambda items: None)
    monitor.human_command("info log", help="what is logged", details=details)(lambda: None)
    text, line = "none  none\nall  all\n", "log items -- log items\n"
    assert said(monitor, "help log") == said(monitor, "help info log") == text
    assert said(monitor, "? log x") == said(monitor, 'help "log"') == line
    assert line in said(monitor, "help")
    assert said(monitor, "info").endswith("info log  -- what is logged\n")


def test_history_belongs_to_terminals(monitor: Monitor) -> None:
    assert said(monitor, "info history") == ""


def test_registers_and_cpus_come_to_expressions(monitor: Monitor) -> None:
    def register(name: str, context: HumanContext) -> int | None:
        return context.state.cpu_index if name == "cpu" else None

    monitor.human.registers = register
    assert monitor.run_human("p $cpu + 1", cpu_index=4) == "0x5\r\n"
    assert said(monitor, "p $nope").startswith("unknown register\n")


# Completion


def completions(monitor: Monitor, text: str) -> list[str]:
    return monitor.human.complete(text).names


def complete_keys(words: Sequence[str]) -> Completions:
    last = words[-1].rpartition("-")[2]
    return Completions(len(last), [key for key in ("alt", "alt_r") if key.startswith(last)])


def complete_switch(words: Sequence[str]) -> Iterable[str]:
    return ("on", "off") if len(words) == 3 else ("net0", "net1")


@pytest.fixture
def full(monitor: Monitor) -> Monitor:
    monitor.human.kinds["B"] = lambda prefix: ["disk0", "disk1", "cd0"]
    monitor.human_command("change", args="force:-f,device:B,target:F,arg:s?")(
        lambda force, device, target, arg: None
    )
    monitor.human_command("mirror", args="name:-ns,full:-f,device:B,more:l?")(
        lambda device, name=None, full=False, more=0: None
    )
    monitor.human_command("sendkey", complete=complete_keys)(lambda keys: None)
    monitor.human_command("set_link", complete=complete_switch)(lambda name, up: None)
    monitor.human_command("stop|s")(lambda: None)
    monitor.human_command("info status")(lambda: None)
    monitor.human_command("info stats")(lambda: None)
    return monitor


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (
            "",
            [
                "?",
                "change",
                "help",
                "info",
                "mirror",
                "p",
                "print",
                "s",
                "sendkey",
                "set_link",
                "stop",
            ],
        ),
        ("st", ["stop"]),
        ("s", ["s", "sendkey", "set_link", "stop"]),
        ("nope", []),
        ("nope ", []),
        ("info ", ["history", "stats", "status"]),
        ("info stat", ["stats", "status"]),
        ("info stats ", []),
        ("help inf", ["info"]),
        ("? info stat", ["stats", "status"]),
        ("help help i", ["info"]),
        ("change ", ["cd0", "disk0", "disk1"]),
        ("change -f d", ["disk0", "disk1"]),
        ("change d nope/", []),
        ("change -f d nope/", []),
        ("mirror -n a c", ["cd0"]),
        ("mirror -n a -f c", ["cd0"]),
        ("mirror -f c", ["cd0"]),
        ("mirror -n ", []),
        ("sendkey ctrl-al", ["alt", "alt_r"]),
        ("set_link n", ["net0", "net1"]),
        ("set_link net0 ", ["off", "on"]),
        ('"change" c', ["cd0"]),
        ('"chan', []),
    ],
)
def test_completion(full: Monitor, text: str, names: list[str]) -> None:
    assert completions(full, text) == names


def test_a_completion_says_how_much_is_typed(full: Monitor) -> None:
    assert full.human.complete("sendkey ctrl-al").typed == 2
    assert full.human.complete("info stat").typed == 4


def test_files_are_completed(full: Monitor, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "some").mkdir()
    for name in ("some/one", "some/two", "son", "x\x1b[2J"):
        (tmp_path / name).write_text("")
    assert completions(full, f"change d {tmp_path}/so") == [
        f"{tmp_path}/some/",
        f"{tmp_path}/son",
    ]
    assert len(completions(full, f"change d {tmp_path}/some/")) == 2
    assert completions(full, f"change d {tmp_path}/x") == []  # it would clear the screen
    monkeypatch.chdir(tmp_path)
    assert completions(full, "change d so") == ["some/", "son"]


def test_there_are_only_so_many_completions(full: Monitor) -> None:
    full.human.kinds["B"] = lambda prefix: (f"disk{number}" for number in range(10_000))
    assert len(completions(full, "change ")) == 256


def test_what_a_command_offers_is_put_in_order(full: Monitor) -> None:
    offered = Completions(1, ["b", "a\x1b[2J", *(f"a{number}" for number in range(999))])
    full.human_command("offer", complete=lambda words: offered)(lambda name: None)
    typed, names = full.human.complete("offer x")
    assert typed == 1
    assert names == sorted(names)
    assert len(names) == 256
    assert "a\x1b[2J" not in names


def test_a_completion_that_fails_offers_nothing(
    full: Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    full.human_command("wrong", complete=lambda words: words.pop(9))(lambda name: None)  # type: ignore[attr-defined]  # which fails
    assert completions(full, "wrong x") == []
    assert [record.message for record in caplog.records] == ["the completion of a line failed"]
    assert completions(full, "st") == ["stop"]


def test_annotations_may_give_letters(monitor: Monitor) -> None:
    def known(name: Annotated[str, Letter("S")], x: Annotated[bool, Letter("-y")] = False) -> str:
        return f"{name} {x}"

    def unknown(name: Annotated[str, Letter("Z")]) -> None: ...

    monitor.human_command("known")(known)
    assert said(monitor, "known -y a b") == "a b True\n"
    with pytest.raises(ValueError, match="among arguments"):
        monitor.human_command("unknown")(unknown)
