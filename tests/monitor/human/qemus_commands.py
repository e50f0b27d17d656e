"""Commands with the names and arguments of QEMU 7.2's, which do nothing."""

from qmpeer.monitor import Monitor

__all__ = ["monitor_like_qemu"]

ARGUMENTS = {
    "balloon": "value:M",
    "block_resize": "device:B,size:o",
    "change": "device:B,force:-f,target:F,arg:s?,read-only-mode:s?",
    "chardev-add": "args:s",
    "cpu": "index:i",
    "drive_backup": "reuse:-n,full:-f,compress:-c,device:B,target:s,format:s?",
    "drive_mirror": "reuse:-n,full:-f,device:B,target:s,format:s?",
    "dump-guest-memory": "filename:F",
    "dumpdtb": "filename:F",
    "eject": "force:-f,device:B",
    "i": "fmt:/,addr:i,index:i.",
    "info block": "nodes:-n,verbose:-v,device:B?",
    "info mem": "",
    "info memdev": "",
    "info memory-devices": "",
    "info memory_size_summary": "",
    "info name": "",
    "info registers": "cpustate_all:-a,vcpu:i?",
    "info stats": "target:s,names:s?,provider:s?",
    "info status": "",
    "info version": "",
    "log": "items:s",
    "logfile": "filename:F",
    "memsave": "val:l,size:i,filename:s",
    "migrate": "detach:-d,blk:-b,inc:-i,resume:-r,uri:s",
    "migrate_cancel": "",
    "migrate_continue": "state:s",
    "migrate_incoming": "uri:s",
    "migrate_pause": "",
    "migrate_recover": "uri:s",
    "migrate_set_capability": "capability:s,state:b",
    "migrate_set_parameter": "parameter:s,value:s",
    "migrate_start_postcopy": "",
    "mouse_button": "button_state:i",
    "mouse_move": "dx_str:s,dy_str:s,dz_str:s?",
    "object_add": "object:S",
    "qemu-io": "qdev:-d,device:B,command:s",
    "qom-get": "path:s,property:s",
    "qom-list": "path:s?",
    "qom-set": "json:-j,path:s,property:s,value:S",
    "quit|q": "",
    "screendump": "filename:F,format:-fs,device:s?,head:i?",
    "set_link": "name:s,up:b",
    "set_password": "protocol:s,password:s,display:-ds,connected:s?",
    "stop|s": "",
    "sum": "start:i,size:i",
    "wavcapture": "path:F,audiodev:s,freq:i?,bits:i?,nchannels:i?",
    "x": "fmt:/,addr:l",
    "xp": "fmt:/,addr:l",
}
HELP = {"quit|q": "quit the emulator"}


def monitor_like_qemu() -> Monitor:
    """Return a monitor with these commands."""
    monitor = Monitor(version=(7, 2, 22))
    for name, arguments in ARGUMENTS.items():
        names = [part.partition(":")[0].replace("-", "_") for part in arguments.split(",")]
        parameters = ", ".join(name for name in names if name)
        handler = eval(f"lambda {parameters}: ''")
        monitor.human_command(name, args=arguments, help=HELP.get(name, ""))(handler)
    return monitor
