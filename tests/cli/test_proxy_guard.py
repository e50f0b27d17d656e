"""``qmpeer proxy`` with a policy and an audit log: started, reloaded, and refused.

Modules: guard_options, guarding, proxy_process, proxy_status.
"""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from qmpeer import AsyncClient, CommandError, Monitor
from qmpeer.cli.guard_options import check_guard, guarding_of
from qmpeer.cli.guarding import Guarding, policy_path
from qmpeer.cli.proxy_options import parse_options
from qmpeer.errors import AuditError, PolicyError
from qmpeer.options import StartError
from tests.cli.taking_over import Running
from tests.patience import PATIENCE

ADDRESSES = ("a.qmp", "-qmp", "unix:b.qmp,server=on,wait=off")
RULES = """
[who.trainee]
listener = "trainee"

[[rule]]
name = "looks"
who = "trainee"
command = ["query-status", "query-commands"]
"""


def _guarding(path: Path, audit: str = "", **options: bool) -> Guarding:
    return Guarding(str(path), audit, report=pytest.fail, **options)


# The options


def test_a_dry_run_needs_a_policy() -> None:
    with pytest.raises(StartError, match="expected --policy FILE"):
        parse_options([*ADDRESSES, "--dry-run"], pytest.fail)
    options = parse_options([*ADDRESSES, "--policy", "read-only", "--dry-run"], pytest.fail)
    check_guard(options)
    assert guarding_of(options, pytest.fail).policy is not None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no.toml", "--policy no.toml: No such file or directory"),
        ("monitor", "--policy monitor: found neither a file nor a preset, expected a file, or one"),
        ("p.toml", "p.toml:2:1: found the key 'comand' in rule[0]"),
    ],
)
def test_a_policy_that_cannot_be(
    name: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p.toml").write_text("[[rule]]\ncomand = 'stop'\n")
    options = parse_options([*ADDRESSES, "--policy", name], pytest.fail)
    with pytest.raises(StartError) as caught:
        guarding_of(options, pytest.fail)
    assert any(said in line for line in "\n".join(caught.value.texts).splitlines())


def test_the_name_of_a_preset_or_a_file() -> None:
    assert policy_path("monitoring").endswith("preset_files/monitoring.toml")
    assert policy_path("vm.toml") == str(Path("vm.toml").absolute())


# The audit log


async def test_where_the_audit_log_is(tmp_path: Path) -> None:
    policy = tmp_path / "p.toml"
    policy.write_text('audit = "best-effort"\n' + RULES)
    with pytest.raises(AuditError, match="found an audit without a file"):
        _guarding(policy).open_audit()
    log = _guarding(policy, f"{tmp_path}/one").open_audit()
    assert log is not None
    log.close()
    assert '"best-effort"' in (tmp_path / "one").read_text()
    policy.write_text(f'[audit]\nfile = "{tmp_path}/two"\nevery = 7\n{RULES}')
    log = _guarding(policy).open_audit()
    assert log is not None
    log.close()
    assert (tmp_path / "two").exists()
    assert Guarding("", report=pytest.fail).open_audit() is None


def test_settings_of_the_audit_hold_until_the_end(tmp_path: Path) -> None:
    policy = tmp_path / "p.toml"
    policy.write_text(RULES)
    said: list[str] = []
    guarding = Guarding(str(policy), report=said.append)
    policy.write_text('audit = "best-effort"\n' + RULES)
    assert len(guarding.reload().rules) == 1
    assert said == ["the settings of the audit have changed: they hold after a restart"]
    policy.write_text("[[rule]]\n")
    with pytest.raises(PolicyError):
        guarding.reload()


# A running proxy


async def test_a_proxy_holds_its_clients_to_a_policy(tmp_path: Path) -> None:
    machine = Monitor(name="vm", version=(7, 2, 0))
    machine.command("query-status")(lambda: {"status": "running"})
    machine.command("stop")(lambda: None)
    await machine.listen(f"unix:{tmp_path}/server")
    policy, audit, control = tmp_path / "p.toml", tmp_path / "audit", tmp_path / "control"
    policy.write_text(RULES)
    words = [
        *(f"unix:{tmp_path}/server", "--policy", str(policy), "--audit", str(audit)),
        *("-chardev", f"socket,id=trainee,path={tmp_path}/trainee,server=on,wait=off"),
        *("-mon", "trainee,mode=control", "--control", f"unix:{control}"),
    ]
    async with Running(*words):
        async with await AsyncClient.connect(f"unix:{tmp_path}/trainee") as client:
            assert await client.execute("query-status") == {"status": "running"}
            with pytest.raises(CommandError, match="The command stop has not been found"):
                await client.execute("stop")
            policy.write_text(f'{RULES}\n[[rule]]\nname = "more"\ncommand = "stop"\n')
            assert await _reload(control) == (0, f"{policy}: 2 rules hold now\n", "")
            assert f"policy   {policy}: 2 rules, denied 1\n" in (await _status(control))[1]
            await client.execute("stop")
            policy.write_text("[[rule]]\n")
            status, _, said = await _reload(control)
            assert (status, "expected one" in said) == (1, True)
            await client.execute("stop")
        async with await AsyncClient.connect(f"unix:{control}") as client:
            found = await client.execute("query-policy")
            assert (found["rules"], found["denied"], found["dry-run"]) == (2, 1, False)
    records = [json.loads(line) for line in audit.read_text().splitlines()]
    assert [each["command"] for each in records if each["what"] == "denied"] == ["stop"]
    assert [each["rules"] for each in records if each["what"] == "policy"] == [1, 2]
    assert records[-1]["what"] == "closed"
    machine.shutdown()
    await machine.wait_closed()


async def _reload(control: Path) -> tuple[int, str, str]:
    return await _status(control, "--reload-policy")


async def _status(control: Path, *words: str) -> tuple[int, str, str]:
    command = (sys.executable, "-m", "qmpeer", "proxy", "--status", f"unix:{control}", *words)
    process = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    async with asyncio.timeout(PATIENCE):
        output, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()
