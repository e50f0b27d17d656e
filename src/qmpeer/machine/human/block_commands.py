"""The human commands about drives and block nodes. This machine has nodes, but no drives."""

from collections.abc import Callable
from typing import Any

from qmpeer.chardev.key_values import parse_key_values
from qmpeer.errors import CommandError
from qmpeer.machine.machine import Machine
from qmpeer.messages import qemu_texts


def block_commands(machine: Machine) -> dict[str, Callable[..., Any]]:
    """Return the handlers by their names, those of ``info`` as two words."""
    blocks = machine.blocks

    def check_snapshots() -> None:
        name = blocks.first_writable
        if name is not None:
            desc = f"Device '{name}' is writable but does not support snapshots"
            raise CommandError("GenericError", desc)

    def store(name: str | None) -> str:
        check_snapshots()
        return "Error: no block device can store vmstate for snapshot"

    def loadvm(name: str) -> str:
        machine.stop_to_load()
        return store(name)

    def delvm(name: str) -> None:
        check_snapshots()

    def drive_del(id: str) -> str:
        if id not in blocks.names:
            return qemu_texts.unknown_device(id)
        try:
            blocks.delete(id)
        except CommandError as error:
            return error.desc
        return ""

    def info_block(nodes: bool, verbose: bool, device: str | None) -> str:
        if device is None and not nodes:
            return ""
        shown = [name for name in reversed(blocks.names) if device in (None, name)]
        before = "" if device is None else "\n" * bool(shown)
        return before + "\n".join(blocks.describe(name, verbose=verbose) for name in shown)

    def qemu_io(qdev: bool, device: str, command: str) -> str:
        if qdev:
            return f"Error: {qemu_texts.unknown_device(device)}"
        if device in blocks.names:
            return "Error: this machine reads and writes no block nodes"
        return f"Error: Cannot find device='' nor node-name='{device}'"

    return {
        "savevm": store,
        "loadvm": loadvm,
        "delvm": delvm,
        "drive_del": drive_del,
        "drive_add": _drive_add,
        "change": _change,
        "commit": lambda device: "" if device == "all" else qemu_texts.unknown_device(device),
        "snapshot_blkdev": _snapshot,
        "qemu-io": qemu_io,
        "info block": info_block,
        "info snapshots": lambda: "no block device can store vmstate for snapshot",
    }


def _drive_add(node: bool, opts: str, **rest: Any) -> str:
    """Refuse: there are no drives."""
    pairs = parse_key_values(opts)
    warnings = "".join(f"warning: {pair.warning}\n" for pair in pairs if pair.warning is not None)
    keys = {pair.key for pair in pairs}
    if node and "node-name" not in keys:
        return f"{warnings}'node-name' needs to be specified"
    if not keys & {"file", "driver"}:
        return f"{warnings}Must specify either driver or file"
    return f"{warnings}this machine has no drives"


def _change(
    device: str, target: str, arg: str | None, read_only_mode: str | None, **rest: Any
) -> str:
    if device == "vnc":
        if target not in ("passwd", "password"):
            return "Expected 'password' after 'vnc'"
        if arg is None:
            return "terminal does not support password prompting"
        return "Error: Could not set password"
    if read_only_mode not in (None, "retain", "read-only", "read-write"):
        return f"Error: invalid parameter value: {read_only_mode}"
    return f"Error: {qemu_texts.unknown_device(device)}"


def _snapshot(device: str, snapshot_file: str | None, **rest: Any) -> str:
    if snapshot_file is None:
        return f"Error: {qemu_texts.missing('snapshot-file')}"
    return f"Error: Cannot find device='{device}' nor node-name=''"
