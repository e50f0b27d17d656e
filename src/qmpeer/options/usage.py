"""The parts of --help that programs with QEMU's monitor options share."""

from typing import Final

DEVICE_FORMS: Final = """\
  DEV is tcp:HOST:PORT[,OPTS], telnet:HOST:PORT[,OPTS], websocket:HOST:PORT[,OPTS],
      unix:PATH[,OPTS], stdio, pty, file:PATH, pipe:PATH, udp:HOST:PORT[@HOST:PORT], null, vc,
      /dev/..., chardev:ID, or mon:DEV for a device that several can share (C-a h shows help)
"""
CHARDEVS: Final = """\
  -chardev TYPE,id=ID[,OPTS]
                      a device; -chardev help lists the types, -chardev TYPE,help its options
  OPTS of sockets: server[=on|off]      listen for clients, instead of connecting
                   wait=on|off          wait for a client before the start goes on; default on
                   reconnect=SECONDS    connect again after so many seconds
                   to=PORT, ipv4=on|off, ipv6=on|off, abstract=on|off, nodelay
                   telnet=on, tn3270=on, websocket=on
                   tls-creds=ID         use TLS, with the tls-creds-... object ID
                   tls-authz=ID         admit only clients that the authz-... object ID allows
"""
DESCRIPTORS: Final = """\
  -add-fd fd=N,set=SET[,opaque=TEXT]
                      add the inherited descriptor N to /dev/fdset/SET
  -set chardev.ID.KEY=VALUE, -set mon.ID.KEY=VALUE
                      add KEY=VALUE to an earlier -chardev or -mon, or to one made by -qmp
"""
ACCESS: Final = """\
credentials and access:
  -object TYPE,id=ID[,...], or in JSON
                      tls-creds-x509, tls-creds-psk, tls-creds-anon, secret, authz-list or
                      authz-simple; -object TYPE,help lists its properties. With
                      --monitor-objects also monitor-qmp or monitor-hmp
  --insecure          allow TCP on addresses other than loopback, where anyone who can reach the
                      port controls the machine; not needed with TLS that requires certificates
                      or keys of clients
  -allow-origin ORIGIN
                      let web pages of ORIGIN, such as https://admin.example, connect by
                      WebSocket; may be repeated, * allows all. Other pages are refused.
  -handshake-timeout SECONDS|off
                      limit the TLS and WebSocket handshakes on TCP; default 10
"""
PROCESS: Final = """\
  -pidfile FILE       write the process id to FILE; remove FILE at the end
  -daemonize          go to the background once the monitors listen
"""
HELP: Final = """\
  -h, --help          show this text
  -version            show the version
"""
CLIENTS: Final = f"""\
where clients come in, by options of QEMU with one dash or two:
  -qmp DEV            clients of QMP come in on DEV
  -mon [chardev=]ID,mode=control
                      clients of QMP come in on the device ID of a -chardev
  --monitor-objects, -object monitor-qmp,id=ID,chardev=ID
                      the same, as in QEMU 11.1
  DEV is unix:PATH[,OPTS], tcp:HOST:PORT[,OPTS], telnet:HOST:PORT[,OPTS],
      websocket:HOST:PORT[,OPTS], stdio, pty, pipe:PATH, udp:HOST:PORT[@HOST:PORT], /dev/... or
      chardev:ID
{CHARDEVS}  OPTS of all:     logfile=PATH[,logappend=on]
{DESCRIPTORS}
{ACCESS}
process:
{PROCESS}\
  These options about the guest are accepted and ignored: -S, -machine, -M, -accel, -cpu, -m, -smp,
  -name, -uuid, -display, -sandbox, -nographic, -nodefaults, -no-user-config, -enable-kvm,
  -no-reboot, -no-shutdown

{HELP}"""
"""All options of a program that has no human monitor and no guest."""
