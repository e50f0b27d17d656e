"""The multiplexer: several front ends on one device, and a menu that switches the keyboard.

It is the front end of its base device. `mux_session` does the work for one connection.
"""

from qmpeer import limits
from qmpeer.chardev.device import Chardev, DeviceConnection, not_attached
from qmpeer.chardev.host import Host
from qmpeer.chardev.mux_session import MuxSession
from qmpeer.errors import ChardevError
from qmpeer.transport.aio import HandlerFactory, Stream
from qmpeer.values import JsonObject


class MuxDevice(Chardev):
    """A device that shares its base device among up to four front ends."""

    def __init__(self, label: str, data: JsonObject, host: Host, base: Chardev) -> None:
        super().__init__("mux", label, data, host, None)
        self._base = base
        self._level: int = base._level + 1 if isinstance(base, MuxDevice) else 1
        self._factories: list[HandlerFactory] = []
        self._sharers: list[Chardev] = []
        self._session: MuxSession | None = None

    @property
    def frontend_open(self) -> bool:
        """True if a front end other than a mux is attached, here or to an attached mux."""
        has_own = len(self._factories) > len(self._sharers)
        return has_own or any(sharer.frontend_open for sharer in self._sharers)

    @property
    def is_busy(self) -> bool:
        """True: it can't be removed. Spec: QEMU never removes a mux."""
        return True

    @property
    def client(self) -> DeviceConnection | None:
        """The connection of the client at the other end of its base, or None."""
        return self._base.client

    @property
    def focus(self) -> int:
        """The index of the front end with the keyboard, from 0; -1 without front ends."""
        return len(self._factories) - 1 if self._session is None else self._session.focus

    def attach(self, factory: HandlerFactory, *, wants_echo: bool = False) -> None:
        """Add a front end and give it the focus.

        Raises:
            ChardevError: If there are four front ends already.
        """
        if len(self._factories) == limits.MUX_FRONT_ENDS:
            raise ChardevError(f"Device '{self.label}' is in use")
        self._factories.append(factory)
        if self._session is not None:
            self._session.attached(factory)

    def detach(self, factory: HandlerFactory) -> None:
        """Remove one front end; if it had the focus, another one gets it."""
        if factory not in self._factories:
            raise not_attached(self.label)
        index = self._factories.index(factory)
        del self._factories[index]
        if self._session is not None:
            self._session.detached(index)

    def share(self, sharer: Chardev, factory: HandlerFactory) -> None:
        """Attach another mux.

        Raises:
            ChardevError: If there are four front ends already, or too many muxes on one another.
        """
        if self._level == limits.MUX_LEVELS:
            found = f"found {self._level + 1} muxes on one another"
            raise ChardevError(f"{found}, expected at most {limits.MUX_LEVELS}")
        self.attach(factory)
        self._sharers.append(sharer)

    async def _open(self) -> None:
        self._base.share(self, self._begin)

    async def wait_for_client(self) -> None:
        """Wait until a client has connected to its base."""
        await self._base.wait_for_client()

    def yank(self) -> None:
        """Cut the connection of its base."""
        self._base.yank()

    def send_break(self) -> None:
        """Send a break to the other end of its base."""
        self._base.send_break()

    def _begin(self, stream: Stream) -> MuxSession:
        session = MuxSession(stream, self._host, self._factories, self._ended)
        self._session = session
        self._host.when_changed()
        return session

    def _ended(self, session: MuxSession) -> None:
        if self._session is session:
            self._session = None
