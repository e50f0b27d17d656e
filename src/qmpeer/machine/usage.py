"""The text of ``qmpeer serve --help``."""

from typing import Final

USAGE: Final = """\
usage: qmpeer serve [options]

Starts a machine without a guest. Its QMP and human monitors answer as QEMU 7.2 does.
The options are QEMU's, with one dash or two:

monitors:
  -qmp DEV            a QMP monitor on DEV, which writes one JSON value a line
  -qmp-pretty DEV     a QMP monitor on DEV, which indents JSON
  -monitor DEV        a human monitor on DEV; 'none' for no monitor
  -mon [chardev=]ID[,mode=readline|control][,pretty=on|off]
                      a monitor on the device ID of a -chardev: human (readline) or QMP (control)
                      Without any of these options, a human monitor is on standard input and
                      output. With -display none or -daemonize it is on a console that nobody
                      sees. With -nodefaults there is none.
  --monitor-objects   monitors are objects, as in QEMU 11.1: the options above are short for
                      -object monitor-qmp,id=ID,chardev=ID[,pretty=on|off]
                              [,close-action=none|delete]
                      -object monitor-hmp,id=ID,chardev=ID
                      object-add makes more of them, object-del removes those for QMP. With
                      close-action=delete a monitor and its device go when the client leaves.
  DEV is tcp:HOST:PORT[,OPTS], telnet:HOST:PORT[,OPTS], websocket:HOST:PORT[,OPTS],
      unix:PATH[,OPTS], stdio, pty, file:PATH, pipe:PATH, udp:HOST:PORT[@HOST:PORT], null, vc,
      /dev/..., chardev:ID, or mon:DEV for a device that several can share (C-a h shows help)

character devices:
  -chardev TYPE,id=ID[,OPTS]
                      a device; -chardev help lists the types, -chardev TYPE,help its options
  OPTS of sockets: server[=on|off]      listen for clients, instead of connecting
                   wait=on|off          wait for a client before the start goes on; default on
                   reconnect=SECONDS    connect again after so many seconds
                   to=PORT, ipv4=on|off, ipv6=on|off, abstract=on|off, nodelay
                   telnet=on, tn3270=on, websocket=on
                   tls-creds=ID         use TLS, with the tls-creds-... object ID
                   tls-authz=ID         admit only clients that the authz-... object ID allows
  OPTS of all:     logfile=PATH[,logappend=on], mux=on
  -serial DEV, -parallel DEV
                      a device with the label of the port; mon:DEV adds a human monitor
  -echr N             the character that begins the escapes of mux=on; default 1, C-a
  -add-fd fd=N,set=SET[,opaque=TEXT]
                      add the inherited descriptor N to /dev/fdset/SET
  -set chardev.ID.KEY=VALUE, -set mon.ID.KEY=VALUE
                      add KEY=VALUE to an earlier -chardev or -mon, or to one made by -qmp

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

machine:
  -S                  start with the guest stopped
  -name [guest=]NAME  the guest's name, for query-name
  -uuid UUID          the guest's UUID, for query-uuid
  -singlestep         let query-status report single-step mode
  -pidfile FILE       write the process id to FILE; remove FILE at the end
  -daemonize          go to the background once the monitors listen
  -machine none       the only machine type; -M is the same
  -compat KEY=VALUE   refuse or hide deprecated or unstable parts of the interface:
                      deprecated-input or unstable-input with accept, reject or crash,
                      deprecated-output or unstable-output with accept or hide
  -accel NAME         tcg, kvm or qtest; accepted, but there is no guest to accelerate
  -display none       the only display
  -nographic, -nodefaults, -no-user-config
                      accepted; besides the default monitor there is nothing to leave out

  -h, --help          show this text
  -version            show the version

The environment variable QMPEER_LOOP chooses the event loop: uvloop or asyncio.
Exit status: 0 after quit, SIGTERM, SIGINT or SIGHUP; 1 if the machine can't start.
"""
