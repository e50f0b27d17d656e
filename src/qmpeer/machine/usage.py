"""The text of ``qmpeer serve --help``."""

from typing import Final

USAGE: Final = """\
usage: qmpeer serve [options]

Starts a machine without a guest and answers QMP, and people, as QEMU 7.2 does.
Options are QEMU's, with one dash or two:

monitors:
  -qmp DEV            a monitor for programs on DEV, one JSON value a line
  -qmp-pretty DEV     the same, indented
  -monitor DEV        a monitor for people on DEV; 'none' is none
  -mon [chardev=]ID[,mode=readline|control][,pretty=on|off]
                      a monitor on a device of -chardev, for people or for programs
                      Without any of these there is one for people on standard input and output;
                      with -display none or -daemonize nobody sees it, with -nodefaults it isn't.
  DEV is tcp:HOST:PORT[,OPTS], telnet:HOST:PORT[,OPTS], websocket:HOST:PORT[,OPTS],
      unix:PATH[,OPTS], stdio, pty, file:PATH, pipe:PATH, udp:HOST:PORT[@HOST:PORT], null, vc,
      /dev/..., chardev:ID, or mon:DEV for one that shares itself (C-a h tells how)

character devices:
  -chardev TYPE,id=ID[,OPTS]
                      a device; -chardev help lists the types, -chardev TYPE,help what they take
  OPTS of sockets: server[=on|off]      listen (else connect)
                   wait=on|off          start only when a client is there; default on
                   reconnect=SECONDS    a client's: try again
                   to=PORT, ipv4=on|off, ipv6=on|off, abstract=on|off, nodelay
                   telnet=on, tn3270=on, websocket=on
                   tls-creds=ID         TLS, with credentials of -object
                   tls-authz=ID         who may come in, by an authz-... of -object
  OPTS of all:     logfile=PATH[,logappend=on], mux=on
  -serial DEV, -parallel DEV
                      a device by that name; mon:DEV has a monitor for people, too
  -echr N             the character that begins the escapes of mux=on; default 1, C-a
  -add-fd fd=N,set=SET[,opaque=TEXT]
                      an inherited descriptor that /dev/fdset/SET stands for
  -set chardev.ID.KEY=VALUE, -set mon.ID.KEY=VALUE
                      add to a -chardev or -mon, or one that -qmp made, that stands before

credentials and who may come in:
  -object TYPE,id=ID[,...], or in JSON
                      tls-creds-x509, tls-creds-psk, tls-creds-anon, secret, authz-list or
                      authz-simple; -object TYPE,help tells what it takes
  --insecure          listen for TCP on other addresses than this host's own loopback, where
                      anyone who reaches the port controls the machine; TLS that asks clients
                      for certificates or keys needs no such leave
  -allow-origin ORIGIN
                      let pages of ORIGIN, such as https://admin.example, connect by WebSocket;
                      may be repeated, * is all. Pages of others are refused.
  -handshake-timeout SECONDS|off
                      how long TLS and WebSocket may take to begin on TCP; default 10

machine:
  -S                  start with the guest stopped
  -name [guest=]NAME  name of the guest, for query-name
  -uuid UUID          identity of the guest, for query-uuid
  -singlestep         what query-status says of stepping
  -pidfile FILE       write the process id to FILE, remove it at the end
  -daemonize          go on in the background once the monitors listen
  -machine none       the only machine there is; -M is the same
  -compat WHAT=HOW    refuse or hide what clients had better not use; WHAT is deprecated-input
                      or unstable-input with accept, reject or crash, deprecated-output or
                      unstable-output with accept or hide
  -accel NAME         tcg, kvm or qtest; there is no guest to accelerate
  -display none       the only display there is
  -nographic, -nodefaults, -no-user-config
                      accepted; there is nothing else to leave out

  -h, --help          this text
  -version            the version

The environment's QMPEER_LOOP chooses the event loop: uvloop or asyncio.
Exit status: 0 after quit, SIGTERM or SIGINT; 1 if it couldn't start.
"""
