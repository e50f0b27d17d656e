"""The facts about one start of a fake QEMU, and the rules that need no device."""

import os
import resource
import signal
from collections.abc import Sequence
from typing import Final, NamedTuple

from qmpeer.fake_qemu.process_script import ProcessScript, Rule
from qmpeer.fake_qemu.start_log import log_end

FAILED: Final = 1
"""The exit status of a QEMU that can't start."""


class Settings(NamedTuple):
    """The settings of one installed fake, which stand in its file.

    Attributes:
        log: The path of the log of starts.
        script: The path of the script, or "".
        replay: The path of a recorded conversation that answers QMP, or "".
        answers: The path of a recording of QEMU's answers, or "".
    """

    log: str
    script: str = ""
    replay: str = ""
    answers: str = ""


class Started(NamedTuple):
    """The facts about this start.

    Attributes:
        name: The program's name in errors.
        arguments: The command line, without the program.
        number: The number of the start, from 1.
        settings: The settings of the fake.
        script: The process's part of its script.
        rules: The rules of the script whose conditions hold.
    """

    name: str
    arguments: Sequence[str]
    number: int
    settings: Settings
    script: ProcessScript
    rules: Sequence[Rule]


def act_at_once(started: Started, rule: Rule) -> int | None:
    """Follow a rule that needs no device; return the exit status if the process ends."""
    say(1, rule.stdout)
    say(2, rule.stderr)
    for path, text in rule.file.items():
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    if not rule.ends:
        return None
    log_end(started.settings.log, started.number, rule.status, rule.signal)
    if rule.signal is not None:
        kill_self(rule.signal)
    return rule.status


def kill_self(number: int) -> None:
    """End this process by a signal, whatever it does with the signal otherwise."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # no file called core
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)


def say(fd: int, text: str) -> None:
    """Write a text to a standard stream; if nobody can read it, it is lost."""
    data = text.encode(errors="surrogateescape")
    try:
        while data:
            data = data[os.write(fd, data) :]
    except OSError:
        pass
