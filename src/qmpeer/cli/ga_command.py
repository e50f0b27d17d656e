"""``qmpeer ga``: commands for a machine's guest agent."""

import argparse
import os
import subprocess
import sys
from base64 import b64encode
from time import perf_counter
from typing import Final

from qmpeer import limits
from qmpeer.cli.argument_words import read_arguments
from qmpeer.cli.command_line import JSON, TIMEOUT, VerbGroup, argument, check_text, example
from qmpeer.cli.connecting import connect, connect_agent
from qmpeer.cli.exits import DONE, UsageError, about_file, checked_address, complain
from qmpeer.cli.file_copies import AtomicFile, CountedStream, copy_target
from qmpeer.cli.info_command import show_facts
from qmpeer.cli.output import write_bytes, write_either, write_json
from qmpeer.client import Executed, GuestAgent
from qmpeer.inventory.agent_facts import agent_facts
from qmpeer.values import JsonObject

PROGRAM: Final = "qmpeer ga"
_ABOUT: Final = """\
Run a guest-agent command. ADDRESS is the address of the agent: of the character device that is
connected to its port, or of a socket on which the agent listens itself. With --monitor after the
verb, ADDRESS is the machine's monitor, and the agent's address is looked up there:
qmpeer ga /run/vm.qmp ping --monitor."""
_EXEC_STATUSES: Final = """\
exit status:
  the program's own; 255 if that isn't from 0 to 255; 128 plus the signal's number if a signal
  ended the program. If it could not be run: 1 if the agent refused or its answer is malformed,
  2 if the command line is wrong, 3 if the agent doesn't answer.
"""
_SIGNALLED: Final = 128
_MOST: Final = 255
"""The highest exit status."""
COMMAND: Final = VerbGroup(
    PROGRAM,
    _ABOUT,
    JSON,
    TIMEOUT,
    argument("--monitor", None, "ADDRESS is the machine's monitor, not the agent"),
    has_address_first=True,
)


# Connecting


def _agent(namespace: argparse.Namespace) -> GuestAgent:
    if not namespace.monitor:
        return connect_agent(namespace)
    # The monitor is only needed to look up the address: QEMU serves one client of it at a time.
    with connect(namespace) as client, checked_address():
        return client.guest_agent(timeout=namespace.timeout or limits.CONNECT_TIMEOUT)


# The agent and its guest


@COMMAND.verb(
    "ping",
    "Check that the agent answers, and how fast.",
    example("  $ qmpeer ga /run/ga.sock ping\n  answered in 0.9 ms"),
)
def _ping(namespace: argparse.Namespace) -> int:
    with _agent(namespace) as agent:
        start = perf_counter()
        agent.ping()
        seconds = perf_counter() - start
    write_either(namespace.json, {"seconds": seconds}, f"answered in {seconds * 1000:.1f} ms")
    return DONE


@COMMAND.verb(
    "info",
    "Show the agent's version and facts about the guest.",
    example(
        "  $ qmpeer ga /run/ga.sock info\n  guest agent 7.2.22 (45 commands, 0 disabled)\n"
        "  host        web1\n"
        "  system      Debian GNU/Linux 12 (bookworm), 6.1.0 x86_64\n  ..."
    ),
)
def _info(namespace: argparse.Namespace) -> int:
    with _agent(namespace) as agent:
        facts = agent_facts(agent)
    show_facts(facts, namespace.json)
    return DONE


# Programs


@COMMAND.verb(
    "exec",
    "Run a program in the guest with this command's standard input, and wait for its end.",
    example(
        "  $ qmpeer ga /run/ga.sock exec sh -c 'wc -c; exit 3' <file; echo $?\n  1234\n  3\n\n"
        "The guest runs PROGRAM directly, not through a shell. Options come before PROGRAM. On a\n"
        "terminal, control characters in the output are shown as escapes. With --json the output\n"
        "and the exit status are written as one object.",
        _EXEC_STATUSES,
    ),
    argument("-e --env", "NAME=VALUE",
             "a variable for the program, which then gets none of the agent's; may be repeated",
             action="append", default=[]),
    argument("-n --no-input", None, "give the program an empty standard input"),
    usage="[options] PROGRAM [ARGUMENT ...]",
    has_program=True,
)  # fmt: skip
def _exec(namespace: argparse.Namespace) -> int:
    if not namespace.program_words:
        raise UsageError("found no PROGRAM")
    for word in (*namespace.program_words, *namespace.env):
        check_text(word)
    environment = dict(word.partition("=")[::2] for word in namespace.env)
    if any("=" not in word for word in namespace.env):
        raise UsageError("found an --env without '=', expected NAME=VALUE")
    sent = None if namespace.no_input else _input()
    with _agent(namespace) as agent:
        outcome = agent.run(namespace.program_words, env=environment or None, input=sent)
    if namespace.json:
        write_json(_outcome(outcome), is_pretty=None)
    else:
        write_bytes(outcome.stdout, sys.stdout)
        write_bytes(outcome.stderr, sys.stderr)
        if outcome.is_truncated:
            complain(PROGRAM, "the agent cut off the output")
    return _status_of(outcome)


def _status_of(outcome: Executed) -> int:
    """Return the exit status for a program's outcome; only exit code 0 becomes 0."""
    if outcome.signal is not None:
        # 255 for a signal that would give no valid status, or 128, which means no signal at all.
        status = _SIGNALLED + outcome.signal
        return status if _SIGNALLED < status < _MOST else _MOST
    if outcome.exit_code is None:
        complain(PROGRAM, "the agent returned neither an exit code nor a signal")
        return _MOST
    if 0 <= outcome.exit_code <= _MOST:
        return outcome.exit_code
    complain(PROGRAM, f"the program's exit code is {outcome.exit_code}")
    return _MOST


def _input() -> bytes | None:
    # A terminal isn't read: the agent takes all input before the program starts, so the user
    # would have to type it blindly.
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
        except UnicodeDecodeError:  # JSON can't hold these bytes
            message[f"{name}-base64"] = b64encode(data).decode()
    message["truncated"] = outcome.is_truncated
    return message


# Files


@COMMAND.verb(
    "get",
    "Copy a file out of the guest.",
    example("  $ qmpeer ga /run/ga.sock get /etc/hostname -\n  web1"),
    argument("path", "PATH", "the file in the guest"),
    argument("file", "FILE", "the file or folder to write to, - for standard output; default: the "
             "same name in the current folder", nargs="?"),
)  # fmt: skip
def _get(namespace: argparse.Namespace) -> int:
    with _agent(namespace) as agent:
        if namespace.file == "-":
            _get_to_output(agent, namespace.path)
            return DONE
        target = copy_target(namespace.path, namespace.file)
        with AtomicFile(target) as file, CountedStream(target, sink=file) as counted:
            size = agent.get_file(namespace.path, counted)
            file.commit()
    return _write_size(namespace, target, size)


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
    argument("file", "FILE", "the file to copy, - for standard input"),
    argument("path", "PATH", "the file in the guest"),
    argument("--append", None, "append to the guest's file instead of replacing it"),
)
def _put(namespace: argparse.Namespace) -> int:
    if namespace.file == "-":
        if sys.stdin is None:
            raise UsageError("found no standard input")
        with _agent(namespace) as agent:
            size = agent.put_file(sys.stdin.buffer, namespace.path, append=namespace.append)
        return _write_size(namespace, namespace.path, size)
    with about_file(namespace.file):
        source = open(namespace.file, "rb")  # noqa: SIM115 - closed below
    with source, _agent(namespace) as agent:
        total = os.fstat(source.fileno()).st_size
        with CountedStream(namespace.path, total, source=source) as counted:
            size = agent.put_file(counted, namespace.path, append=namespace.append)
    return _write_size(namespace, namespace.path, size)


def _write_size(namespace: argparse.Namespace, path: str, size: int) -> int:
    write_either(namespace.json, {"file": path, "size": size}, f"{path}: {size} bytes")
    return DONE


# File systems


@COMMAND.verb(
    "freeze",
    "Freeze the guest's file systems while a command runs on this host.",
    example(
        "  $ qmpeer ga /run/ga.sock freeze -- lvcreate -s -n backup vg/disk\n\n"
        "The file systems are thawed when COMMAND ends, even if it fails, and its exit status is\n"
        "returned. Without COMMAND they stay frozen until qmpeer ga ADDRESS thaw."
    ),
    argument(
        "mountpoints",
        "MOUNTPOINT",
        "the file systems to freeze; default: all",
        nargs="*",
        default=[],
    ),
    usage="[options] [MOUNTPOINT ...] [-- COMMAND ...]",
    has_command=True,
)
def _freeze(namespace: argparse.Namespace) -> int:
    where = namespace.mountpoints or None
    with _agent(namespace) as agent:
        if not namespace.program_words:
            return _write_count(namespace, "frozen", agent.freeze(where))
        with agent.frozen(where):
            try:
                status = subprocess.run(namespace.program_words, check=False).returncode
            except OSError as error:
                raise UsageError(f"{namespace.program_words[0]}: {error.strerror}") from error
    # subprocess returns minus the signal's number; shells return 128 plus the number.
    return status if status >= 0 else _SIGNALLED - status


@COMMAND.verb(
    "thaw",
    "Thaw the guest's file systems.",
    example("  $ qmpeer ga /run/ga.sock thaw\n  thawed 2 file systems"),
)
def _thaw(namespace: argparse.Namespace) -> int:
    with _agent(namespace) as agent:
        return _write_count(namespace, "thawed", agent.thaw())


def _write_count(namespace: argparse.Namespace, outcome: str, number: int) -> int:
    text = f"{outcome} {number} file system{'' if number == 1 else 's'}"
    write_either(namespace.json, {outcome: number}, text)
    return DONE


@COMMAND.verb(
    "status",
    "Show whether the guest's file systems are frozen.",
    example("  $ qmpeer ga /run/ga.sock status\n  thawed"),
)
def _status(namespace: argparse.Namespace) -> int:
    with _agent(namespace) as agent:
        status = agent.freeze_status()
    write_either(namespace.json, {"file-systems": status}, status)
    return DONE


# Power


@COMMAND.verb(
    "shutdown",
    "Shut the guest down through its operating system.",
    example("  $ qmpeer ga /run/ga.sock shutdown --reboot"),
    (
        argument("--reboot", None, "restart the guest", dest="mode", action="store_const",
                 const="reboot", default="powerdown"),
        argument("--halt", None, "halt the guest, and leave the power on", dest="mode",
                 action="store_const", const="halt", default="powerdown"),
    ),
)  # fmt: skip
def _shutdown(namespace: argparse.Namespace) -> int:
    with _agent(namespace) as agent:
        agent.shutdown(namespace.mode)
    return DONE


@COMMAND.verb(
    "suspend",
    "Suspend the guest through its operating system.",
    example("  $ qmpeer ga /run/ga.sock suspend disk"),
    argument("mode", None, "where the guest keeps its state (default ram)", nargs="?",
             choices=("ram", "disk", "hybrid"), default="ram"),
)  # fmt: skip
def _suspend(namespace: argparse.Namespace) -> int:
    with _agent(namespace) as agent:
        agent.suspend(namespace.mode)
    return DONE


# Any command


@COMMAND.verb(
    "call",
    "Execute any agent command that returns an answer.",
    example("  $ qmpeer ga /run/ga.sock call guest-get-time\n  1785931384123456789"),
    argument("command", "COMMAND", "such as guest-get-time"),
    argument(
        "words",
        "ARGUMENT",
        "name=value, or all arguments as one JSON object",
        nargs="*",
        default=[],
    ),
)
def _call(namespace: argparse.Namespace) -> int:
    check_text(namespace.command)
    arguments = read_arguments(namespace.words) if namespace.words else None
    with _agent(namespace) as agent:
        value = agent.execute(namespace.command, arguments)
    write_json(value, is_pretty=False if namespace.json else None)
    return DONE
