"""The page for users of qemu.qmp: both programs of each pair run, and print the same."""

import inspect
import itertools
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import qmpeer
from tests.docs.pages import DOCS, SHOWN_PATH, blocks, run_python
from tests.listening import until_listening
from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU

PAGE = "coming-from-qemu-qmp.md"
TEXT = (DOCS / PAGE).read_text()


def pairs() -> Iterator[tuple[str, str, str]]:
    """Yield the code with qemu.qmp, the code with qmpeer, and the output of both."""
    found = blocks(PAGE)
    for (kind, theirs, _), (other, ours, output) in itertools.pairwise(found):
        if (kind, other) == ("python", "python") and "qemu.qmp" in theirs:
            yield theirs, ours, output


PAIRS = list(pairs())
ALONE = [
    (text, output)
    for kind, text, output in blocks(PAGE)
    if kind == "python" and not any(text in pair for pair in PAIRS)
]


def placed(source: str, folder: Path) -> str:
    for shown, real in ((SHOWN_PATH, "q"), ("/run/ga.sock", "ga"), ("/tmp/note", "note")):
        source = source.replace(shown, f"{folder}/{real}")
    return source


def run_apart(source: str, folder: Path) -> str:
    """Run Python in a process of its own, whose end closes what the program leaves open."""
    done = subprocess.run(
        [sys.executable, "-c", source],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=folder,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(("theirs", "ours", "output"), PAIRS, ids=range(len(PAIRS)))
def test_both_print_the_same(theirs: str, ours: str, output: str, served: Path) -> None:
    assert run_python(placed(ours, served), served) == output
    text = placed(theirs, served)
    if "legacy" in theirs:  # its loop is never closed
        assert run_apart(text, served) == output
    else:
        assert run_python(text, served, "ignore") == output


@pytest.mark.real
@pytest.mark.parametrize(("text", "output"), ALONE, ids=range(len(ALONE)))
def test_what_is_ours_alone(
    text: str, output: str, tmp_path: Path, program: Callable[[str], str]
) -> None:
    """With a real machine and a real agent."""
    null = "null-co,size=1048576,read-zeroes=on"
    disks = ["-blockdev", f"{null},node-name=disk0", "-blockdev", f"{null},node-name=copy0"]
    monitor = ["-qmp", f"unix:{tmp_path}/q,server=on,wait=off"]
    listening = ["-m", "unix-listen", "-p", f"{tmp_path}/ga", "-t", str(tmp_path)]
    programs = [
        subprocess.Popen([program(QEMU), *BASE, *disks, *monitor]),
        subprocess.Popen([program("qemu-ga"), *listening, "-b", "guest-shutdown"]),
    ]
    try:
        for path, process in zip(("q", "ga"), programs, strict=True):
            until_listening(tmp_path / path, process)
        printed = run_python(placed(text, tmp_path), tmp_path)
        if output:
            assert printed == output
        elif "run_job" in text:
            assert printed.splitlines()[-1] == "nightly concluded 100%"
    finally:
        for process in programs:
            process.terminate()
            process.wait(PATIENCE)


def test_there_is_something_to_run() -> None:
    assert len(PAIRS) == 5
    assert len(ALONE) == 3


def calls(object_: object) -> set[str]:
    """Return the public names of a class."""
    return {
        name
        for name, _ in inspect.getmembers(object_)
        if not name.startswith("_") and name not in {"logger", "name"}
    }


def test_every_call_of_theirs_has_its_row() -> None:
    pytest.importorskip("qemu.qmp")
    from qemu.qmp import EventListener, QMPClient
    from qemu.qmp.legacy import QEMUMonitorProtocol

    rows = "\n".join(line.split("|")[1] for line in TEXT.splitlines() if line.startswith("|"))
    named = set(re.findall(r"\w+", rows))
    unnamed = {"accept", "put", "listen", "remove_listener"}  # for subclasses, or a context's end
    for kind in (QMPClient, EventListener, QEMUMonitorProtocol):
        assert calls(kind) - named <= unnamed


def test_every_name_of_ours_exists() -> None:
    for name in re.findall(r"from qmpeer import (.*)", TEXT):
        for each in name.split(", "):
            assert hasattr(qmpeer, each)
