"""The ready behaviours of a script in TOML, and each kind of mistake with its place."""

from pathlib import Path

import pytest

from qmpeer import Client, Monitor
from qmpeer.client import GuestAgent
from qmpeer.errors import ScriptError
from qmpeer.script.toml_script import TomlScript, load_script
from tests.patience import PATIENCE

MACHINE = """
[behaviours.running-machine]
powerdown = "never"

[behaviours.hotplug]
deleted = "before"
devices = { r0 = "virtio-rng-pci" }

[behaviours.jobs]
steps = 1

[behaviours.migration]
end = "completed"
size = 1000

[behaviours.screen]
size = [3, 2]
color = [1, 2, 3]

[[on]]
command = "cont"
error = { class = "GenericError", desc = "not now" }
"""
AGENT = """
[server]
agent = true

[behaviours.guest-agent]
filesystems = 2
files = { "/etc/motd" = "hello" }

[behaviours.guest-agent.programs."/bin/date"]
stdout = "now"
exit-code = 3
"""


def load(folder: Path, text: str) -> TomlScript:
    path = folder / "script.toml"
    path.write_text(text, encoding="utf-8")
    return load_script(path)


def served(folder: Path, text: str) -> tuple[TomlScript, Monitor]:
    loaded = load(folder, text)
    monitor = Monitor(backend=loaded.backend)
    monitor.start(f"unix:{folder / 'qmp'}")
    loaded.backend.begin()
    return loaded, monitor


def test_a_machine(tmp_path: Path) -> None:
    loaded, monitor = served(tmp_path, MACHINE)
    try:
        with Client.connect(f"unix:{tmp_path / 'qmp'}", command_timeout=PATIENCE) as client:
            client.execute("system_powerdown")
            client.unplug("r0", timeout=PATIENCE)
            client.run_job("block-stream", {"device": "s"})
            assert client.screenshot().pixel(2, 1) == (1, 2, 3)
            assert client.migrate("unix:target").total == 1000
            assert client.execute("query-status")["status"] == "postmigrate"
            assert loaded.script.mismatches == ()
    finally:
        monitor.stop()


def test_an_agent(tmp_path: Path) -> None:
    loaded, monitor = served(tmp_path, AGENT)
    try:
        client = GuestAgent.connect(f"unix:{tmp_path / 'qmp'}", command_timeout=PATIENCE)
        done = client.run(["/bin/date"])
        assert (done.stdout, done.exit_code) == (b"now", 3)
        assert client.read_file("/etc/motd") == b"hello"
        assert client.freeze() == 2
        client.close()
    finally:
        monitor.stop()
    assert loaded.script.outcome() == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "[behaviours.job]",
            "script.toml:1:13: found the key 'job' in behaviours, expected one of",
        ),
        ("[behaviours.jobs]\nstep = 1", "script.toml:2:1: found the key 'step' in behaviours.jobs"),
        (
            '[behaviours.hotplug]\ndeleted = "befor"',
            'found "befor", expected before, after, never or refused; did you mean before?',
        ),
        ("[behaviours.jobs]\nsteps = 0", "found 0, expected a whole number from 1"),
        ("[behaviours.screen]\nsize = [1]", "found an array, expected 2 numbers"),
        ("[behaviours.running-machine]\npowerdown = true", "expected seconds, 0 or more"),
        ("[behaviours]\njobs = 5", "found 5, expected a table"),
    ],
)
def test_mistakes(text: str, expected: str, tmp_path: Path) -> None:
    with pytest.raises(ScriptError) as raised:
        load(tmp_path, text)
    assert expected in str(raised.value)
