"""Devices without another end: null, and those of QEMU whose other end isn't built in here.

``vc`` is a text console of QEMU's window, and nobody sees it without one. ``msmouse``,
``wctablet``, ``testdev`` and ``qemu-vdagent`` stand for a guest's hardware: they are there, so that
command lines and queries work, and silent.
"""

from typing import ClassVar, Literal

from qmpeer.chardev.device import Chardev
from qmpeer.chardev.output_only import OutputOnlyStream


class NullDevice(Chardev):
    """Drop what is written, never read anything.

    Spec: QEMU: out-of-band execution isn't offered on null and vc, and null and msmouse never open:
    a control monitor there doesn't greet.
    """

    kind: ClassVar[str] = "null"
    offers_oob: ClassVar[bool] = False
    opens: ClassVar[Literal["now", "later", "never"]] = "never"

    @property
    def filename(self) -> str:
        """What query-chardev calls its filename."""
        return self.kind

    async def _open(self) -> None:
        stream = OutputOnlyStream(self.kind, self._take)
        stream.start(self._connect(stream))

    def _take(self, data: bytes) -> None:
        """Drop it."""


class ConsoleDevice(NullDevice):
    """Be a console that nobody sees."""

    kind: ClassVar[str] = "vc"
    opens: ClassVar[Literal["now", "later", "never"]] = "later"


class MouseDevice(NullDevice):
    """Be a serial mouse that never moves."""

    kind: ClassVar[str] = "msmouse"


class TabletDevice(NullDevice):
    """Be a serial tablet that is never touched."""

    kind: ClassVar[str] = "wctablet"
    opens: ClassVar[Literal["now", "later", "never"]] = "now"


class TestDevice(NullDevice):
    """Be the device of QEMU's own tests, without what it does."""

    __test__ = False
    kind: ClassVar[str] = "testdev"
    opens: ClassVar[Literal["now", "later", "never"]] = "now"


class AgentDevice(NullDevice):
    """Be the clipboard of a window that isn't there."""

    kind: ClassVar[str] = "qemu-vdagent"
    opens: ClassVar[Literal["now", "later", "never"]] = "now"
