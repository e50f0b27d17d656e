"""Devices without another end: null, and QEMU's devices whose other end we don't have.

``vc`` is a text console in QEMU's window, invisible without a window. ``msmouse``, ``wctablet``,
``testdev`` and ``qemu-vdagent`` belong to a guest's hardware. They exist here so that command lines
and queries work; they are silent.
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
"""When each of these types has another end."""


class NullDevice(Chardev):
    """A device that drops all output and has no input.

    Spec: QEMU doesn't offer out-of-band execution on null and vc. null and msmouse never open, so a
    control monitor there doesn't greet.
    """

    offers_oob: ClassVar[bool] = False

    @property
    def opens(self) -> Literal["now", "later", "never"]:
        """When the device has another end."""
        return _OPENS[self.kind]

    async def _open(self) -> None:
        stream = OutputOnlyStream(self.kind, self._take)
        stream.start(self._connect(stream))

    def _take(self, data: bytes) -> None:
        """Drop the data."""
