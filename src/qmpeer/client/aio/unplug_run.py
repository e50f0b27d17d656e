"""The removal of a device and its backends: the request, the guest's consent, what is left over.

Theory of operation. device_del only asks the guest. DEVICE_DELETED shows that the device is gone;
an event of failure shows that the guest refused. A guest that is booting, or has hung, ignores the
request: it is repeated after a while. Meanwhile QEMU may refuse the repetition, because the earlier
request is pending; that counts as asked. A slot of PCI Express also refuses the first request while
the guest is still powering it up. A reset completes some removals, and ends the others without an
event, so the new guest is asked.

DEVICE_DELETED comes for each part: first for those inside the device and on its buses, last for the
device itself. The wait is for the last one, so that the others are in the past when it ends. x86's
processors send none; there, the event of the local APIC, and that the guest has ejected something,
are hints to look.

The device's properties name its backends. They are read before the request, on all devices that
will go: the device, and those on its buses. Some devices hand their backend on to a device inside
them, as usb-storage does; then its properties are read.

Spec: QEMU, qapi/qdev.json, device_del and DEVICE_DELETED.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from qmpeer import limits
from qmpeer.client.aio.channel import AsyncChannel
from qmpeer.client.aio.presence import look
from qmpeer.client.aio.procedures import CommandClient
from qmpeer.client.answers import read_answer, text_of
from qmpeer.client.completion_rules import Ending
from qmpeer.client.completions import path_of, unplug_rule
from qmpeer.client.events import EventWait
from qmpeer.client.existence import KINDS
from qmpeer.client.hotplug import (
    OWNING_PROPERTIES,
    DeviceBackend,
    backend_in,
    is_busy,
    is_pending,
    leaving_with,
    sentence,
)
from qmpeer.client.server_names import PERIPHERALS
from qmpeer.client.timeouts import Countdown, Deadline
from qmpeer.errors import CommandError, CompletionError, ConnectionClosed
from qmpeer.messages import Event

_GONE = -1.0
"""Returned in place of a number of seconds: there is no such device any more."""


class UnplugRun:
    """The removal of one device.

    Args:
        client: The client.
        id: The device's id or QOM path.
        known: The backends that were added with a device, in that order, by the device's QOM path.
        removes_backends: True to remove them, and those that the device names.
        repeat: Seconds after which a silent guest is asked again; None asks once.
        countdown: The deadline until the guest has let the device go.

    Attributes:
        gone: The paths of the device, and of those on its buses, once they are known to be gone.
    """

    def __init__(
        self,
        client: CommandClient,
        id: str,
        known: Mapping[str, Sequence[DeviceBackend]],
        removes_backends: bool,
        repeat: float | None,
        countdown: Countdown,
    ) -> None:
        self._client = client
        self._id = id
        self._known = known
        self._removes_backends = removes_backends
        self._repeat = repeat
        self._countdown = countdown
        self._path = path_of(id)
        self._rule = unplug_rule(id)
        self._asked = 0
        self._was_busy = False
        self.gone: Sequence[str] = ()

    async def run(self) -> tuple[DeviceBackend, ...]:
        """Remove the device and its backends, as described at `AsyncClient.unplug`."""
        leaving = [self._path]
        own: list[DeviceBackend] = []
        found: list[DeviceBackend] = []
        if self._removes_backends:
            leaving = await self._leaving_devices()
            own = [each for path in leaving for each in reversed(self._known.get(path, ()))]
            found = await self._backends_of(leaving)
        backends = [*own, *(each for each in found if each not in own)]
        try:
            await self.remove_device(limits.CANCEL_TIMEOUT if backends else limits.RESET_GRACE)
        except CommandError as error:
            if error.error_class != "DeviceNotFound" or self._path not in self._known:
                raise
            backends = own  # somebody else has removed it, or a reset
        self.gone = leaving
        return await self._remove(backends)

    # The device

    async def remove_device(self, grace: float) -> None:
        """Remove the device alone.

        Args:
            grace: Seconds to wait for the event of a device that is already gone.
        """
        channel = await self._client._channel.connected(Deadline(self._countdown.remaining()))
        # An event that has arrived already belongs to an earlier device of that name.
        await channel.take_in_what_has_arrived()
        mark = channel.log.last
        waiting = EventWait(channel.log, None, self._tells, mark)
        try:
            while (seconds := await self._ask()) != _GONE:
                period = Countdown(seconds)
                while not period.is_over:
                    patience = Deadline(self._countdown.remaining(period.remaining()))
                    if await channel.wait(waiting.is_found, patience):
                        event = waiting.event
                        assert event is not None
                        if await self._is_end(channel, event, grace):
                            return
                        waiting = EventWait(channel.log, None, self._tells, event.number)
                    if self._countdown.is_over:  # also if one hint comes after the other
                        raise self._late()
            await self._wait_for_release(channel, mark, grace)
        except ConnectionClosed as error:
            raise self._rule.cut_off("device_del", error) from error

    async def _ask(self) -> float | None:
        """Ask the guest to let the device go; return the seconds until it is asked again, or _GONE.

        Raises:
            CommandError: If the device can't be unplugged, or was never there.
        """
        try:
            await self._client.execute(
                "device_del", {"id": self._id}, timeout=self._countdown.remaining()
            )
        except CommandError as error:
            if error.error_class == "DeviceNotFound" and self._asked:
                return _GONE
            if not self._asked and is_busy(error):
                self._was_busy = True
                return limits.UNPLUG_BUSY
            if not is_pending(error) and not is_busy(error):
                raise
        except TimeoutError:
            if self._asked or self._was_busy:
                raise self._late() from None
            raise
        self._asked += 1
        return self._repeat

    def _tells(self, event: Event) -> bool:
        return self._rule.ending(event) is not None

    async def _is_end(self, channel: AsyncChannel, event: Event, grace: float) -> bool:
        """Return whether the device is gone.

        Raises:
            CompletionError: If it will not go.
        """
        ending = self._rule.ending(event)
        if ending is Ending.COMPLETED:
            return True
        if ending is Ending.FAILED:
            reason = text_of(event.data.get("msg"), "the guest refused")
            raise CompletionError("device_del", event.name, event.data, reason)
        if event.name == "SHUTDOWN":
            raise CompletionError("device_del", event.name, event.data, "the guest has ended")
        if await self._is_there():
            return False
        await self._wait_for_release(channel, event.number, grace)
        return True

    async def _wait_for_release(self, channel: AsyncChannel, mark: int, grace: float) -> None:
        """Wait for the own event of a device that is gone; a processor's never comes.

        QEMU removes a device first, and sends the event once nothing uses it any more. Until then,
        its backends are in use.
        """
        waiting = EventWait(channel.log, None, self._rule.is_completed_by, mark)
        seconds = max(self._countdown.remaining(grace) or 0.0, limits.RESET_GRACE)
        await channel.wait(waiting.is_found, Deadline(seconds))

    async def _is_there(self) -> bool:
        try:
            await self._client.execute(
                "qom-get",
                {"path": self._path, "property": "type"},
                timeout=self._countdown.remaining(),
            )
        except CommandError as error:
            return error.error_class != "DeviceNotFound"
        except TimeoutError:  # the device's own event decides
            return True
        return True

    def _late(self) -> TimeoutError:
        seconds = f"{self._countdown.timeout:.4g} s"
        if not self._asked:
            return TimeoutError(
                f"device {self._id} is still there: the guest was busy with it for {seconds}"
            )
        times = "once" if self._asked == 1 else f"{self._asked} times"
        return TimeoutError(
            f"device {self._id} is still there: the guest was asked {times} in {seconds} "
            "and hasn't let it go; it still may"
        )

    # Backends

    async def _remove(self, backends: list[DeviceBackend]) -> tuple[DeviceBackend, ...]:
        """Remove backends in their order; return those that were there.

        Raises:
            CommandError: If some can't be removed.
        """
        # The guest may have taken all the time; the rest needs little.
        countdown = Countdown(limits.CANCEL_TIMEOUT)
        removed: list[DeviceBackend] = []
        failures: list[CommandError] = []
        left: list[str] = []
        for number, backend in enumerate(backends):
            try:
                if await remove(self._client, backend.kind, backend.name, countdown):
                    removed.append(backend)
            except CommandError as error:
                failures.append(error)
                left.append(f"{backend} ({error.desc})")
            except BaseException as error:
                rest = sentence(backends[number:])
                error.add_note(f"device {self._id} is gone; {rest} may still be there")
                raise
        if failures:
            first = failures[0]
            desc = f"device {self._id} is gone, but not {sentence(left)}"
            raise CommandError(first.error_class, desc, first.command, first.id)
        return tuple(removed)

    async def _leaving_devices(self) -> list[str]:
        """Return the paths of the device and of those on its buses, at any depth."""
        buses: dict[str, str] = {}
        for parent in PERIPHERALS:
            for name, kind in (await self._properties(parent)).items():
                if kind.startswith("child<"):
                    device = f"{parent}/{name}"
                    buses[device] = text_of(await self._get(device, "parent_bus"))
        return leaving_with(self._path, buses)

    async def _backends_of(self, devices: list[str]) -> list[DeviceBackend]:
        """Return the backends that devices have for themselves, each once."""
        found: dict[DeviceBackend, None] = {}
        for path in devices:
            found |= dict.fromkeys(await self._backends_at(path))
        return [*found]

    async def _backends_at(self, path: str, depth: int = 0) -> list[DeviceBackend]:
        found: list[DeviceBackend] = []
        has_handed_on = depth > 0
        properties = await self._properties(path)
        for name in OWNING_PROPERTIES:
            if name in properties:
                value = await self._get(path, name)
                backend = backend_in(name, value)
                if backend is not None:
                    found.append(backend)
                has_handed_on = has_handed_on or (name == "drive" and value == "")
        if has_handed_on and not found and depth < limits.HANDED_ON_DEPTH:
            for name, kind in properties.items():
                if kind.startswith("child<") and "memory-region" not in kind:
                    found += await self._backends_at(f"{path}/{name}", depth + 1)
        return found

    async def _properties(self, path: str) -> dict[str, str]:
        """Return the types of an object's properties; none if there is no such object."""
        try:
            answer = await self._client.execute(
                "qom-list", {"path": path}, timeout=self._countdown.remaining()
            )
        except CommandError:
            return {}
        entries = read_answer("qom-list", answer, list[dict[str, Any]], "a list of objects")
        return {text_of(each.get("name")): text_of(each.get("type")) for each in entries}

    async def _get(self, path: str, name: str) -> Any:
        """Return the value of a property, None if it can't be read."""
        try:
            return await self._client.execute(
                "qom-get", {"path": path, "property": name}, timeout=self._countdown.remaining()
            )
        except CommandError:
            return None


async def remove(client: CommandClient, kind: str, name: str, countdown: Countdown) -> bool:
    """Remove a backend; return False if there is none.

    Raises:
        CommandError: If it is there and can't be removed.
    """
    command, arguments = KINDS[kind].removal(name)
    try:
        await client.execute(command, arguments, timeout=countdown.remaining())
    except CommandError as error:
        if error.error_class == "DeviceNotFound":
            return False
        try:
            if await look(client, kind, name, (), countdown) is None:
                return False
        except CommandError:  # a server that can't tell
            pass
        raise
    return True
