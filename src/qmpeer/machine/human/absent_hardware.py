"""The output of human commands about hardware that this machine doesn't have.

Spec: QEMU 7.2 with ``-machine none``, measured.
"""

from typing import Final

_RULE: Final = "-" * 79
_KINDS: Final = {
    "": (
        "announce_self, mce, migrate_cancel, mouse_button, mouse_move, o, stopcapture, info "
        "blockstats, info capture, info cpus, info iothreads, info irq, info memory-devices, info "
        "network, info pci, info pic, info qdm, info rdma, info roms, info tpm, info usernet"
    ),
    "Error: No balloon device has been activated": "balloon, info balloon",
    "Error: Block job '{device}' not found": (
        "block_job_cancel, block_job_complete, block_job_pause, block_job_resume, "
        "block_job_set_speed"
    ),
    "Error: Cannot find device='{device}' nor node-name=''": "block_resize",
    "Error: Device '{device}' not found": "block_set_io_throttle, eject",
    "Error: Cannot find device='{device}' nor node-name='{device}'": (
        "block_stream, drive_backup, drive_mirror, nbd_server_add, snapshot_blkdev_internal, "
        "snapshot_delete_blkdev_internal"
    ),
    "no function defined to set boot device list for this architecture": "boot_set",
    "[Please use 'info vcpu_dirty_limit' to query dirty limit for virtual CPU]": (
        "cancel_vcpu_dirty_limit"
    ),
    "invalid CPU index": "cpu",
    "Error: Device '{id}' not found": "device_del, netdev_del",
    "Error: This machine doesn't have a FDT": "dumpdtb",
    "Error: The command is permitted only before machine initialization": "exit_preconfig",
    "No memory is mapped at address 0x{addr:x}": "gpa2hpa, gpa2hva",
    "No cpu": "gva2gpa",
    "No CPU available": "memsave, info lapic, info mem, info tlb",
    "Error: '-incoming' was not specified on the command line": "migrate_incoming",
    "Error: Migrate recover can only be run when postcopy is paused.": "migrate_recover",
    "Error: Enable postcopy with migrate_set_capability before the start of migration": (
        "migrate_start_postcopy"
    ),
    "Mouse at index '{index}' not found": "mouse_set",
    "Error: Export '{name}' is not found": "nbd_server_remove",
    "Error: error parsing address '{uri}'": "nbd_server_start",
    "Error: NBD server not running": "nbd_server_stop",
    "Error: this feature or command is not currently supported": "nmi",
    "id or pci device path is invalid or device not found. {id}": "pcie_aer_inject_error",
    "setting the breakpoint is allowed only in play mode": "replay_break",
    "replay breakpoints are allowed only in play mode": "replay_delete_break",
    "replay must be enabled to seek": "replay_seek",
    "Error: Device '{name}' not found": "set_link",
    (
        "Error: dirty page limit feature requires KVM with accelerator property 'dirty-ring-size'"
        " set'"
    ): "set_vcpu_dirty_limit",
    "00000": "sum",
    "Error: wake-up from suspend is not supported by this guest": "system_wakeup",
    "Audiodev '{audiodev}' not found": "wavcapture",
    "Can not dump without CPU": "x",
    "Error: The feature 'colo' is not enabled": "x_colo_lost_heartbeat",
    "No active jobs": "info block-jobs",
    (
        "Status: unstarted\nStart Time: 0 (ms)\nSample Pages: 0 (per GB)\nPeriod: 0 (sec)\n"
        "Mode: page-sampling\nDirty rate: (not ready)"
    ): "info dirty_rate",
    "Status: none": "info dump",
    "Error: The feature 'query-hotpluggable-cpus' is not enabled": "info hotpluggable-cpus",
    "Error: JIT information is only available with accel=tcg": "info jit",
    "\n": "info memdev",
    "base memory: 0\nplugged memory: 0": "info memory_size_summary",
    "No mouse devices connected": "info mice",
    "0 nodes": "info numa",
    "[TCG profiler not compiled]": "info opcount",
    "Error: Internal profiler not compiled": "info profile",
    "bus: main-system-bus\n  type System": "info qtree",
    "              Block Name    PSize              Offset               Used              Total": (
        "info ramblock"
    ),
    "Record/replay is not active": "info replay",
    "Error: rocker {name} not found": (
        "info rocker, info rocker-of-dpa-flows, info rocker-of-dpa-groups, info rocker-ports"
    ),
    "SEV is not enabled": "info sev",
    "SGX is only supported on PC machines": "info sgx",
    "Server: disabled": "info spice",
    (
        "Type               Object  Call site  Wait Time (s)         Count  Average (us)\n"
        f"{_RULE}\n{_RULE}"
    ): "info sync-profile",
    "Error: USB support not enabled": "info usb",
    "Dirty page limit not enabled!": "info vcpu_dirty_limit",
    "No VirtIO devices": "info virtio",
    "Error: Path {path} is not a VirtIO device": "info virtio-queue-element",
    "Error: Path {path} is not a VirtIODevice": (
        "info virtio-queue-status, info virtio-status, info virtio-vhost-queue-status"
    ),
    "Error: VM Generation ID device not found": "info vm-generation-id",
    "None": "info vnc",
}
"""The commands of each answer, by answer. A word in braces is the argument of that name."""

ANSWERS: Final = {name: text for text, names in _KINDS.items() for name in names.split(", ")}
"""The answer of each command."""
