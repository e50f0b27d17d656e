"""The human commands about character devices and descriptors."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from qmpeer.chardev import Chardevs, Description, parse_chardev
from qmpeer.chardev.key_values import split_key_values
from qmpeer.errors import ChardevError
from qmpeer.machine.machine import Machine
from qmpeer.monitor import Context

_UNREADABLE = "Parsing chardev args failed"


class _ChardevHandlers:
    """The handlers whose output differs from their QMP commands'."""

    def __init__(self, machine: Machine) -> None:
        self._chardevs = machine.chardevs
        self._commands = machine.chardev_commands

    async def chardev_add(self, args: str, *, context: Context) -> str:
        """Create a device from its description."""
        output, description = _read(args)
        if description is None:
            return output
        if description.help:
            return output + description.help
        try:
            device = await self._chardevs.add_described(description, context.named_fds.take)
        except ChardevError as error:
            return f"{output}Error: {error.reason}"
        if device.waits_for_client:
            await device.wait_for_client()
        base = self._chardevs.get(f"{device.label}-base") if description.is_mux else device
        if base is not None and base.pty is not None:
            output += f"char device redirected to {base.pty} (label {base.label})\n"
        return output

    async def chardev_change(self, id: str, args: str, *, context: Context) -> str:
        """Replace a device by one with a new description."""
        output, description = _read(args)
        if description is None:
            return output
        try:
            _check_replacement(args, description)
            backend = msgspec.structs.replace(description, label=id).backend()
            await self._chardevs.change(id, backend, context.named_fds.take)
        except ChardevError as error:
            return f"{output}Error: {error.reason}"
        return output

    def info_chardev(self) -> str:
        """List the devices."""
        lines = []
        for info in self._chardevs.query():
            assert isinstance(info, dict)
            lines.append(f"{info['label']}: filename={info['filename']}\n")
        return "".join(lines)

    def ringbuf_read(self, device: str, size: int) -> str:
        """Remove the oldest characters from a ring buffer; show control characters as escapes."""
        return "".join(map(_visible, self._commands.ringbuf_read(device, size))) + "\n"


def chardev_commands(machine: Machine) -> dict[str, Callable[..., Any]]:
    """Return the handlers by their names, those of ``info`` as two words."""
    handlers, commands = _ChardevHandlers(machine), machine.chardev_commands
    return {
        "chardev-add": handlers.chardev_add,
        "chardev-change": handlers.chardev_change,
        "chardev-remove": commands.chardev_remove,
        "chardev-send-break": commands.chardev_send_break,
        "ringbuf_read": handlers.ringbuf_read,
        "ringbuf_write": commands.ringbuf_write,
        "getfd": machine.getfd,
        "closefd": machine.closefd,
        "info chardev": handlers.info_chardev,
    }


def _check_replacement(args: str, description: Description) -> None:
    """Refuse descriptions that ``chardev-add`` accepts and ``chardev-change`` doesn't."""
    if description.label is not None:
        raise ChardevError("Unexpected 'id' parameter")
    if description.help:
        word = dict(split_key_values(args, implied_key="backend"))["backend"]
        raise ChardevError(f"'{word}' is not a valid char driver name")
    if "backend" not in description.values:
        raise ChardevError('chardev: "(null)" missing backend')


def _read(args: str) -> tuple[str, Description | None]:
    """Parse a description; return its warnings or errors, and None instead of it after an error."""
    try:
        description = parse_chardev(args)
    except ChardevError as error:
        lines = [*error.earlier, error.reason, *([error.hint] if error.hint else [])]
        return "".join(f"{line}\n" for line in (*lines, f"Error: {_UNREADABLE}")), None
    if description.help_status:
        return f"Error: {_UNREADABLE}\n", None
    return "".join(f"warning: {warning}\n" for warning in description.warnings), description


def _visible(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if character in "\t\n" or " " <= character != "\x7f":
        return character
    return f"\\u{ord(character):04X}"


def chardev_labels(chardevs: Chardevs, kind: str | None = None) -> Callable[..., Iterable[str]]:
    """Return a completer that offers the labels of devices, all or those of one type."""

    def labels(words: Sequence[str]) -> Iterable[str]:
        if len(words) != 2:
            return ()
        return (device.label for device in chardevs if kind in (None, device.kind))

    return labels
