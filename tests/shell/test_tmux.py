"""One session from end to end, with a real QEMU, a real terminal and the installed program.

The pictures of the documentation are taken here; scripts/shell_pictures.sh makes them anew.
"""

import contextlib
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.qemu import BASE, QEMU
from tests.shell.pictures import keep_picture
from tests.shell.real_servers import SHELL, listening
from tests.tmux import Terminal

pytestmark = [pytest.mark.real, pytest.mark.terminal]


class Pane(Terminal):
    """A shell's command in a terminal, with pictures of its screen and its exit status."""

    def __init__(self, tmux: str, folder: Path, command: str, columns: int, rows: int) -> None:
        self._columns = columns
        self._status = folder / "status"  # tmux itself loses it now and then
        ended = f"echo $? > {shlex.quote(str(self._status))}; {shlex.quote(tmux)} wait-for -S ended"
        super().__init__(tmux, folder, [f"{command}; {ended}; cat"], columns, rows)

    def types(self, *keys: str) -> None:
        """Type keys by tmux's names; other strings are typed as text."""
        for key in keys:
            if key in ("Enter", "Tab", "C-c", "C-d", "C-l", "C-z", "Escape"):
                self.press(key)
            else:
                self.write(key)

    def picture(self, name: str) -> None:
        """Save the screen as a picture."""
        captured = self._call("capture-pane", "-p", "-e")
        keep_picture(captured, self._columns, f"shell-{name}")

    def shows(self, text: str, behind: str = "") -> str:
        """Wait until the screen shows a text behind another one; return the whole screen."""

        def is_so(screen: str) -> bool:
            shown = screen.rpartition(behind)[2] if behind else screen
            return behind in screen and text in shown

        return self.until(is_so)

    def has_ended(self) -> str:
        """Wait until the program has ended, and return its status."""
        self._call("wait-for", "ended")
        return self._status.read_text().strip()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def open_pane(
    tmp_path: Path, state: Path, program: Callable[[str], str]
) -> Iterator[Callable[..., Pane]]:
    with contextlib.ExitStack() as stack:

        def begin(*words: str, columns: int = 80, rows: int = 24, is_job: bool = False) -> Pane:
            line = shlex.join(["env", f"XDG_STATE_HOME={state}", "PAGER=cat", *SHELL, *words])
            command = "PS1='sh: ' bash --norc --noprofile -i" if is_job else line
            pane = stack.enter_context(Pane(program("tmux"), tmp_path, command, columns, rows))
            if is_job:
                pane.shows("sh:")
                pane.types(line, "Enter")
            return pane

        yield begin


@pytest.fixture
def qemu(tmp_path: Path, program: Callable[[str], str]) -> Iterator[Path]:
    with listening((program(QEMU), *BASE), tmp_path / "qmp") as path:
        yield path


def test_a_session(qemu: Path, open_pane: Callable[..., Pane], state: Path) -> None:
    pane = open_pane(str(qemu))
    pane.shows("qmp>")
    pane.types("blockdev-add driver=nul", "Tab")
    pane.shows("null-aio")
    pane.types("C-c", "blockdev-add driver=null-co node-name=n0 siz=1M", "Enter")
    screen = pane.shows("did you mean size?")
    lines = screen.splitlines()
    typed = next(n for n, line in enumerate(lines) if "siz=1M" in line and "qmp>" in line)
    assert lines[typed + 1].index("^^^") == lines[typed].index("siz=1M")
    pane.types("stop", "Enter")
    pane.shows(" STOP")
    pane.types("cont", "Enter")
    pane.shows(" RESUME")
    pane.types("query-status", "Enter")
    pane.shows('"status": "running"')
    pane.types("hmp info status", "Enter")
    pane.shows("VM status: running")
    pane.types("half a line", "C-c", "query-name", "Enter")
    pane.shows("qmp> query-name\n{}")
    pane.types("C-d")
    assert pane.has_ended() == "0"
    history = state / "qmpeer" / "history"
    assert '"query-status"\n' in history.read_text()
    assert "half a line" not in history.read_text()


def test_what_the_documentation_shows(
    tmp_path: Path, open_pane: Callable[..., Pane], program: Callable[[str], str]
) -> None:
    threads = ("-object", "iothread,id=io0", "-object", "iothread,id=io1")
    command = (program(QEMU), *BASE, *threads)
    with listening(command, tmp_path / "vm.qmp") as path:
        pane = open_pane(str(path), rows=18)
        pane.shows("qmp>")
        pane.types("blockdev-add driver=qcow2 fil", "Tab")
        pane.shows("driver=qcow2 file")
        pane.types(".")
        pane.shows("file.driver=")
        pane.picture("completion")
        pane.types("C-c", "block-dirty-bitmap-add node=disk0 name=b0 granularty=64k", "Enter")
        pane.shows("did you mean granularity?")
        pane.types("query-statsu", "Enter")
        pane.shows("did you mean query-stats or query-status")
        pane.picture("mistakes")
        pane.types("C-l")
        pane.types("stop", "Enter")
        pane.shows(" STOP")
        pane.types("query-status", "Enter")
        pane.shows('"status": "paused"')
        pane.types("query-iothreads", "Enter")
        pane.shows("thread-id\nio")
        pane.picture("events")


def test_control_c_gives_up_a_command(qemu: Path, open_pane: Callable[..., Pane]) -> None:
    pane = open_pane(str(qemu))
    pane.shows("qmp>")
    pane.types("wait STOP", "Enter")
    pane.shows("wait STOP\n")
    while "cancelled" not in pane.text():  # the first C-c may come before the wait
        pane.types("C-c")
    pane.types("query-name", "Enter")
    pane.shows("query-name\n{}")


def test_control_z_suspends(qemu: Path, open_pane: Callable[..., Pane]) -> None:
    pane = open_pane(str(qemu), is_job=True)
    pane.shows("qmp>")
    pane.types("query-na", "C-z")
    pane.shows("Stopped")
    pane.types("fg", "Enter")
    pane.shows("qmp> query-na", behind="sh: fg")
    pane.types("me", "Enter")
    pane.shows("qmp> query-name\n{}")
    pane.types("C-d")
    pane.shows("sh:", behind="\n{}")
    pane.types("exit", "Enter")
    assert pane.has_ended() == "0"


def test_a_terminal_of_twenty_columns(qemu: Path, open_pane: Callable[..., Pane]) -> None:
    pane = open_pane(str(qemu), columns=20, rows=12)
    pane.shows("qmp>")
    pane.types("query-nam", "Tab")
    pane.shows("qmp> query-name")
    pane.types("Enter")
    pane.shows("{}\nqmp>")
