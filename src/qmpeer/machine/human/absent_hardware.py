"""What commands print for whose work there is nothing in this machine.

Spec: QEMU 7.2 with ``-machine none``, measured. A word in braces is the argument of that name.
"""

from typing import Final

__all__ = ["INFO_TEXTS", "TEXTS"]

_NO_JOB: Final = "Error: Block job '{device}' not found"
_NO_DEVICE: Final = "Error: Device '{device}' not found"
_NO_NODE: Final = "Error: Cannot find device='{device}' nor node-name='{device}'"
_NO_DRIVE: Final = "Error: Cannot find device='{device}' nor node-name=''"
_NO_CPU: Final = "No CPU available"
_NO_MEMORY: Final = "No memory is mapped at address 0x{addr:x}"

TEXTS: Final = {
    "announce_self": "",
    "balloon": "Error: No balloon device has been activated",
    "block_job_cancel": _NO_JOB,
    "block_job_complete": _NO_JOB,
    "block_job_pause": _NO_JOB,
    "block_job_resume": _NO_JOB,
    "block_job_set_speed": _NO_JOB,
    "block_resize": _NO_DRIVE,
    "block_set_io_throttle": _NO_DEVICE,
    "block_stream": _NO_NODE,
    "boot_set": "no function defined to set boot device list for this architecture",
    "cancel_vcpu_dirty_limit": (
        "[Please use 'info vcpu_dirty_limit' to query dirty limit for virtual CPU]"
    ),
    "cpu": "invalid CPU index",
    "device_del": "Error: Device '{id}' not found",
    "drive_backup": _NO_NODE,
    "drive_mirror": _NO_NODE,
    "dumpdtb": "Error: This machine doesn't have a FDT",
    "eject": _NO_DEVICE,
    "exit_preconfig": "Error: The command is permitted only before machine initialization",
    "gpa2hpa": _NO_MEMORY,
    "gpa2hva": _NO_MEMORY,
    "gva2gpa": "No cpu",
    "mce": "",
    "memsave": _NO_CPU,
    "migrate_cancel": "",
    "migrate_incoming": "Error: '-incoming' was not specified on the command line",
    "migrate_recover": "Error: Migrate recover can only be run when postcopy is paused.",
    "migrate_start_postcopy": (
        "Error: Enable postcopy with migrate_set_capability before the start of migration"
    ),
    "mouse_button": "",
    "mouse_move": "",
    "mouse_set": "Mouse at index '{index}' not found",
    "nbd_server_add": _NO_NODE,
    "nbd_server_remove": "Error: Export '{name}' is not found",
    "nbd_server_start": "Error: error parsing address '{uri}'",
    "nbd_server_stop": "Error: NBD server not running",
    "netdev_del": "Error: Device '{id}' not found",
    "nmi": "Error: this feature or command is not currently supported",
    "o": "",
    "pcie_aer_inject_error": "id or pci device path is invalid or device not found. {id}",
    "replay_break": "setting the breakpoint is allowed only in play mode",
    "replay_delete_break": "replay breakpoints are allowed only in play mode",
    "replay_seek": "replay must be enabled to seek",
    "set_link": "Error: Device '{name}' not found",
    "set_vcpu_dirty_limit": (
        "Error: dirty page limit feature requires KVM with accelerator property"
        " 'dirty-ring-size' set'"
    ),
    "snapshot_blkdev_internal": _NO_NODE,
    "snapshot_delete_blkdev_internal": _NO_NODE,
    "stopcapture": "",
    "sum": "00000",
    "system_wakeup": "Error: wake-up from suspend is not supported by this guest",
    "wavcapture": "Audiodev '{audiodev}' not found",
    "x": "Can not dump without CPU",
    "x_colo_lost_heartbeat": "Error: The feature 'colo' is not enabled",
}

_NO_ROCKER: Final = "Error: rocker {name} not found"
_NO_VIRTIO: Final = "Error: Path {path} is not a VirtIODevice"
_RULE: Final = "-" * 79

INFO_TEXTS: Final = {
    "balloon": "Error: No balloon device has been activated",
    "block-jobs": "No active jobs",
    "blockstats": "",
    "capture": "",
    "cpus": "",
    "dirty_rate": (
        "Status: unstarted\nStart Time: 0 (ms)\nSample Pages: 0 (per GB)\nPeriod: 0 (sec)\n"
        "Mode: page-sampling\nDirty rate: (not ready)"
    ),
    "dump": "Status: none",
    "hotpluggable-cpus": "Error: The feature 'query-hotpluggable-cpus' is not enabled",
    "iothreads": "",
    "irq": "",
    "jit": "Error: JIT information is only available with accel=tcg",
    "lapic": _NO_CPU,
    "mem": _NO_CPU,
    "memdev": "\n",
    "memory-devices": "",
    "memory_size_summary": "base memory: 0\nplugged memory: 0",
    "mice": "No mouse devices connected",
    "network": "",
    "numa": "0 nodes",
    "opcount": "[TCG profiler not compiled]",
    "pci": "",
    "pic": "",
    "profile": "Error: Internal profiler not compiled",
    "qdm": "",
    "qtree": "bus: main-system-bus\n  type System",
    "ramblock": (
        "              Block Name    PSize              Offset               Used"
        "              Total"
    ),
    "rdma": "",
    "replay": "Record/replay is not active",
    "rocker": _NO_ROCKER,
    "rocker-of-dpa-flows": _NO_ROCKER,
    "rocker-of-dpa-groups": _NO_ROCKER,
    "rocker-ports": _NO_ROCKER,
    "roms": "",
    "sev": "SEV is not enabled",
    "sgx": "SGX is only supported on PC machines",
    "spice": "Server: disabled",
    "sync-profile": (
        "Type               Object  Call site  Wait Time (s)         Count  Average (us)\n"
        f"{_RULE}\n{_RULE}"
    ),
    "tlb": _NO_CPU,
    "tpm": "",
    "usb": "Error: USB support not enabled",
    "usernet": "",
    "vcpu_dirty_limit": "Dirty page limit not enabled!",
    "virtio": "No VirtIO devices",
    "virtio-queue-element": "Error: Path {path} is not a VirtIO device",
    "virtio-queue-status": _NO_VIRTIO,
    "virtio-status": _NO_VIRTIO,
    "virtio-vhost-queue-status": _NO_VIRTIO,
    "vm-generation-id": "Error: VM Generation ID device not found",
    "vnc": "None",
}
