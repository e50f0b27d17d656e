"""The human commands about memory, ports and registers. This machine has none of them."""

import os
from collections.abc import Callable
from typing import Any, Final

from qmpeer.errors import CommandError
from qmpeer.machine.machine import Machine
from qmpeer.machine.run_states import RunState
from qmpeer.messages import qemu_texts
from qmpeer.monitor.human import Format, dump_memory

_PORT_SUFFIXES: Final = {2: "w", 4: "l"}
_TREE: Final = (
    ("memory", "ffffffffffffffff", "system"),
    ("I/O", "000000000000ffff", "io"),
)
"""The address spaces. Spec: QEMU's order of them changes from one start to the next."""
_FLAT_TREE: Final = """\
FlatView #0
 AS "memory", root: system
 Root memory region: (none)
  No rendered FlatView

FlatView #1
 AS "I/O", root: io
 Root memory region: io
  0000000000000000-000000000000ffff (prio 0, i/o): io{parent}

"""


def memory_commands(machine: Machine) -> dict[str, Callable[..., Any]]:
    """Return the handlers by their names, those of ``info`` as two words."""

    def pmemsave(val: int, size: int, filename: str) -> None:
        """Write memory to a file; where there is no memory, QEMU reads zeroes."""
        try:
            fd = machine.descriptors.open_path(filename, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        except OSError as error:
            desc = f"Could not open '{filename}': {error.strerror}"
            raise CommandError("GenericError", desc) from error
        try:
            os.ftruncate(fd, size)
        except OSError as error:
            desc = f"writing memory to '{filename}' failed"
            raise CommandError("GenericError", desc) from error
        finally:
            os.close(fd)

    def dump_guest(begin: int | None, length: int | None, **flags: Any) -> str:
        """Refuse, as there is no memory. Spec: QEMU stops the guest before it notices that."""
        if sum(flags.get(name, False) for name in ("windmp", "zlib", "lzo", "snappy")) > 1:
            return "Error: only one of '-z|-l|-s|-w' can be set"
        if begin is not None and length is None:
            return f"Error: {qemu_texts.missing('length')}"
        if machine.state is RunState.RUNNING:
            machine.stop()
            machine.cont()
        return "Error: dump: no guest memory to dump"

    return {
        "xp": _xp,
        "i": _read_port,
        "pmemsave": pmemsave,
        "dump-guest-memory": dump_guest,
        "calc_dirty_rate": _calc_dirty_rate,
        "info registers": _info_registers,
        "info mtree": _info_mtree,
        "info stats": _info_stats,
        "info usbhost": _info_usbhost,
    }


def _xp(fmt: Format, addr: int) -> str:
    if fmt.notation == "i":
        return "Can not dump without CPU"
    return dump_memory(fmt, addr, lambda address, size: None)


def _read_port(fmt: Format, addr: int, index: int | None) -> str:
    """Read a port; without a device every bit is one."""
    port = (addr + (index is not None)) & 0xFFFF
    suffix = _PORT_SUFFIXES.get(fmt.size, "b")
    value = (1 << 8 * (fmt.size if suffix != "b" else 1)) - 1
    return f"port{suffix}[0x{port:04x}] = 0x{value:0{max(fmt.size, 1) * 2}x}"


def _calc_dirty_rate(
    dirty_ring: bool, dirty_bitmap: bool, second: int, sample_pages_per_GB: int | None
) -> str:
    if not second:
        return "Incorrect period length specified!"
    if dirty_ring and dirty_bitmap:
        return "Either dirty ring or dirty bitmap can be specified!"
    if sample_pages_per_GB is not None and not 128 <= sample_pages_per_GB <= 16384:
        return "Error: sample-pages is out of range[128, 16384]."
    return (
        f"Starting dirty rate measurement with period {second} seconds\n"
        "[Please use 'info dirty_rate' to check results]"
    )


def _info_registers(cpustate_all: bool, vcpu: int | None) -> str:
    if cpustate_all:
        return ""
    return "No CPU available" if vcpu is None else f"CPU#{vcpu} not available"


def _info_mtree(flatview: bool, owner: bool, **rest: Any) -> str:
    parent = " parent:{obj path=/machine/unattached}" if owner else ""
    if flatview:
        return _FLAT_TREE.format(parent=parent)
    return "".join(
        f"address-space: {space}\n  0000000000000000-{end} (prio 0, i/o): {name}{parent}\n\n"
        for space, end, name in _TREE
    )


def _info_usbhost(rest: str | None) -> str:
    """Refuse with any argument. Spec: QEMU has this command in a module that isn't loaded."""
    return f'Command "info usbhost{"" if rest is None else " "}" is not available.'


def _info_stats(target: str, **rest: Any) -> str:
    return "" if target in ("vm", "vcpu") else f"invalid stats target {target}"
