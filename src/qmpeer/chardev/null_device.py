"""Devices without another end: null, and those of QEMU whose other end isn't built in here.

``vc`` is a text console of QEMU's window, and nobody sees it without one. ``msmouse``,
``wctablet``, ``testdev`` and ``qemu-vdagent`` stand for a guest's hardware: they are there, so that
command lines and queries work, and silent.
"""

from typing import ClassVar, Final, Literal

from qmpeer.chardev.device import Chardev
from qmpeer.chardev.output_only import OutputOnlyStream

_OPENS: Final[dict[str, Literal["now", "later", "never"]]] = {
    "null": "never",
    "vc": "later",
    "msmouse": "never",
    "wctablet": "now",
    "testdev": "now",
    "qemu-vdagent": "now",
}
"""The types, and when each has somebody at its other end."""


class NullDevice(Chardev):
    """A device that drops what is written and never reads anything.

    Spec: QEMU: out-of-band execution isn't offered on null and vc, and null and msmouse never open:
    a control monitor there doesn't greet.
    """

    offers_oob: ClassVar[bool] = False

    @property
    def opens(self) -> Literal["now", "later", "never"]:
        """When its other end is there."""
        return _OPENS[self.kind]

    async def _open(self) -> None:
        stream = OutputOnlyStream(self.kind, self._take)
        stream.start(self._connect(stream))

    def _take(self, data: bytes) -> None:
        """Drop it."""
