"""``qmpeer audit``: audit logs shown and verified, and keys for them."""

import argparse
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Final, get_args

import msgspec

from qmpeer.audit.chain import key_name
from qmpeer.audit.entries import UNKNOWN, Entries, Entry, entry_value
from qmpeer.audit.files import log_of
from qmpeer.audit.heads import HEAD, Heads
from qmpeer.audit.keys import make_key, read_key
from qmpeer.audit.reading import line_blocks, open_files
from qmpeer.audit.records import Outcome
from qmpeer.audit.selection import DENIED, Selection
from qmpeer.audit.verification import Fault, Verifier
from qmpeer.cli.audit_text import EntryLines
from qmpeer.cli.audit_times import moment
from qmpeer.cli.command_line import JSON, VerbGroup, argument, count, seconds
from qmpeer.cli.exits import DONE, REFUSED, FileError, about_file, complain
from qmpeer.cli.output import standard_output, write_json, write_text
from qmpeer.display.safe_text import visible
from qmpeer.errors import AuditError
from qmpeer.values import JsonObject
from qmpeer.wire import encode_compact

PROGRAM: Final = "qmpeer audit"
_PAUSE: Final = 0.2
"""Seconds between two looks at a log that is followed."""
_LAST: Final = 10
"""The entries with which following begins."""
_OUTCOMES: Final = (*get_args(Outcome), UNKNOWN, *DENIED)

_FILES: Final = """\
FILE is the log of `qmpeer proxy --audit FILE`. Full files beside it, such as FILE.000000004711, are
read first.

"""
_SHOW: Final = """\
TIME is a date, a time or both (2026-11-30, 14:30, 2026-11-30T14:30:05Z), or how long ago (90s,
10min, 2h, 3d). CLIENT is a number, or a glob on what a client is called: its listener, certificate,
process or user.

A command's line comes once it has ended, with the time at which it began.

examples:
  $ qmpeer audit show vm.audit --denied --since 2h
  $ qmpeer audit show vm.audit --client '*backup*' --command 'blockdev-*' --slower 1

exit status:
  0  done
  2  the command line is wrong, or the log can't be read
  3  the output can't be written
"""
_VERIFY: Final = """\
A log with a key can be verified with that key only. Without a key, the log is a plain chain: it
shows damage, but anybody who can write the file can make a new chain.

The end of a log can be cut off without a trace, unless its head was sent elsewhere: NUMBER:MAC with
--head, or any text in which heads are, such as a system's log, with --heads.

examples:
  $ qmpeer audit verify vm.audit --key vm.key
  $ journalctl -t qmpeer -o cat >heads.txt; qmpeer audit verify vm.audit --heads heads.txt

exit status:
  0  all records are there, unchanged and in order, up to the end or to what is told of it
  1  the first fault is on standard error, with its file and line
  2  the command line is wrong, or a file can't be read
"""
_KEY: Final = """\
Somebody who has the key can make a log that nobody can tell from the real one, so keep it from
those who can write the log. The name of a key, which is printed, gives nothing away.

example:
  $ qmpeer audit key vm.key
  vm.key: key 802c0a10abdded92

exit status:
  0  the key was written
  2  the command line is wrong, or the file is there already or can't be written
"""
COMMAND: Final = VerbGroup(PROGRAM, "Show and verify the audit log of a proxy.", after=_FILES)


# Show


@COMMAND.verb(
    "show",
    "Show who did what.",
    _FILES + _SHOW,
    argument("file", "FILE", "the log"),
    argument("--client", "CLIENT", "only this client (repeatable)", action="append", default=[]),
    argument("--command", "GLOB", "only these commands (repeatable)", action="append", default=[]),
    argument("--outcome", None, "only commands with this outcome (repeatable)", action="append",
             choices=_OUTCOMES, default=[]),
    argument("--denied", None, "only what was denied, or would be if it weren't a dry run"),
    argument("--since", "TIME", "only what began then or later"),
    argument("--until", "TIME", "only what began before"),
    argument("--slower", "S", "only commands that took S seconds or longer", type=seconds),
    argument("--last", "N", f"only the last N of these (with --follow: the last {_LAST} by "
             "default, and then those that come)", type=count),
    argument("--follow -f", None, "wait for more, also when a new file begins"),
    argument("--utc", None, "show times, and read TIME, in UTC"),
    argument("--full", None, "on a terminal: don't cut long lines"),
    JSON,
)  # fmt: skip
def _show(namespace: argparse.Namespace) -> int:
    now = datetime.now().astimezone()
    since, until = (
        moment(text, now, is_utc=namespace.utc) if text else ""
        for text in (namespace.since, namespace.until)
    )
    selection = Selection(
        clients=tuple(namespace.client),
        commands=tuple(namespace.command),
        outcomes=(*namespace.outcome, *(DENIED if namespace.denied else ())),
        since=since,
        until=until,
        slower=namespace.slower or 0.0,
    )
    write = _writer(namespace)
    entries = Entries()
    kept = deque[Entry](maxlen=namespace.last or (_LAST if namespace.follow else 0))
    is_past = kept.maxlen != 0  # only the last of what is there are shown
    pause = partial(time.sleep, _PAUSE) if namespace.follow else None
    with about_file(namespace.file):
        for lines in line_blocks(namespace.file, pause):
            chosen = filter(selection.takes, entries.of(lines))
            if is_past:
                kept.extend(chosen)
                if not lines and namespace.follow:
                    write(kept)
                    is_past = False
            else:
                write(chosen)
        rest = filter(selection.takes, entries.rest())
        write(deque([*kept, *rest], kept.maxlen) if is_past else rest)
    if entries.skipped:
        complain(f"{PROGRAM} show", f"{entries.skipped} lines are no records; see verify")
    return DONE


def _writer(namespace: argparse.Namespace) -> Callable[[Iterable[Entry]], None]:
    output = standard_output()
    if namespace.json:

        def write(entries: Iterable[Entry]) -> None:
            data = b"".join(encode_compact(entry_value(each)) + b"\n" for each in entries)
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()

        return write
    lines = EntryLines(output, is_utc=namespace.utc, is_full=namespace.full)
    return lambda entries: output.write(line for each in entries for line in lines.of(each))


# Verify


def _head(text: str) -> tuple[int, str]:
    found = HEAD.fullmatch(text)
    if found is None:
        raise ValueError
    return int(found[1]), found[2]


@COMMAND.verb(
    "verify",
    "Find the first record that was changed, cut or left out.",
    _FILES + _VERIFY,
    argument("file", "FILE", "the log"),
    argument("--key", "FILE", "its key"),
    argument("--head", "NUMBER:MAC", "a head that was sent elsewhere (repeatable)",
             action="append", type=_head, default=[]),
    argument("--heads", "FILE", "a text with such heads, such as a system's log (repeatable)",
             action="append", default=[]),
    JSON,
)  # fmt: skip
def _verify(namespace: argparse.Namespace) -> int:
    key = None
    if namespace.key:
        with about_file(namespace.key):
            key = _read_key(namespace.key)
    with closing(open_files(namespace.file)) as files:
        with about_file(namespace.file):
            first = next(files)
            log = log_of(first[1])
        if log is not None and log.key and key is None:
            reason = f"found a log with key {log.key}, expected --key FILE"
            raise FileError(f"{namespace.file}: {reason}")
        heads = Heads(log.log if log is not None else "")
        for number, mac in namespace.head:
            heads.add(number, mac)
        for path in namespace.heads:
            with about_file(path), open(path, errors="replace") as lines:
                heads.read(lines)
        verifier = Verifier(key, heads.macs)
        with about_file(namespace.file):
            verifier.read(chain([first], files))
    if verifier.fault is None and namespace.heads and not heads.macs:
        reason = f"found no head of log {verifier.log} in {', '.join(namespace.heads)}"
        verifier.fault = Fault(namespace.file, 0, verifier.last + 1, reason)
    if namespace.json:
        write_json(_result(verifier))
    else:
        standard_output().write(map(visible, _report(namespace.file, verifier)))
    if verifier.fault is not None:
        complain(f"{PROGRAM} verify", str(verifier.fault))
        return REFUSED
    return DONE


def _result(verifier: Verifier) -> JsonObject:
    """Return the outcome of a verification as a JSON value."""
    fault = verifier.fault
    return {
        "log": verifier.log,
        "key": verifier.key,
        "first": verifier.first,
        "last": verifier.last,
        "mac": verifier.mac,
        "proved": verifier.proved,
        "closed": verifier.is_closed,
        "troubles": verifier.troubles,
        "lost": verifier.lost,
        "fault": None if fault is None else msgspec.to_builtins(fault),
    }


def _report(file: str, verifier: Verifier) -> Iterator[str]:
    """Yield the outcome of a verification as lines: what is proved, and what isn't."""
    first, last, proved = verifier.first, verifier.last, verifier.proved
    if last < first or not first:
        yield f"{file}: no record is whole"
        return
    yield f"{file}: records {first} to {last} are whole and in order"
    if first > 1:
        yield f"the records before {first} were in full files that aren't here"
    if not verifier.key:
        yield "no key: anybody who could write the log could also have made all of it anew"
    if verifier.troubles:
        times = "once" if verifier.troubles == 1 else f"{verifier.troubles} times"
        yield f"the log tells {times} of trouble, and of {verifier.lost} lost records"
    if verifier.fault is not None:
        return
    if not verifier.is_closed:
        yield "the log isn't closed: its proxy runs, was killed, or the end is cut"
    if not proved:
        yield f"the end is unproved: no head was given, so records behind {last} may be cut"
    elif proved < last:
        yield f"a head proves the log up to record {proved}; behind {last}, records may be cut"
    else:
        yield f"a head proves the log up to its end, record {last}"


def _read_key(path: str) -> bytes:
    try:
        return read_key(path)
    except AuditError as error:
        raise FileError(str(error)) from error


# Key


@COMMAND.verb(
    "key",
    "Make a key for audit logs.",
    _KEY,
    argument("file", "FILE", "the file to write, which only its owner can read"),
)
def _key(namespace: argparse.Namespace) -> int:
    with about_file(namespace.file):
        key = make_key(namespace.file)
    write_text(f"{namespace.file}: key {key_name(key)}\n")
    return DONE
