"""QMP commands about character devices, which pass the client's descriptors to `Chardevs`."""

from collections.abc import Awaitable, Callable
from typing import Any

from qmpeer.chardev import Chardev, Chardevs
from qmpeer.errors import ChardevError, CommandError
from qmpeer.monitor import Context, Monitor
from qmpeer.values import JsonObject


class ChardevCommands:
    """The handlers of the QMP commands about character devices.

    Args:
        chardevs: The machine's devices.
    """

    def __init__(self, chardevs: Chardevs) -> None:
        self._chardevs = chardevs

    def register(self, monitor: Monitor) -> None:
        """Register all handlers on a monitor."""
        command = monitor.command
        command("query-chardev")(self._chardevs.query)
        command("query-chardev-backends")(self._chardevs.query_backends)
        command("ringbuf-write")(self.ringbuf_write)
        command("ringbuf-read")(self.ringbuf_read)
        command("chardev-add")(self.chardev_add)
        command("chardev-change")(self.chardev_change)
        command("chardev-remove")(self.chardev_remove)
        command("chardev-send-break")(self.chardev_send_break)
        command("yank")(self.yank)
        command("query-yank")(self.query_yank)

    def ringbuf_write(self, device: str, data: str, format: str = "utf8") -> None:
        """Write into a ring buffer."""
        _tried(lambda: self._chardevs.write_ring(device, data, format))

    def ringbuf_read(self, device: str, size: int, format: str = "utf8") -> str:
        """Remove the oldest bytes from a ring buffer and return them as text."""
        text: str = _tried(lambda: self._chardevs.read_ring(device, size, format))
        return text

    async def chardev_add(
        self, id: str, backend: dict[str, Any], *, context: Context
    ) -> JsonObject:
        """Create a character device."""
        return await self._made(id, self._chardevs.add, backend, context)

    async def chardev_change(
        self, id: str, backend: dict[str, Any], *, context: Context
    ) -> JsonObject:
        """Replace the backend of a character device."""
        return await self._made(id, self._chardevs.change, backend, context)

    async def _made(
        self,
        id: str,
        make: Callable[..., Awaitable[JsonObject]],
        backend: JsonObject,
        context: Context,
    ) -> JsonObject:
        try:
            result = await make(id, backend, context.named_fds.take)
        except ChardevError as error:
            raise _refused(error) from error
        device = self._chardevs.get(id)
        if device is not None and device.waits_for_client:
            await device.wait_for_client()
        return result

    def chardev_remove(self, id: str) -> None:
        """Remove a character device."""
        _tried(lambda: self._chardevs.remove(id))

    def chardev_send_break(self, id: str) -> None:
        """Send a break to the other end of a character device."""
        _tried(lambda: self._chardevs.send_break(id))

    def query_yank(self) -> list[JsonObject]:
        """Return the instances for yank: the devices on sockets."""
        return [{"type": "chardev", "id": label} for label in self._chardevs.yankable()]

    def yank(self, instances: list[JsonObject]) -> None:
        """Cut the connections of all instances; of none if one doesn't exist."""
        sockets = {device.label: device for device in self._chardevs if device.is_socket}
        found: list[Chardev] = []
        for instance in instances:
            device = sockets.get(str(instance.get("id")))
            if device is None or instance["type"] != "chardev":
                raise CommandError("DeviceNotFound", "Instance not found")
            found.append(device)
        for device in found:
            device.yank()


def _tried(work: Callable[[], Any]) -> Any:
    """Call a function, and re-raise ChardevError as the CommandError for the client."""
    try:
        return work()
    except ChardevError as error:
        raise _refused(error) from error


def _refused(error: ChardevError) -> CommandError:
    return CommandError("GenericError", error.reason)
