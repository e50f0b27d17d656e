"""The human commands about character devices and descriptors."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from qmpeer.chardev import BACKENDS, Chardevs, Description, parse_chardev
from qmpeer.chardev.key_values import split_key_values
from qmpeer.errors import ChardevError
from qmpeer.machine.machine import Machine
from qmpeer.monitor import Context

__all__ = ["backend_names", "chardev_commands", "chardev_labels"]

_UNREADABLE = "Parsing chardev args failed"


def chardev_commands(machine: Machine) -> dict[str, Callable[..., Any]]:
    """Return the handlers by their names, those of ``info`` as two words."""
    chardevs, commands = machine.chardevs, machine.chardev_commands

    async def chardev_add(args: str, *, context: Context) -> str:
        said, description = _read(args)
        if description is None:
            return said
        if description.help:
            return said + description.help
        try:
            device = await chardevs.add_described(description, context.named_fds.take)
        except ChardevError as error:
            return f"{said}Error: {error.reason}"
        if device.waits_for_client:
            await device.wait_for_client()
        base = chardevs.get(f"{device.label}-base") if description.is_mux else device
        if base is not None and base.pty is not None:
            said += f"char device redirected to {base.pty} (label {base.label})\n"
        return said

    async def chardev_change(id: str, args: str, *, context: Context) -> str:
        said, description = _read(args)
        if description is None:
            return said
        try:
            if description.label is not None:
                raise ChardevError("Unexpected 'id' parameter")
            if description.help:  # which isn't given here
                word = dict(split_key_values(args, implied_key="backend"))["backend"]
                raise ChardevError(f"'{word}' is not a valid char driver name")
            if "backend" not in description.values:
                raise ChardevError('chardev: "(null)" missing backend')
            backend = msgspec.structs.replace(description, label=id).backend()
            await chardevs.change(id, backend, context.named_fds.take)
        except ChardevError as error:
            return f"{said}Error: {error.reason}"
        return said

    def info_chardev() -> str:
        lines = []
        for info in chardevs.query():
            assert isinstance(info, dict)
            lines.append(f"{info['label']}: filename={info['filename']}\n")
        return "".join(lines)

    def ringbuf_read(device: str, size: int) -> str:
        return "".join(map(_visible, commands.ringbuf_read(device, size))) + "\n"

    return {
        "chardev-add": chardev_add,
        "chardev-change": chardev_change,
        "chardev-remove": commands.chardev_remove,
        "chardev-send-break": commands.chardev_send_break,
        "ringbuf_read": ringbuf_read,
        "ringbuf_write": commands.ringbuf_write,
        "getfd": machine.getfd,
        "closefd": machine.closefd,
        "info chardev": info_chardev,
    }


def _read(args: str) -> tuple[str, Description | None]:
    """Read a description; return what is said at once, and None if there is none."""
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
    """Return what offers the labels of devices, all or those of one type."""

    def labels(words: Sequence[str]) -> Iterable[str]:
        if len(words) != 2:
            return ()
        return (device.label for device in chardevs if kind in (None, device.kind))

    return labels


def backend_names(words: Sequence[str]) -> Iterable[str]:
    """Offer the types of devices."""
    return BACKENDS if len(words) == 2 else ()
