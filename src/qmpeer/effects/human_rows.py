"""The facts about each command of the human monitor: effects, releases, arguments.

A line is: names | effects | arguments in a range of releases, by QEMU's letters (the table of these
letters is in `human_arguments`). Then may follow, behind a word of their own, the sensitive
arguments and what the command discloses. An indented line continues the line above.

Releases run from 1.0 to 11.1; a range without an end is one up to 11.1. A command of only some of
QEMU's targets is here, too. Names and letters that changed without another meaning have those of
10.2.

Spec: QEMU 1.0 to 10.2, hmp-commands.hx of each release; QEMU 11.1, its help; the effects are a
review of each command.
"""

from typing import Final

ROWS: Final = """\
acl_add | changes-host | 1.0-5.2 aclname:s,match:s,policy:s,index:i?
acl_policy | changes-host | 1.0-5.2 aclname:s,policy:s
acl_remove | changes-host | 1.0-5.2 aclname:s,match:s
acl_reset | changes-host | 1.0-5.2 aclname:s
acl_show | reads | 1.0-5.2 aclname:s
announce_self | changes-guest changes-host | 4.0-4.0 | 4.1- interfaces:s?,id:s?
balloon | changes-guest | 1.0- value:M
block_job_cancel | changes-host | 1.1-1.2 device:B | 1.3- force:-f,device:B
block_job_complete | changes-host | 1.3- device:B
block_job_pause | changes-host | 1.3- device:B
block_job_resume | changes-host | 1.3- device:B
block_job_set_speed | changes-host | 1.1- device:B,speed:o
block_passwd | changes-host | 1.0-5.2 device:B,password:s
block_resize | changes-guest changes-host | 1.0- device:B,size:o
block_set_io_throttle | changes-guest changes-host
    | 1.1- device:B,bps:l,bps_rd:l,bps_wr:l,iops:l,iops_rd:l,iops_wr:l
block_stream | changes-host opens-paths | 1.1- device:B,speed:o?,base:s? | sensitive base
boot_set | changes-guest | 1.0- bootdevice:s
calc_dirty_rate | changes-guest changes-host | 6.1-6.1 second:l,sample_pages_per_GB:l?
    | 6.2- dirty_ring:-r,dirty_bitmap:-b,second:l,sample_pages_per_GB:l?
cancel_vcpu_dirty_limit | changes-guest changes-host | 7.1- cpu_index:l?
change | changes-guest changes-host opens-paths connects | 1.0-2.4 device:B,target:F,arg:s?
    | 2.5-7.0 device:B,target:F,arg:s?,read-only-mode:s?
    | 7.1- device:B,force:-f,target:F,arg:s?,read-only-mode:s? | sensitive target arg
chardev-add | changes-host opens-paths connects | 1.5- args:s | sensitive ** !backend !id !mux
chardev-change | changes-host opens-paths connects | 2.10- id:s,args:s
    | sensitive args !args.backend !args.id !args.mux
chardev-remove | changes-host | 1.5- id:s
chardev-send-break | changes-guest | 2.10- id:s
clear | changes-host | 11.1-
client_migrate_info | changes-host connects
    | 1.0- protocol:s,hostname:s,port:i?,tls-port:i?,cert-subject:s?
    | sensitive hostname cert-subject
closefd | changes-host | 1.0- fdname:s
commit | changes-host opens-paths | 1.0- device:B
cont|c | changes-guest | 1.0-
cpu | changes-host | 1.0- index:i
cpu-add | changes-guest changes-host | 2.0-5.1 id:i
delvm | changes-host | 1.0- name:s
device_add | changes-guest changes-host opens-paths connects | 1.0- device:O | sensitive @device
device_del | changes-guest changes-host | 1.0- id:s
drive_add | changes-guest changes-host opens-paths connects | 1.0-2.5 pci_addr:s,opts:s
    | 2.6- node:-n,pci_addr:s,opts:s
    | sensitive opts !opts.if !opts.id !opts.node-name !opts.index !opts.media !opts.readonly
      !opts.read-only !opts.cache
drive_backup | discloses changes-host opens-paths connects
    | 1.6-2.7 reuse:-n,full:-f,device:B,target:s,format:s?
    | 2.8- reuse:-n,full:-f,compress:-c,device:B,target:s,format:s? | sensitive target format
    | tells the disk's contents, to the target
drive_del | changes-guest changes-host | 1.0- id:B
drive_mirror | discloses changes-host opens-paths connects
    | 1.3- reuse:-n,full:-f,device:B,target:s,format:s? | sensitive target format
    | tells the disk's contents, to the target
dump-guest-memory | discloses changes-guest opens-paths
    | 1.2-2.0 paging:-p,filename:F,begin:i?,length:i?
    | 2.1-2.5 paging:-p,zlib:-z,lzo:-l,snappy:-s,filename:F,begin:i?,length:i?
    | 2.6-2.12 paging:-p,detach:-d,zlib:-z,lzo:-l,snappy:-s,filename:F,begin:i?,length:i?
    | 3.0-8.1 paging:-p,detach:-d,windmp:-w,zlib:-z,lzo:-l,snappy:-s,filename:F,begin:l?,
      length:l?
    | 8.2- paging:-p,detach:-d,windmp:-w,zlib:-z,lzo:-l,snappy:-s,raw:-R,filename:F,begin:l?,
      length:l?
    | sensitive filename | tells guest memory, to a file
dump-skeys | discloses opens-paths | 2.5- filename:F | sensitive filename
    | tells storage keys of guest memory, to a file
dumpdtb | discloses opens-paths | 7.2- filename:F | sensitive filename
    | tells the device tree, which can hold random seeds, to a file
eject | changes-guest changes-host | 1.0- force:-f,device:B
exit_preconfig | changes-guest changes-host | 3.0-
expire_password | changes-host | 1.0-6.2 protocol:s,time:s | 7.0- protocol:s,time:s,display:-ds
gdbserver | discloses changes-guest changes-host opens-paths connects | 1.0- device:s?
    | sensitive device | tells guest memory and registers, to a debugger
getfd | changes-host | 1.0- fdname:s
gpa2hpa | reads discloses | 2.10- addr:l | tells addresses of the host
gpa2hva | reads discloses | 2.10- addr:l | tells addresses of the emulator's process
gva2gpa | reads discloses | 4.1- addr:l | tells the guest's page tables
help|? | reads | 1.0-1.6 name:s? | 1.7- name:S?
host_net_add | changes-guest changes-host opens-paths connects runs-programs
    | 1.0-2.11 device:s,opts:s? | sensitive device opts !opts.id !opts.vlan !opts.name
host_net_remove | changes-guest changes-host | 1.0-2.11 vlan_id:i,device:s
hostfwd_add | changes-host opens-paths connects | 1.0-4.2 arg1:s,arg2:s?,arg3:s?
    | 5.0- arg1:s,arg2:s? | sensitive arg1 arg2 arg3
hostfwd_remove | changes-host | 1.0-4.2 arg1:s,arg2:s?,arg3:s? | 5.0- arg1:s,arg2:s?
i | reads discloses changes-guest | 1.0- fmt:/,addr:i,index:i.
    | tells values of the guest's hardware ports
info | reads | 1.0-
loadvm | changes-guest changes-host | 1.0- name:s
log | changes-host opens-paths | 1.0- items:s
logfile | changes-host opens-paths | 1.0- filename:F | sensitive filename
mce | changes-guest | 1.0- broadcast:-b,cpu_index:i,bank:i,status:l,mcg_status:l,addr:l,misc:l
memsave | discloses opens-paths | 1.0- val:l,size:i,filename:s | sensitive filename
    | tells guest memory, to a file
migrate | discloses changes-guest changes-host opens-paths connects runs-programs ends
    | 1.0-2.12 detach:-d,blk:-b,inc:-i,uri:s | 3.0-9.0 detach:-d,blk:-b,inc:-i,resume:-r,uri:s
    | 9.1- detach:-d,resume:-r,uri:s | sensitive uri
    | tells guest memory and all else, to the destination
migrate_cancel | changes-guest changes-host | 1.0-
migrate_continue | changes-guest changes-host | 2.11- state:s
migrate_incoming | changes-guest changes-host opens-paths connects runs-programs | 2.3- uri:s
    | sensitive uri
migrate_pause | changes-guest changes-host | 3.0-
migrate_recover | changes-guest changes-host opens-paths connects runs-programs | 3.0- uri:s
    | sensitive uri
migrate_set_cache_size | changes-host | 1.2-5.2 value:o
migrate_set_capability | changes-host | 1.2- capability:s,state:b
migrate_set_downtime | changes-host | 1.0-5.2 value:T
migrate_set_parameter | changes-host connects runs-programs | 2.4-2.6 parameter:s,value:i
    | 2.7-10.1 parameter:s,value:s | 10.2- parameter:s,value:S | sensitive parameter
migrate_set_speed | changes-host | 1.0-5.2 value:o
migrate_start_postcopy | changes-guest changes-host | 2.5-
migration_mode | changes-guest changes-host | 2.10- mode:i
mouse_button | changes-guest | 1.0- button_state:i
mouse_move | changes-guest | 1.0- dx_str:s,dy_str:s,dz_str:s?
mouse_set | changes-host | 1.0- index:i
nbd_server_add | discloses changes-host | 1.3-2.11 writable:-w,device:B
    | 2.12- writable:-w,device:B,name:s? | tells the disk's contents, to NBD clients
nbd_server_remove | changes-host | 2.12- force:-f,name:s
nbd_server_start | discloses changes-host opens-paths connects | 1.3- all:-a,writable:-w,uri:s
    | sensitive uri all | tells the disks' contents, to NBD clients
nbd_server_stop | changes-host | 1.3-
netdev_add | changes-guest changes-host opens-paths connects runs-programs | 1.0- netdev:O
    | sensitive @netdev
netdev_del | changes-guest changes-host | 1.0- id:s
nmi | changes-guest | 1.0-
o | changes-guest | 1.0- fmt:/,addr:i,val:i
object_add | discloses changes-guest changes-host opens-paths connects runs-programs
    | 2.0-5.2 object:O | 6.0- object:S | sensitive @object | tells all, by a monitor or qtest
object_del | changes-host | 2.0- id:s
one-insn-per-tb | changes-guest changes-host | 8.1- option:s?
pci_add | changes-guest changes-host opens-paths connects runs-programs
    | 1.0-2.2 pci_addr:s,type:s,opts:s? | sensitive opts !opts.if !opts.model !opts.macaddr
pci_del | changes-guest changes-host | 1.0-2.2 pci_addr:s
pcie_aer_inject_error | changes-guest
    | 1.0- advisory_non_fatal:-a,correctable:-c,id:s,error_status:s,header0:i?,header1:i?,
      header2:i?,header3:i?,prefix0:i?,prefix1:i?,prefix2:i?,prefix3:i?
pmemsave | discloses opens-paths | 1.0- val:l,size:i,filename:s | sensitive filename
    | tells guest memory, to a file
print|p | reads discloses | 1.0- fmt:/,val:l | tells registers of the guest
qemu-io | discloses changes-guest changes-host opens-paths ends | 1.6-4.2 device:B,command:s
    | 5.0- qdev:-d,device:B,command:s | sensitive command | tells the disk's contents
qom-get | reads discloses | 5.1- path:s,property:s | tells any property of any object
qom-list | reads | 2.3- path:s?
qom-set | changes-guest changes-host opens-paths connects | 2.3-5.0 path:s,property:s,value:s
    | 5.1- json:-j,path:s,property:s,value:S | sensitive path property value
quit|q | ends | 1.0-
replay_break | changes-guest changes-host | 5.2-6.0 icount:i | 6.1- icount:l
replay_delete_break | changes-guest changes-host | 5.2-
replay_seek | changes-guest changes-host | 5.2-6.0 icount:i | 6.1- icount:l
ringbuf_read | discloses changes-host | 1.4- device:s,size:i
    | tells what the guest or others wrote to a character device
ringbuf_write | changes-guest changes-host | 1.4- device:s,data:s
savevm | changes-guest changes-host | 1.0- name:s?
screendump | discloses opens-paths | 1.0-2.11 filename:F | 2.12-7.0 filename:F,device:s?,head:i?
    | 7.1- filename:F,format:-fs,device:s?,head:i? | sensitive filename
    | tells the screen, to a file
sendkey | changes-guest | 1.0- keys:s,hold-time:i?
set_link | changes-guest changes-host | 1.0- name:s,up:b
set_password | changes-host | 1.0-6.2 protocol:s,password:s,connected:s?
    | 7.0- protocol:s,password:s,display:-ds,connected:s?
set_vcpu_dirty_limit | changes-guest changes-host | 7.1- dirty_rate:l,cpu_index:l?
singlestep | changes-guest changes-host | 1.0-8.2 option:s?
snapshot_blkdev | changes-host opens-paths connects
    | 1.0-1.0 device:B,snapshot-file:s?,format:s?
    | 1.1- reuse:-n,device:B,snapshot-file:s?,format:s? | sensitive snapshot-file format
snapshot_blkdev_internal | changes-host | 1.7- device:B,name:s
snapshot_delete_blkdev_internal | changes-host | 1.7- device:B,name:s,id:s?
stop|s | changes-guest | 1.0-
stopcapture | changes-host | 1.0- n:i
sum | reads discloses | 1.0- start:i,size:i
    | tells checksums of guest memory, down to single bytes
sync-profile | changes-host | 3.1- op:s?
system_powerdown | changes-guest ends | 1.0-
system_reset | changes-guest ends | 1.0-
system_wakeup | changes-guest | 1.1-
trace-event | discloses changes-host | 1.0-2.6 name:s,option:b | 2.7- name:s,option:b,vcpu:i?
    | tells what devices do, to the log
trace-file | changes-host opens-paths | 1.0- op:s?,arg:F? | sensitive op arg
usb_add | changes-guest changes-host opens-paths connects | 1.0-2.11 devname:s
    | sensitive devname
usb_del | changes-guest changes-host | 1.0-2.11 devname:s
watchdog_action | changes-guest changes-host | 1.0- action:s
wavcapture | discloses changes-host opens-paths | 1.0-4.1 path:F,freq:i?,bits:i?,nchannels:i?
    | 4.2- path:F,audiodev:s,freq:i?,bits:i?,nchannels:i? | sensitive path
    | tells the guest's sound, to a file
x | reads discloses | 1.0- fmt:/,addr:l | tells guest memory
x_colo_lost_heartbeat | changes-guest changes-host ends | 2.8-
xen-event-inject | changes-guest | 8.0- port:i
xen-event-list | reads | 8.0-
xp | reads discloses | 1.0- fmt:/,addr:l | tells guest memory
"""
