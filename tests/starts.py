"""Golden files of starts: command lines, and the output of QEMU 7.2 for each.

A case is a command line, quoted as for a shell. The lines below it begin with four blanks::

    -chardev null,id=c -mon c,pretty=x
        -mon c,pretty=x: Parameter 'pretty' expects 'on' or 'off'
        -> 1
    -chardev help
        | Available chardev backend types:
        -> 0

First comes standard error, without the program's name; "@" at the beginning of a line is the whole
command line. Standard output follows, with "| " before each line; "= -chardev help" stands for
the output of that other case. The last line is the exit status, or "starts" for a program that
keeps running.

Each case runs in a folder of its own. Things that depend on the host have a name in the files: DIR
is the folder, which contains the file ``plain`` and the named pipe ``fifo``; PORT is a TCP port of
127.0.0.1 at which nothing listens; PTS is a pseudo-terminal. Host names are unknown everywhere,
whatever the host's resolver knows.

``make record`` runs every case with the real QEMU and rewrites the files. For a new case, write its
command line and record.
"""

import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

from tests.patience import PATIENCE
from tests.qemu import BASE, release_of

Words = tuple[str, ...]
Said = list[str]
Cases = dict[Words, Said]

HERE = Path(__file__).parent
FILES = (HERE / "chardev" / "start_lines.txt", HERE / "machine" / "start_lines.txt")
RELEASE = (7, 2)
"""The QEMU whose answers are in the files."""

_LAST = ("-device", "nosuch")
"""An option that QEMU reads after all others, and that ends it."""
_SAID_OF_LAST = "-device nosuch: 'nosuch' is not a valid device model name"
_ABRIDGED = 4
"""Output of this many lines or more is written only once."""
_UNRESOLVED = re.compile(
    r"(address resolution failed for .*: )"
    r"(?:Temporary failure in name resolution|No address associated with hostname"
    r"|Non-recoverable failure in name resolution|System error)$"
)
_TERMINAL = "PTS"
_UNKNOWN_HOST = "Name or service not known"


class WrongReleaseError(Exception):
    """A QEMU of another release than the recorded one."""


# Files


def read_cases(path: Path) -> Cases:
    """Read a golden file."""
    cases: Cases = {}
    said: Said = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("    = "):
            same = cases[tuple(shlex.split(line[6:]))]
            said += [each for each in same if each.startswith("| ")]
        elif line.startswith("    "):
            said.append(line[4:])
        else:
            said = cases[tuple(shlex.split(line))] = []
    return cases


def write_cases(path: Path, cases: Cases) -> None:
    """Write a golden file."""
    lines: list[str] = []
    printed: dict[Words, Words] = {}
    for words, said in cases.items():
        lines.append(shlex.join(words))
        output = tuple(line for line in said if line.startswith("| "))
        before = said[: -len(output) - 1]
        if len(output) >= _ABRIDGED and output in printed:
            output = (f"= {shlex.join(printed[output])}",)
        else:
            printed[output] = words
        lines += [f"    {line}" for line in (*before, *output, *said[-1:])]
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")


# Cases


class Place:
    """The environment of one case: a folder, and a port at which nothing listens."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "plain").touch()
        os.mkfifo(folder / "fifo")
        self._closed = socket.socket()
        self._closed.bind(("127.0.0.1", 0))
        self._port = str(self._closed.getsockname()[1])

    def put(self, words: Sequence[str]) -> list[str]:
        """Return a command line of a golden file with this host's values."""
        return [word.replace("DIR", str(self.folder)).replace("PORT", self._port) for word in words]

    def said(self, words: Words, err: str, out: str, status: int | str) -> Said:
        """Return the output for a command line in the form of a golden file."""
        whole = " ".join(self.put(words)) + ": "
        said = [
            f"@: {line.removeprefix(whole)}" if line.startswith(whole) else line
            for line in err.splitlines()
        ]
        said += [f"| {line}" for line in out.splitlines()]
        return [*map(self._neutral, said), f"-> {status}"]

    def _neutral(self, line: str) -> str:
        line = re.sub(r"/dev/pts/\d+", _TERMINAL, line.replace(str(self.folder), "DIR"))
        line = _UNRESOLVED.sub(rf"\g<1>{_UNKNOWN_HOST}", line)
        return re.sub(rf"\b{self._port}\b", "PORT", line)

    def __enter__(self) -> "Place":
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closed.close()


def resolve_offline(
    host: str | None,
    port: str | int | None,
    family: int = 0,
    type: int = 0,
    proto: int = 0,
    flags: int = 0,
) -> object:
    """Resolve like a host that knows only its own name, in place of ``socket.getaddrinfo``."""
    host = "127.0.0.1" if host == "localhost" else host
    return _getaddrinfo(host, port, family, type, proto, flags | socket.AI_NUMERICHOST)


_getaddrinfo = socket.getaddrinfo


def without_terminals(cases: Cases) -> Cases:
    """Leave out the cases that open a pseudo-terminal."""
    return {words: said for words, said in cases.items() if _TERMINAL not in "".join(said)}


def sample(cases: Cases, count: int) -> Cases:
    """Choose the first case of each kind of answer, and a few more from the whole file.

    None of them opens a pseudo-terminal or needs a resolver.
    """
    asked = {
        words: said
        for words, said in without_terminals(cases).items()
        if _UNKNOWN_HOST not in "".join(said)
    }
    firsts: dict[object, Words] = {}
    for words, said in asked.items():
        kind = (said[-1], said[0].startswith("| "), said[0].startswith("->"))
        firsts.setdefault(kind, words)
    rest = [words for words in asked if words not in firsts.values()]
    chosen = {*firsts.values(), *rest[len(rest) // count // 2 :: len(rest) // count]}
    return {words: said for words, said in cases.items() if words in chosen}


# The real QEMU


def check_release(qemu: str) -> None:
    """Check that this is the QEMU whose answers are recorded.

    Raises:
        WrongReleaseError: If it is another.
    """
    if (found := release_of(qemu)) != RELEASE:
        right, wrong = ("{}.{}".format(*release) for release in (RELEASE, found))
        raise WrongReleaseError(f"the answers are QEMU {right}'s, and {qemu} is QEMU {wrong}")


def ask(qemu: str, words: Words, folder: Path) -> Said:
    """Start a QEMU in a new folder, and return its output for a command line."""
    with Place(folder) as place:
        done = subprocess.run(
            [qemu, *BASE, *_LAST, *place.put(words)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd=folder,
            env={**os.environ, "TMPDIR": str(folder), "LC_ALL": "C"},
            encoding="utf-8",
            timeout=2 * PATIENCE,
            check=False,
        )
        name = f"{Path(qemu).name}: "
        lines = [line.removeprefix(name) for line in done.stderr.splitlines()]
        status: int | str = done.returncode
        if lines and lines[-1] == _SAID_OF_LAST:
            lines.pop()
            status = "starts"
        return place.said(words, "\n".join(lines), done.stdout, status)


def ask_all(qemu: str, cases: Cases, folder: Path) -> Cases:
    """Run all cases with a QEMU, one for each processor at a time."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        folders = [folder / str(number) for number in range(len(cases))]
        answers = pool.map(ask, [qemu] * len(cases), cases, folders)
        return dict(zip(cases, answers, strict=True))


def record(path: Path, qemu: str) -> None:
    """Rewrite a golden file with the answers of a QEMU.

    Raises:
        WrongReleaseError: If its release is another than the recorded one.
    """
    check_release(qemu)
    with TemporaryDirectory() as folder:
        write_cases(path, ask_all(qemu, read_cases(path), Path(folder)))


if __name__ == "__main__":
    for file in FILES:
        try:
            record(file, sys.argv[1])
        except WrongReleaseError as error:
            sys.exit(f"record: {error}")
