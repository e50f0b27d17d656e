"""The presets: what each allows, and what none of them lets pass."""

import tempfile
from functools import cache
from pathlib import Path

import pytest

from qmpeer.effects import Effect, all_human_names, all_names, effects_of, human_effects_of
from qmpeer.messages import CommandMessage
from qmpeer.policy import Policy, PolicyClient, Rights, Subject
from qmpeer.policy.cases import SupposedFacts
from qmpeer.policy.loading import load_policy
from qmpeer.policy.presets import PRESETS, named_policy, preset_path, preset_text
from qmpeer.values import JsonObject

FACTS = SupposedFacts()
HARMFUL = {Effect.OPENS_PATHS, Effect.CONNECTS, Effect.RUNS_PROGRAMS}


@cache
def policy_of(preset: str) -> Policy:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.toml"
        path.write_text(f"[[rule]]\npreset = '{preset}'\n")
        return load_policy(path)


def rights_of(preset: str) -> Rights:
    return policy_of(preset).rights(PolicyClient())


def allowed(rights: Rights, name: str, arguments: JsonObject | None = None) -> bool:
    return rights.judge(CommandMessage(name, arguments), FACTS).is_allowed


def test_the_name_of_a_preset_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bakcup").touch()
    assert named_policy("backup") == preset_path("backup")
    for name in ("bakcup", "backup.toml", "./backup"):
        assert named_policy(name) == name
    presets = "read-only, monitoring, backup, operator"
    for name, hint in (("backups", "; did you mean backup?"), ("nope", "")):
        with pytest.raises(FileNotFoundError) as caught:
            named_policy(name)
        expected = f"found neither a file nor a preset, expected a file, or one of {presets}{hint}"
        assert caught.value.strerror == expected


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_a_policy_that_can_be_copied(preset: str, tmp_path: Path) -> None:
    (tmp_path / "copy.toml").write_text(preset_text(preset))
    copy, used = load_policy(tmp_path / "copy.toml"), policy_of(preset)
    assert [rule.names for rule in copy.rules] == [rule.names for rule in used.rules]
    assert all(rule.name.partition(": ")[0] in PRESETS for rule in used.rules)
    assert used.rules[0].place.startswith(f"{preset}.toml:")
    assert "What it can't prevent" in preset_text(preset)
    assert Path(preset_path(preset)).exists()


@pytest.mark.parametrize("preset", PRESETS)
def test_no_preset_opens_a_path_connects_or_runs_a_program(preset: str) -> None:
    rights = rights_of(preset)
    taken = [name for name in all_names() if allowed(rights, name)]
    assert len(taken) > 15
    for name in taken:
        effects = effects_of(name)
        assert effects is not None
        if not name.startswith("guest-fsfreeze-"):  # runs scripts of the guest's own
            assert not effects.effects & HARMFUL, name
        assert not effects.sensitive, name
    rules = [rule for rule in policy_of(preset).rules if rule.subject is Subject.HUMAN]
    human = frozenset[str]().union(*(rule.names for rule in rules))
    assert human <= set(all_human_names())
    for name in human:
        known = human_effects_of(name)
        assert known is not None
        assert not known.effects & HARMFUL, name


@pytest.mark.parametrize("preset", ["read-only", "monitoring"])
def test_those_that_only_read(preset: str) -> None:
    rights = rights_of(preset)
    for name in filter(lambda name: allowed(rights, name), all_names()):
        effects = effects_of(name)
        assert effects is not None
        assert effects.effects == {Effect.READS}, name


@pytest.mark.parametrize("preset", PRESETS)
def test_inputs_that_kill_a_release(preset: str, tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(
        f"[[rule]]\npreset = '{preset}'\n[[rule]]\ncommand = 'blockdev-reopen'\nunchecked = true\n"
    )
    rights = load_policy(path).rights(PolicyClient())
    verdict = rights.judge(CommandMessage("blockdev-reopen", {"options": []}), FACTS)
    assert verdict.rule_name == f"{preset}: kills QEMU"
    assert allowed(rights, "blockdev-reopen", {"options": [{"node-name": "a"}]})


def test_inputs_that_kill_a_release_of_allowed_commands() -> None:
    announce = CommandMessage("announce-self", {"initial": 1, "max": 2**63 - 1, "step": -1})
    assert rights_of("operator").judge(announce, FACTS).rule_name == "operator: kills QEMU"
    backup = rights_of("backup")
    data: JsonObject = {"node": "a", "name": "b"}
    verdicts = [
        backup.judge(
            CommandMessage("transaction", {"actions": [{"type": name, "data": data}]}), FACTS
        )
        for name in ("block-dirty-bitmap-enable", "block-dirty-bitmap-disable")
    ]
    assert [each.is_allowed for each in verdicts] == [False, True]


@pytest.mark.parametrize(
    ("name", "presets"),
    [
        ("query-status", {*PRESETS}),
        ("query-block", {*PRESETS}),
        ("query-pci", {"read-only", "monitoring", "operator"}),
        ("qom-list", {"read-only", "operator"}),
        ("stop", {"operator"}),
        ("system_reset", {"operator"}),
        ("query-vnc", {"operator"}),
        ("blockdev-backup", {"backup"}),
        ("block-dirty-bitmap-add", {"backup"}),
        *((name, set[str]()) for name in (
            "quit", "qom-get", "screendump", "memsave", "blockdev-add", "migrate", "object-add",
            "chardev-add", "device_add", "qom-set", "query-sev-launch-measure", "add-fd",
            "x-query-roms", "device-list-properties", "guest-exec", "guest-file-open",
            "human-monitor-command", "drive-backup", "nbd-server-start", "dump-guest-memory",
        )),
    ],
)  # fmt: skip
def test_who_gets_what(name: str, presets: set[str]) -> None:
    assert {each for each in PRESETS if allowed(rights_of(each), name)} == presets


def test_transactions_of_a_backup() -> None:
    rights = rights_of("backup")
    copy: JsonObject = {"type": "blockdev-backup", "data": {"device": "a", "target": "b"}}
    other: JsonObject = {"type": "drive-backup", "data": {"device": "a", "target": "/etc/x"}}
    assert allowed(rights, "transaction", {"actions": [copy]})
    assert not allowed(rights, "transaction", {"actions": [copy, other]})


def test_events_tell_nobody_who_watches() -> None:
    for preset in PRESETS:
        events = rights_of(preset).events
        assert "STOP" in events
        assert ("VNC_CONNECTED" in events) == (preset == "operator")


def test_what_a_preset_has_no_rule_for_is_hidden() -> None:
    rights = rights_of("read-only")
    for name in ("stop", "blockdev-reopen", "query-not-yet-made"):
        assert rights.is_hidden(name)
