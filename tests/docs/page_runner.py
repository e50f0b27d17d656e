"""Run a page from top to bottom, as its reader would: one folder, one shell, one terminal.

A block's language decides what happens to it:

- ``console``: lines after ``$`` are commands, continued after ``>``; the others are their output.
  All run in one bash. A command may fail only if the page shows its status by ``$ echo $?`` next.
- ``terminal``: a person's screen. Text after a prompt is typed, the first command too, and so is a
  line that begins with ``{ "``; ``^D``, after a prompt or alone, is a key. It runs in tmux.
- any language whose first line (or the one after ``#!``) is a comment that names a file: the block
  is saved.
- ``python`` without such a name: a program; a ``text`` block right after it is its output.
- others are only shown.

In expected output "…" stands for any text within a line, and alone on a line for any number of
lines. The comment ``<!-- hidden: console ... -->`` contains commands that a reader needn't see.
"""

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.patience import PATIENCE
from tests.qemu import QEMU, find_program
from tests.tmux import Terminal

__all__ = ["Block", "PageRunner", "page_blocks", "programs_in"]

FENCED = re.compile(r"^(?:```(\w*)\n(.*?)^```$|<!-- hidden: (\w+)\n(.*?)^-->$)", re.M | re.DOTALL)
FILE_NAME = re.compile(r"(?:#!.*\n)?(?:#|//|;) ([\w./@-]*[\w@]\.\w+)\n")
PROGRAMS = (
    QEMU,
    "qemu-img",
    "qemu-nbd",
    "qemu-storage-daemon",
    "qemu-ga",
    "jq",
    "openssl",
    "socat",
    "systemd-analyze",
    "systemd-socket-activate",
    "telnet",
    "virsh",
)
KEY = re.compile(r"\^.")
PROMPTS = ("qmp> ", "(qemu) ", "telnet> ", "$ ")
COLUMNS, ROWS = 130, 60


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a page, and its line."""

    language: str
    text: str
    line: int

    @property
    def file_name(self) -> str:
        """The file that the block is saved as, or ""."""
        match = FILE_NAME.match(self.text)
        return match[1] if match and self.language not in ("console", "terminal", "text") else ""


def page_blocks(page: str) -> list[Block]:
    """Return the blocks of a page's Markdown, hidden ones included."""
    return [
        Block(
            match[1] or match[3] or "", match[2] or match[4], page.count("\n", 0, match.start()) + 1
        )
        for match in FENCED.finditer(page)
    ]


def programs_in(blocks: list[Block]) -> list[str]:
    """Return the programs of others that some blocks use."""
    text = "\n".join(block.text for block in blocks)
    used = [name for name in PROGRAMS if re.search(rf"(?<![\w-]){name}(?![\w-])", text)]
    return [
        *used,
        *("tmux" for block in blocks[:1] if any(b.language == "terminal" for b in blocks)),
    ]


def pattern_of(expected: str) -> str:
    """Return the regular expression of an expected output."""
    pattern = ""
    for line in expected.splitlines():
        if line == "…":
            pattern += r"(?:.*\n)*?"
        elif KEY.fullmatch(line):  # some programs echo it, some don't
            pattern += rf"(?:{re.escape(line)}\n)?"
        elif (prompt := _prompt_of(line)) and KEY.fullmatch(line.removeprefix(prompt)):
            key = re.escape(line.removeprefix(prompt))  # the program may leave in this line
            pattern += rf"{re.escape(prompt.rstrip())}[ \t]*(?:{key})?\n?"
        else:
            pattern += ".*?".join(map(re.escape, line.rstrip().split("…"))) + r"[ \t]*\n"
    return pattern


def _prompt_of(line: str) -> str:
    return next((prompt for prompt in PROMPTS if line.startswith(prompt)), "")


def assert_printed(printed: str, expected: str, where: str) -> None:
    """Compare printed text with the output on the page."""
    if printed and not printed.endswith("\n"):
        printed += "\n"
    assert re.fullmatch(pattern_of(expected), printed), (
        f"{where}:\n--- the page shows\n{expected}--- really printed\n{printed}---"
    )


class Shell:
    """One bash that runs one command after the other.

    Its script comes through a pipe of its own, so that no command reads it by accident.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        script, self._script = os.pipe()
        self._output, output = os.pipe()
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc", f"/dev/fd/{script}"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            env=environment,
            pass_fds=[script],
            start_new_session=True,
        )
        os.close(script)
        os.close(output)
        self._count = 0

    def run(self, command: str) -> tuple[int, str]:
        """Run a command; return its status, and its output with that of background programs."""
        self._count += 1
        mark = f"=== {os.getpid()} {self._count} ==="
        script = f"{command}\n__=$?; echo; echo '{mark}' $__; (exit $__)\n"
        os.write(self._script, script.encode())
        printed, deadline = b"", time.monotonic() + PATIENCE
        while not (end := re.search(rb"\n" + mark.encode() + rb" (\d+)\n", printed)):
            ready, _, _ = select.select([self._output], [], [], max(0, deadline - time.monotonic()))
            chunk = os.read(self._output, 1 << 16) if ready else b""
            assert chunk, f"{command}\ndidn't end; so far it printed\n{printed.decode()}"
            printed += chunk
        return int(end[1]), printed[: end.start()].decode()

    def close(self) -> None:
        """End the shell and its background programs."""
        os.close(self._script)
        try:
            os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait(PATIENCE)
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            self._process.wait(PATIENCE)
        os.close(self._output)


class PageRunner:
    """The folder, the shell and the environment of one page.

    Args:
        name: The page, for messages.
        folder: An empty folder.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self._name = name
        self._folder = folder / "work"
        self._folder.mkdir()
        (folder / "home").mkdir()
        (folder / "bin").mkdir()
        _install_shell(folder / "bin" / "qmp-shell")
        self._environment = _environment(folder / "home", folder / "bin")
        self._shell = Shell(self._folder, self._environment)
        self._failed = ""

    def run(self, blocks: list[Block]) -> None:
        """Run the blocks of a page."""
        behind = [*blocks[1:], Block("", "", 0)]
        for block, following in zip(blocks, behind, strict=True):
            where = f"{self._name}, line {block.line}"
            if block.file_name:
                self._save(block)
            elif block.language == "console":
                self._run_console(block, where)
            elif block.language == "terminal":
                self._run_terminal(block, where)
            elif block.language == "python":
                self._run_python(block, following, where)
        assert not self._failed, f"{self._failed} and the page doesn't show its status"

    def _save(self, block: Block) -> None:
        path = self._folder / block.file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text)
        if block.text.startswith("#!"):
            path.chmod(0o755)

    def _run_console(self, block: Block, where: str) -> None:
        for command, expected in _commands(block.text):
            assert not self._failed or command == "echo $?", f"{self._failed} in {where}"
            status, printed = self._shell.run(command)
            self._failed = f"{command!r} ended with {status}: {printed}" if status else ""
            assert_printed(printed, expected, f"{where}, {command}")

    def _run_python(self, block: Block, following: Block, where: str) -> None:
        program = self._folder / ".block.py"
        program.write_text(block.text)
        status, printed = self._shell.run(f"python {program.name}")
        assert status == 0, f"{where}: ended with {status}:\n{printed}"
        assert_printed(printed, following.text if following.language == "text" else "", where)

    def _run_terminal(self, block: Block, where: str) -> None:
        lines = block.text.splitlines()
        settings = [f"{name}={value}" for name, value in self._environment.items()]
        argv = [
            "env",
            "-i",
            *settings,
            "TERM=tmux-256color",
            "PS1=$ ",
            "bash",
            "--noprofile",
            "--norc",
        ]
        tmux = find_program("tmux")
        assert tmux
        with Terminal(
            tmux, self._folder.parent, ["env", "-C", str(self._folder), *argv[1:]], COLUMNS, ROWS
        ) as terminal:
            for index, line in enumerate(lines):
                prompt = _prompt_of(line)
                if prompt or line.startswith(('{ "', "^")):
                    shown = "\n".join([*lines[:index], prompt])
                    _until_shown(terminal, shown, where)
                    _type(terminal, line.removeprefix(prompt))
            _until_shown(
                terminal, block.text, where, "|".join(re.escape(p.strip()) for p in PROMPTS)
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._shell.close()


def _install_shell(path: Path) -> None:
    """Write a program that is our qmp-shell.

    The package qemu.qmp, which some tests use, has a program of the same name. The package that
    was installed last has its own in the interpreter's folder.
    """
    path.write_text(
        f"#!{sys.executable}\n"
        "from qmpeer.cli.shell_command import qmp_shell\n"
        "raise SystemExit(qmp_shell())\n"
    )
    path.chmod(0o755)


def _environment(home: Path, own_programs: Path) -> dict[str, str]:
    """Return an environment that finds the page's programs and has no personal settings."""
    folders = [str(own_programs), str(Path(sys.executable).parent)]
    for name in (QEMU,):
        if found := find_program(name):
            folders.append(str(Path(found).parent))
    return {
        "PATH": ":".join([*folders, os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]),
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "100",
        "PYTHONWARNINGS": "default",
    }


def _commands(text: str) -> Iterator[tuple[str, str]]:
    """Yield the commands of a console block, each with the output shown after it."""
    command, expected, is_continued = "", "", False
    for line in text.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, expected
            command, expected, is_continued = line[2:], "", True
        elif is_continued and line.startswith("> "):
            command += "\n" + line[2:]
        else:
            assert command, f"output without a command: {line}"
            expected += line + "\n"
            is_continued = False
    if command:
        yield command, expected


def _type(terminal: Terminal, text: str) -> None:
    if KEY.fullmatch(text):
        terminal.press(f"C-{text[1].lower()}")
    else:
        terminal.enter(text)


def _until_shown(terminal: Terminal, shown: str, where: str, prompts: str = "") -> None:
    """Wait until the screen shows only a text and perhaps a prompt."""
    pattern = re.compile(pattern_of(shown) + (rf"(?:(?:{prompts})\s*)*" if prompts else ""))

    def is_shown(screen: str) -> bool:
        return pattern.fullmatch(screen.rstrip("\n") + "\n") is not None

    try:
        terminal.until(is_shown)
    except AssertionError as error:
        raise AssertionError(
            f"{where}:\n--- the page shows\n{shown}\n--- the screen\n{terminal.text()}"
        ) from error
