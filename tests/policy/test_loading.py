"""The file of a policy: what it says, and each kind of mistake with its place and the nearest name.

Modules: audit_settings, cases, condition_tables, known_names, mistakes, rule_tables, shadowing,
weak_tests, who_tables.
"""

import grp
import pwd
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer import limits
from qmpeer.effects import all_names, effects_of
from qmpeer.errors import PolicyError
from qmpeer.messages import CommandMessage
from qmpeer.policy import Decision, PolicyClient, Rate, Subject
from qmpeer.policy.audit_settings import AuditSettings
from qmpeer.policy.cases import SupposedFacts
from qmpeer.policy.loading import PolicyFile, load_policy, load_policy_file
from qmpeer.policy.who_tables import example_client
from qmpeer.schema import schema_from_qapi
from qmpeer.values import JsonObject

Load = Callable[[str], PolicyFile]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    monkeypatch.chdir(tmp_path)

    def load(text: str) -> PolicyFile:
        Path("p.toml").write_text(text)
        return load_policy_file("p.toml")

    return load


WHOLE = """\
dry-run = true
events = ["OWN_EVENT"]

[audit]
mode = "best-effort"
file = "/var/log/vm.audit"
fsync = 0.5
every = 10
keep = 0

[who.backup]
listener = ["backup", "nightly-*"]
uid = ["root", 64055]
gid = 0
certificate = "CN=backup,*"

[who.all]
listener = "*"

[effects]
memory-read = ["discloses"]

[[rule]]
name = "first"
who = "backup"
command = "blockdev-add"
arguments.driver = ["raw", "qcow2"]
arguments.read-only = true
arguments."file.filename" = { under = "/srv", optional = true }
arguments."children.*.driver" = { equals = "raw", optional = true }
arguments.backing = { absent = true }
arguments.size = { at-least = 1, at-most = 5, optional = true }
size = 1000
rate = "10/min"
blank = ["*.inserted.image", "**.filename"]
force.cache = { direct = false }

[[rule]]
who = ["backup", "all"]
command = ["query-*", "memory-read"]
unchecked = true

[[rule]]
kind = ["reads", "changes-guest"]

[[rule]]
kind = "ends"
verdict = "hide"

[[rule]]
event = ["STOP", "JOB_*", "OWN_EVENT"]

[[rule]]
human = "info b*"
verdict = "deny"

[[case]]
as = "backup"
command = "query-status"
verdict = "allow"
rule = "2"

[[case]]
as = { listener = "x", uid = "root", certificate = "CN=a,O=b" }
command = { execute = "stop", arguments = { a = 1 } }
verdict = "deny"
nodes = { drive0 = "/srv/a" }
fd-sets = [1]
"""


def test_what_a_file_says(load: Load) -> None:
    found = load(WHOLE)
    first, second, third, fourth, fifth, sixth = found.policy.rules
    assert (first.name, first.place) == ("first", "p.toml:23:3")
    assert first.names == {"blockdev-add"}
    assert [test.path for test in first.tests] == [
        ("driver",), ("read-only",), ("file", "filename"), ("children", "*", "driver"),
        ("backing",), ("size",),
    ]  # fmt: skip
    assert (first.size, first.rate) == (1000, Rate(10, 60.0))
    assert first.blank == (("*", "inserted", "image"), ("**", "filename"))
    assert first.force == {"cache": {"direct": False}}
    assert (second.name, second.is_unchecked) == ("2", True)
    assert {"query-status", "query-vnc", "memory-read"} < second.names
    assert third.names >= {"stop", "query-status"}
    assert not third.names & {"quit", "system_reset", "screendump", "human-monitor-command"}
    assert (fourth.decision, fourth.subject) == (Decision.HIDE, Subject.COMMAND)
    assert fourth.names >= {"quit", "system_reset"}
    assert fifth.subject is Subject.EVENT
    assert fifth.names == {"STOP", "JOB_STATUS_CHANGE", "OWN_EVENT"}
    assert (sixth.subject, sixth.decision) == (Subject.HUMAN, Decision.DENY)
    assert {"info block", "info blockstats"} < sixth.names
    assert found.audit == AuditSettings(
        mode="best-effort", file="/var/log/vm.audit", fsync=0.5, every=10, keep=0
    )
    assert found.policy.is_dry_run
    assert found.policy.source == "p.toml"
    assert len(found.policy.digest) == 64
    assert found.policy.effects_of("memory-read") is not None
    assert (found.cases[0].who, found.cases[0].rule) == ("backup", "2")
    assert found.cases[1].client == PolicyClient(listener="x", uid=0, certificate="CN=a,O=b")
    assert found.cases[1].facts == SupposedFacts({"drive0": "/srv/a"}, frozenset({1}))


def test_whom_tables_describe(load: Load) -> None:
    found = load(WHOLE)
    backup = found.who["backup"]
    assert example_client(backup) == PolicyClient(
        listener="backup", uid=0, gid=0, certificate="CN=backup,"
    )
    client = PolicyClient(listener="nightly-1", uid=64055, gid=0, certificate="CN=backup,O=x")
    assert backup.describes(client)
    for other in (
        PolicyClient(listener="nightly", uid=0, gid=0, certificate="CN=backup,O=x"),
        PolicyClient(listener="backup", uid=1, gid=0, certificate="CN=backup,O=x"),
        PolicyClient(listener="backup", uid=None, gid=0, certificate="CN=backup,O=x"),
        PolicyClient(listener="backup", uid=0, gid=7, certificate="CN=backup,O=x"),
        PolicyClient(listener="backup", uid=0, gid=0, certificate="CN=eve,O=x,CN=backup,"),
        PolicyClient(listener="backup", uid=0, gid=0),
    ):
        assert not backup.describes(other)


@pytest.mark.parametrize("text", ["audit = 'strict'", "[audit]\nmode = 'strict'"])
def test_short_audit(text: str, load: Load) -> None:
    assert load(text).audit == AuditSettings(mode="strict")
    assert load("").audit is None


def test_names_of_users_are_looked_up_again(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "[who.a]\nuid = 'backup'\ngid = 'kvm'"
    for number in (5, 6):
        entry = (number,) * 7
        monkeypatch.setattr(pwd, "getpwnam", lambda name, e=entry: pwd.struct_passwd(e))
        monkeypatch.setattr(grp, "getgrnam", lambda name, e=entry: grp.struct_group(e[:4]))
        who = load(text).who["a"]
        assert (who.uids, who.gids) == (frozenset({number}), frozenset({number}))


QCOW2 = """\
command = 'blockdev-add'
arguments.driver = 'qcow2'
arguments.'file.driver' = 'file'
arguments.'file.filename' = { under = '/srv' }
"""
RULE = "[[rule]]\ncommand = 'stop'\n"


MISTAKES = (Path(__file__).parent / "mistakes.txt").read_text().split("\n\n")


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_kind_of_mistake(mistake: str, load: Load) -> None:
    text, _, said = mistake.strip().rpartition("\n-> ")
    with pytest.raises(PolicyError) as caught:
        load(text)
    assert str(caught.value) == f"p.toml:{said}"


def test_all_mistakes_are_told_in_their_order(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "dry-run = 1\n[[rule]]\ncommand = 'stpo'\n[[rule]]\nkind = 'raeds'\n"
        "[who.a]\nuid = 'no such'\n[[case]]\nas = 'b'\ncommand = 'a'\nverdict = 'deny'\n"
    )
    with pytest.raises(PolicyError) as caught:
        load(text)
    lines = str(caught.value).splitlines()
    assert [line.split(":")[1] for line in lines] == ["1", "3", "5", "7", "9"]
    assert (caught.value.place, len(caught.value.others)) == ("p.toml:1:11", 4)
    monkeypatch.setattr(limits, "POLICY_MISTAKES", 2)
    with pytest.raises(PolicyError) as caught:
        load(text)
    assert len(str(caught.value).splitlines()) == 2


def test_a_mistake_in_a_table_of_clients_is_one_mistake(load: Load) -> None:
    with pytest.raises(PolicyError) as caught:
        load("[who.a]\nuid = 'no such'\n" + RULE + "who = 'a'\n")
    assert caught.value.others == ()


def test_limits(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "POLICY_RULES", 1)
    with pytest.raises(PolicyError, match=r"p.toml:3:3: rule\[1\]: expected at most 1 rules"):
        load(RULE + "[[rule]]\ncommand = 'cont'")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_policy(tmp_path / "none")
    (tmp_path / "p.toml").write_text("a = ")
    with pytest.raises(PolicyError, match=r"p.toml:1:5: not TOML: invalid value"):
        load_policy(tmp_path / "p.toml")


WHO = "[who.a]\nlistener = 'a'\n[who.aa]\nlistener = ['a', 'b']\n[who.u]\nlistener = 'a'\nuid = 0\n"


@pytest.mark.parametrize(
    ("first", "second", "is_shadowed"),
    [
        ("command = 'stop'", "command = 'stop'", True),
        ("command = 'stop'", "command = ['stop', 'cont']", False),
        ("command = ['s*', 'cont']", "command = ['stop', 'cont']", True),
        ("command = 'stop'\nverdict = 'deny'", "command = 'stop'", True),
        ("command = 'stop'\nverdict = 'hide'", "command = 'stop'\nrate = '1/s'", True),
        ("command = 'stop'\nrate = '1/s'", "command = 'stop'", True),
        ("kind = ['reads', 'changes-guest']", "command = 'query-status'", True),
        ("kind = 'ends'\nverdict = 'deny'", "command = 'quit'", True),
        ("command = 'stop'\nwho = 'a'", "command = 'stop'", False),
        ("command = 'stop'", "command = 'stop'\nwho = 'a'", True),
        ("command = 'stop'\nwho = 'aa'", "command = 'stop'\nwho = 'a'", True),
        ("command = 'stop'\nwho = 'a'", "command = 'stop'\nwho = 'aa'", False),
        ("command = 'stop'\nwho = 'a'", "command = 'stop'\nwho = 'u'", True),
        ("command = 'stop'\nwho = 'u'", "command = 'stop'\nwho = 'a'", False),
        ("command = 'stop'\nwho = ['a', 'u']", "command = 'stop'\nwho = ['u', 'a']", True),
        # An allow rule leaves commands with untested sensitive members to others.
        ("command = 'memsave'", "command = 'memsave'\narguments.filename = 'a'", False),
        ("command = 'memsave'\nunchecked = true", "command = 'memsave'", True),
        ("command = 'memsave'\nverdict = 'deny'", "command = 'memsave'\nunchecked = true", True),
        # Conditions
        ("command = 'eject'\narguments.force = true", "command = 'eject'", False),
        (
            "command = 'eject'\narguments.force = true",
            "command = 'eject'\narguments = { force = true, id = 'cd' }",
            True,
        ),
        ("command = 'eject'\narguments.force = true", "command = 'eject'\narguments.force = false",
         False),
        ("command = 'eject'\nsize = 100", "command = 'eject'", False),
        ("command = 'eject'\nsize = 100", "command = 'eject'\nsize = 50", True),
        ("event = 'STOP'", "event = 'STOP'\nverdict = 'deny'", True),
        ("event = 'STOP'", "event = ['STOP', 'RESUME']", False),
        ("human = 'info block'\nunchecked = true", "human = 'info block'\nverdict = 'deny'", True),
        ("preset = 'read-only'", "command = 'query-status'", True),
        ("command = 'query-status'", "preset = 'read-only'", False),
        ("preset = 'monitoring'", "preset = 'read-only'", False),
    ],
)  # fmt: skip
def test_a_rule_that_can_never_decide(
    first: str, second: str, is_shadowed: bool, load: Load
) -> None:
    text = f"{WHO}[[rule]]\n{first}\n[[rule]]\n{second}\n"
    if not is_shadowed:
        load(text)
        return
    with pytest.raises(PolicyError, match=r"it can never decide: rule .* before it takes? all"):
        load(text)


def test_several_rules_shadow_one_together(load: Load) -> None:
    text = RULE + "[[rule]]\ncommand = 'cont'\n[[rule]]\ncommand = ['stop', 'cont']\n"
    said = (
        r"p.toml:5:3: rule\[2\]: it can never decide: rule [12] .* and rule [12] .* before it take"
    )
    with pytest.raises(PolicyError, match=said):
        load(text)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("command = 'memsave'", "it doesn't test filename of memsave, and so takes only commands"),
        ("command = 'memsave'\nunchecked = true", None),
        ("command = 'memsave'\narguments.filename = { under = '/srv' }", None),
        ("command = 'memsave'\narguments.filename = { present = true }", "present takes any value"),
        (
            "command = 'memsave'\narguments.filename = { glob = '/srv/*' }",
            "glob is a test of the t",
        ),
        ("command = 'memsave'\nforce.filename = '/srv/a'", None),
        ("command = 'memsave'\nverdict = 'deny'", None),
        ("command = 'memsave'\nwhen = 'under(args.filename, \"/srv\")'", None),
        (
            "command = 'memsave'\nwhen = 'args.filename.startsWith(\"/srv/\")'",
            "startsWith of args.filename is a test of the text",
        ),
        ("command = 'blockdev-add'\narguments.'' = { image = '/srv' }", None),
        (
            QCOW2,
            "file.filename of blockdev-add is the path of an image, which may name a backing file",
        ),
        (
            (
                "command = 'blockdev-add'\narguments.driver = ['raw', 'luks']\n"
                "arguments.'file.driver' = 'file'\narguments.'file.filename' = { under = '/srv' }"
            ),
            None,
        ),
        (
            (
                "command = 'blockdev-add'\narguments.driver = 'raw'\n"
                "arguments.'file.filename' = { under = '/srv' }"
            ),
            "file.filename of blockdev-add is the path of an image",
        ),
        ("command = 'stop'", None),
        ("kind = ['reads', 'discloses']", None),
    ],
)
def test_warnings(rule: str, said: str | None, load: Load) -> None:
    warnings = load(f"[[rule]]\n{rule}\n").warnings
    if said is None:
        assert warnings == ()
    else:
        assert len(warnings) == 1
        assert warnings[0].startswith("p.toml:1:3: rule 1: ")
        assert said in warnings[0]


def test_a_table_that_no_rule_names(load: Load) -> None:
    text = "[who.backup]\nuid = 0\n" + RULE
    assert load(text).warnings == ("p.toml:1:6: who.backup: no rule is about these clients",)
    assert load(text + "who = 'backup'\n").warnings == ()


def test_a_schema_knows_what_is_newer(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(
        "[[rule]]\ncommand = 'stop'\narguments.'deep.inside' = 1\n[[rule]]\nevent = 'NEW_EVENT'\n"
    )
    qapi = (
        b"{ 'struct': 'Deep', 'data': { 'inside': 'int' } }\n"
        b"{ 'command': 'stop', 'data': { 'deep': 'Deep' } }\n{ 'event': 'NEW_EVENT' }\n"
    )
    with pytest.raises(PolicyError):
        load_policy(path)
    policy = load_policy(path, schema=schema_from_qapi("a.json", lambda name: qapi))
    assert [rule.names for rule in policy.rules] == [{"stop"}, {"NEW_EVENT"}]


def test_patterns_stand_for_known_commands_only(load: Load) -> None:
    rule = load("[[rule]]\ncommand = '*'\nunchecked = true\n").policy.rules[0]
    assert rule.names == all_names() - {"human-monitor-command"}
    rights = load("[[rule]]\ncommand = '*'\n").policy.rights(PolicyClient())
    arguments: JsonObject = {"val": 0, "size": 1, "filename": "/tmp/x"}
    verdict = rights.judge(CommandMessage("memsave", arguments), SupposedFacts())
    assert not verdict.is_allowed
    assert effects_of("query-not-yet-made") is None
    assert rights.is_hidden("query-not-yet-made")


VALUES = st.sampled_from(
    """1|-1|true|''|'a'|[]|{}|[[]]|[{}]|nan|inf|1979-05-27|07:32:00|[1, 'a']|{a = 1}|'*'|'.'|1.5
    |'stop'|'query-*'|{present = true}|{under = '/'}|{under = ['/a', 1]}|{glob = []}|{one-of = []}
    |{equals = nan}|{at-least = nan}|99999999999999999999999|'\\u0000'|'has('|'args'|{image = '/'}
    |{optional = true, absent = true}|{kills = true}|'human-*'""".split("|")  # noqa: SIM905
)
KEYS = st.sampled_from(
    """
    name who command kind event human preset verdict arguments when unchecked force blank rate size
    kills as rule nodes fd-sets audit dry-run effects events case listener uid certificate
    arguments.x arguments.'' arguments.'file.filename' force.x""".split()  # noqa: SIM905
)


@pytest.mark.property
@given(
    st.sampled_from([WHOLE, *(each.rpartition("\n-> ")[0] for each in MISTAKES)]),
    st.lists(st.tuples(st.integers(0, 70), st.none() | KEYS, VALUES), min_size=1, max_size=4),
)
def test_whatever_is_in_a_file(text: str, edits: list[tuple[int, str | None, str]]) -> None:
    lines = text.split("\n")
    for at, key, value in edits:
        at %= len(lines)
        if key is not None:
            lines.insert(at, f"{key} = {value.strip()}")
        elif "=" in lines[at]:
            lines[at] = f"{lines[at].partition('=')[0]} = {value.strip()}"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.toml"
        path.write_text("\n".join(lines))
        mistakes = ""
        try:
            load_policy_file(path)
        except PolicyError as error:
            mistakes = str(error)
        assert all(line.startswith(f"{path}:") for line in mistakes.splitlines())
