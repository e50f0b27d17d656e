"""The human monitor's commands with their help texts; `qmpeer.effects` knows their arguments."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from qmpeer.effects import human_row


class CommandRow(NamedTuple):
    """One command of the table.

    Attributes:
        names: Its names, such as ``stop|s``; the handler has the first.
        args: Its arguments with QEMU's type letters.
        params: Its arguments as help shows them.
        help: Its description in help.
    """

    names: str
    args: str
    params: str
    help: str

    @property
    def name(self) -> str:
        """The first name."""
        return self.names.partition("|")[0]


_TABLE: Final = """\
announce_self | [interfaces] [id] | tell the network where the guest's addresses are now
balloon | target | ask the guest to make do with this much memory, in MiB
block_job_cancel | [-f] device | give up a block job; -f at once, even where it could end in order
block_job_complete | device | let a block job that is ready come to its end
block_job_pause | device | hold a block job
block_job_resume | device | go on with a block job that is held
block_job_set_speed | device speed | limit a block job to so many bytes a second
block_resize | device size | give a disk another size
block_set_io_throttle | device bps bps_rd bps_wr iops iops_rd iops_wr
    | limit the bytes and the requests a second of a disk
block_stream | device [speed [base]] | take into a disk what is in its backing file
boot_set | bootdevice | choose what to boot from, in which order
calc_dirty_rate | [-r] [-b] second [sample_pages_per_GB]
    | measure how fast the guest changes its memory; -r by the ring, -b by the bitmap
cancel_vcpu_dirty_limit | [cpu_index] | let virtual CPUs, or one, change memory as fast as they like
change | device [-f] filename [format [read-only-mode]]
    | put another medium into a drive; -f opens the tray by force
chardev-add | args | make a character device, described as with -chardev
chardev-change | id args | put another character device in the place of one
chardev-remove | id | remove a character device that nothing uses
chardev-send-break | id | send a break through a character device
client_migrate_info | protocol hostname port tls-port cert-subject
    | tell display clients where the guest moves to
closefd | closefd name | close a descriptor that has this name
commit | device|all | write what an overlay holds into its backing file
cont|c | let the guest run
cpu | index | choose the CPU that other commands look at
delvm | tag | delete a snapshot
device_add | driver[,prop=value][,...] | plug in a device, described as with -device
device_del | device | unplug a device
drive_add | [-n] [[domain:]bus:]slot option=value[,...]
    | add a drive; -n makes a node without a drive
drive_backup | [-n] [-f] [-c] device target [format]
    | copy a disk as it is now; -n into a file that is there, -f all of it, -c compressed
drive_del | device | take a drive's contents away
drive_mirror | [-n] [-f] device target [format]
    | copy a disk, and what is written meanwhile; -n into a file that is there, -f all of it
dump-guest-memory | [-p] [-d] [-z|-l|-s|-w] filename [begin length]
    | write the guest's memory into a file; -p as it is mapped, -d in the background, -z, -l or -s
    compressed (zlib, lzo, snappy), -w for Windows' tools
dumpdtb | filename | write the device tree into a file
eject | [-f] device | take the medium out of a drive; -f by force
exit_preconfig | go on with the start after --preconfig
expire_password | protocol time [-d display] | say until when a display's password counts
gdbserver | [device] | let gdb attach at a device, tcp::1234 if none is given; 'none' ends it
getfd | getfd name | give a name to the descriptor that came last
gpa2hpa | addr | show where this host keeps a physical address of the guest, physically
gpa2hva | addr | show where this process keeps a physical address of the guest
gva2gpa | addr | show which physical address a virtual one of the guest means
hostfwd_add | [netdev_id] [tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport
    | pass a port of this host on to the guest
hostfwd_remove | [netdev_id] [tcp|udp]:[hostaddr]:hostport | pass a port on no longer
i | /fmt addr | read an I/O port
loadvm | tag | go back to a snapshot
log | item1[,...] | write these items to the log; 'none' stops it
logfile | filename | write the log into this file
mce | [-b] cpu bank status mcgstatus addr misc
    | report a machine check to a CPU; -b to the others as well
memsave | addr size file | write memory at a virtual address into a file
migrate | [-d] [-b] [-i] [-r] uri
    | move the guest to URI; -d in the background, -b with its disks, -i with what changed in them,
    -r to go on after a failure
migrate_cancel | give up moving the guest
migrate_continue | state | go on with a migration that holds in this state
migrate_incoming | uri | take the guest that was to come later, from URI
migrate_pause | hold a migration that is in postcopy
migrate_recover | uri | take up an interrupted incoming migration at URI
migrate_set_capability | capability state | turn a capability of migration on or off
migrate_set_parameter | parameter value | set a parameter of migration
migrate_start_postcopy | let the guest run at its destination before all memory is there
mouse_button | state | hold these mouse buttons: 1 left, 2 middle, 4 right, or a sum
mouse_move | dx dy [dz] | move the mouse, and turn its wheel
mouse_set | index | choose the mouse that is moved
nbd_server_add | nbd_server_add [-w] device [name] | let NBD clients have a disk; -w to write
nbd_server_remove | nbd_server_remove [-f] name
    | let NBD clients have it no longer; -f even those who are there
nbd_server_start | nbd_server_start [-a] [-w] host:port
    | listen for NBD clients; -a with all disks, -w to write
nbd_server_stop | nbd_server_stop | end the NBD server
netdev_add |
    [user|tap|socket|stream|dgram|vde|bridge|hubport|netmap|vhost-user],id=str[,prop=value][,...]
    | add a network backend, described as with -netdev
netdev_del | id | remove a network backend
nmi | give the guest a non-maskable interrupt
o | /fmt addr value | write to an I/O port
object_add | [qom-type=]type,id=str[,prop=value][,...] | make an object, described as with -object
object_del | id | delete an object
pcie_aer_inject_error | [-a] [-c] id <error_status> [<tlp header> [<tlp header prefix>]]
    | report a PCIe error to a device; -a as one to be noted only, -c as one that was corrected
pmemsave | addr size file | write memory at a physical address into a file
qemu-io | [-d] [device] "[command]" | give a disk a command of qemu-io; -d takes a device's id
qom-get | path property | show a property of an object
qom-list | path | list the properties of an object
qom-set | [-j] path property value | set a property of an object; -j to a JSON value
quit|q | end the machine
replay_break | icount | stop a replay at this instruction
replay_delete_break | stop a replay no longer
replay_seek | icount | replay up to this instruction
ringbuf_read | device size | take out what a ring buffer holds
ringbuf_write | device data | put text into a ring buffer
savevm | tag | keep the machine's state as a snapshot; without a tag under a name of its own
screendump | filename [-f format] [device [head]]
    | write the screen into a file, as ppm or, with -f, png
sendkey | keys [hold_ms] | press keys, such as ctrl-alt-f1, for 100 ms or as long as is said
set_link | name on|off | plug a network cable in or out
set_password | protocol password [-d display] [action-if-connected] | set a display's password
set_vcpu_dirty_limit | dirty_rate [cpu_index] | limit how fast virtual CPUs, or one, change memory
singlestep | [on|off] | execute one instruction at a time, or no longer
snapshot_blkdev | [-n] device [new-image-file] [format]
    | go on in a new file on top of a disk's; -n in one that is there
snapshot_blkdev_internal | device name | keep a disk's state in its own file
snapshot_delete_blkdev_internal | device name [id]
    | delete a state that a disk keeps in its own file
stopcapture | capture index | end a recording of sound
stop|s | stop the guest
sum | addr size | add up memory at a physical address
sync-profile | [on|off|reset]
    | turn the profile of locks on or off, or begin it anew; without a word show which it is
system_powerdown | press the power button
system_reset | press the reset button
system_wakeup | wake a guest that sleeps
trace-event | name on|off [vcpu] | turn a trace event on or off
watchdog_action | [reset|shutdown|poweroff|pause|debug|none] | say what a watchdog's bite leads to
wavcapture | path audiodev [frequency [bits [channels]]]
    | record sound into a file, 44100 Hz, 16 bits and 2 channels unless it is said
x | /fmt addr | show memory at a virtual address
x_colo_lost_heartbeat | tell COLO that the other side is gone
xp | /fmt addr | show memory at a physical address
info balloon | how much memory the guest makes do with
info block | [-n] [-v] [device] | disks, or one; -n nodes as well, -v more of each
info block-jobs | how far block jobs are
info blockstats | what was read and written
info capture | recordings of sound
info chardev | character devices
info cpus | CPUs and their threads
info dirty_rate | how fast the guest changes its memory
info dump | how far the last dump is
info hotpluggable-cpus | CPUs that can be plugged in
info iothreads | threads for I/O
info irq | how many interrupts there were
info jit | what the translator of guest code has done
info kvm | whether KVM is used
info lapic | [apic-id] | a local interrupt controller
info mem | which virtual memory is mapped
info memdev | backends of memory
info memory-devices | memory that is plugged in
info memory_size_summary | how much memory there is from the start, and plugged in
info mice | mice, and which one is moved
info migrate | how far a migration is
info migrate_capabilities | what migration may do
info migrate_parameters | the parameters of migration
info mtree | [-f][-d][-o][-D]
    | the tree of memory; -f flat, -d with what is called, -o with owners, -D with what is off
info name | the guest's name
info network | network backends and adapters
info numa | NUMA nodes
info opcount | how often the translator used each operation
info pci | PCI devices
info pic | interrupt controllers
info profile | where time goes
info qdm | kinds of devices
info qom-tree | [path] | the tree of objects
info qtree | the tree of devices
info ramblock | blocks of memory
info rdma | RDMA devices
info registers | [-a|vcpu] | registers of the chosen CPU, of one by its number, or with -a of all
info replay | whether a replay or a recording is under way
info rocker | name | a Rocker switch
info rocker-of-dpa-flows | name [tbl_id] | the flows of a Rocker switch
info rocker-of-dpa-groups | name [type] | the groups of a Rocker switch
info rocker-ports | name | the ports of a Rocker switch
info roms | ROMs
info sev | whether AMD SEV is used
info sgx | whether Intel SGX is used
info snapshots | snapshots
info spice | the SPICE server
info stats | target [names] [provider]
    | statistics of the machine or of its CPUs, all or some of them
info status | whether the guest runs
info sync-profile | [-m] [-n] [max]
    | where threads wait for locks; -m by the mean wait, -n each object apart
info tlb | how virtual memory is mapped to physical
info tpm | TPM devices
info trace-events | [name] [vcpu] | trace events, and which are on
info usb | USB devices of the guest
info usbhost |  | USB devices of this host
info usernet | connections of user networking
info uuid | the guest's UUID
info vcpu_dirty_limit | how fast virtual CPUs may change memory
info version | which release this is
info virtio | virtio devices
info virtio-queue-element | path queue [index] | an element of a virtio queue
info virtio-queue-status | path queue | a virtio queue
info virtio-status | path | a virtio device
info virtio-vhost-queue-status | path queue | a vhost queue
info vm-generation-id | the machine's generation
info vnc | the VNC server
"""
"""One command a line: names | arguments in help | description.

A command without arguments leaves out the column in the middle. An indented line continues the line
above.
"""

_RELEASE: Final = (7, 2)
"""The release whose arguments the commands take."""
_ARGS: Final = {"info usbhost": "rest:S?"}
"""Arguments that aren't QEMU's: the built-in answer is the same with any."""


def _read(table: str) -> Iterator[CommandRow]:
    for line in re.sub(r"\n +", " ", table).splitlines():
        names, *params, help = line.split(" | ")
        name = names.partition("|")[0]
        row = human_row(name)
        assert row is not None, name
        args = _ARGS.get(name, row.letters_in(_RELEASE))
        yield CommandRow(names, args, "".join(params), help)


ROWS: Final = tuple(_read(_TABLE))
