"""The real libvirt starts its QEMU by the wrapper of docs/howto/record-libvirt.md, and saves it."""

import shlex
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from qmpeer.recording import read_transcript
from qmpeer.transcript import Descriptors, Entry, Line, Sender
from tests.docs.page_runner import page_blocks
from tests.docs.pages import DOCS
from tests.interop.libvirt import Libvirt
from tests.qemu import QEMU

ENVIRONMENT = """\
#!/bin/sh
# libvirt passes few variables on.
PATH={folder}:$PATH QMPEER_WRAPPED_QEMU={qemu} QMPEER_RECORDS={records}
export PATH QMPEER_WRAPPED_QEMU QMPEER_RECORDS
exec bash {wrapper} "$@"
"""
QMPEER = '#!/bin/sh\nexec {python} -m qmpeer "$@"\n'


def write_program(path: Path, text: str, **names: object) -> None:
    path.write_text(text.format(**{name: shlex.quote(str(value)) for name, value in names.items()}))
    path.chmod(0o755)


def wrapper_on_the_page() -> str:
    page = (DOCS / "howto" / "record-libvirt.md").read_text()
    return next(b.text for b in page_blocks(page) if b.file_name == "recording-qemu.sh")


def said(entries: Iterable[Entry]) -> bytes:
    """Return what both ends said."""
    return b"".join(entry.data for entry in entries if isinstance(entry, Line))


@pytest.mark.real
@pytest.mark.slow
def test_a_whole_life_is_recorded(program: Callable[[str], str], tmp_path: Path) -> None:
    libvirt, qemu = Libvirt(program, tmp_path), program(QEMU)
    records = tmp_path / "records"
    (tmp_path / "recording-qemu.sh").write_text(wrapper_on_the_page())
    write_program(tmp_path / "qmpeer", QMPEER, python=sys.executable)
    write_program(
        tmp_path / "emulator", ENVIRONMENT, folder=tmp_path, qemu=qemu, records=records,
        wrapper=tmp_path / "recording-qemu.sh",
    )  # fmt: skip
    domain = libvirt.domain("vm", tmp_path / "emulator")
    printed = libvirt.virsh(
        f"create {domain}", "suspend vm", "resume vm", f"save vm {tmp_path}/saved",
        f"restore {tmp_path}/saved", "domstate vm", "destroy vm",
    )  # fmt: skip
    assert "\nrunning\n" in printed
    recorded = [read_transcript(path).sections[0].entries for path in records.glob("*.txt")]
    restored, saved = sorted(recorded, key=lambda entries: b"migrate-incoming" not in said(entries))
    for name in (b'"STOP"', b'"RESUME"', b'"execute":"cont"', b'"uri":"fd:migrate"'):
        assert name in said(saved)
    assert b'"execute":"migrate-incoming"' in said(restored)
    # The file to save to travels as a descriptor.
    at = saved.index(Descriptors(Sender.CLIENT, 1))
    assert b'"execute":"getfd"' in said(saved[at + 1 : at + 2])
