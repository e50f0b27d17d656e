"""Human-monitor commands judged by their parsed arguments, and ways around that judgement."""

from pathlib import Path

import pytest

from qmpeer.effects import all_human_names
from qmpeer.errors import PolicyError
from qmpeer.messages import CommandMessage
from qmpeer.policy import Decision, PolicyClient, Rights, Verdict
from qmpeer.policy.cases import SupposedFacts
from qmpeer.policy.human import read_human_command
from qmpeer.policy.loading import load_policy
from qmpeer.values import JsonObject

POLICY = """\
[who.operator]
listener = "operator"

[who.trainee]
listener = "trainee"

[[rule]]
name = "no-clients"
human = ["info vnc", "info spice"]
verdict = "deny"

[[rule]]
name = "look"
who = "operator"
human = ["info *", "help"]

[[rule]]
name = "high"
who = "operator"
human = "xp"
verdict = "deny"
arguments.addr = { at-least = 0x100000 }

[[rule]]
name = "peek"
who = "operator"
human = ["xp", "gdbserver"]
arguments.count = { at-least = 0, at-most = 64, optional = true }

[[rule]]
name = "first-cpu"
who = "operator"
human = "x"
arguments.cpu-index = 0

[[rule]]
name = "save"
who = "operator"
human = ["memsave", "screendump", "logfile", "savevm"]
arguments.filename = { under = "/srv/vm", optional = true }

[[rule]]
name = "consoles"
who = "operator"
human = "chardev-add"
arguments.backend = ["ringbuf", "null"]

[[rule]]
name = "drives"
who = "operator"
human = "drive_add"
arguments."opts.file" = { under = "/srv/vm" }
arguments."opts.format" = "raw"

[[rule]]
name = "move"
who = "operator"
human = "migrate"
when = 'args.uri.startsWith("tcp:") && !has(args.resume)'

[[rule]]
name = "run"
who = "operator"
human = ["cont", "stop"]

[[rule]]
who = "trainee"
command = "query-status"
"""


@pytest.fixture(scope="module")
def rights(tmp_path_factory: pytest.TempPathFactory) -> Rights:
    path = tmp_path_factory.mktemp("policy") / "policy.toml"
    path.write_text(POLICY)
    return load_policy(path).rights(PolicyClient(listener="operator"))


def judge(rights: Rights, arguments: JsonObject) -> Verdict:
    return rights.judge(CommandMessage("human-monitor-command", arguments), SupposedFacts())


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        # What is allowed
        ("info status", "look"),
        ("\tinfo \n status ", "look"),
        ("? log", "look"),
        ("c", "run"),
        ("s", "run"),
        ("xp/16x 0xffff0", "peek"),
        ('memsave 0 16 "/srv/vm/a"', "save"),
        ("screendump /srv/vm/a -f png", "save"),
        ('logfile "/srv/vm/a b"', "save"),
        ("savevm", "save"),
        ("chardev-add ringbuf,id=a", "consoles"),
        ("drive_add 0 if=none,id=a,format=raw,file=/srv/vm/a", "drives"),
        ("migrate -d tcp:a:1", "move"),
        # Commands that no rule is about, in each spelling
        ("quit", None),
        ("q", None),
        (" q", None),
        ("stop\nquit", None),
        ("stop;quit", None),
        ("stop quit", None),
        ("info status;quit", None),
        ("qu", None),
        ("QUIT", None),
        ("i status", None),
        ("inf status", None),
        ("info stat", None),
        ("info Status", None),
        ("info\u00a0status", None),
        ("\uff49nfo status", None),
        ("inf\u043e status", None),
        ("info status\x00", None),
        ('"info" status', None),
        ('info "status"', None),
        ("info/status", None),
        ("", None),
        ("-d info status", None),
        # Files, sockets and programs
        ("logfile /etc/passwd", None),
        ("logfile /srv/vm/../../etc/passwd", None),
        ('logfile "/srv/vm/\\n"x', None),
        ("logfile /srv/vm/a /etc/passwd", None),
        ("logfile", None),
        (f"logfile /srv/vm/{'a/' * 506}../../etc", None),  # QEMU cuts it off
        ("log /srv/vm/a", None),
        ("screendump /etc/passwd", None),
        ("screendump -f png /srv/vm/a", None),
        ('memsave 0 16 "/etc/passwd"', None),
        ('memsave 0b1 16 "/srv/vm/a"', None),
        ('memsave 08 16 "/srv/vm/a"', None),
        ('pmemsave 0 16 "/srv/vm/a"', None),
        ("dump-guest-memory /srv/vm/a", None),
        ("drive_add 0 if=none,file=/etc/passwd,format=raw", None),
        ("drive_add 0 if=none,file=/srv/vm/a", None),
        ("drive_add 0 if=none,file=/srv/vm/a,format=raw,file.filename=/etc/passwd", None),
        ("drive_add 0 if=none,file=/srv/vm/a,format=raw,file=/etc/passwd", None),
        ("drive_add 0 if=none,file=/srv/vm/a,format=raw,backing=b", None),
        ("drive_add 0 if=none,format=raw,file=json:{}", None),
        ("drive_add -n 0 driver=raw,file.driver=file,file.filename=/etc/passwd", None),
        ("drive_add 0 /srv/vm/a", None),
        ("chardev-add file,id=a,path=/etc/passwd", None),
        ("chardev-add ringbuf,id=a,logfile=/etc/passwd", None),
        ("chardev-add ringbuf,id=a,logfile=", None),
        ("chardev-add backend=ringbuf,id=a,backend=file,path=/etc/passwd", None),
        ("chardev-add id=a,backend=file,path=/etc/passwd", None),
        ("chardev-change a ringbuf", None),
        ("object_add memory-backend-file,id=a,size=4k,mem-path=/etc/passwd", None),
        ('object_add {"qom-type":"secret","id":"a","file":"/etc/passwd"}', None),
        ("netdev_add tap,id=a,script=/bin/sh", None),
        ("device_add loader,file=/etc/passwd", None),
        ("migrate exec:id", None),
        ('migrate "exec:id > /a"', None),
        ("migrate -r tcp:a:1", None),
        ("migrate unix:/a", None),
        ("migrate_incoming exec:id", None),
        ("nbd_server_start -a unix:/a", None),
        ("gdbserver", None),
        ("gdbserver none", None),
        ("change ide0 /etc/passwd", None),
        ("snapshot_blkdev ide0 /a", None),
        ("qemu-io ide0 abort", None),
        ("wavcapture /a b", None),
        # Memory, and what tests of numbers see
        ("xp/65x 0", None),
        ("xp/x 0x100000", "high"),
        ("xp 0xfffff + 1", "high"),
        ("xp -1", "high"),
        ("xp $pc", "high"),
        ("xp $pc/-1", None),
        ("x 0", None),
        ("x/10i $pc", None),
        ("info vnc", "no-clients"),
        ("info \t vnc", "no-clients"),
    ],
)
def test_lines(rights: Rights, line: str, rule: str | None) -> None:
    verdict = judge(rights, {"command-line": line})
    assert verdict.rule_name == rule
    assert verdict.is_allowed is (rule not in {None, "high", "no-clients"})
    if not verdict.is_allowed:
        assert verdict.decision is Decision.DENY
        assert verdict.error("human-monitor-command")["class"] == "GenericError"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({}, "arguments.command-line: expected a string"),
        ({"command-line": 1}, "arguments.command-line: expected a string"),
        (
            {"command-line": "info status", "cpu": 1},
            "arguments: found cpu, expected command-line and an integer cpu-index",
        ),
        (
            {"command-line": "info status", "cpu-index": True},
            "arguments: found cpu-index, expected command-line and an integer cpu-index",
        ),
        ({"command-line": "quit"}, "quit"),
        ({"command-line": "inf"}, "found unknown command 'inf'"),
        (
            {"command-line": "logfile /etc"},
            'logfile: rule save: arguments.filename: found "/etc", expected a path under /srv/vm',
        ),
        (
            {"command-line": "x 0", "cpu-index": 1},
            "x: rule first-cpu: arguments.cpu-index: found 1, expected 0",
        ),
        (
            {"command-line": "x/i $pc", "cpu-index": None},
            "arguments: found cpu-index, expected command-line and an integer cpu-index",
        ),
    ],
)
def test_why_a_line_is_denied(rights: Rights, arguments: JsonObject, reason: str) -> None:
    verdict = judge(rights, arguments)
    assert verdict.decision is Decision.DENY
    assert verdict.reason == reason


def test_the_cpu_is_an_argument(rights: Rights) -> None:
    assert judge(rights, {"command-line": "x/10i $pc", "cpu-index": 0}).rule_name == "first-cpu"
    command = read_human_command({"command-line": "x/10i $pc", "cpu-index": 3})
    assert command.arguments["cpu-index"] == 3
    assert command.unknown == {"addr"}


def test_rules_that_are_looked_at(rights: Rights) -> None:
    def considered(line: str) -> list[tuple[str, bool]]:
        command = CommandMessage("human-monitor-command", {"command-line": line})
        found = rights.considered(command, SupposedFacts())
        return [(each.rule.name, each.failure is None) for each in found]

    assert considered("xp/4x 0") == [("high", False), ("peek", True)]
    assert considered("inf") == []


def test_without_a_rule_the_human_monitor_is_hidden(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(POLICY)
    rights = load_policy(path).rights(PolicyClient(listener="trainee"))
    assert rights.is_hidden("human-monitor-command")
    assert judge(rights, {"command-line": "info status"}).is_hidden
    operator = load_policy(path).rights(PolicyClient(listener="operator"))
    assert not operator.is_hidden("human-monitor-command")


@pytest.mark.parametrize(
    ("rule", "mistake"),
    [
        ('human = "inf"', 'found "inf", which is no known human-monitor command'),
        ('human = "c"', 'found "c", which is no known human-monitor command'),
        ('human = "memsave"\narguments.file = "/a"', "memsave has no argument file"),
        ('human = ["stop", "cont"]\narguments.a = 1', "none of these human-monitor commands has"),
        ('human = "stop"\nforce.a = 1', "found it beside human, expected none"),
        ('human = "info vnc"\nblank = "a"', "found it beside human, expected none"),
        ('command = "human-monitor-command"', "which rules with human = … are about"),
    ],
)
def test_mistakes(tmp_path: Path, rule: str, mistake: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(f"[[rule]]\n{rule}\n")
    with pytest.raises(PolicyError) as raised:
        load_policy(path)
    assert mistake in str(raised.value)


@pytest.mark.parametrize(
    "rule", ['human = "device_add"\narguments.addr = "4"', 'human = "x"\narguments.cpu-index = 0']
)
def test_arguments_that_are_known(tmp_path: Path, rule: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(f"[[rule]]\n{rule}\n")
    assert load_policy(path).rules


@pytest.mark.parametrize("preset", ["read-only", "monitoring", "backup", "operator"])
def test_no_preset_lets_a_line_reach_out(tmp_path: Path, preset: str) -> None:
    """Files, connections, programs, memory: none of the ways in, whatever the preset."""
    path = tmp_path / "policy.toml"
    path.write_text(f'[[rule]]\npreset = "{preset}"\n')
    rights = load_policy(path).rights(PolicyClient())
    assert judge(rights, {"command-line": "info block"}).is_allowed
    for line in WAYS_OUT:
        assert not judge(rights, {"command-line": line}).is_allowed, line
    named = {name for rule in load_policy(path).rules for name in rule.names}
    assert not named & {"info registers", "info vnc", "info usernet", "info mem", "quit", "x", "xp"}
    assert all_human_names() & named


WAYS_OUT = (
    "drive_add 0 if=none,file=/a",
    "logfile /a",
    "log guest_errors",
    "xp 0",
    "x 0",
    "print $pc",
    "i 0x70",
    'memsave 0 1 "a"',
    "screendump /a",
    "dump-guest-memory /a",
    "migrate exec:id",
    "gdbserver",
    "info registers",
    "info tlb",
    "info mem",
    "info history",
    "info stats vcpu",
    "qom-get /a b",
    "qom-set /a b c",
    "qemu-io a b",
    "commit a",
    "savevm",
    "quit",
    "netdev_add tap,id=a",
    "hostfwd_add tcp::1-:1",
    "chardev-add null,id=a",
    "nbd_server_start a:1",
    "trace-event a on",
    "migrate_set_parameter a b",
    "getfd a",
)
