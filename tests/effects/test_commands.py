"""The tables of commands: well-formed, and complete for every schema at hand.

Modules: commands, command_effects, qmp_table, agent_table, groups.
"""

import subprocess
import sys

import pytest

from qmpeer.effects import CommandEffects, Effect, all_names, effects_of
from qmpeer.effects.agent_table import AGENT_TABLE
from qmpeer.effects.groups import GROUPS
from qmpeer.effects.qmp_table import QMP_TABLE
from tests.corpus import RECORDINGS, TREES, conversation, own_and_real, qapi_schema, recorded_schema

OUTWARD = {Effect.OPENS_PATHS, Effect.CONNECTS, Effect.RUNS_PROGRAMS}


def names_in(table: str) -> list[str]:
    return [line.split()[0] for line in table.splitlines() if not line.startswith("#")]


def every_command() -> list[CommandEffects]:
    found = [effects_of(name) for name in sorted(all_names())]
    return [effects for effects in found if effects is not None]


# The form


@pytest.mark.parametrize("table", [QMP_TABLE, AGENT_TABLE], ids=["qmp", "agent"])
def test_a_table_is_sorted_and_has_each_command_once(table: str) -> None:
    names = names_in(table)
    assert names == sorted(set(names))


def test_no_command_is_in_both_tables() -> None:
    assert len(all_names()) == len(names_in(QMP_TABLE)) + len(names_in(AGENT_TABLE))


def test_each_letter_is_in_its_column() -> None:
    for table in (QMP_TABLE, AGENT_TABLE):
        for line in table.splitlines():
            if not line.startswith("#"):
                letters = line.split()[1]
                pairs = zip(letters, "rdghpcxe", strict=True)
                assert all(each in {".", own} for each, own in pairs), line


def test_each_command_has_an_effect_and_says_what_it_discloses() -> None:
    for command in every_command():
        assert command.effects
        assert bool(command.discloses) == (Effect.DISCLOSES in command.effects), command


def test_what_only_reads_has_no_other_effect() -> None:
    for command in every_command():
        if Effect.READS in command.effects and command.name != "human-monitor-command":
            allowed = {Effect.READS, Effect.DISCLOSES, Effect.ENDS}
            assert command.effects <= allowed, command


def test_sensitive_members_are_those_of_commands_that_reach_out() -> None:
    for command in every_command():
        if command.sensitive:
            assert command.effects & OUTWARD, command


def test_each_group_is_used() -> None:
    used = {word for table in (QMP_TABLE, AGENT_TABLE) for word in table.split() if word[0] == "@"}
    assert used == {f"@{name}" for name in GROUPS}


def test_unknown_commands_have_no_effects() -> None:
    for name in ("", "#", "nothing", "query_status", "Quit", "quit ", "query-", "memsave\0"):
        assert effects_of(name) is None


def test_the_tables_are_small_and_read_late() -> None:
    code = (
        "import sys, time; import qmpeer.messages; start = time.process_time()\n"
        "from qmpeer.effects import effects_of; assert effects_of('stop')\n"
        "print(time.process_time() - start)"
    )
    times = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(3)
    ]
    assert min(times) < 0.02  # measured: 0.002


# Completeness


def names_of(schema: object) -> set[str]:
    return {command.name for command in schema.commands()}  # type: ignore[attr-defined]


@pytest.mark.parametrize(("release", "root"), own_and_real([], TREES))
def test_no_command_of_a_release_is_missing(release: str, root: str) -> None:
    assert names_of(qapi_schema(release, root)) - all_names() == set()


@pytest.mark.parametrize("name", own_and_real([], RECORDINGS))
def test_no_command_of_a_recording_is_missing(name: str) -> None:
    names = names_of(recorded_schema(name))
    for command, reply in conversation(name):
        if command["execute"] == "query-commands":
            names |= {each["name"] for each in reply["return"]}
    assert names - all_names() == set()
