"""Other clients beside the real libvirt, on the monitor of a domain of its own.

Debian's libvirt starts the emulator, which is QEMU with a proxy on its monitor.
"""

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmpeer import Client
from qmpeer.errors import CommandError, CommandInterrupted, ConnectionClosed, QMPError
from qmpeer.proxy.emulator import EmulatorSettings
from qmpeer.proxy.emulator_file import install_emulator
from tests.interop.libvirt import Libvirt
from tests.listening import until_listening
from tests.patience import PATIENCE
from tests.qemu import QEMU

DEVICES = """\
<controller type='scsi' model='virtio-scsi'/><controller type='virtio-serial'/>
<video><model type='vga'/></video>
"""
DISK = """\
<disk type='file' device='disk'>
  <driver name='qemu' type='qcow2'/><source file='{folder}/disk.qcow2'/>
  <target dev='sda' bus='scsi'/>
</disk>
"""
CHANNEL = """\
<channel type='unix'>
  <source mode='bind' path='{folder}/channel.sock'/><target type='virtio' name='org.example.0'/>
</channel>
"""
QMPEER = (sys.executable, "-m", "qmpeer")


class Beside:
    """A libvirt, and the place where others reach its domains."""

    def __init__(self, program: Callable[[str], str], folder: Path) -> None:
        self.folder = folder
        self.libvirt = Libvirt(program, folder)
        self.emulator = folder / "emulator"
        self.place = folder / "vm.qmp"
        options = ["-qmp", f"unix:{folder}/%n.qmp,server=on,wait=off"]
        install_emulator(str(self.emulator), EmulatorSettings(program(QEMU), options))
        self._started: list[subprocess.Popen[str]] = []

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text.format(folder=self.folder))
        return path

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """Start qmpeer with these words; what it prints can be read."""
        process = subprocess.Popen(
            [*QMPEER, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        self._started.append(process)
        return process

    def run(self, *words: str) -> str:
        """Run qmpeer with these words, and return what it prints."""
        return subprocess.run(
            [*QMPEER, *words], stdout=subprocess.PIPE, text=True, timeout=PATIENCE, check=True
        ).stdout

    def end(self) -> None:
        for process in self._started:
            process.kill()
            process.communicate()
        # A machine may be left if the test has failed on the way; otherwise nobody answers.
        with contextlib.suppress(OSError, QMPError), Client.connect(self.place) as vm:
            vm.execute("quit")

    def until_gone(self) -> None:
        """Wait until the proxy has removed its socket: it ends a moment after QEMU."""
        until = time.monotonic() + PATIENCE
        while self.place.exists():
            assert time.monotonic() < until
            time.sleep(0.01)


@pytest.fixture
def beside(program: Callable[[str], str], tmp_path: Path) -> Iterator[Beside]:
    made = Beside(program, tmp_path)
    yield made
    made.end()


class Asking:
    """A client that asks one question after the other, in a thread, until the machine ends."""

    def __init__(self, place: Path) -> None:
        self.answers = 0
        self.reason = ""
        self._vm = Client.connect(place)
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def _ask(self) -> None:
        try:
            while True:
                assert self._vm.execute("query-status")["status"] in STATES
                self.answers += 1
                time.sleep(0.01)  # a monitoring program, not a load
        except (CommandInterrupted, ConnectionClosed) as error:
            self.reason = error.reason
        except CommandError as error:  # the answer to the last question
            self.reason = error.desc
        finally:
            self._vm.close()

    def wait(self) -> None:
        self._thread.join(PATIENCE)
        assert "connection" in self.reason.lower()  # the kernel writes Connection


STATES = ("running", "paused", "postmigrate", "finish-migrate", "save-vm", "shutdown", "prelaunch")


@pytest.mark.real
def test_another_client(beside: Beside) -> None:
    libvirt = beside.libvirt
    domain = libvirt.domain("vm", beside.emulator)
    libvirt.virsh(f"create --paused {domain}")
    with Client.connect(beside.place) as vm:
        assert vm.execute("query-name") == {"name": "vm"}
        mark = vm.event_mark()
        # A new libvirt finds the domain by the path of its monitor.
        printed = libvirt.virsh("domstate vm", "resume vm", "domstate vm", "destroy vm")
        assert "paused\n" in printed
        assert "running\n" in printed
        vm.wait_event("RESUME", since=mark)
        vm.wait_event("SHUTDOWN", since=mark)
    beside.until_gone()
    assert libvirt.taints("vm") <= {"high-privileges"}  # that of QEMU as root


@pytest.mark.real
@pytest.mark.slow
def test_a_whole_life_with_others_beside(beside: Beside, program: Callable[[str], str]) -> None:
    libvirt, folder, place = beside.libvirt, beside.folder, str(beside.place)
    disk = beside.write("disk.xml", DISK)
    channel = beside.write("channel.xml", CHANNEL)
    make_disk = [program("qemu-img"), "create", "-q", "-f", "qcow2", f"{folder}/disk.qcow2", "4M"]
    subprocess.run(make_disk, check=True, timeout=PATIENCE)

    libvirt.virsh(f"create {libvirt.domain('vm', beside.emulator, DEVICES)}")
    listener = beside.start("events", place)
    asking = Asking(beside.place)
    watching = beside.start("top", place, "--interval", "0.3")
    node = "blockdev-add driver=null-co node-name=others"
    assert '"name": "vm"' in beside.run("shell", place, "-c", "query-name", "-c", node)

    libvirt.virsh(f"attach-device vm {disk}", f"attach-device vm {channel}")
    others = beside.run("exec", place, "query-named-block-nodes", "flat=true")
    assert f"{folder}/disk.qcow2" in others
    printed = libvirt.virsh("suspend vm", "domstate vm", "resume vm", "domstate vm")
    assert printed.split().count("paused") == 1
    libvirt.virsh("send-key vm KEY_A KEY_B", f"screenshot vm {folder}/screen")
    assert (folder / "screen").stat().st_size > 100
    copy = f"blockcopy vm sda --dest {folder}/copy.qcow2 --transient-job --wait --pivot"
    snapshot = "snapshot-create-as vm --disk-only --no-metadata s1"
    assert f"{folder}/copy.s1" in libvirt.virsh(copy, snapshot, "domblklist vm")
    libvirt.virsh("detach-disk vm sda")
    assert "others" in beside.run("exec", place, "query-named-block-nodes", "flat=true")
    # The file to save to travels as a descriptor, as did the socket of the channel.
    saved = folder / "saved"
    printed = libvirt.virsh(
        f"save vm {saved}", f"restore {saved}", "domstate vm", "dominfo vm", "destroy vm"
    )
    assert "\nrunning\n" in printed

    asking.wait()
    assert asking.answers > 20
    events, _ = listener.communicate(timeout=PATIENCE)
    for name in ("STOP", "RESUME", "BLOCK_JOB_COMPLETED", "DEVICE_DELETED", "SHUTDOWN"):
        assert f'"event": "{name}"' in events
    watching.communicate(timeout=PATIENCE)
    beside.until_gone()
    assert libvirt.taints("vm") <= {"high-privileges"}


@pytest.mark.real
@pytest.mark.slow
def test_in_the_place_of_libvirts_socket(beside: Beside, program: Callable[[str], str]) -> None:
    """Without an emulator: the proxy takes the monitor's place while libvirt is away."""
    libvirt = beside.libvirt
    libvirt.virsh(f"create {libvirt.domain('vm', program(QEMU))}")
    monitor = libvirt.monitor("vm")
    place = f"unix:{beside.place},server=on,wait=off"
    proxy = beside.start("proxy", str(monitor), "--take-over", "-qmp", place)
    until_listening(beside.place, proxy)
    with Client.connect(beside.place) as vm:
        mark = vm.event_mark()
        assert "paused\n" in libvirt.virsh("suspend vm", "domstate vm", "resume vm")
        vm.wait_event("STOP", since=mark)
        # libvirt has gone again. So may the proxy go, and libvirt finds QEMU itself.
        proxy.terminate()
        assert proxy.wait(PATIENCE) == 0
    assert "running\n" in libvirt.virsh("domstate vm", "suspend vm", "destroy vm")
    assert libvirt.taints("vm") <= {"high-privileges"}
