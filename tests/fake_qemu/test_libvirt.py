"""The real libvirt takes the fake for QEMU 7.2, with a recording of its own behind it."""

import os
import pwd
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.corpus import corpus_path
from tests.fake_qemu.conftest import Install
from tests.interop.libvirt import CONFIGURATION
from tests.patience import PATIENCE

SCRIPT = """\
[process]
replay = "{corpus}/replies/caps_7.2.0_x86_64.replies"

[[when]]
argv = "-machine none,accel=tcg"
conversation = 2
"""
"""libvirt starts QEMU once with KVM, and once without."""


@pytest.mark.real
@pytest.mark.slow
def test_libvirt_asks_for_the_domains_that_it_may_have(
    install: Install, program: Callable[[str], str], tmp_path: Path
) -> None:
    virsh, corpus = program("virsh"), corpus_path()
    try:
        pwd.getpwnam("libvirt-qemu")
    except KeyError:
        pytest.skip("there is no user libvirt-qemu")
    if os.geteuid() != 0:
        pytest.skip("only root may start libvirt's driver here")
    (tmp_path / "root" / "etc").mkdir(parents=True)
    (tmp_path / "root" / "etc" / "qemu.conf").write_text(CONFIGURATION)
    fake = install(SCRIPT.format(corpus=corpus))
    words = ["domcapabilities", "--emulatorbin", fake.path, "--virttype", "qemu"]
    done = subprocess.run(
        [virsh, "-c", f"qemu:///embed?root={tmp_path}/root", *words, "--machine", "q35"],
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    assert "<machine>pc-q35-7.2</machine>" in done.stdout
    assert [each.argv[6] for each in fake.starts] == ["none,accel=kvm:tcg", "none,accel=tcg"]
    fake.verify()
