"""``qmpeer ga``: have the guest agent of a machine do something."""

import argparse
import os
import subprocess
import sys
from base64 import b64encode
from time import perf_counter
from typing import Final

from qmpeer import limits
from qmpeer.cli.argument_words import read_arguments
from qmpeer.cli.command_line import JSON, TIMEOUT, Verbs, argument, check_text, example
from qmpeer.cli.connecting import connect, connect_agent
from qmpeer.cli.exits import DONE, UsageError, about_file, checked_address, complain
from qmpeer.cli.file_copies import Counted, Whole, naming
from qmpeer.cli.info_command import show_facts
from qmpeer.cli.output import write_bytes, write_either, write_json
from qmpeer.client import Executed, GuestAgent
from qmpeer.inventory.agent_facts import agent_facts
from qmpeer.values import JsonObject

PROGRAM: Final = "qmpeer ga"
_ABOUT: Final = """\
Run a guest-agent command. ADDRESS is that of the chardev behind its port, or where it
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
COMMAND: Final = Verbs(
    PROGRAM,
    _ABOUT,
    JSON,
    TIMEOUT,
    argument("--monitor", None, "ADDRESS is the machine's monitor"),
    has_address_first=True,
)


# Connecting


def _agent(given: argparse.Namespace) -> GuestAgent:
    if not given.monitor:
        return connect_agent(given)
    with connect(given) as client, checked_address():
        return client.guest_agent(timeout=given.timeout or limits.CONNECT_TIMEOUT)


# What it is


@COMMAND.verb(
    "ping",
    "Have the agent answer.",
    example("  $ qmpeer ga /run/ga.sock ping\n  answered in 0.9 ms"),
)
def _ping(given: argparse.Namespace) -> int:
    with _agent(given) as agent:
        start = perf_counter()
        agent.ping()
        seconds = perf_counter() - start
    write_either(given.json, {"seconds": seconds}, f"answered in {seconds * 1000:.1f} ms")
    return DONE


@COMMAND.verb(
    "info",
    "Show what the agent and its guest are.",
    example(
        "  $ qmpeer ga /run/ga.sock info\n  guest agent 7.2.22 (45 commands, 0 disabled)\n"
        "  host        web1\n"
        "  system      Debian GNU/Linux 12 (bookworm), 6.1.0 x86_64\n  ..."
    ),
)
def _info(given: argparse.Namespace) -> int:
    with _agent(given) as agent:
        facts = agent_facts(agent)
    show_facts(facts, given.json)
    return DONE


# Programs


@COMMAND.verb(
    "exec",
    "Run a program in the guest, with our standard input, and wait for its end.",
    example(
        "  $ qmpeer ga /run/ga.sock exec sh -c 'wc -c; exit 3' <file; echo $?\n  1234\n  3\n\n"
        "No shell looks at the words. Options stand before PROGRAM. On a terminal, what would\n"
        "steer it is shown as escapes. With --json the outcome is one object.",
        _EXEC_STATUSES,
    ),
    argument("-e --env", "NAME=VALUE",
             "in the program's environment, instead of the agent's; may be repeated",
             action="append", default=[]),
    argument("-n --no-input", None, "it reads nothing, whatever stdin is"),
    usage="[options] PROGRAM [ARGUMENT ...]",
    has_program=True,
)  # fmt: skip
def _exec(given: argparse.Namespace) -> int:
    if not given.behind:
        raise UsageError("found no PROGRAM")
    for word in (*given.behind, *given.env):
        check_text(word)
    environment = dict(word.partition("=")[::2] for word in given.env)
    if any("=" not in word for word in given.env):
        raise UsageError("found an --env without '=', expected NAME=VALUE")
    sent = None if given.no_input else _input()
    with _agent(given) as agent:
        outcome = agent.run(given.behind, env=environment or None, input=sent)
    if given.json:
        write_json(_outcome(outcome), is_pretty=None)
    else:
        write_bytes(outcome.stdout, sys.stdout)
        write_bytes(outcome.stderr, sys.stderr)
        if outcome.is_truncated:
            complain(PROGRAM, "the agent didn't keep all of the output")
    return _status_of(outcome)


def _status_of(outcome: Executed) -> int:
    """Return a program's exit status; no end but 0 becomes 0."""
    if outcome.signal is not None:
        status = _SIGNALLED + outcome.signal
        return status if _SIGNALLED < status < _MOST else _MOST
    if outcome.exit_code is None:
        complain(PROGRAM, "the agent doesn't say how the program ended")
        return _MOST
    if 0 <= outcome.exit_code <= _MOST:
        return outcome.exit_code
    complain(PROGRAM, f"the program's exit code is {outcome.exit_code}")
    return _MOST


def _input() -> bytes | None:
    if sys.stdin is None or sys.stdin.isatty():
        return None
    data = sys.stdin.buffer.read(limits.AGENT_INPUT + 1)
    if len(data) > limits.AGENT_INPUT:
        raise UsageError(f"found more than {limits.AGENT_INPUT} bytes of input; put a file instead")
    return data


def _outcome(outcome: Executed) -> JsonObject:
    message: JsonObject = {"exit-code": outcome.exit_code, "signal": outcome.signal}
    for name, data in (("stdout", outcome.stdout), ("stderr", outcome.stderr)):
        try:
            message[name] = data.decode()
        except UnicodeDecodeError:
            message[f"{name}-base64"] = b64encode(data).decode()
    message["truncated"] = outcome.is_truncated
    return message


# Files


@COMMAND.verb(
    "get",
    "Copy a file of the guest's.",
    example("  $ qmpeer ga /run/ga.sock get /etc/hostname -\n  web1"),
    argument("path", "PATH", "of the guest's file"),
    argument("file", "FILE",
             "where to, - for standard output; by default the same name in this folder", nargs="?"),
)  # fmt: skip
def _get(given: argparse.Namespace) -> int:
    with _agent(given) as agent:
        if given.file == "-":
            _get_to_output(agent, given.path)
            return DONE
        target = naming(given.path, given.file)
        with Whole(target) as file, Counted(target, sink=file) as counted:
            size = agent.get_file(given.path, counted)
            file.commit()
    return _say_size(given, target, size)


def _get_to_output(agent: GuestAgent, path: str) -> None:
    if not sys.stdout.isatty():
        agent.get_file(path, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    else:
        write_bytes(agent.read_file(path), sys.stdout)


@COMMAND.verb(
    "put",
    "Copy a file into the guest.",
    example("  $ qmpeer ga /run/ga.sock put motd.txt /etc/motd\n  /etc/motd: 1234 bytes"),
    argument("file", "FILE", "what to copy, - for standard input"),
    argument("path", "PATH", "of the guest's file"),
    argument("--append", None, "add it to the end of that"),
)
def _put(given: argparse.Namespace) -> int:
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
    write_either(given.json, {"file": path, "size": size}, f"{path}: {size} bytes")
    return DONE


# File systems


@COMMAND.verb(
    "freeze",
    "Freeze the guest's file systems, for as long as a command runs here.",
    example(
        "  $ qmpeer ga /run/ga.sock freeze -- lvcreate -s -n backup vg/disk\n\n"
        "They are thawed at the command's end, whatever happens, and its status is ours. "
        "Without\na command they stay frozen: qmpeer ga ADDRESS thaw."
    ),
    argument("mountpoints", "MOUNTPOINT", "by default all", nargs="*", default=[]),
    usage="[options] [MOUNTPOINT ...] [-- COMMAND ...]",
    has_command=True,
)
def _freeze(given: argparse.Namespace) -> int:
    where = given.mountpoints or None
    with _agent(given) as agent:
        if not given.behind:
            return _say_count(given, "frozen", agent.freeze(where))
        with agent.frozen(where):
            try:
                status = subprocess.run(given.behind, check=False).returncode
            except OSError as error:
                raise UsageError(f"{given.behind[0]}: {error.strerror}") from error
    return status if status >= 0 else _SIGNALLED - status


@COMMAND.verb(
    "thaw",
    "Thaw the guest's file systems.",
    example("  $ qmpeer ga /run/ga.sock thaw\n  thawed 2 file systems"),
)
def _thaw(given: argparse.Namespace) -> int:
    with _agent(given) as agent:
        return _say_count(given, "thawed", agent.thaw())


def _say_count(given: argparse.Namespace, what: str, number: int) -> int:
    text = f"{what} {number} file system{'' if number == 1 else 's'}"
    write_either(given.json, {what: number}, text)
    return DONE


@COMMAND.verb(
    "status",
    "Say whether the guest's file systems are frozen.",
    example("  $ qmpeer ga /run/ga.sock status\n  thawed"),
)
def _status(given: argparse.Namespace) -> int:
    with _agent(given) as agent:
        status = agent.freeze_status()
    write_either(given.json, {"file-systems": status}, status)
    return DONE


# Power


@COMMAND.verb(
    "shutdown",
    "Have the guest shut itself down.",
    example("  $ qmpeer ga /run/ga.sock shutdown --reboot"),
    (
        argument("--reboot", None, "start again", dest="mode", action="store_const", const="reboot",
                 default="powerdown"),
        argument("--halt", None, "stop, and leave the power on", dest="mode", action="store_const",
                 const="halt", default="powerdown"),
    ),
)  # fmt: skip
def _shutdown(given: argparse.Namespace) -> int:
    with _agent(given) as agent:
        agent.shutdown(given.mode)
    return DONE


@COMMAND.verb(
    "suspend",
    "Have the guest suspend itself.",
    example("  $ qmpeer ga /run/ga.sock suspend disk"),
    argument("mode", None, "to what; ram", nargs="?", choices=("ram", "disk", "hybrid"),
             default="ram"),
)  # fmt: skip
def _suspend(given: argparse.Namespace) -> int:
    with _agent(given) as agent:
        agent.suspend(given.mode)
    return DONE


# Any command


@COMMAND.verb(
    "call",
    "Execute any command of the agent that answers.",
    example("  $ qmpeer ga /run/ga.sock call guest-get-time\n  1785931384123456789"),
    argument("command", "COMMAND", "such as guest-get-time"),
    argument("words", "ARGUMENT", "name=value, or a JSON object", nargs="*", default=[]),
)
def _call(given: argparse.Namespace) -> int:
    check_text(given.command)
    arguments = read_arguments(given.words) if given.words else None
    with _agent(given) as agent:
        value = agent.execute(given.command, arguments)
    write_json(value, is_pretty=False if given.json else None)
    return DONE
