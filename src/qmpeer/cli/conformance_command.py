"""``qmpeer conformance``: a server or a guest agent, held to the rules of the protocol."""

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from qmpeer import limits
from qmpeer.cli.command_line import Subcommand, argument, count, natural, seconds
from qmpeer.cli.exits import DONE, REFUSED, USAGE, UsageError, checked_address, complain, os_text
from qmpeer.cli.file_copies import AtomicFile
from qmpeer.cli.output import write_text
from qmpeer.conformance import FORMATS, Case, Level, Report, cases, judge

PROGRAM: Final = "qmpeer conformance"
_AFTER: Final = """\
Each case is named after what it tries, and cites a rule of docs/protocol.md. Its level is
  must     the specification of QMP
  should   what clients in the field rely on
  as-qemu  QEMU's dialect of JSON, its recovery from errors, its limits

Behind -- is the command line of a server to start, with {address} or {path} where the address
or the path of its unix socket belongs. It is started anew after a case that ended it.

examples:
  $ qmpeer conformance /run/vm.qmp --level should
  $ qmpeer conformance --may-change -- my-server --qmp {address}
  $ qmpeer conformance --fuzz 1000 --seed 7 -k '^$' /run/vm.qmp
  $ qmpeer conformance --agent -o report.xml --format junit /run/ga.sock

exit status:
  0  all cases passed, except those that can't be tried there
  1  a case failed
  2  the command line is wrong, the server can't be reached or started, or doesn't answer, or a
     file can't be written
"""


def _run(namespace: argparse.Namespace) -> int:
    if namespace.list:
        with checked_address():  # a ValueError is about the pattern
            chosen = cases("agent" if namespace.agent else "server", *_choice(namespace))
        _list(chosen)
        return DONE
    try:
        with _exit_on_sigterm():
            report = _judge(namespace)
    except OSError as error:
        complain(PROGRAM, os_text(error))
        return USAGE
    return _finish(report, namespace)


@contextmanager
def _exit_on_sigterm() -> Iterator[None]:
    """Let SIGTERM raise, as Ctrl-C does, so that a started server is ended."""
    before = signal.signal(signal.SIGTERM, lambda signum, frame: sys.exit(128 + signum))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _choice(namespace: argparse.Namespace) -> tuple[Level, str]:
    """Return the level and the pattern that choose the cases."""
    return Level(namespace.level), namespace.pattern


def _judge(namespace: argparse.Namespace) -> Report:
    """Judge what the command line names.

    Raises:
        UsageError: If it names nothing, or too much.
        OSError: As `judge`.
    """
    words = namespace.program_words
    if (namespace.address is None) == (not words):
        found = "both" if words else "neither"
        raise UsageError(f"found {found}, expected an ADDRESS, or -- and a COMMAND")
    level, pattern = _choice(namespace)
    with checked_address():
        return judge(
            namespace.address,
            command=words,
            suite="agent" if namespace.agent else "server",
            level=level,
            pattern=pattern,
            timeout=namespace.timeout,
            may_change=namespace.may_change,
            fuzz_inputs=namespace.fuzz,
            seed=namespace.seed,
        )


def _finish(report: Report, namespace: argparse.Namespace) -> int:
    """Write the report, to the file if one is named, and return the exit status."""
    text = FORMATS[namespace.format](report)
    if namespace.output is None:
        write_text(text)
    else:
        file = AtomicFile(namespace.output)
        file.write(text.encode())
        file.commit()
        write_text(FORMATS["text"](report))
    return REFUSED if report.failed else DONE


def _list(chosen: tuple[Case, ...]) -> None:
    """Write a line for each case."""
    width = max((len(case.name) for case in chosen), default=0)
    for case in chosen:
        leave = "  (--may-change)" if case.changes else ""
        write_text(
            f"{case.name:{width}}  {case.level.value:7}  {case.rule:3}  {case.title}{leave}\n"
        )


COMMAND: Final = Subcommand(
    PROGRAM,
    "Judge a QMP server or a guest agent: hold it to the rules of the protocol, byte by byte.",
    _AFTER,
    (
        argument("address", "ADDRESS", "unix:PATH, tcp:HOST:PORT, ...", nargs="?"),
        argument("--agent", None, "it is a guest agent"),
        argument("--level", None, "try the cases of this level and of stronger ones; default "
                 "as-qemu, which is all", choices=[level.value for level in Level],
                 default=Level.AS_QEMU.value),
        argument("-k", "PATTERN", "try only cases whose name matches this regular expression, or "
                 "whose rule it is, such as R9", dest="pattern", default=""),
        argument("--may-change", None, "try cases that change the machine as well: they stop it, "
                 "plug a block node, end it"),
        argument("--fuzz", "N", "try N random inputs as well", type=count, default=0),
        argument("--seed", "S", "the seed of the first of them; default 0", type=natural,
                 default=0),
        argument("--timeout", "S", "a reply that doesn't come within S seconds is missing; default "
                 "5", type=seconds, default=limits.CONFORMANCE_TIMEOUT),
        argument("--list", None, "list the cases, and try none"),
        argument("--format", None, "the form of the report; default text", choices=list(FORMATS),
                 default="text"),
        argument("-o --output", "FILE", "write the report to FILE; standard output has it as text"),
    ),
    _run,
    usage="[ADDRESS] [options] [-- COMMAND ...]",
    has_command=True,
)  # fmt: skip
