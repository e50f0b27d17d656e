"""``qmpeer transcript``: recorded conversations checked and converted."""

import argparse
from collections import Counter
from typing import Final

from qmpeer.cli.command_line import VerbGroup, argument
from qmpeer.cli.exits import DONE, REFUSED, USAGE, about_file, complain, os_text
from qmpeer.cli.file_copies import AtomicFile
from qmpeer.cli.output import write_text
from qmpeer.errors import TranscriptError
from qmpeer.recording import read_bounded
from qmpeer.transcript import (
    Line,
    Noise,
    Opened,
    Sender,
    Transcript,
    format_replies,
    format_transcript,
    parse_replies,
    parse_transcript,
)

PROGRAM: Final = "qmpeer transcript"

_FORMS: Final = """\
a FILE whose name ends in .replies is libvirt's: commands and replies as JSON, with blank lines
between. Any other is a transcript, as record= of the clients and record in the shell write it.

"""
_CHECK: Final = """\
example:
  $ qmpeer transcript check vm.txt
  vm.txt:7: found '@ opend', expected '@' and one of closed, connection, descriptors, noise,
  opened, time (did you mean '@ opened'?)

exit status:
  0  all files can be read
  1  one of them is faulty; the first fault of each is on standard error, with its line
  2  the command line is wrong, or a file can't be read
  3  the output can't be written
"""
_CONVERT: Final = """\
example:
  $ qmpeer transcript convert vm.txt vm.replies
  qmpeer transcript convert: lost: 1 greeting
  qmpeer transcript convert: lost: 3 events

exit status:
  0  OUT was written; what it has no place for is on standard error, one line each
  1  IN is faulty
  2  the command line is wrong, or a file can't be read or written
"""
COMMAND: Final = VerbGroup(PROGRAM, "Check and convert recorded conversations.", after=_FORMS)


@COMMAND.verb(
    "check",
    "Check whether files are transcripts, and count what is in them.",
    _FORMS + _CHECK,
    argument("files", "FILE", "a transcript, or libvirt's replies", nargs="+"),
)
def _check(namespace: argparse.Namespace) -> int:
    status = DONE
    for file in namespace.files:
        try:
            transcript = _read(file)
        except TranscriptError as error:
            complain(f"{PROGRAM} check", str(error))
            status = max(status, REFUSED)
        except OSError as error:
            complain(f"{PROGRAM} check", os_text(error))
            status = USAGE
        else:
            write_text(f"{file}: {_summary(transcript)}\n")
    return status


@COMMAND.verb(
    "convert",
    "Convert between transcripts and libvirt's replies.",
    _FORMS + _CONVERT,
    argument("source", "IN", "the file to read"),
    argument("target", "OUT", "the file to write; one that is there is replaced"),
)
def _convert(namespace: argparse.Namespace) -> int:
    with about_file(namespace.source):
        transcript = _read(namespace.source)
    text, lost = format_transcript(transcript), list[str]()
    if _is_libvirts(namespace.target):
        text, lost = format_replies(transcript)
    with AtomicFile(namespace.target) as file:
        file.write(text.encode())
        file.commit()
    for each in lost:
        complain(f"{PROGRAM} convert", f"lost: {each}")
    return DONE


def _is_libvirts(path: str) -> bool:
    return path.endswith(".replies")


def _read(path: str) -> Transcript:
    parse = parse_replies if _is_libvirts(path) else parse_transcript
    return parse(read_bounded(path), path)


def _summary(transcript: Transcript) -> str:
    """Return what is in a transcript, in words."""
    entries = [entry for section in transcript.sections for entry in section.entries]
    senders = Counter(entry.sender for entry in entries if isinstance(entry, Line))
    counts = {
        "section": len(transcript.sections),
        "connection": sum(isinstance(entry, Opened) for entry in entries),
        "line of clients": senders[Sender.CLIENT],
        "line of servers": senders[Sender.SERVER],
        "piece of noise": sum(isinstance(entry, Noise) for entry in entries),
    }
    words = [_counted(count, what) for what, count in counts.items() if count]
    return ", ".join(words) or "nothing"


def _counted(count: int, what: str) -> str:
    first, *rest = what.split(" ", 1)
    return " ".join([f"{count} {first if count == 1 else f'{first}s'}", *rest])
