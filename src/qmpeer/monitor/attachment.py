"""A monitor's place on a character device, which can be given up again."""

from collections.abc import Callable, Collection

from qmpeer.monitor.backend import Context
from qmpeer.monitor.connection import AccessPoint, MonitorConnection


class Attachment:
    """A monitor on one character device; `Monitor.attach_device` returns it.

    Its methods belong to the thread of the monitor's loop.

    Attributes:
        is_removed: True once the monitor is no longer on the device.
    """

    def __init__(
        self,
        detach: Callable[[], None],
        access: AccessPoint,
        connections: Collection[MonitorConnection],
    ) -> None:
        self.is_removed: bool = False
        self._detach = detach
        self._access = access
        self._connections = connections

    def carries(self, context: Context | None) -> bool:
        """Return True if a command came in here, also as a line in human-monitor-command."""
        from qmpeer.monitor.human.context import OneLine  # start: 10 ms

        while isinstance(context, OneLine):
            context = context.origin
        return isinstance(context, MonitorConnection) and context.belongs_to(self._access)

    def remove(self) -> None:
        """Take the monitor off the device, which is then free for another one. Idempotent.

        A client stays connected to the device and is told nothing. It gets the replies of commands
        that have been executed. Commands that are running go on without a reply; those that wait
        are dropped, and so are the descriptors that were named with getfd. A client that has read
        only a part of a reply is disconnected.
        """
        if self.is_removed:
            return
        self.is_removed = True
        self._detach()
        for connection in [each for each in self._connections if each.belongs_to(self._access)]:
            connection.leave_stream()
        self._access.named_fds.close()
