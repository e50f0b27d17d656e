"""The table of human-monitor commands: well-formed, and complete for a real QEMU's help.

Modules: human_rows, human_info_rows.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from qmpeer import CommandInterrupted
from qmpeer.effects import Effect, all_human_names, human_effects_of
from qmpeer.effects.human_arguments import parse_letters
from qmpeer.effects.human_info_rows import INFO_ROWS
from qmpeer.effects.human_rows import ROWS
from qmpeer.effects.human_table import LAST_RELEASE, HumanRow, human_row
from tests.effects.bare_qemu import BareQemu
from tests.qemu import QEMU

OF_OTHER_TARGETS = {"dump-skeys", "info cmma", "info skeys", "info via", "migration_mode"}
OF_OTHER_BUILDS = {"trace-file"}
OUTWARD = {Effect.OPENS_PATHS, Effect.CONNECTS, Effect.RUNS_PROGRAMS}


def rows() -> list[HumanRow]:
    found = [human_row(name) for name in sorted(all_human_names())]
    return [row for row in found if row is not None]


@pytest.mark.parametrize("table", [ROWS, INFO_ROWS], ids=["commands", "info"])
def test_the_table_is_sorted_and_has_each_command_once(table: str) -> None:
    names = re.findall(r"^[^ |]+", table, re.MULTILINE)
    assert names == sorted(set(names))


def test_names_and_aliases() -> None:
    aliases = {alias: row.name for row in rows() for alias in row.aliases}
    assert aliases == {"c": "cont", "q": "quit", "s": "stop", "p": "print", "?": "help"}
    assert not aliases.keys() & all_human_names()
    assert human_effects_of("c") is None
    assert human_effects_of("cont") is not None
    assert human_row("info") is not human_row("info block")


def test_each_command_has_an_effect_and_says_what_it_discloses() -> None:
    for row in rows():
        effects = row.effects
        assert effects.effects
        assert bool(effects.discloses) == (Effect.DISCLOSES in effects.effects), row
        if Effect.READS in effects.effects and row.name != "i":  # reading a port changes it
            assert effects.effects <= {Effect.READS, Effect.DISCLOSES, Effect.ENDS}, row


def test_sensitive_arguments_are_those_of_commands_that_reach_out() -> None:
    plain = {row.name for row in rows() if row.effects.effects & OUTWARD}
    sensitive = {row.name for row in rows() if row.effects.sensitive}
    assert sensitive <= plain
    # Neither names what it opens: the image's own backing file, and the log file named before.
    assert plain - sensitive == {"commit", "log"}


def test_signatures_follow_one_another() -> None:
    for row in rows():
        assert row.signatures
        for each in row.signatures:
            assert (1, 0) <= each.first <= each.last <= LAST_RELEASE
            parse_letters(each.letters)
        for before, after in zip(row.signatures, row.signatures[1:], strict=False):
            assert before.last < after.first
            assert before.letters != after.letters


@pytest.mark.parametrize(
    ("name", "release", "is_there"),
    [
        ("x", (1, 0), True),
        ("dumpdtb", (7, 1), False),
        ("dumpdtb", (7, 2), True),
        ("acl_add", (5, 2), True),
        ("acl_add", (6, 0), False),
        ("info accel", (10, 0), False),
        ("info firmware-log", (10, 2), True),
        ("x", (11, 2), False),
    ],
)
def test_the_releases_of_a_command(name: str, release: tuple[int, int], is_there: bool) -> None:
    row = human_row(name)
    assert row is not None
    assert row.is_in(release) is is_there


def test_the_letters_of_a_release() -> None:
    row = human_row("change")
    assert row is not None
    assert row.letters_in((2, 4)) == "device:B,target:F,arg:s?"
    assert row.letters_in((7, 0)) == "device:B,target:F,arg:s?,read-only-mode:s?"
    with pytest.raises(LookupError):
        row.letters_in((11, 2))


# A real QEMU


@pytest.mark.real
def test_each_command_of_qemu_is_in_the_table(bare_qemu: BareQemu) -> None:
    """Its help lists each command with its aliases, whatever the target lacks left out."""
    seen = set()
    for line, prefix in (("help", ""), ("help info", "info ")):
        # Lines that begin with a blank or a bracket go on with the help of the command above.
        listed = re.findall(rf"^{prefix}([^ \t[]\S*)", bare_qemu.run(line), re.MULTILINE)
        assert len(listed) > 50
        for names in listed:
            first, *_ = own = names.split("|")
            row = human_row(prefix + first)
            assert row is not None, names
            assert row.is_in(bare_qemu.release), names
            assert {prefix + name for name in own} == {row.name, *row.aliases}
            seen.add(row.name)
    there = {row.name for row in rows() if row.is_in(bare_qemu.release)}
    assert there - seen <= OF_OTHER_TARGETS | OF_OTHER_BUILDS


@pytest.mark.real
def test_a_question_that_ends_qemu(
    bare_qemu: BareQemu, program: Callable[[str], str], tmp_path: Path
) -> None:
    """A machine without a processor, asked for the statistics of its processors."""
    if bare_qemu.release not in {(7, 2), (10, 0), (11, 1)}:
        pytest.skip("tried on QEMU 7.2, 10.0 and 11.1")
    qemu = BareQemu(program(QEMU), tmp_path, bare_qemu.release)
    try:
        with pytest.raises(CommandInterrupted):
            qemu.run("info stats vcpu")
    finally:
        qemu.end()
    stats = human_effects_of("info stats")
    assert stats is not None
    assert Effect.ENDS in stats.effects
