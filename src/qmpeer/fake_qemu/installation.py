"""The installation of a fake QEMU: a small program file that starts it, and a view of its starts.

The file runs the Python of this installation, without site and isolated from the environment, so
it starts fast, and whatever environment a program under test passes on.
"""

import os
import select
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

import msgspec

import qmpeer
from qmpeer import limits
from qmpeer.errors import FaultError, ScriptError, ScriptMismatch
from qmpeer.fake_qemu.documents import Document
from qmpeer.fake_qemu.process_script import TABLES, read_process_script
from qmpeer.fake_qemu.start import Settings
from qmpeer.fake_qemu.start_log import Start, read_starts
from qmpeer.faults import Faults
from qmpeer.script.toml_script import load_script

NAME: Final = "qemu-system-x86_64"
_MADE_BY: Final = "# A fake QEMU. Made by qmpeer fake-qemu."
_CODE: Final = """\
import sys
sys.path[:0] = {paths!r}
from qmpeer.fake_qemu.program import main
from qmpeer.fake_qemu.start import Settings
sys.exit(main({settings!r}, sys.argv[1:]))
"""


class FakeQemu:
    """A fake QEMU, installed in a folder.

    As a context manager, it ends at the end whatever was started of it and still runs.

    Attributes:
        path: The path of the program.
        log: The path of the log of its starts.

    Example:
        >>> import subprocess, tempfile
        >>> with tempfile.TemporaryDirectory() as folder, FakeQemu.install(folder) as qemu:
        ...     done = subprocess.run([qemu.path, "-accel", "help"], capture_output=True)
        ...     qemu.starts[0].argv[1:], qemu.starts[0].status
        (['-accel', 'help'], 0)
    """

    def __init__(self, path: str, log: str) -> None:
        self.path: str = path
        self.log: str = log

    @classmethod
    def install(
        cls,
        directory: str | os.PathLike[str],
        *,
        name: str = NAME,
        script: str | os.PathLike[str] | None = None,
        replay: str | os.PathLike[str] | None = None,
        answers: str | os.PathLike[str] | None = None,
        log: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Install a fake QEMU in a folder, which is to be the first of PATH.

        A fake of the same name that is there already is replaced, and its log begins anew.

        Args:
            directory: The folder; it is made if it isn't there.
            name: The program's name.
            script: The path of its script.
            replay: The path of a recorded conversation that answers QMP; by default the script or
                the built-in machine do.
            answers: The path of QEMU's recorded answers to questions such as ``-device help``.
            log: The path of the log of starts; by default ``NAME.starts.jsonl`` in the folder.

        Raises:
            OSError: If a file can't be read or written.
            ValueError: If the name is no file name, or another file would be overwritten.
            ScriptError: If the script is wrong.
        """
        if not name or "/" in name or "\0" in name:
            raise ValueError(f"found the name {name!r}, expected one such as {NAME!r}")
        folder = os.path.abspath(directory)
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, name)
        settings = Settings(
            log=os.path.abspath(log or os.path.join(folder, f"{name}.starts.jsonl")),
            script=_absolute(script),
            replay=_absolute(replay),
            answers=_absolute(answers),
        )
        if settings.script:
            _check(settings.script)
        if settings.answers:
            read_process_script(settings.answers)
        if settings.replay:
            os.stat(settings.replay)
        _check_ours(path, f"#!/bin/sh\n{_MADE_BY}\n", "no program that a fake may replace")
        _check_ours(settings.log, '{"start": ', "no log of starts")
        os.close(os.open(settings.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        _write_program(path, settings)
        return cls(path, settings.log)

    # Its starts

    @property
    def starts(self) -> list[Start]:
        """Its starts, oldest first."""
        return list(read_starts(self.log))

    @property
    def environment(self) -> dict[str, str]:
        """The environment of this process, with the folder first in PATH."""
        folder = os.path.dirname(self.path)
        return {**os.environ, "PATH": os.pathsep.join([folder, *os.get_exec_path()])}

    def verify(self) -> None:
        """Check that all conversations that have ended were as the script or recording has them.

        Raises:
            ScriptMismatch: With all differences.
        """
        found = tuple(text for start in self.starts for text in start.mismatches)
        if found:
            raise ScriptMismatch(found)

    @property
    def running(self) -> list[int]:
        """The ids of its processes that run."""
        return [pid for pid, _ in self._processes(close=True)]

    def end(self) -> None:
        """End all its processes: by SIGTERM, and by SIGKILL if one doesn't react."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            pidfds = [pidfd for _, pidfd in self._processes(close=False)]
            for pidfd in pidfds:
                with suppress(OSError):
                    signal.pidfd_send_signal(pidfd, number)
            _wait(pidfds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()

    def _processes(self, *, close: bool) -> Iterator[tuple[int, int]]:
        """Give the id and a descriptor of each process, which names the log on its command line."""
        mark = f"log={self.log!r}".encode()
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            with suppress(OSError):
                pidfd = os.pidfd_open(int(name))
                try:
                    with open(f"/proc/{name}/cmdline", "rb") as file:
                        is_ours = mark in file.read()
                except OSError:
                    is_ours = False
                if close or not is_ours:
                    os.close(pidfd)
                if is_ours:
                    yield int(name), pidfd


def _check(script: str) -> None:
    """Check a script, its faults, and that the files that it names are there."""
    read = read_process_script(script)
    try:
        Faults(read.faults)
    except FaultError as error:
        raise ScriptError(str(error), Document(script).place("process", 0, "faults")) from None
    if read.has_monitor:
        load_script(script, besides=TABLES)
    for path in (read.answers, read.replay, *(rule.replay for rule in read.rules)):
        if path:
            os.stat(path)


def _absolute(path: str | os.PathLike[str] | None) -> str:
    return os.path.abspath(path) if path else ""


def _check_ours(path: str, beginning: str, what: str) -> None:
    """Refuse to overwrite a file that no fake has made."""
    try:
        with open(path, "rb") as file:
            found = file.read(len(beginning))
    except FileNotFoundError:
        return
    if found and found != beginning.encode():
        raise ValueError(f"found {path}, which is {what}")


def _write_program(path: str, settings: Settings) -> None:
    packages = (qmpeer.__file__, msgspec.__file__)
    paths = list(dict.fromkeys(os.path.dirname(os.path.dirname(file)) for file in packages))
    code = _CODE.format(paths=paths, settings=settings)
    words = shlex.join([sys.executable, "-IS", "-c", code])
    text = f'#!/bin/sh\n{_MADE_BY}\nexec {words} "$0" "$@"\n'
    new = f"{path}.new"
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o755)
    with open(fd, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
    os.replace(new, path)  # at once: somebody may be starting the old one


def _wait(pidfds: list[int]) -> None:
    """Wait until processes have ended, at most `limits.CLOSE_TIMEOUT`; close the descriptors."""
    until = time.monotonic() + limits.CLOSE_TIMEOUT
    for pidfd in pidfds:
        poller = select.poll()
        poller.register(pidfd, select.POLLIN)
        poller.poll(max(0.0, until - time.monotonic()) * 1000)
        os.close(pidfd)
