"""The table of QEMU's options, compared with the program itself."""

import re
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from qmpeer.fake_qemu.qemu_options import (
    FLAGS,
    OTHER_FLAGS,
    OTHER_WITH_ARGUMENT,
    WITH_ARGUMENT,
    words_of,
)
from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU, release_of

STARTS = frozenset({"preconfig", "daemonize", "S", "xen-attach"})
"""Options with which QEMU may start before it reads the last one."""


def test_no_option_is_twice_in_the_table() -> None:
    tables = [FLAGS, WITH_ARGUMENT, OTHER_FLAGS, OTHER_WITH_ARGUMENT]
    assert len(frozenset().union(*tables)) == sum(map(len, tables))


@pytest.mark.parametrize(
    ("line", "texts"),
    [
        ("--version", ["-version"]),
        ("-M ? -h", ["-machine", "help", "-help"]),
        ("-name -h", ["-name", "-h"]),
        ("-device e1000,?", ["-device", "e1000,help"]),
        ("-S -- disk.img -", ["-S", "-", "disk.img", "-"]),
    ],
)
def test_words_are_spelled_in_one_way(line: str, texts: list[str]) -> None:
    assert [each.text for each in words_of(line.split())] == texts


@pytest.mark.real
def test_all_options_in_qemus_help(program: Callable[[str], str]) -> None:
    text = subprocess.run([program(QEMU), "-help"], capture_output=True, text=True).stdout
    lines = [line for line in text.splitlines() if line.startswith("-")]
    names = {
        name for line in lines for name in re.findall(r"(?:^|[ /]|or )-([A-Za-z][\w-]*)", line)
    }
    assert len(names) > 100
    known = FLAGS | WITH_ARGUMENT | OTHER_FLAGS | OTHER_WITH_ARGUMENT
    assert names - known <= {"audiodev", "help", "dev"}


@pytest.mark.real
@pytest.mark.slow
def test_every_option_has_an_argument_or_not(program: Callable[[str], str]) -> None:
    qemu = program(QEMU)
    if release_of(qemu) != (7, 2):
        pytest.skip("the table is QEMU 7.2's")

    def requires(name: str) -> bool:
        words = [qemu, *BASE, "-device", "nosuch", f"-{name}"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE)
        assert "invalid option" not in done.stderr, name
        return "requires an argument" in done.stderr

    names = sorted((FLAGS | WITH_ARGUMENT) - STARTS)
    with ThreadPoolExecutor(2) as pool:
        found = dict(zip(names, pool.map(requires, names), strict=True))
    assert found == {name: name in WITH_ARGUMENT for name in names}
