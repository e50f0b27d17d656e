"""``qmpeer conformance``: a server or a guest agent held to the protocol, or a client tried out."""

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
from qmpeer.conformance import (
    FORMATS,
    Case,
    Level,
    Report,
    cases,
    judge,
)

PROGRAM: Final = "qmpeer conformance"
_OF_CLIENTS: Final = ("expect", "memory", "jobs")
_OF_SERVERS: Final = ("agent", "fuzz", "may_change", "seed")
"""Options that are only for clients, and only for servers."""
_AFTER: Final = """\
Each case is named after what it tries, and cites a rule of docs/protocol.md. Its level is
  must     the specification of QMP
  should   what clients in the field rely on
  as-qemu  QEMU's dialect of JSON, its recovery from errors, its limits

Behind -- is the command line of a server to start, with {address} or {path} where the address
or the path of its unix socket belongs. It is started anew after a case that ended it.

--client judges a client: a command that sends at least one command after the negotiation. It is
started once for each case, with a server of its own: a legal one, on which it must end with status
0, or a faulty one, on which it must end in time with another status. {address}, {path}, {host} and
{port} in it stand for that server's address, which is in the environment as QMP_ADDRESS too.

examples:
  $ qmpeer conformance /run/vm.qmp --level should
  $ qmpeer conformance --may-change -- my-server --qmp {address}
  $ qmpeer conformance --fuzz 1000 --seed 7 -k '^$' /run/vm.qmp
  $ qmpeer conformance --client 'python my_client.py {path}' --expect running
  $ qmpeer conformance --agent -o report.xml --format junit /run/ga.sock

exit status:
  0  all cases passed, except those that can't be tried there
  1  a case failed
  2  the command line is wrong, the server can't be reached or started, or doesn't answer, or a
     file can't be written
"""


def _run(namespace: argparse.Namespace) -> int:
    is_client = _is_about_client(namespace)
    if namespace.list:
        with checked_address():  # a ValueError is about the pattern
            _list(_chosen(namespace))
        return DONE
    try:
        with _exit_on_sigterm():
            report = _judge_client(namespace) if is_client else _judge(namespace)
    except OSError as error:
        complain(PROGRAM, os_text(error))
        return USAGE
    return _finish(report, namespace)


@contextmanager
def _exit_on_sigterm() -> Iterator[None]:
    """Let SIGTERM raise, as Ctrl-C does, so that what was started is ended."""
    before = signal.signal(signal.SIGTERM, lambda signum, frame: sys.exit(128 + signum))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _is_about_client(namespace: argparse.Namespace) -> bool:
    """Return whether a client is judged.

    Raises:
        UsageError: If options for clients and for servers are mixed.
    """
    is_client = namespace.client is not None
    words = namespace.program_words
    if is_client and (namespace.address is not None or words):
        raise UsageError("found --client and a server, expected one of them")
    mixed = [name for name in (_OF_SERVERS if is_client else _OF_CLIENTS) if vars(namespace)[name]]
    if mixed:
        option = mixed[0].replace("_", "-")
        raise UsageError(
            f"found --{option}, which is for {'servers' if is_client else '--client'} only"
        )
    return is_client


def _judge_client(namespace: argparse.Namespace) -> Report:
    """Judge the client that the command line names.

    Raises:
        UsageError: If the command or the pattern is wrong.
        OSError: If the client can't be started.
    """
    from qmpeer.conformance import judge_client  # start: 130 ms

    level, pattern = _choice(namespace)
    try:
        return judge_client(
            namespace.client,
            level=level,
            pattern=pattern,
            timeout=namespace.timeout or limits.JUDGED_TIMEOUT,
            memory=(namespace.memory << 20) or limits.JUDGED_MEMORY,
            jobs=namespace.jobs or limits.JUDGED_AT_ONCE,
            expect=namespace.expect,
        )
    except ValueError as error:
        raise UsageError(str(error)) from None


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
            timeout=namespace.timeout or limits.CONFORMANCE_TIMEOUT,
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


def _chosen(namespace: argparse.Namespace) -> tuple[Case, ...]:
    if _is_about_client(namespace):
        from qmpeer.conformance import client_cases  # start: 130 ms

        return client_cases(*_choice(namespace))
    return cases("agent" if namespace.agent else "server", *_choice(namespace))


def _list(chosen: tuple[Case, ...]) -> None:
    """Write a line for each case."""
    width = max((len(case.name) for case in chosen), default=0)
    rule_width = max((len(case.rule) for case in chosen), default=0)
    for case in chosen:
        leave = "  (--may-change)" if case.changes else ""
        rule = f"{case.rule:{rule_width}}"
        write_text(f"{case.name:{width}}  {case.level.value:7}  {rule}  {case.title}{leave}\n")


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
        argument("--client", "COMMAND", "judge a client: COMMAND, which has {address} or {path} or "
                 "{host} and {port} in it"),
        argument("--expect", "TEXT", "a client that succeeds has TEXT in its output", default=""),
        argument("--memory", "MIB", "a client may use MIB MiB of memory; default 512; checked on "
                 "Linux", type=count, default=0),
        argument("--jobs", "N", "N clients run at once; default 4", type=count, default=0),
        argument("--timeout", "S", "a reply that doesn't come within S seconds is missing; default "
                 "5. A client must end in S seconds; default 10", type=seconds, default=0.0),
        argument("--list", None, "list the cases, and try none"),
        argument("--format", None, "the form of the report; default text", choices=list(FORMATS),
                 default="text"),
        argument("-o --output", "FILE", "write the report to FILE; standard output has it as text"),
    ),
    _run,
    usage="[ADDRESS] [options] [-- COMMAND ...]",
    has_command=True,
)  # fmt: skip
