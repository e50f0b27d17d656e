"""``qmpeer fake-qemu``: a fake QEMU in a folder for PATH, and the answers of a real one."""

import argparse
import os
from typing import Final

from qmpeer.cli.command_line import Subcommand, argument, example
from qmpeer.cli.exits import DONE, FileError, UsageError, about_file, os_text
from qmpeer.cli.output import write_text
from qmpeer.fake_qemu.installation import NAME, FakeQemu
from qmpeer.fake_qemu.recorded_answers import record_answers

_STATUSES: Final = """\
exit status:
  0  success
  1  the script is wrong
  2  the command line is wrong, or a file that it names can't be read or written
  3  the real QEMU gives no answer
"""
_EXAMPLE: Final = """\
  $ qmpeer fake-qemu --install fakes --script boot.toml
  /home/me/fakes/qemu-system-x86_64
  $ PATH=$PWD/fakes:$PATH ./test-my-program
  $ qmpeer fake-qemu --record qemu-system-x86_64 -o answers.toml"""


def _run(namespace: argparse.Namespace) -> int:
    if (namespace.install is None) is (namespace.record is None):
        raise UsageError("expected either --install DIR or --record QEMU")
    if namespace.record is not None:
        return _record(namespace)
    if namespace.output is not None or namespace.ask:
        raise UsageError("found -o or --ask, which belong to --record QEMU")
    try:
        fake = FakeQemu.install(
            namespace.install,
            name=namespace.name,
            script=namespace.script,
            replay=namespace.replay,
            answers=namespace.answers,
            log=namespace.log,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        raise FileError(os_text(error)) from error
    write_text(f"{fake.path}\n")
    return DONE


def _record(namespace: argparse.Namespace) -> int:
    if namespace.output is None:
        raise UsageError("found no -o FILE, expected one for the answers")
    with about_file(namespace.record):
        text = record_answers(namespace.record, namespace.ask)
    with about_file(namespace.output), open(namespace.output, "w", encoding="utf-8") as file:
        file.write(text)
    write_text(f"{os.path.abspath(namespace.output)}\n")
    return DONE


COMMAND: Final = Subcommand(
    "qmpeer fake-qemu",
    "Put a fake QEMU into a folder for PATH. Programs under test start it in QEMU's place.",
    example(_EXAMPLE, _STATUSES),
    (
        argument("--install", "DIR", "put the fake into this folder"),
        argument("--name", "NAME", f"the program's name; default {NAME}", default=NAME),
        argument("--script", "FILE", "the script, in TOML: what the fake answers, writes, and how "
                 "it ends"),
        argument("--replay", "FILE", "answer QMP as this recorded conversation does; default: as "
                 "the script does, or the machine of qmpeer serve"),
        argument("--answers", "FILE", "answer -version, -device help and the like as recorded"),
        argument("--log", "FILE", "keep the starts here, one a line, in JSON; default "
                 "DIR/NAME.starts.jsonl"),
        argument("--record", "QEMU", "ask a real QEMU, and record its answers"),
        argument("-o", "FILE", "write the recorded answers to FILE", dest="output"),
        argument("--ask", "OPTIONS", "record the answer to these options, too, such as "
                 "'-device virtio-net-pci,help'; may be repeated", action="append", default=[]),
    ),
    _run,
)  # fmt: skip
