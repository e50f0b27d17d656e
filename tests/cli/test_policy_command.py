"""``qmpeer policy``, through its entry point: explain, test, presets.

Modules: policy_text, policy_words.
"""

from pathlib import Path

import pytest

from qmpeer.policy.presets import PRESETS, preset_text
from tests.cli.programs import run_here

POLICY = """\
[who.backup]
listener = "backup"
uid = 64055

[[rule]]
name = "no-raw"
command = "blockdev-add"
verdict = "deny"
arguments.driver = "raw"

[[rule]]
name = "images"
who = "backup"
command = "blockdev-add"
arguments.driver = "vdi"
arguments."file.driver" = "file"
arguments."file.filename" = { under = "/srv" }
force.read-only = true

[[rule]]
name = "looks"
command = ["query-*", "transaction"]
blank = "*.inserted.image"

[[rule]]
command = "stop"
verdict = "hide"

[[rule]]
name = "set"
command = "blockdev-create"
who = "backup"
unchecked = true
arguments.options = { fd-set = true }

[[rule]]
event = ["STOP", "RESUME"]
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "vm.toml"
    path.write_text(POLICY)
    return path


def run(*words: str) -> tuple[int, list[str], list[str]]:
    done = run_here("policy", *words)
    return done.status, done.out.decode().splitlines(), done.err.decode().splitlines()


def explain(who: str, *command: str) -> list[str]:
    status, out, errors = run("explain", "vm.toml", "--as", who, *command)
    assert (status, errors) == (0, [])
    return out


def test_each_rule_that_was_looked_at(file: Path) -> None:
    command = "blockdev-add driver=vdi node-name=n file.driver=file file.filename=/srv/../etc/a"
    failure = 'arguments.file.filename: found "/srv/../etc/a", expected a path under /srv'
    denied = "The policy denies blockdev-add: no rule allows it: rule images"
    assert explain("backup", command) == [
        f"deny blockdev-add: the client gets GenericError: {denied}: {failure}",
        "effects: changes-host, connects, opens-paths",
        "sensitive here: arguments.driver, arguments.file.driver, arguments.file.filename",
        'rule no-raw (vm.toml:5:3): arguments.driver: found "vdi", expected "raw"',
        f"rule images (vm.toml:11:3): {failure}",
    ]


def test_what_is_allowed_is_sent_with_what_is_forced(file: Path) -> None:
    command = '{"execute": "blockdev-add", "arguments": {"driver": "vdi", "file": {"driver":'
    out = explain("backup", command + ' "file", "filename": "/srv/a"}}}')
    assert out[0] == "allow blockdev-add: rule images"
    sent = '"driver":"vdi","file":{"driver":"file","filename":"/srv/a"},"read-only":true'
    assert out[4:] == [
        "rule images (vm.toml:11:3): takes it: allow",
        f"is sent with {{{sent}}}",
    ]


def test_what_is_denied_or_hidden(file: Path) -> None:
    out = explain("uid=5", "blockdev-add", "driver=raw")
    assert out[0].startswith(
        "hide blockdev-add: no rule could allow it; the client gets CommandNot"
    )
    out = explain("backup", "blockdev-add driver=raw")
    assert out[0] == (
        "deny blockdev-add: the client gets GenericError: "
        "The policy denies blockdev-add: rule no-raw"
    )
    out = explain("backup", "stop")
    assert out[0].startswith("hide stop: ")
    assert "The command stop has not been found" in out[0]
    out = explain("backup", "query-not-yet-made")
    assert out[1].startswith("effects: unknown, as no table has this command")
    assert out[-1] == "no rule for this client is about it"


def test_blanked_members_and_actions(file: Path) -> None:
    assert explain("uid=5", "query-block")[-1] == "blanks in the reply: *.inserted.image"
    action = '{"type": "stop", "data": {}}'
    out = explain("uid=5", f"transaction actions='[{action}]'")
    assert out[-2:] == ["actions[0]: stop", "  rule 4 (vm.toml:25:3): takes it: hide"]


def test_supposed_facts(file: Path) -> None:
    words = ("backup", "blockdev-create job-id=j options=/dev/fdset/3")
    assert explain(*words)[0].startswith("deny ")
    assert explain(*words, "--fd-set", "3")[0].startswith("allow ")


def test_what_a_client_may_do(file: Path) -> None:
    out = explain("listener=backup,uid=64055")
    assert out[0].startswith("allowed: query-accelerators, ")
    assert out[1] == "allowed on conditions, or denied: blockdev-add, blockdev-create, transaction"
    assert out[2:] == [
        "events: RESUME, STOP",
        "human monitor, by rules: nothing",
        "everything else is hidden",
    ]


@pytest.mark.parametrize(
    ("who", "said"),
    [
        ("bakcup", "found 'bakcup', expected one of backup, listener=NAME,uid=USER,gid=GROUP,cert"),
        (
            "listner=5",
            "found 'listner', expected one of listener, uid, gid, certificate; did you mean",
        ),
        ("uid=no such", "found 'no such', which is no user of this machine"),
        ("uid=5,uid=6", "found 'uid' again, expected one of listener, uid, gid, certificate"),
    ],
)
def test_clients_that_cannot_be(who: str, said: str, file: Path) -> None:
    status, out, errors = run("explain", "vm.toml", "--as", who, "stop")
    assert (status, out, len(errors)) == (2, [], 1)
    assert errors[0].startswith(f"qmpeer policy: {said}")


@pytest.mark.parametrize(
    "command", ['"', "{}", '{"execute": 5}', '{"execute": "a", "arguments": []}', "stop a", "  "]
)
def test_commands_that_cannot_be(command: str, file: Path) -> None:
    status, out, errors = run("explain", "vm.toml", "--as", "backup", command)
    assert (status, out, len(errors)) == (2, [], 1)


def test_a_certificate_has_commas(file: Path) -> None:
    file.write_text("[[rule]]\ncommand = 'stop'\nwho = 'b'\n[who.b]\ncertificate = 'CN=b,O=*'\n")
    assert explain("uid=root,certificate=CN=b,O=x", "stop")[0].startswith("allow ")
    assert explain("certificate=CN=b", "stop")[0].startswith("hide ")
    assert explain("b", "stop")[0].startswith("allow ")


def test_a_schema_decides_the_types(file: Path, tmp_path: Path) -> None:
    (tmp_path / "q.json").write_text("{ 'command': 'eject', 'data': { 'id': 'str' } }\n")
    file.write_text("[[rule]]\ncommand = 'eject'\narguments.id = '5'\n")
    assert explain("uid=0", "eject id=5")[0].startswith("deny ")
    assert explain("uid=0", "eject id=5", "--schema", "q.json")[0].startswith("allow ")
    status, _, errors = run("explain", "vm.toml", "--as", "uid=0", "--schema", "none.json", "eject")
    assert status == 3
    assert "none.json" in errors[0]


CASES = """
[[case]]
as = "backup"
command = "query-status"
verdict = "allow"

[[case]]
as = { listener = "backup", uid = 64055 }
command = "blockdev-add driver=vdi file.driver=file file.filename=/srv/a"
verdict = "allow"
rule = "images"

[[case]]
as = "backup"
command = { execute = "stop" }
verdict = "hide"

[[case]]
as = "backup"
event = "STOP"
verdict = "allow"

[[case]]
as = "backup"
event = "RESET"
verdict = "deny"
"""
WRONG = """
[[case]]
as = "backup"
command = "query-status"
verdict = "deny"

[[case]]
as = "backup"
command = "blockdev-add driver=vdi file.driver=file file.filename=/etc/a"
verdict = "allow"

[[case]]
as = "backup"
command = "query-status"
verdict = "allow"
rule = "images"

[[case]]
as = "backup"
event = "STOP"
verdict = "deny"

[[case]]
as = "backup"
command = "stop '"
verdict = "deny"
"""


def test_cases_that_pass(file: Path) -> None:
    file.write_text(POLICY + CASES)
    assert run("test", "vm.toml") == (0, ["5 cases: 5 passed, 0 failed"], [])


def test_cases_that_fail(file: Path) -> None:
    file.write_text(POLICY + WRONG)
    status, out, errors = run("test", "vm.toml")
    assert (status, errors) == (1, [])
    image = '{"driver":"vdi","file":{"driver":"file","filename":"/etc/a"}}'
    failure = 'arguments.file.filename: found "/etc/a", expected a path under /srv'
    denied = f"backup: blockdev-add {image}: found deny, expected allow"
    by = "found allow by rule looks, expected allow by rule images"
    assert out == [
        "vm.toml:39:3: backup: query-status: found allow, expected deny",
        f"vm.toml:44:3: {denied}: rule images: {failure}",
        f"vm.toml:49:3: backup: query-status: {by}",
        "vm.toml:55:3: backup: STOP: found allow, expected deny",
        'vm.toml:60:3: backup: found "stop \'": no closing quotation',
        "5 cases: 0 passed, 5 failed",
    ]


def test_no_secret_is_shown(file: Path) -> None:
    command = "object-add qom-type=secret id=s data=letmein"
    file.write_text(
        "[[rule]]\ncommand = 'object-add'\narguments.qom-type = 'secret'\n"
        f"[[case]]\nas = {{}}\ncommand = '{command}'\nverdict = 'deny'\n"
    )
    assert "letmein" not in str(run("test", "vm.toml"))
    assert "letmein" not in str(run("explain", "vm.toml", "--as", "uid=0", command))


def test_mistakes_and_warnings(file: Path) -> None:
    file.write_text("[[rule]]\ncommand = 'stpo'\n[[rule]]\nkind = 'raeds'\n")
    for words in (("test", "vm.toml"), ("explain", "vm.toml", "--as", "uid=0", "stop")):
        status, out, errors = run(*words)
        assert (status, out, len(errors)) == (1, [], 2)
        assert errors[0].startswith('qmpeer policy: vm.toml:2:11: rule[0].command: found "stpo"')
    file.write_text("[[rule]]\ncommand = 'memsave'\n")
    status, out, errors = run("test", "vm.toml")
    assert (status, out) == (0, ["0 cases: 0 passed, 0 failed"])
    assert errors[0].startswith("qmpeer policy test: warning: vm.toml:1:3: rule 1: it doesn't test")
    assert run("test", "none.toml")[0] == 2
    status, _, errors = run("test", "none")
    assert (status, len(errors)) == (2, 1)
    assert errors[0].startswith("qmpeer policy: none: found neither a file nor a preset, expected")


def test_presets() -> None:
    assert run("presets") == (0, [*PRESETS], [])
    for name in PRESETS:
        assert run("presets", name) == (0, preset_text(name).splitlines(), [])
    assert run("presets", "none")[0] == 2
    status, out, _ = run("explain", "read-only", "--as", "uid=0", "query-status")
    assert (status, out[0]) == (0, "allow query-status: rule reads")
