"""The real libvirt, with a driver for QEMU in virsh's own process, and everything below one folder.

Each call of virsh is a libvirt that starts, finds the domains that run, and ends.
"""

import os
import pwd
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.patience import PATIENCE

__all__ = ["Libvirt", "skip_without_libvirt"]

CONFIGURATION = """\
user = "root"
group = "root"
stdio_handler = "file"
cgroup_controllers = []
namespaces = []
remember_owner = 0
dynamic_ownership = 0
security_driver = "none"
"""
DOMAIN = """\
<domain type='qemu'>
  <name>{name}</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features>
  <devices>
    <emulator>{emulator}</emulator>
    <controller type='usb' model='none'/><memballoon model='none'/>
    {devices}
  </devices>
</domain>
"""


def skip_without_libvirt(program: Callable[[str], str]) -> str:
    """Return the path of virsh; skip the test where libvirt's driver can't run."""
    virsh = program("virsh")
    try:
        pwd.getpwnam("libvirt-qemu")
    except KeyError:
        pytest.skip("there is no user libvirt-qemu")
    if os.geteuid() != 0:
        pytest.skip("only root may start libvirt's driver here")
    return virsh


class Libvirt:
    """A libvirt below one folder.

    Args:
        program: Finds programs.
        folder: The folder.

    Attributes:
        logs: The folder of the logs of domains.
    """

    def __init__(self, program: Callable[[str], str], folder: Path) -> None:
        self._virsh = skip_without_libvirt(program)
        self._folder = folder
        root = folder / "root"
        (root / "etc").mkdir(parents=True)
        (root / "etc" / "qemu.conf").write_text(CONFIGURATION)
        self._root = root
        self.logs: Path = root / "log" / "qemu"

    def domain(self, name: str, emulator: Path | str, devices: str = "") -> Path:
        """Write the description of a domain, and return its path."""
        path = self._folder / f"{name}.xml"
        path.write_text(DOMAIN.format(name=name, emulator=emulator, devices=devices))
        return path

    def monitor(self, name: str) -> Path:
        """Return the path of the socket at which a domain's QEMU waits for libvirt."""
        (folder,) = (self._root / "lib" / "qemu").glob(f"domain-*-{name}")
        return folder / "monitor.sock"

    def virsh(self, *lines: str, pass_fds: Sequence[int] = ()) -> str:
        """Run commands of virsh, one after the other; return what they print.

        A command fails the test if it fails.
        """
        done = subprocess.run(
            [self._virsh, "-c", f"qemu:///embed?root={self._root}", "; ".join(lines)],
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
            pass_fds=pass_fds,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def taints(self, name: str) -> set[str]:
        """Return the reasons for which libvirt calls a domain tainted."""
        log = (self.logs / f"{name}.log").read_text()
        return {
            line.partition("is tainted: ")[2] for line in log.splitlines() if "is tainted: " in line
        }
