"""The facts about each subcommand of the human monitor's info, in the form of `human_rows`.

Spec: QEMU 1.0 to 10.2, hmp-commands-info.hx of each release, before 2.5 monitor.c; QEMU 11.1, its
help.
"""

from typing import Final

INFO_ROWS: Final = """\
accel | reads | 10.1-
accelerators | reads | 10.2-
balloon | reads | 1.0-
block | reads | 1.0-1.5 | 1.6-2.2 verbose:-v,device:B? | 2.3- nodes:-n,verbose:-v,device:B?
block-jobs | reads | 1.1-
blockstats | reads | 1.0-
capture | reads | 1.0-
chardev | reads | 1.0-
cmma | reads discloses | 2.10- addr:l,count:l? | tells attributes of guest memory
cpus | reads | 1.0-
cpustats | reads | 1.0-6.0
cryptodev | reads | 8.0-
dirty_rate | reads | 6.1-
dump | reads | 2.6-
firmware-log | reads discloses | 10.2- max-size:o? | tells the firmware's log in guest memory
history | reads discloses | 1.0- | tells lines typed at the monitor
hotpluggable-cpus | reads | 2.7-
ioapic | reads | 2.5-6.1
iothreads | reads | 2.5-
irq | reads | 1.0-
jit | reads | 1.0-
kvm | reads | 1.0-
lapic | reads | 2.5-2.10 | 2.11- apic-id:i?
mem | reads discloses | 1.0- | tells the guest's page tables
memdev | reads | 2.1-
memory-devices | reads | 2.2-
memory_size_summary | reads | 2.11-
mice | reads | 1.0-
migrate | reads | 1.0-10.0 | 10.1- all:-a
migrate_cache_size | reads | 1.2-5.2
migrate_capabilities | reads | 1.2-
migrate_parameters | reads | 2.4-
mtree | reads | 1.0-2.8 | 2.9-2.10 flatview:-f | 2.11-2.12 flatview:-f,dispatch_tree:-d
    | 3.0-5.0 flatview:-f,dispatch_tree:-d,owner:-o
    | 5.1- flatview:-f,dispatch_tree:-d,owner:-o,disabled:-D
name | reads | 1.0-
network | reads | 1.0-
numa | reads | 1.0-
opcount | reads | 2.3-10.0
pci | reads | 1.0-
pcmcia | reads | 1.0-2.1
pic | reads | 1.0-
profile | reads | 1.0-8.0
qdm | reads | 1.0-
qom-tree | reads | 2.3- path:s?
qtree | reads | 1.0-8.2 | 9.0- brief:-b
ramblock | reads discloses | 2.10- | tells addresses of the emulator's process
rdma | reads | 4.0-9.0
registers | reads discloses | 1.0-2.9 | 2.10-7.1 cpustate_all:-a | 7.2- cpustate_all:-a,vcpu:i?
    | tells registers of the guest
replay | reads | 5.2-
rocker | reads | 2.4- name:s
rocker-of-dpa-flows | reads | 2.4- name:s,tbl_id:i?
rocker-of-dpa-groups | reads | 2.4- name:s,type:i?
rocker-ports | reads | 2.4- name:s
roms | reads | 1.0-
sev | reads | 2.12-
sgx | reads | 6.2-
skeys | reads discloses | 2.5- addr:l | tells storage keys of guest memory
snapshots | reads | 1.0-
spice | reads discloses | 1.0- | tells names and addresses of the display's clients
stats | reads ends | 7.1- target:s,names:s?,provider:s?
status | reads | 1.0-
sync-profile | reads | 3.1- mean:-m,no_coalesce:-n,max:i?
tlb | reads discloses | 1.0- | tells the guest's page tables
tpm | reads | 1.5-
trace | reads discloses | 1.0-1.1 | tells records of traced events, with their arguments
trace-events | reads | 1.0-2.6 | 2.7- name:s?,vcpu:i?
usb | reads | 1.0-
usbhost | reads discloses | 1.0- | tells the host's USB devices
usernet | reads discloses | 1.0- | tells addresses that the guest talks to
uuid | reads | 1.0-
vcpu_dirty_limit | reads | 7.1-
version | reads | 1.0-
via | reads | 7.0-
virtio | reads | 7.2-
virtio-queue-element | reads discloses | 7.2- path:s,queue:i,index:i?
    | tells buffers of a queue in guest memory
virtio-queue-status | reads | 7.2- path:s,queue:i
virtio-status | reads | 7.2- path:s
virtio-vhost-queue-status | reads | 7.2- path:s,queue:i
vm-generation-id | reads | 2.9-
vnc | reads discloses | 1.0- | tells names and addresses of the display's clients
"""
