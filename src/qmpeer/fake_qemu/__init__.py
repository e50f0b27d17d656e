"""A fake QEMU for PATH: programs under test start it in QEMU's place.

Names are imported on first use: the fake itself has to start fast.
"""

from typing import TYPE_CHECKING

from qmpeer.lazy import handed_out

if TYPE_CHECKING:
    from qmpeer.fake_qemu.installation import FakeQemu
    from qmpeer.fake_qemu.recorded_answers import record_answers
    from qmpeer.fake_qemu.start_log import Start

__all__ = ["FakeQemu", "Start", "record_answers"]

_HOMES = {
    "FakeQemu": "qmpeer.fake_qemu.installation",
    "Start": "qmpeer.fake_qemu.start_log",
    "record_answers": "qmpeer.fake_qemu.recorded_answers",
}


def __getattr__(name: str) -> object:
    return handed_out(__name__, _HOMES, name)
