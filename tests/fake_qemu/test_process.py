"""Fakes with monitors, as programs start them: QMP, ports, files, and the ends of a script.

Modules: process, answering, moments, text_ports, command_line.
"""

import contextlib
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from qmpeer import Client, CommandError
from qmpeer.errors import ScriptMismatch
from qmpeer.fake_qemu.process import run_fake
from qmpeer.fake_qemu.process_script import ProcessScript
from qmpeer.fake_qemu.start import Settings, Started
from qmpeer.fake_qemu.start_log import log_start, read_starts
from tests.fake_qemu.conftest import Install, Start
from tests.patience import PATIENCE

BOOT = """\
[[when]]
serial = "Linux version 6.1\\n"
log = "an error of the guest\\n"
chardev = { con1 = "hello\\n" }

[[when]]
command = "system_powerdown"
serial = "reboot: Power down\\n"
stderr = "no power\\n"
status = 3

[[when]]
event = "STOP"
file = { stopped = "yes" }
"""


def until_gone(path: Path) -> None:
    """Wait until a file is removed."""
    deadline = time.monotonic() + PATIENCE
    while path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def connect(path: Path, **options: Any) -> Client:
    return Client.connect(
        path, wait_for_socket=True, timeout=PATIENCE, command_timeout=PATIENCE, **options
    )


def test_a_machine_boots_and_powers_down(install: Install, start: Start, tmp_path: Path) -> None:
    fake = install(BOOT)
    qmp = f"-qmp unix:{tmp_path}/qmp,server,nowait -D log -d guest_errors"
    guest = "-chardev file,id=con1,path=con1 -device virtserialport,chardev=con1 -hda disk.img"
    process = start(fake, f"-machine q35 -nographic {qmp} {guest}")
    with connect(tmp_path / "qmp") as vm:
        vm.execute("stop")
        vm.execute("system_powerdown")
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 3
    assert out == b"Linux version 6.1\nreboot: Power down\n"
    assert err == b"no power\n"
    assert (tmp_path / "con1").read_text() == "hello\n"
    assert (tmp_path / "log").read_text() == "an error of the guest\n"
    assert (tmp_path / "stopped").read_text() == "yes"
    assert not (tmp_path / "qmp").exists()
    (once,) = fake.starts
    assert (once.argv[1], once.cwd, once.status) == ("-machine", str(tmp_path), 3)


def test_a_probe_like_libvirts_then_a_kill(install: Install, start: Start, tmp_path: Path) -> None:
    fake = install()
    line = (
        f"-S -no-user-config -nodefaults -nographic -machine none,accel=kvm:tcg"
        f" -qmp unix:{tmp_path}/qmp,server=on,wait=off -pidfile {tmp_path}/pid -daemonize"
    )
    assert start(fake, line).wait(PATIENCE) == 0
    pid = int((tmp_path / "pid").read_text())
    assert fake.running == [pid]
    assert Path(f"/proc/{pid}/comm").read_text() == "qemu-system-x86\n"
    with connect(tmp_path / "qmp") as vm:
        assert vm.greeting is not None
        assert vm.greeting.version.qemu.major == 7
        assert vm.execute("query-status")["status"] == "prelaunch"
        assert vm.execute("query-target") == {"arch": "x86_64"}
    again = start(fake, f"-pidfile {tmp_path}/pid -display none")
    assert b"Cannot lock pid file" in again.communicate(timeout=PATIENCE)[1]
    assert again.returncode == 1
    os.kill(pid, signal.SIGKILL)  # as libvirt does; the file stays
    fake.end()
    assert (tmp_path / "pid").exists()


def test_a_launched_machine(install: Install) -> None:
    fake = install(name="qemu-system-aarch64")
    with Client.launch([fake.path, "-machine", "virt", "-cpu", "max"]) as vm:
        assert vm.execute("query-version")["qemu"]["minor"] == 2
        vm.execute("quit")
    assert fake.starts[0].argv[-2:] == ["-mon", "chardev=qmpeer-monitor,mode=control"]
    assert fake.starts[0].status == 0


async def test_the_qemu_projects_client(install: Install, start: Start, tmp_path: Path) -> None:
    qemu_qmp = pytest.importorskip("qemu.qmp", reason="qemu.qmp is not installed")
    client = qemu_qmp.QMPClient("test")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{tmp_path}/qmp")
        listener.listen()
        fd = listener.fileno()
        line = f"-chardev socket,id=m,fd={fd},server=on,wait=off -mon chardev=m,mode=control"
        process = start(install(), line, pass_fds=(fd,))
    await client.connect(f"{tmp_path}/qmp")
    assert (await client.execute("query-status"))["running"]
    await client.execute("quit")
    with contextlib.suppress(EOFError):  # it may have noticed the end already
        await client.disconnect()
    assert process.wait(PATIENCE) == 0


RECORDING = """\
-> {"execute": "query-status"}
<- {"return": {"status": "running"}}
-> {"execute": "quit"}
<- {"return": {}}
"""


def test_a_recording_answers_qmp(install: Install, start: Start, tmp_path: Path) -> None:
    (tmp_path / "vm.txt").write_text(RECORDING)
    fake = install('[process]\nreplay = "vm.txt"\n[[when]]\ncommand = "quit"\nstatus = 5\n')
    process = start(fake, f"-qmp unix:{tmp_path}/qmp,server,nowait -serial mon:stdio")
    with connect(tmp_path / "qmp") as vm:
        assert vm.execute("query-status") == {"status": "running"}
        with pytest.raises(CommandError, match="stop has not been found in the recording"):
            vm.execute("stop")
        vm.execute("quit")
    assert process.wait(PATIENCE) == 5
    with pytest.raises(ScriptMismatch, match=r"^not recorded: stop$"):
        fake.verify()


SCRIPT = """\
[server]
version = [9, 2, 0]

[[expect]]
command = "device_add"
arguments = { driver = "virtio-blk-pci" }
reply = {}
events = [{ event = "DEVICE_DELETED", data = { path = "/x" } }]

[[expect]]
command = "cont"

[[when]]
event = "DEVICE_DELETED"
serial = "virtio1: gone\\n"

[[when]]
command = "quit"
status = 4
"""


def test_a_script_answers_qmp(install: Install, start: Start, tmp_path: Path) -> None:
    fake = install(SCRIPT)
    process = start(fake, f"-qmp unix:{tmp_path}/qmp,server,nowait -serial stdio -monitor none")
    with connect(tmp_path / "qmp") as vm:
        assert vm.greeting is not None
        assert vm.greeting.version.qemu.major == 9
        mark = vm.event_mark()
        vm.execute("device_add", {"driver": "virtio-blk-pci", "id": "d0"})
        vm.wait_event("DEVICE_DELETED", since=mark, timeout=PATIENCE)
        vm.execute("quit")
    out, _ = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (4, b"virtio1: gone\n")
    with pytest.raises(ScriptMismatch) as caught:
        fake.verify()
    assert [text.partition("\n")[0] for text in caught.value.mismatches] == [
        f"not met: cont ({tmp_path}/script.toml:11:11)"
    ]


def test_a_guest_that_shuts_down_by_itself(install: Install, start: Start, tmp_path: Path) -> None:
    fake = install(
        '[[on]]\ncommand = "system_powerdown"\nreply = {}\n'
        'events = ["POWERDOWN", { event = "SHUTDOWN", data = { guest = true, reason = "x" } }]\n'
    )
    line = f"-qmp unix:{tmp_path}/qmp,server,nowait -display none -daemonize -pidfile pid"
    assert start(fake, line).wait(PATIENCE) == 0
    with connect(tmp_path / "qmp") as vm:
        mark = vm.event_mark()
        vm.execute("system_powerdown")
        vm.wait_event("SHUTDOWN", since=mark, timeout=PATIENCE)
    until_gone(tmp_path / "pid")
    fake.verify()
    assert fake.starts[0].status == 0


def test_ends_by_time_and_signal(install: Install, start: Start) -> None:
    fake = install('[[when]]\nafter = 0\nserial = "panic"\nsignal = "SIGABRT"\n')
    process = start(fake, "-display none -serial stdio -monitor none")
    out, _ = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (-signal.SIGABRT, b"panic")
    assert fake.starts[0].signal == signal.SIGABRT


def test_a_disk_that_boots_and_ends(install: Install, start: Start, tmp_path: Path) -> None:
    fake = install('[[when]]\nserial = "built\\n"\nchardev.nosuch = "x"\nstatus = 0\n')
    process = start(fake, "-serial file:serial.log disk.img")
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert (tmp_path / "serial.log").read_text() == "built\n"
    assert err.endswith(b"the script's text isn't written: chardev \"nosuch\" not found\n")


OPEN_TO_ALL = (
    "-qmp tcp:0.0.0.0:0,server=on,wait=off: tcp:0.0.0.0:0 can be reached from other machines,"
    " without a password; use 127.0.0.1, [::1] or a unix socket, or 'insecure = true' in the"
    " script's [process]"
)


@pytest.mark.parametrize(
    ("script", "line", "error"),
    [
        (ProcessScript(), "-foo", "-foo: invalid option"),
        (
            ProcessScript(),
            "-qmp tcp:0.0.0.0:0,server=on,wait=off",
            OPEN_TO_ALL,
        ),
        (
            ProcessScript(faults=("cutt after=stop",)),
            "-nodefaults",
            "found an unknown fault 'cutt'; did you mean cut?",
        ),
        (ProcessScript(replay="/nosuch/vm.txt"), "-S", "/nosuch/vm.txt: No such file or directory"),
        (ProcessScript(), "-D /nosuch/file", "/nosuch/file: No such file or directory"),
    ],
)  # fmt: skip
def test_starts_that_fail(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    script: ProcessScript,
    line: str,
    error: str,
) -> None:
    for name in ("block_signals", "raise_fd_limit", "watch_signals"):
        monkeypatch.setattr(f"qmpeer.options.process.{name}", lambda *args: None)
    log = str(tmp_path / "log")
    number = log_start(log, ["qemu"], {})
    started = Started("qemu", line.split(), number, Settings(log), script, ())
    assert run_fake(started) == 1
    assert capfd.readouterr() == ("", f"qemu: {error}\n")
    assert [each.status for each in read_starts(log)] == [1]
