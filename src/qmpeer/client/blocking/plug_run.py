# Generated from aio/plug_run.py by scripts/blocking_client.py: `make fix` writes it anew.
"""The addition of a device and its backends, in order, and what is taken back if a step fails."""

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol

from qmpeer import limits
from qmpeer.client.blocking.presence import look
from qmpeer.client.blocking.procedures import CommandClient
from qmpeer.client.blocking.unplug_run import UnplugRun, remove
from qmpeer.client.existence import is_of_another_type
from qmpeer.client.hotplug import DeviceBackend, Part, sentence
from qmpeer.client.timeouts import DEFAULT, Countdown, Timeout
from qmpeer.errors import (
    CommandError,
    CommandInterrupted,
    ConnectionClosed,
    LimitError,
    LocalProtocolError,
    ValidationError,
)

_NOT_DONE = (
    CommandError, ConnectionClosed, LimitError, LocalProtocolError, TypeError, ValidationError,
)  # fmt: skip
"""The exceptions of a command that had no effect: refused, or never sent."""


class PlugRun:
    """The addition of parts.

    Args:
        client: The client.
        parts: The parts in their order.
        hint: A note for the error of a refused device; "" for none.
        countdown: The deadline of the whole run.
    """

    def __init__(
        self, client: CommandClient, parts: Sequence[Part], hint: str, countdown: Countdown
    ) -> None:
        self._client = client
        self._parts = parts
        self._hint = hint
        self._countdown = countdown
        self._done = 0  # the number of parts that were added

    def run(self) -> None:
        """Add the parts, as described at `Client.plug`."""
        try:
            for number, part in enumerate(self._parts, 1):
                self._add(part)
                self._done = number
        # A coroutine that is being closed can't execute commands: the parts stay.
        except GeneratorExit:
            raise
        except BaseException as error:
            if self._hint and isinstance(error, CommandError) and error.command == "device_add":
                error.add_note(self._hint)
            self._take_back(error)
            raise

    def _add(self, part: Part) -> None:
        try:
            self._client.execute(part.command, part.arguments, timeout=self._countdown.remaining())
        except CommandInterrupted:
            # If the client connects again, the new connection shows whether it was done.
            try:
                is_done = self._is_there(part, self._countdown)
            except (CommandError, CommandInterrupted, ConnectionClosed, TimeoutError):
                is_done = False
            if not is_done:
                raise

    def _is_there(self, part: Part, countdown: Countdown) -> bool:
        """Return whether a part exists; one of another type is somebody else's."""
        found = look(self._client, part.kind, part.name, (), countdown)
        return found is not None and not is_of_another_type(
            part.kind, part.command, part.arguments, found
        )

    def _may_be_there(self, part: Part, countdown: Countdown) -> bool:
        try:
            return self._is_there(part, countdown)
        except CommandError:  # a server that can't tell; its answer to the removal does
            return True

    def _take_back(self, error: BaseException) -> None:
        """Remove the parts that were added, the last one first; add notes to the error."""
        countdown = Countdown(limits.CANCEL_TIMEOUT)
        remaining = [*self._parts[: self._done]]
        taken: list[Part] = []
        left: list[str] = []
        try:
            if self._done < len(self._parts) and not isinstance(error, _NOT_DONE):
                remaining.append(self._parts[self._done])  # it may have been added, or not
                if not self._may_be_there(remaining[-1], countdown):
                    remaining.pop()
            while remaining:
                part = remaining[-1]
                try:
                    if self._remove(part, countdown):
                        taken.append(part)
                except CommandError as failure:
                    left.append(f"{part} is still there: {failure}")
                remaining.pop()
        except (CommandInterrupted, ConnectionClosed, TimeoutError) as failure:
            left.append(f"{sentence(reversed(remaining))} may still be there: {failure}")
        finally:
            if taken:
                error.add_note(f"taken back: {sentence(taken)}")
            for text in left:
                error.add_note(text)

    def _remove(self, part: Part, countdown: Countdown) -> bool:
        if part.kind != "device":
            return remove(self._client, part.kind, part.name, countdown)
        try:
            run = UnplugRun(self._client, part.name, {}, False, None, countdown)
            run.remove_device(limits.CANCEL_TIMEOUT)
        except CommandError as error:
            if error.error_class == "DeviceNotFound":
                return False
            raise
        return True


class UnplugClient(Protocol):
    """A client, as a plugged device uses it."""

    def unplug(
        self, id: str, *, backends: bool, repeat: float | None, timeout: Timeout
    ) -> tuple[DeviceBackend, ...]:
        """Unplug a device."""


class Plugged:
    """A plugged device with its backends, and a context manager that unplugs it.

    If the body raises, the guest has 10 seconds to let the device go, and a failure to unplug it
    becomes a note of the body's exception.

    Attributes:
        id: The device's id.
        backends: The backends that were added with it, in their order.
        is_plugged: False once it was unplugged by this client.

    Example:
        >>> with vm.plug({"driver": "usb-tablet"}) as tablet:  # doctest: +SKIP
        ...     print(tablet.id)
    """

    def __init__(self, client: UnplugClient, id: str, backends: tuple[DeviceBackend, ...]) -> None:
        self.id: str = id
        self.backends: tuple[DeviceBackend, ...] = backends
        self.is_plugged: bool = True
        self._client = client

    def unplug(
        self,
        *,
        backends: bool = True,
        repeat: float | None = limits.UNPLUG_REPEAT,
        timeout: Timeout = DEFAULT,
    ) -> tuple[DeviceBackend, ...]:
        """Unplug the device and remove its backends, as `Client.unplug` does.

        A device that is gone already is no error, whether this call was repeated or a reset removed
        the device.
        """
        if not self.is_plugged:
            return ()
        return self._client.unplug(self.id, backends=backends, repeat=repeat, timeout=timeout)

    def __enter__(self) -> "Plugged":
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self.is_plugged or isinstance(exc, GeneratorExit):
            return
        if exc is None:
            self.unplug()
            return
        try:
            self.unplug(timeout=limits.CANCEL_TIMEOUT)
        except (CommandError, CommandInterrupted, ConnectionClosed, TimeoutError) as failure:
            exc.add_note(f"device {self.id} wasn't unplugged: {failure}")
            for note in getattr(failure, "__notes__", ()):
                exc.add_note(note)

    def __repr__(self) -> str:
        state = "plugged" if self.is_plugged else "unplugged"
        return f"<{type(self).__name__} {self.id} {state}>"
