"""``qmpeer ga``: have the guest agent of a machine do something."""

import argparse
import os
import sys
from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Final

from qmpeer import limits
from qmpeer.cli.command_line import CommandLine
from qmpeer.cli.connecting import add_common, connect
from qmpeer.cli.exits import DONE, STATUSES, UsageError, about_file
from qmpeer.cli.output import write_bytes, write_json, write_text
from qmpeer.cli.verbs import Verb, run_verb
from qmpeer.values import JsonObject

if TYPE_CHECKING:
    from qmpeer.client import GuestAgent
    from qmpeer.client.agent_answers import Executed

PROGRAM: Final = "qmpeer ga"
ABOUT: Final = """\
Have a guest's agent do something. ADDRESS is that of the chardev behind its port, or where it
listens itself; with --monitor, behind the verb, it is the machine's monitor, which tells where its
agent is: qmpeer ga /run/vm.qmp ping --monitor."""
_EXEC_STATUSES: Final = """\
exit status:
  that of the program, 255 if that isn't from 0 to 255, 128 and the signal's number if a signal
  ended it; where it could not be run, 1 if the agent refused or its answer is of no use, 2 if the
  command line makes no sense, 3 if the agent doesn't answer
"""
_SIGNALLED: Final = 128
_MOST: Final = 255
"""The highest exit status."""


def run(words: Sequence[str]) -> int:
    """Do what the words say.

    Raises:
        UsageError: If the words make no sense, or a file of theirs can't be read or written.
        QMPError: If the agent refuses, or the connection ends.
        OSError: If there is no agent, or no reply in time.
    """
    return run_verb(PROGRAM, ABOUT, VERBS, words)


# Connecting


def _agent(given: argparse.Namespace) -> "GuestAgent":
    from qmpeer.client import GuestAgent

    timeout = limits.CONNECT_TIMEOUT if given.timeout is None else given.timeout
    if given.monitor:
        with connect(given) as client:
            try:
                return client.guest_agent(timeout=timeout)
            except ValueError as error:
                raise UsageError(str(error)) from error
    try:
        return GuestAgent.connect(
            given.address,
            timeout=timeout,
            command_timeout=limits.COMMAND_TIMEOUT if given.timeout is None else given.timeout,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error


def _parser(verb: str, about: str, example: str, statuses: str = STATUSES) -> CommandLine:
    parser = CommandLine(f"{PROGRAM} ADDRESS {verb}", about, f"example:\n{example}\n\n{statuses}")
    add_common(parser, has_address=False)
    parser.add_argument("--monitor", action="store_true", help="ADDRESS is the machine's monitor")
    return parser


# What it is


def _ping_parser() -> CommandLine:
    return _parser(
        "ping", "Have the agent answer.", "  $ qmpeer ga /run/ga.sock ping\n  answered in 0.9 ms"
    )


def _ping(given: argparse.Namespace) -> int:
    with _agent(given) as agent:
        start = perf_counter()
        agent.ping()
        seconds = perf_counter() - start
    if given.json:
        write_json({"seconds": seconds})
    else:
        write_text(f"answered in {seconds * 1000:.1f} ms\n")
    return DONE


def _info_parser() -> CommandLine:
    return _parser(
        "info",
        "Show what the agent and its guest are.",
        "  $ qmpeer ga /run/ga.sock info\n  guest agent 7.2.22 (45 commands, 0 disabled)\n"
        "  host        web1\n  system      Debian GNU/Linux 12 (bookworm), 6.1.0 x86_64\n  ...",
    )


def _info(given: argparse.Namespace) -> int:
    from qmpeer.cli.agent_facts import agent_facts

    with _agent(given) as agent:
        facts = agent_facts(agent)
    if given.json:
        write_json(facts, is_pretty=None)
        return DONE
    from qmpeer.cli.info_text import info_lines
    from qmpeer.cli.page import Page

    page = Page.output()
    page.write(info_lines(facts, page))
    return DONE


# Any command


def _call_parser() -> CommandLine:
    parser = _parser(
        "call",
        "Execute any command of the agent that answers.",
        "  $ qmpeer ga /run/ga.sock call guest-get-time\n  1785931384123456789",
    )
    parser.add_argument("command", metavar="COMMAND", help="such as guest-get-time")
    parser.add_argument(
        "words", metavar="ARGUMENT", nargs="*", default=[], help="name=value, or a JSON object"
    )
    return parser


def _call(given: argparse.Namespace) -> int:
    from qmpeer.cli.argument_words import check_text, read_arguments

    check_text(given.command)
    arguments = read_arguments(given.words) if given.words else None
    with _agent(given) as agent:
        value = agent.execute(given.command, arguments)
    write_json(value, is_pretty=False if given.json else None)
    return DONE


# Programs


def _exec_parser() -> CommandLine:
    parser = _parser(
        "exec",
        "Run a program in the guest, with our standard input, and wait for its end.",
        "  $ qmpeer ga /run/ga.sock exec sh -c 'wc -c; exit 3' <file; echo $?\n  1234\n  3\n\n"
        "No shell looks at the words. Options stand before PROGRAM. On a terminal, what would\n"
        "steer it is shown as escapes. With --json the outcome is one object.",
        _EXEC_STATUSES,
    )
    parser.usage = f"{parser.prog} [options] PROGRAM [ARGUMENT ...]"
    parser.add_argument(
        "-e", "--env", metavar="NAME=VALUE", action="append", default=[],
        help="in the program's environment, instead of the agent's; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "-n", "--no-input", action="store_true", help="it reads nothing, whatever stdin is"
    )
    return parser


def _split_program(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Divide our options from the program and its own."""
    valued = [
        flag for each in _exec_parser().actions() if each.nargs != 0 for flag in each.option_strings
    ]
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] != "--":
        at += 2 if words[at] in valued else 1
    behind = list(words[at:])
    return list(words[:at]), behind[1:] if behind[:1] == ["--"] else behind


def _exec(given: argparse.Namespace) -> int:
    from qmpeer.cli.argument_words import check_text

    if not given.rest:
        raise UsageError("found no PROGRAM")
    for word in (*given.rest, *given.env):
        check_text(word)
    environment = dict(word.partition("=")[::2] for word in given.env)
    if any("=" not in word for word in given.env):
        raise UsageError("found an --env without '=', expected NAME=VALUE")
    sent = None if given.no_input else _input()
    with _agent(given) as agent:
        outcome = agent.run(given.rest, env=environment or None, input=sent)
    if given.json:
        write_json(_outcome(outcome), is_pretty=None)
    else:
        write_bytes(outcome.stdout, sys.stdout)
        write_bytes(outcome.stderr, sys.stderr)
        if outcome.is_truncated:
            _note("the agent didn't keep all of the output")
    return _status_of(outcome)


def _status_of(outcome: "Executed") -> int:
    """Return a program's exit status; no end but 0 becomes 0."""
    if outcome.signal is not None:
        status = _SIGNALLED + outcome.signal
        return status if _SIGNALLED < status < _MOST else _MOST
    if outcome.exit_code is None:
        _note("the agent doesn't say how the program ended")
        return _MOST
    if 0 <= outcome.exit_code <= _MOST:
        return outcome.exit_code
    _note(f"the program's exit code is {outcome.exit_code}")
    return _MOST


def _input() -> bytes | None:
    if sys.stdin is None or sys.stdin.isatty():
        return None
    data = sys.stdin.buffer.read(limits.AGENT_INPUT + 1)
    if len(data) > limits.AGENT_INPUT:
        raise UsageError(f"found more than {limits.AGENT_INPUT} bytes of input; put a file instead")
    return data


def _outcome(outcome: "Executed") -> JsonObject:
    message: JsonObject = {"exit-code": outcome.exit_code, "signal": outcome.signal}
    for name, data in (("stdout", outcome.stdout), ("stderr", outcome.stderr)):
        try:
            message[name] = data.decode()
        except UnicodeDecodeError:
            from base64 import b64encode

            message[f"{name}-base64"] = b64encode(data).decode()
    message["truncated"] = outcome.is_truncated
    return message


# Files


def _get_parser() -> CommandLine:
    parser = _parser(
        "get",
        "Copy a file of the guest's.",
        "  $ qmpeer ga /run/ga.sock get /etc/hostname -\n  web1",
    )
    parser.add_argument("path", metavar="PATH", help="of the guest's file")
    parser.add_argument(
        "file", metavar="FILE", nargs="?",
        help="where to, - for standard output; by default the same name in this folder",
    )  # fmt: skip
    return parser


def _get(given: argparse.Namespace) -> int:
    from qmpeer.cli.file_copies import Counted, Whole, naming

    with _agent(given) as agent:
        if given.file == "-":
            _get_to_output(agent, given.path)
            return DONE
        target = naming(given.path, given.file)
        with Whole(target) as file, Counted(target, sink=file) as counted:
            size = agent.get_file(given.path, counted)
            file.commit()
    return _say_size(given, target, size)


def _get_to_output(agent: "GuestAgent", path: str) -> None:
    if not sys.stdout.isatty():
        agent.get_file(path, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    else:
        write_bytes(agent.read_file(path), sys.stdout)


def _put_parser() -> CommandLine:
    parser = _parser(
        "put",
        "Copy a file into the guest.",
        "  $ qmpeer ga /run/ga.sock put motd.txt /etc/motd\n  /etc/motd: 1234 bytes",
    )
    parser.add_argument("file", metavar="FILE", help="what to copy, - for standard input")
    parser.add_argument("path", metavar="PATH", help="of the guest's file")
    parser.add_argument("--append", action="store_true", help="add it to the end of that")
    return parser


def _put(given: argparse.Namespace) -> int:
    from qmpeer.cli.file_copies import Counted

    if given.file == "-":
        if sys.stdin is None:
            raise UsageError("found no standard input")
        with _agent(given) as agent:
            size = agent.put_file(sys.stdin.buffer, given.path, append=given.append)
        return _say_size(given, given.path, size)
    with about_file(given.file):
        source = open(given.file, "rb")  # noqa: SIM115 - closed below
    with source, _agent(given) as agent:
        total = os.fstat(source.fileno()).st_size
        with Counted(given.path, total, source=source) as counted:
            size = agent.put_file(counted, given.path, append=given.append)
    return _say_size(given, given.path, size)


def _say_size(given: argparse.Namespace, path: str, size: int) -> int:
    if given.json:
        write_json({"file": path, "size": size})
    else:
        write_text(f"{path}: {size} bytes\n")
    return DONE


# File systems


def _freeze_parser() -> CommandLine:
    parser = _parser(
        "freeze",
        "Freeze the guest's file systems, for as long as a command runs here.",
        "  $ qmpeer ga /run/ga.sock freeze -- lvcreate -s -n backup vg/disk\n\n"
        "They are thawed at the command's end, whatever happens, and its status is ours. Without\n"
        "a command they stay frozen: qmpeer ga ADDRESS thaw.",
    )
    parser.usage = f"{parser.prog} [options] [MOUNTPOINT ...] [-- COMMAND ...]"
    parser.add_argument(
        "mountpoints", metavar="MOUNTPOINT", nargs="*", default=[], help="by default all"
    )
    return parser


def _split_command(words: Sequence[str]) -> tuple[list[str], list[str]]:
    at = words.index("--") if "--" in words else len(words)
    return list(words[:at]), list(words[at + 1 :])


def _freeze(given: argparse.Namespace) -> int:
    where = given.mountpoints or None
    with _agent(given) as agent:
        if not given.rest:
            return _say_count(given, "frozen", agent.freeze(where))
        import subprocess

        with agent.frozen(where):
            try:
                status = subprocess.run(given.rest, check=False).returncode
            except OSError as error:
                raise UsageError(f"{given.rest[0]}: {error.strerror}") from error
    return status if status >= 0 else _SIGNALLED - status


def _thaw_parser() -> CommandLine:
    return _parser(
        "thaw",
        "Thaw the guest's file systems.",
        "  $ qmpeer ga /run/ga.sock thaw\n  thawed 2 file systems",
    )


def _thaw(given: argparse.Namespace) -> int:
    with _agent(given) as agent:
        return _say_count(given, "thawed", agent.thaw())


def _say_count(given: argparse.Namespace, what: str, number: int) -> int:
    if given.json:
        write_json({what: number})
    else:
        write_text(f"{what} {number} file system{'' if number == 1 else 's'}\n")
    return DONE


def _status_parser() -> CommandLine:
    return _parser(
        "status",
        "Say whether the guest's file systems are frozen.",
        "  $ qmpeer ga /run/ga.sock status\n  thawed",
    )


def _status(given: argparse.Namespace) -> int:
    with _agent(given) as agent:
        status = agent.freeze_status()
    if given.json:
        write_json({"file-systems": status})
    else:
        write_bytes(f"{status}\n".encode(), sys.stdout)
    return DONE


# Power


def _shutdown_parser() -> CommandLine:
    parser = _parser(
        "shutdown",
        "Have the guest shut itself down.",
        "  $ qmpeer ga /run/ga.sock shutdown --reboot",
    )
    how = parser.add_mutually_exclusive_group()
    for mode, text in (("reboot", "start again"), ("halt", "stop, and leave the power on")):
        how.add_argument(f"--{mode}", dest="mode", action="store_const", const=mode, help=text)
    parser.set_defaults(mode="powerdown")
    return parser


def _shutdown(given: argparse.Namespace) -> int:
    with _agent(given) as agent:
        agent.shutdown(given.mode)
    return DONE


def _suspend_parser() -> CommandLine:
    parser = _parser(
        "suspend", "Have the guest suspend itself.", "  $ qmpeer ga /run/ga.sock suspend disk"
    )
    parser.add_argument(
        "mode", nargs="?", choices=("ram", "disk", "hybrid"), default="ram", help="to what; ram"
    )
    return parser


def _suspend(given: argparse.Namespace) -> int:
    with _agent(given) as agent:
        agent.suspend(given.mode)
    return DONE


def _note(text: str) -> None:
    from qmpeer.cli.exits import complain

    complain(PROGRAM, text)


VERBS: Final[dict[str, Verb]] = {
    "ping": Verb(_ping_parser, _ping),
    "info": Verb(_info_parser, _info),
    "exec": Verb(_exec_parser, _exec, _split_program),
    "get": Verb(_get_parser, _get),
    "put": Verb(_put_parser, _put),
    "freeze": Verb(_freeze_parser, _freeze, _split_command),
    "thaw": Verb(_thaw_parser, _thaw),
    "status": Verb(_status_parser, _status),
    "shutdown": Verb(_shutdown_parser, _shutdown),
    "suspend": Verb(_suspend_parser, _suspend),
    "call": Verb(_call_parser, _call),
}
"""What can be done."""
