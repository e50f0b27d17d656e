"""Every limit of qmpeer, with its source.

Sizes are in bytes and times in seconds unless a name says otherwise.
"""

from typing import Final

# The reader of the server's side (wire). Source: QEMU's JSON parser.
NESTING: Final = 1024
"""Levels of nesting in one value. QEMU: the 1025th open brace or bracket is refused."""
SMALL_TEXT: Final = 2 * NESTING
"""Bytes of the shortest text that can be nested too deep. QEMU: from NESTING."""
TOKENS: Final = 2 * 1024 * 1024
"""Tokens in one value. QEMU: 2 Mi."""
TOKEN_SIZE: Final = 64 * 1024 * 1024
"""Bytes of one token, and of all tokens of one value together. QEMU: 64 MiB."""
ERROR_TEXT: Final = 1023
"""Bytes of a parser's error message after its prefix. QEMU: a buffer of 1 KiB."""

# Both sides (wire).
SLICE: Final = 256 * 1024
"""Bytes of a value to read or write before other clients are served. Ours."""
WRITTEN_SIZE: Final = 256 * 1024 * 1024
"""Bytes of one written value, before escaping. Ours: four times the largest value that QEMU reads.
A Python value may hold another one many times over, so its text can grow without end."""

# The reader of the client's side. Source: ours. QEMU doesn't limit what it sends.
MESSAGE_SIZE: Final = 128 * 1024 * 1024
"""Default for the bytes of one message from a server. Ours: real replies have 100 MiB
(guest-file-read)."""
MESSAGE_STRUCTURE: Final = 2 * 1024 * 1024
"""Brackets, commas and colons of a message longer than TOLERANT_SIZE. Ours: decoding that many
takes up to half a second, during which nothing else runs."""
TOLERANT_SIZE: Final = 1024 * 1024
"""Bytes of a message that isn't JSON but that the tolerant reader accepts. Ours: no known server
sends more than a line of that."""

# Misspelt names (messages).
NEAR_NAME: Final = 0.7
"""The smallest difflib ratio at which one name is suggested for another. Ours."""
NEAR_NAME_LENGTH: Final = 100
"""Characters of a name that gets suggestions. Ours: the time grows with the square."""
NEAR_NAME_CHOICES: Final = 5000
"""Names to search for suggestions when many names may be wrong. Ours."""

# Requests (messages).
MEMBERS: Final = 4096
"""Members of an object, or members and items of an id, that are sorted as QEMU sorts. Ours."""
MEMBER_NAMES: Final = 64 * 1024
"""Characters in the names of such members together. Ours."""

# The server's session (protocol).
IN_BAND_QUEUE: Final = 8
"""Waiting commands of one monitor with out-of-band enabled. QEMU: QMP_REQ_QUEUE_LEN_MAX is 8."""
OOB_RUNNING: Final = 64
"""Out-of-band commands of one client that run at once; then no more are read. Ours."""
RAW_QUEUE: Final = 1024
"""Waiting commands of one client of a raw backend with out-of-band enabled. Ours: while there are
fewer, an out-of-band command overtakes them."""
RAW_QUEUE_SIZE: Final = 1024 * 1024
"""Bytes of these commands, above which only ``IN_BAND_QUEUE`` of them may wait. Ours."""
UNSENT_OUTPUT: Final = 1024 * 1024
"""Unsent bytes above which no further command of a client is taken. Ours; QEMU sets no limit."""
UNSENT_RESUME: Final = 256 * 1024
"""Unsent bytes below which the client's commands are taken again. Ours."""
UNSENT_PIECES: Final = 16 * 1024
"""Unsent bytes passed on to an event loop's TCP transport; more wait in one buffer of the stream.
Ours: from Python 3.12 on, asyncio adds up all its buffers at every write."""
UNSENT_EVENTS: Final = 4 * 1024 * 1024
"""Unsent bytes of events at which a client is disconnected. Ours."""
THROTTLE_PERIOD: Final = 1.0
"""Seconds between two events of a rate-limited kind. QEMU: 1000 ms."""
THROTTLE_KEYS: Final = 4096
"""Rate-limited kinds (event name and key) at once; further ones aren't limited. Ours."""

# The client's session (protocol) and the clients on it.
IN_BAND_WINDOW: Final = 8
"""In-band commands that a client keeps in flight after its first out-of-band command.

Spec: qmp-spec, "Out-of-band execution": with more, an out-of-band command may have to wait."""
IDS: Final = 100
"""Command ids are reused after this many; with more commands in flight they get longer. Ours: a
byte of an id costs QEMU 1.9 µs."""
FIRST_BYTES: Final = 512
"""First bytes of a server that are kept, for the error if they aren't QMP. Ours."""
ERRORS_NOTED: Final = 8
"""Further errors about one text that become notes of the first one. Ours: QEMU has four."""
EVENTS_KEPT: Final = 4096
"""Events that a client keeps for wait_event(since=…). Ours."""
EVENTS_SUBSCRIBED: Final = 4096
"""Unread events of one subscription; then the oldest are dropped and counted. Ours."""
CONNECT_TIMEOUT: Final = 10.0
"""Seconds for connecting, greeting and negotiation together. Ours."""
COMMAND_TIMEOUT: Final = 300.0
"""Seconds for a command's reply and for wait_event. Ours: real replies have taken 3 minutes."""
MARK_TIME: Final = 1.0
"""Longest time in seconds that event_mark() reads events that have arrived. Ours."""
MARK_MOMENT: Final = 0.02
"""Seconds that event_mark() waits for another thread that may have received an event. Ours: on a
busy machine a thread may wait that long for a processor."""
WAKE_INTERVAL: Final = 0.05
"""Seconds after which a thread that waits for another one checks on its own. Ours: an exception in
a signal handler may keep the other thread from waking it."""
WAIT_CHECK: Final = 0.25
"""Seconds after which a blocking wait for an event checks whether another thread has ended it.
Ours: the kernel wakes a thread that receives for data only."""
LAUNCH_STDERR: Final = 64 * 1024
"""Last bytes of a launched program's stderr that are kept. Ours."""
CLOSE_TIMEOUT: Final = 5.0
"""Seconds for a connection to flush or a launched process to end before it is cut off. Ours."""

# The clients' procedures of several commands (client).
TIMER_EARLINESS: Final = 0.002
"""Seconds by which a timer may fire early. Ours: uvloop counts whole milliseconds."""
PROGRESS_INTERVAL: Final = 1.0
"""Default seconds between two queries for the progress of a job or a migration. Ours."""
PROGRESS_INTERVAL_LEAST: Final = 0.02
"""The shortest such interval. Ours: QEMU answers in its main loop."""
CANCEL_TIMEOUT: Final = 10.0
"""Seconds for cancelling or dismissing an unwanted job or migration. Ours."""
ENSURE_ATTEMPTS: Final = 3
"""Lost connections after which such a call gives up. Ours: its command may end the server."""
RESET_GRACE: Final = 1.0
"""Seconds in which a removed device's event may still come after a reset, or after the event of a
part of the device. Ours: QEMU 7.2 and 10.0 take 0.3."""
UNPLUG_REPEAT: Final = 10.0
"""Default seconds after which a silent guest is asked again to let a device go. Ours: libvirt waits
5 to 10 s for a guest, then its callers ask again; a PCI Express slot takes 5 s."""
UNPLUG_BUSY: Final = 0.5
"""Seconds after which a request is repeated that was refused because the guest is busy with the
slot. Ours: powering a slot up takes Linux half a second."""
PLUGGED: Final = 1024
"""Plugged devices whose backends a client remembers; then the oldest are forgotten. Ours."""
HANDED_ON_DEPTH: Final = 4
"""Levels of QOM at which a backend is searched that a device has handed on. Ours: usb-storage's is
2 levels below."""
RECONNECT_DELAY: Final = 0.05
"""Seconds before the second attempt to reconnect, doubled for each further one. Ours."""
RECONNECT_DELAY_MOST: Final = 2.0
"""Longest time in seconds between two attempts to reconnect. Ours."""
INTERRUPTIONS: Final = 256
"""Remembered interruptions of a connection, and commands cut off by one of them. Ours."""
AGENT_PRESENCE: Final = 5.0
"""Seconds in which a guest agent must answer before it gets a task. Ours; libvirt has 5 s too."""
AGENT_RETRY: Final = 1.0
"""Seconds after which a silent agent is synchronized again. Ours."""
AGENT_CHUNK: Final = 48 * 1024
"""Bytes of a guest's file in one command. Ours: 64 KiB in base64, which slow agents can handle."""
AGENT_FILE: Final = 256 * 1024 * 1024
"""Bytes of a guest's file read into memory. Ours; larger ones go into a file."""
AGENT_INPUT: Final = 32 * 1024 * 1024
"""Bytes of input for a program in the guest. Ours: 43 MiB in base64, and a token has 64 MiB."""
AGENT_POLL: Final = 0.005
"""Seconds before the first query about a program in the guest, doubled each time. Ours."""
AGENT_POLL_MOST: Final = 0.25
"""Longest time in seconds between two such queries. Ours."""
AGENT_LAST: Final = 0.3
"""Seconds for cleaning up in a guest after a deadline: thawing file systems, closing files. Ours:
the clean-up is always requested, but not waited for any longer."""
AGENT_THAW: Final = 60.0
"""Seconds in which thawing a guest's file systems is retried. Ours."""
NAMES: Final = 10_000
"""Names of one kind that completion gets. Ours."""
NAMES_TIMEOUT: Final = 2.0
"""Seconds for querying such names. Ours: somebody has pressed TAB."""

# Transport.
READ_SIZE: Final = 64 * 1024
"""Bytes of one read. Ours: a buffer of 256 KiB would cost 10 µs a read."""
HANGUP_CHECK: Final = 0.1
"""Seconds after a read without a reply before a stream on uvloop checks whether the peer has hung
up. Ours: checking at each read would cost a system call."""
MESSAGE_FDS: Final = 253
"""Descriptors in one message. Linux: SCM_MAX_FD."""
READS_APART: Final = 64
"""Reads, from a connection's beginning and after descriptors, in which a relay keeps a line with
descriptors apart from earlier ones. Ours: programs that send any do so early, or repeatedly."""
UNIX_PATH: Final = 107
"""Bytes of a unix socket's path. Linux: sun_path is 108 with its final NUL."""
DIAG_TIMEOUT: Final = 1.0
"""Seconds for each part of the kernel's list of unix sockets. Ours: it comes at once."""
DIAG_BUFFER: Final = 64 * 1024
"""Bytes of one part of that list. Linux: it sends at most 32 KiB at once."""
DIAL_DELAY: Final = 0.001
"""Seconds before a peer that isn't there yet is dialled again, 1.5 times as long each time. Ours: a
QEMU is up within 20 ms."""
DIAL_DELAY_MOST: Final = 0.05
"""Longest time in seconds between two such attempts. Ours."""
DIAL_SETTLE: Final = 0.05
"""Age in seconds that the file of a unix socket must have before it is dialled by who waits for it.
Ours: a QEMU that starts may hang if a client connects in the first milliseconds."""
BACKLOG_ONE: Final = 1
"""The backlog of a listener for one client. QEMU: 1; a third client gets EAGAIN."""
BACKLOG_MANY: Final = 1024
"""The backlog of a listener for many clients. Ours."""
ACCEPTS: Final = 64
"""Clients accepted in one iteration of the loop, so that connected ones get their turn. Ours."""
ACCEPT_PAUSE: Final = 1.0
"""Seconds without accepting after the process or the system ran out of descriptors. Ours."""
BATCH_PIECES: Final = 512
"""Buffers of unsent output in one call. Ours; Linux takes 1024."""
BATCH_SIZE: Final = 256 * 1024
"""Bytes of such buffers. Ours: a unix socket takes about 208 KiB at once."""
TLS_RECORD: Final = 16 * 1024
"""Payload bytes of one TLS record. Ours: the most that TLS allows."""
LISTENER_CLIENTS: Final = 10_000
"""Default for the clients of one listener, or fewer if RLIMIT_NOFILE is lower. More wait in the
socket's backlog. Ours."""
SPARE_FDS: Final = 64
"""Descriptors reserved for the rest of the process. Ours."""
LISTENER_MEMORY: Final = 256 * 1024 * 1024
"""Bytes of unfinished requests and unread output that the clients of one listener may hold. A
client that exceeds it is disconnected, if it holds more than an equal share. Ours: four of the
largest requests."""
HANDSHAKE_TIMEOUT: Final = 10.0
"""Seconds for the TLS and WebSocket handshakes together. Ours; QEMU waits for ever."""
HANDSHAKE_TIMEOUT_MOST: Final = 86400.0
"""The largest value for that option. Ours: a day."""
UNSENT_CONTROL: Final = 64 * 1024
"""Unsent bytes of pongs and other control frames at which a peer is disconnected. Ours."""
TELNET_SUBNEGOTIATION: Final = 64 * 1024
"""Bytes of one telnet subnegotiation. Ours; they are skipped, not stored."""
WEBSOCKET_HEADER: Final = 16 * 1024
"""Bytes of the HTTP header of an upgrade. Ours; QEMU has 4096, which cookies may exceed."""
WEBSOCKET_FRAME: Final = 128 * 1024 * 1024
"""Bytes of one frame of a client. Ours: twice the longest message. Frames aren't stored."""

# The proxy.
PROXY_WINDOW: Final = 4
"""In-band commands of all clients that are at the server at once. Ours: enough that it never waits
for the next one, and few enough that a client doesn't wait long for those of others."""
PROXY_SILENCE: Final = 1.5
"""Seconds without a greeting after which the proxy looks who holds the monitor. Ours: QEMU greets
within milliseconds; finding the holder takes a few more."""
PROXY_SERVER_END: Final = 1.0
"""Seconds that a server has from the end of its connection until it listens no more. Ours: QEMU
ends both within milliseconds."""
PROXY_UNANSWERED: Final = 1024
"""Commands that the server hasn't answered; then no further out-of-band one is sent. Ours: at a
server that is stopped, a client that leaves and comes again could let any number wait."""
PROXY_EVENTS: Final = 4096
"""Events that the proxy keeps for clients that come back. Ours."""
PROXY_EVENTS_SIZE: Final = 4 * 1024 * 1024
"""Bytes of these events. Ours."""
PROXY_EVENTS_RETURNED: Final = 256
"""Events in one answer about kept events. Ours: more would keep the other clients waiting."""
PROXY_EVENTS_RETURNED_SIZE: Final = 256 * 1024
"""Bytes of kept events after which an answer ends. Ours."""
PROXY_EVENT_PATTERNS: Final = 256
"""Patterns in one filter of events. Ours."""
PROXY_EVENT_PATTERN: Final = 128
"""Characters of such a pattern. Ours: QEMU's names of events have up to 40."""
PROXY_EVENT_NAMES: Final = 1024
"""Names of events whose result a filter remembers. Ours; QEMU has a hundred."""

PROXY_SHOWN_NAME: Final = 128
"""Characters of a denied command's name that the proxy tells those who watch it. Ours."""
PROXY_REPORTS: Final = 50
"""Clients that query-clients looks at in one turn of the loop. Ours: about a millisecond."""
PROXY_STATUS_MOMENT: Final = 0.1
"""Seconds for which `qmpeer proxy --status --follow` waits for more changes, before it shows one.
Ours: shorter than anybody reads."""
PROCESS_NAME: Final = 64
"""Bytes of the name of a client's process. Linux: 16, and 64 for threads of the kernel."""
EMULATOR_TIMEOUT: Final = 20.0
"""Seconds in which the proxy of an emulator must listen. Ours: libvirt waits 30 for QEMU's
monitor."""

# The audit.
AUDIT_ARGUMENTS: Final = 16 * 1024
"""Bytes of a command's arguments, as JSON, in an audit log; longer ones are replaced by their
digest. Ours: commands of people and programs have up to some hundred."""
AUDIT_DENIED_ARGUMENTS: Final = 1024
"""Bytes of a denied command's arguments, likewise. Ours: so a client that asks again and again for
what it may not have pushes few records out of the log."""
AUDIT_DENIED_NAME: Final = 64
"""Characters of a denied command's name in an audit log. Ours: the longest name of QEMU has 38."""
AUDIT_TEXT: Final = 1024
"""Characters of a name, an error or another text in an audit log. Ours."""
AUDIT_LINE: Final = 64 * 1024
"""Bytes of a line of an audit log. Ours: the arguments' limit, and room for texts."""
AUDIT_REMEMBERED: Final = 1024
"""Different arguments without secrets that an audit log remembers, so that it needn't look again.
Ours: programs ask the same again and again."""
AUDIT_REMEMBERED_SIZE: Final = 512
"""Bytes of such arguments. Ours."""
AUDIT_PENDING: Final = 4096
"""Ends of commands that wait until the audit log can be written again. Ours: then the oldest is
lost."""
AUDIT_OPEN: Final = 100_000
"""Commands without an end that `qmpeer audit show` remembers. Ours: 50 MB."""
AUDIT_HEADS: Final = 100_000
"""Heads of an audit log that `qmpeer audit verify` remembers, the last ones. Ours: 20 MB."""
AUDIT_ENDS: Final = 0.05
"""Seconds for which the end of a command may wait for the next record, to be written with it. Ours:
a kill of the proxy loses it, and nobody who follows the log notices the delay."""
AUDIT_RETRY: Final = 1.0
"""Seconds after which an audit log that can't be written is tried again. Ours."""
AUDIT_SYNC: Final = 1.0
"""Seconds until the end of a command is on the disk if its beginning has to be at once. Ours."""
AUDIT_LOOK: Final = 100
"""Records after which an audit log looks whether somebody has moved or removed its file. Ours."""
AUDIT_GROUP: Final = 64
"""In-band commands of one client that the proxy takes at once if each has to be on the disk first.
Ours: they share a sync; without that, PROXY_WINDOW of them are taken."""
AUDIT_SIZE: Final = 64 * 1024 * 1024
"""Default for the bytes of one file of an audit log. Ours: some 100,000 commands."""
AUDIT_KEEP: Final = 10
"""Default for the number of full files of an audit log that are kept. Ours."""
AUDIT_HEAD: Final = 1000
"""Default for the records of an audit log after which its head is sent elsewhere. Ours."""
AUDIT_KEY: Final = 64
"""Bytes of the key of an audit log. Ours: as many as BLAKE2b takes."""

# The relay.
RELAY_LINKS: Final = 1000
"""Default for the links of one relay; a further client is turned away. Ours: each has two
descriptors."""
RELAY_SILENCE: Final = 2.0
"""Seconds without a byte from a server after which a relay logs it. Ours: QEMU greets within
milliseconds, but leaves a second client waiting without a word."""
RELAY_DRAIN: Final = 60.0
"""Seconds in which one end of a link may read the last bytes after the other end has left. Ours."""
RELAY_DRAIN_CHECK: Final = 0.01
"""Seconds before the first check whether it has read them, doubled each time. Ours."""
RELAY_DRAIN_CHECK_MOST: Final = 0.25
"""Longest time in seconds between two such checks. Ours."""

# Character devices.
RING_BUFFER: Final = 64 * 1024
"""Default size of a ring buffer in bytes. QEMU: 64 KiB."""
RING_BUFFER_MOST: Final = 1024 * 1024 * 1024
"""Largest size of a ring buffer in bytes. QEMU: its option holds 31 bits."""
DEVICE_RECONNECT: Final = 1_000_000
"""Largest value of a socket device's ``reconnect=`` in seconds. Ours."""
MUX_FRONT_ENDS: Final = 4
"""Front ends of one mux. QEMU: 4."""
MUX_LEVELS: Final = 64
"""Muxes stacked on one another. Ours."""
MUX_HELD_INPUT: Final = 64 * 1024
"""Bytes held for a mux's front end that doesn't read; then the device isn't read. Ours; QEMU holds
32."""
DATAGRAM: Final = 65507
"""Bytes of one UDP datagram over IPv4. UDP: 65,535 minus the headers."""
PTY_POLL: Final = 0.25
"""Seconds between two checks whether a pty is open. Ours; QEMU checks once a second."""

# The machine.
KEY_PARTS: Final = 64
"""Parts of an option's dotted key. Ours; the keys of objects have at most 3."""
KEY_PART: Final = 127
"""Characters of one part of such a key. QEMU: a buffer of 128 bytes."""
OBJECTS: Final = 4096
"""Objects of -object and object-add at once. Ours; QEMU sets no limit."""
SECRET: Final = 1024 * 1024
"""Bytes of a file that holds a secret. Ours; QEMU sets no limit."""
CHARDEVS: Final = 4096
"""Character devices at once. Ours; QEMU sets no limit."""
BLOCK_NODES: Final = 4096
"""Block nodes of blockdev-add at once. Ours; QEMU sets no limit."""
NODE_NAME: Final = 31
"""Characters of a block node's name. QEMU: a buffer of 32 bytes."""
CONFIG_SIZE: Final = 1024 * 1024
"""Bytes of a file of blkdebug rules. Ours; QEMU sets no limit."""
NAMED_FDS: Final = 4096
"""Named descriptors of one monitor, and as many in sets. Ours; QEMU sets no limit."""
PROXY_FD_SETS: Final = 1 << 30
"""The least number of a set of descriptors that the proxy makes; clients add to none from here on.
Ours: QEMU counts its own from 0."""

# Monitor.
TURN_SMALL: Final = 4 * 1024
"""Bytes of a read that are parsed at once; more wait for a turn. Ours."""
TURN_SIZE: Final = 16 * 1024
"""Bytes parsed in one turn. Ours: garbage is parsed at 4 MiB/s."""
TURN_TIME: Final = 0.002
"""Seconds of one client's turn for parsing, and as many for executing commands. Ours."""
RECEIVED_FDS: Final = 64
"""Descriptors kept for one client until a command takes them; further ones are closed. Ours."""
BOUND_FDS: Final = 64
"""Descriptors of one client of a raw backend whose commands wait; with more, nothing is read until
some of these commands are executed. Ours."""
LINGER: Final = 100e-6
"""Seconds in which a monitor polls for the next command before it sleeps. Ours: waking up takes 25
to 50 µs on a virtual machine, a small command 15 µs."""
LINGER_ALONE: Final = 10e-3
"""Seconds for which one connection must be the only active one before the monitor polls. Ours: with
several active ones, the others need the time."""
BLOCKING_THREADS: Final = 64
"""Blocking handlers of one monitor that run at once; further commands wait. Ours: each takes 8 MiB
of address space, and QEMU's own thread pool has 64."""
BLOCKING_WAITING: Final = 16384
"""Commands of one monitor that wait for a thread; further ones fail. Ours."""
EMITTED_EVENTS: Final = 65536
"""Events from other threads that wait for the loop; then the oldest are dropped. Ours."""

# Human monitor.
HUMAN_LINE: Final = 4095
"""Bytes of one line. QEMU: the buffer of its readline."""
HUMAN_WORD: Final = 1023
"""Bytes of one word of a line. QEMU: its buffer for words; it cuts longer ones."""
HUMAN_TURN: Final = 64
"""Lines and TABs of one human monitor in one turn. Ours."""
HUMAN_HISTORY: Final = 64
"""Lines that a human monitor remembers. QEMU: 64."""
HUMAN_COMPLETIONS: Final = 256
"""Names offered for completion. QEMU: 256."""
HUMAN_FILES: Final = 65536
"""Entries of a folder that file name completion reads. Ours."""
HUMAN_EXPRESSION: Final = 64 * 1024
"""Characters of one expression, blanks included. Ours; long ones overflow QEMU's stack."""
HUMAN_DUMP: Final = 1024 * 1024
"""Bytes of memory that one command prints. Ours; QEMU sets no limit."""

# Policies (policy).
PATH_LINKS: Final = 40
"""Symbolic links that are followed to resolve one path. Linux: MAXSYMLINKS is 40."""
PATH_SIZE: Final = 4096
"""Bytes of a path with the zero byte behind it. Linux: PATH_MAX is 4096."""
IMAGE_DEPTH: Final = 64
"""Levels of block nodes inside one another in an image that a policy judges. Ours: real ones have
up to five."""

# Predicates (policy).
PREDICATE_TEXT: Final = 4096
"""Characters of one expression. Ours."""
PREDICATE_LEVELS: Final = 32
"""Levels of parentheses and calls in one. Ours: the library ends at 96, some texts with a panic."""
PREDICATE_ARGUMENTS: Final = 32 * 1024
"""Bytes of JSON that one may read of a command's arguments; with more it isn't evaluated. Ours: a
loop over 32 kB takes 30 ms, and longer ones would keep the other clients waiting."""
PREDICATE_NESTING: Final = 64
"""Levels of nesting of these arguments. Ours: the library converts them recursively."""
PREDICATE_SAMPLES: Final = 64
"""Values of the arguments that each part of one is tried on at load. Ours."""
PREDICATE_SHOWN: Final = 200
"""Characters of an expression, or of the library's reason, in an error. Ours."""

# Schema files: none may take for ever, or all memory. QEMU 10.2 has 46 files, 1.1 MB together, the
# largest 0.2 MB, with 5 levels of braces and brackets, and includes 3 deep.
SCHEMA_FILE_SIZE: Final = 4 * 1024 * 1024
"""Bytes of one file. Ours."""
SCHEMA_SIZE: Final = 16 * 1024 * 1024
"""Bytes of all files together. Ours."""
SCHEMA_VALUES: Final = 500_000
"""Strings, objects and arrays in all files together. Ours."""
SCHEMA_DEFINITIONS: Final = 50_000
"""Commands, events and types of one schema. Ours; QEMU 10.2 has 1,100."""
SCHEMA_BASES: Final = 100
"""Bases of bases, or unions within unions. Ours; QEMU 10.2 has 3."""
SCHEMA_MEMBERS: Final = 1_000_000
"""Members of all objects, counting bases and branches for each, and the arguments of all commands
in a binding. Ours; QEMU 10.2 has 5,700, and 374 in its largest object."""
SCHEMA_FILES: Final = 1000
"""Files of one schema. Ours."""
SCHEMA_INCLUDES: Final = 50
"""Depth of includes. Ours."""
SCHEMA_LEVELS: Final = 32
"""Levels of braces and brackets. Ours."""
CONDITION_LEVELS: Final = 32
"""Levels of parentheses and negations in a condition. Ours."""
TYPE_NAME: Final = 200
"""Characters of a generated type name. Ours: the path to a type can be as long as the number of
types."""
ANSWER_VALUES: Final = 200_000
"""JSON values of a recorded conversation that are searched for an answer. Ours."""
SCHEMA_ERRORS: Final = 100
"""Errors reported in one run. Ours."""

# The shell.
SHELL_COMPLETIONS: Final = 1000
"""Names of one kind that completion offers. Ours."""
SHELL_META: Final = 24
"""Characters of an enum's values shown beside a name. Ours."""
SHELL_PASTE: Final = 16 * 1024
"""Characters of a paste shown on the line; a longer paste is kept aside. Ours."""
SHELL_STATEMENT: Final = 64 * 1024 * 1024
"""Bytes of one statement. QEMU: 64 MiB for a value."""
SHELL_LEVELS: Final = 128
"""Levels of a dotted name. Ours."""
SHELL_HISTORY_ENTRY: Final = 16 * 1024
"""Characters of a line in the history. Ours."""
SHELL_SHOWN: Final = 256 * 1024
"""Characters of a failed statement that an error shows. Ours: it is searched for secrets first."""
SHELL_HISTORY: Final = 1024 * 1024
"""Last bytes of the history file that are read. Ours; the file is never truncated."""
SHELL_EVENT_LINES: Final = 20
"""Events shown in one period; further ones are counted. Ours."""
SHELL_EVENT_PERIOD: Final = 0.5
"""Seconds of such a period. Ours."""
SHELL_EVENT_TEXT: Final = 1000
"""Characters of one event's line. Ours."""
SHELL_SOURCES: Final = 10
"""Depth of ``source``. Ours."""
SHELL_SILENCE: Final = 2.0
"""Seconds without a greeting after which the shell reports it. Ours."""
SHELL_NAMES_TIMEOUT: Final = 1.0
"""Seconds for querying names for completion. Ours."""
SHELL_NAMES_AGE: Final = 5.0
"""Seconds for which such names are kept. Ours."""
SHELL_TABLE_ROWS: Final = 10_000
"""Rows of a table; longer lists are shown as JSON. Ours."""
SHELL_SOURCE_SILENCE: Final = 10.0
"""Seconds without a byte from a sourced file, such as a FIFO. Ours."""
SHELL_SOURCE_TIMEOUT: Final = 300.0
"""Seconds in which such a file must end. Ours."""

# Transcripts.
TRANSCRIPT_SIZE: Final = 256 * 1024 * 1024
"""Bytes of one transcript, or of one file of replies, that is read. Ours: a day of a busy machine
has some 60 MB."""
TRANSCRIPT_LINE: Final = 64 * 1024 * 1024
"""Bytes of one line of it. Ours: the largest recorded answers have 0.2 MB."""
TRANSCRIPT_FOUND: Final = 60
"""Characters of a wrong line that an error shows. Ours."""

# Recordings.
RECORDED_VALUE: Final = 64 * 1024 * 1024
"""Bytes of one recorded message; of a longer one only the size is. QEMU: 64 MiB for a command."""
RECORDED_HELD: Final = 256 * 1024 * 1024
"""Bytes of unfinished messages of all connections of one recording. Ours."""
RECORDED_LINE: Final = 1024 * 1024
"""Bytes of a message in one line of a recording; a longer one takes several lines. Ours."""
RECORDED_NOISE: Final = 64 * 1024
"""Bytes of one piece of noise; of the rest only the size is recorded. Ours."""
RECORDED_PAUSE: Final = 0.005
"""Seconds without a line after which the time is recorded. Ours: QEMU answers most commands within
a millisecond, and times that differ at each run would hide what matters."""

# Redaction (messages).
REDACTION_DEPTH: Final = 64
"""Levels of arguments searched for secrets; deeper ones are blanked. Ours."""
REDACTION_NAMES: Final = 1000
"""Members of one command that are searched for misspelt names of secrets. Ours."""
REDACTED_TEXTS: Final = 64
"""Secrets of recent commands that errors are searched for. Ours."""
REDACTED_LENGTH: Final = 4
"""Fewest characters of such a secret: a shorter one may be part of any word. Ours."""
REDACTED_SIZE: Final = 4096
"""Most characters of such a secret. Ours."""

# Keyboard, pointer, screen.
TYPED_TEXT: Final = 64 * 1024
"""Characters of one typed text. Ours: more takes over 40 minutes at the default rate."""
KEYS_HELD: Final = 8
"""Keys of one combination. Ours: their bytes fill the queue of a PS/2 keyboard, which has 16."""
KEY_RATE: Final = 25.0
"""Keys pressed a second; a modifier is one of them. Ours: QEMU's USB keyboard reports one change
every 8 ms, and its queue of 16 changes overflows silently. A queue lasts for 0.2 s at this rate."""
KEY_RATE_LEAST: Final = 0.01
"""Fewest of them. Ours: one in 100 s."""
KEY_RATE_MOST: Final = 500.0
"""Most of them. QEMU: 1 ms is the shortest time between two changes of keys."""
KEY_HOLD: Final = 0.02
"""Longest time in seconds for which a key is down. Ours: guests repeat a key after 250 ms."""
KEY_RELEASE: Final = 5.0
"""Seconds for releasing held keys. Ours."""
POINTER_PAUSE: Final = 0.02
"""Seconds between two changes of the pointer. Ours: a USB tablet reports one every 8 ms."""
POINTER_STEP: Final = 100
"""Pixels of one relative movement. QEMU: a PS/2 mouse reports at most 127 at once."""
DRAG_STEPS: Final = 10
"""Positions of the pointer while it drags. Ours."""
CLICKS: Final = 100
"""Clicks, or turns of the wheel, of one call. Ours."""
SCREEN_INTERVAL: Final = 0.25
"""Seconds between two pictures that are compared. Ours."""
SCREEN_INTERVAL_LEAST: Final = 0.05
"""The shortest such interval. Ours: QEMU draws in its main loop."""
PICTURE: Final = 512 * 1024 * 1024
"""Bytes of a picture of the screen. Ours: 8K has 100 MB as PPM."""
PICTURE_HEADER: Final = 4096
"""Bytes of its header, comments included. Ours; QEMU's has 20."""
PICTURE_SIDE: Final = 65535
"""Pixels of its width or height. Ours: the sides of a screen have 16 bits in VNC."""
PICTURES_WATCHED: Final = 10_000
"""Pictures of one watch. Ours: they fill a folder."""
PICTURE_FORGET: Final = 5.0
"""Seconds for the server to close the file of a picture. Ours."""
LAYOUTS: Final = 32
"""Keyboard layouts kept in memory. Ours."""
LAYOUT_LIST: Final = 4 * 1024 * 1024
"""Bytes of the list of layouts that is searched for a similar name. Ours; it has 55 kB."""

# Programs with monitors (options).
CONTROL_CALLS: Final = 4096
"""Commands of clients that a control socket can show; then the oldest are forgotten. Ours."""
CONTROL_ARGUMENTS: Final = 16 * 1024
"""Bytes of the arguments of such a command; of longer ones, it shows the beginning. Ours."""
CONTROL_SHOWN: Final = 1000
"""Bytes of that beginning. Ours."""
SHORT_UNIX_PATH: Final = 103
"""Bytes of the path of a unix socket of our own. Ours: macOS takes 104, a NUL among them."""
NOTIFY_TIMEOUT: Final = 1.0
"""Seconds for telling systemd that a program is ready. Ours: it takes such messages at once."""
COMMAND_END: Final = 10.0
"""Seconds that a command has to end after a signal was passed on to it. Ours."""

# The tools (cli).
JOBS: Final = 1000
"""Jobs to follow; with more, the ones that ended first are forgotten. Ours."""
QOM_OBJECTS: Final = 100_000
"""Objects of a displayed tree. Ours: a machine has a few hundred."""
QOM_DEPTH: Final = 64
"""Levels of such a tree. Ours: a machine has about ten."""

# Recordings that are replayed (replay).
REPLAY_PATTERN: Final = 1000
"""Characters of a pattern in a recorded command. Ours."""
REPLAY_PATTERN_REPEATS: Final = 3
"""Repeats of such a pattern that may try several lengths. Ours: the time grows with the length of
the text to the power of them, and is 0.15 s at most."""
REPLAY_PATTERN_WAYS: Final = 1000
"""Ways through the alternatives and optional parts of such a pattern. Ours: it may try them all."""
REPLAY_PATTERN_WAYS_OF_REPEATS: Final = 8
"""The same if it has as many repeats as it may have. Ours: the times multiply."""
REPLAY_PATTERN_TEXT: Final = 500
"""Characters of a text that a pattern is tried on; a longer one doesn't match. Ours."""
REPLAY_COMPARED: Final = 500
"""Recorded commands that an unrecorded one is compared with, to name the nearest. Ours."""
REPLAY_DIFFERENCES: Final = 20
"""Differences between two commands that a report names. Ours."""
REPLAY_SHOWN: Final = 200
"""Characters of a value in a report. Ours."""
REPLAY_KEPT: Final = 16 * 1024
"""Bytes of a value that a report keeps whole; of a longer one, it keeps the beginning. Ours."""
REPLAY_REPORTED: Final = 1000
"""Commands of each kind that a report lists; further ones are counted. Ours."""

# Scripted servers (script).
SCRIPT_FILE: Final = 4 * 1024 * 1024
"""Bytes of a script in TOML. Ours."""
SCRIPT_RULES: Final = 100_000
"""Rules of one script. Ours: each command is compared with each of them."""
SCRIPT_CALLS: Final = 100_000
"""Calls that are kept; of more, the newest. Ours."""
SCRIPT_FDS: Final = 256
"""Descriptors of calls that a scripted server keeps open, the newest ones. Ours."""
SCRIPT_MISMATCHES: Final = 1000
"""Mismatches of a report; further ones are counted. Ours."""
SCRIPT_REQUESTS: Final = 4096
"""Requests of one client whose bytes are kept until they are executed. Ours."""
SCRIPT_CONVERSATION: Final = 256 * 1024
"""Characters of the conversation that are kept for a report, the newest ones. Ours."""
SCRIPT_SCHEMAS: Final = 16
"""Schemas that a process keeps for its scripts; of more, the newest. Ours: one has some 5 MB."""
SCRIPT_THINGS: Final = 10_000
"""Things of one kind that a ready behaviour keeps: devices, jobs, processes, open files. Ours."""
SCRIPT_GUEST_FILE: Final = 64 * 1024 * 1024
"""Bytes of a file of a scripted guest agent. Ours."""
FAKE_HEAD: Final = 4096
"""Bytes at the beginning of a program that show if it is a fake of ours. Ours."""

# Judges of servers and clients (conformance).
CONFORMANCE_TIMEOUT: Final = 5.0
"""Seconds until a server that doesn't reply has failed a case. Ours."""
CONFORMANCE_GRACE: Final = 0.5
"""Seconds to wait for missing replies before the next command shows that they don't come. Ours."""
CONFORMANCE_SECOND: Final = 1.0
"""Seconds within which a second client is greeted, if it is served beside the first. Ours."""
CONFORMANCE_SILENCE: Final = 0.25
"""Seconds of silence that count as no reply, where no next command can show it. Ours."""
CONFORMANCE_SHOWN: Final = 600
"""Bytes of what was sent, and of what came, that a report shows of a case. Ours."""

# Servers for tests (testing).
TESTING_CONVERSATION: Final = 16 * 1024
"""Characters of the conversation that a failed test's report shows, the newest ones. Ours."""
TESTING_MISMATCHES: Final = 20
"""Mismatches that a failed test's report shows; further ones are counted. Ours."""
TESTING_LEAKS: Final = 50
"""Connections, tasks, threads and descriptors left open that a report lists. Ours."""
TESTING_MOMENT: Final = 0.2
"""Seconds for tasks and threads that are about to end. Ours."""

# Fake QEMUs for PATH (fake_qemu).
FAKE_QEMU_SCRIPT: Final = 16 * 1024 * 1024
"""Bytes of a script or of recorded answers. Ours; QEMU's answers have 100 kB."""
FAKE_QEMU_RULES: Final = 1000
"""Rules of the process's part of a script. Ours."""
FAKE_QEMU_SECONDS: Final = 86400.0
"""The longest time of such a rule in seconds. Ours: a day."""
FAKE_QEMU_LOG: Final = 16 * 1024 * 1024
"""Bytes of the log of starts; then no more are kept. Ours."""
FAKE_QEMU_ANSWER: Final = 10.0
"""Seconds that a real QEMU may take for one recorded answer. Ours; it takes 0.1."""

# Faults.
FAULTS: Final = 1000
"""Faults of one plan. Ours."""
FAULT_TEXT: Final = 64 * 1024
"""Characters of one fault. Ours."""
FAULT_FILE: Final = 4 * 1024 * 1024
"""Bytes of a file of faults. Ours."""
FAULT_SECONDS: Final = 86400.0
"""The longest time of a fault in seconds. Ours: a day."""
FAULT_NUMBER: Final = 1_000_000_000
"""The largest number of a message, a match, a connection or a byte. Ours."""
FAULT_COUNT: Final = 1_000_000
"""Events of one flood, and copies of one message. Ours."""
FAULT_BYTES: Final = 1024 * 1024 * 1024
"""Bytes that one fault adds. Ours. They are made while they are sent."""
FAULT_PIECE: Final = 64 * 1024
"""Bytes of such a fault that are made at once. Ours."""
FAULTS_WAITING: Final = 1000
"""Injected events that wait for the end of a server's message; further ones are dropped. Ours."""
FAULT_HELD: Final = 1024 * 1024
"""Bytes of one direction that a fault holds back; then their sender isn't read. Ours."""
FAULT_MESSAGE: Final = 16 * 1024 * 1024
"""Bytes of the longest message that faults look into; longer ones pass as they come. Ours."""
FAULT_COMMANDS: Final = 16 * 1024
"""Unanswered commands whose replies faults recognize; then the oldest are forgotten. Ours."""

# The judge of clients (conformance).
JUDGED_TIMEOUT: Final = 10.0
"""Default for the seconds in which a client must end. Ours."""
JUDGED_MEMORY: Final = 512 * 1024 * 1024
"""Default for the bytes of memory that a client and its processes may use. Ours: a reply of 10 MiB
takes a tenth of it in most languages."""
JUDGED_MEMORY_CHECK: Final = 0.05
"""Seconds between two looks at that memory. Ours."""
JUDGED_OUTPUT: Final = 64 * 1024
"""Last bytes of a client's output, and of its errors, that are kept. Ours."""
JUDGED_WIRE: Final = 64 * 1024
"""First bytes of each direction that a case's report keeps. Ours."""
JUDGED_MISTAKES: Final = 8
"""Mistakes of a client that a case's report names. Ours."""
JUDGED_AT_ONCE: Final = 4
"""Default for the cases that run at once. Ours: most wait for a client to start, or to give up."""

# Policies.
POLICY_FILE: Final = 4 * 1024 * 1024
"""Bytes of a policy. Ours."""
POLICY_RULES: Final = 10_000
"""Rules of one policy, those of presets included. Ours: each new client looks at each of them."""
POLICY_MISTAKES: Final = 20
"""Mistakes of one policy that are told together. Ours."""
POLICY_RATES: Final = 4096
"""Clients times rules whose commands a policy counts; with more, those that sent nothing for long
are forgotten, or the oldest. Ours."""
POLICY_NAME: Final = 64
"""Characters of a rule's name. Ours: errors and records repeat it."""

# The server for assistants (mcp).
MCP_SCHEMA: Final = 24 * 1024
"""Bytes of a JSON Schema; a larger one is written less deep. Ours: assistants read all of them."""
MCP_RESULT: Final = 40_000
"""Characters of a result that an assistant gets at once. Ours; hosts cut at 25,000 tokens."""
MCP_RESULTS: Final = 8
"""Larger results whose rest is kept; then the oldest is forgotten. Ours."""
MCP_RESULTS_SIZE: Final = 32 * 1024 * 1024
"""Characters of such results together. Ours."""
MCP_PICTURE: Final = 4 * 1024 * 1024
"""Bytes of a picture of the screen, as a PNG. Ours: hosts take about 5 MB."""
MCP_COMMAND_TIMEOUT: Final = 60.0
"""Default for the seconds in which a command must be answered. Ours: hosts give up then, too."""
MCP_WAIT: Final = 50.0
"""The longest time in seconds that one call waits for events or for the screen. Ours."""
MCP_JOB: Final = 3600.0
"""The longest time in seconds of a snapshot. Ours."""
MCP_LAST_EVENTS: Final = 20
"""Events that are returned to an assistant that doesn't say since when. Ours."""
MCP_TYPED_TOOLS: Final = 30
"""Commands that have a tool each, where the user doesn't choose. Ours: more confuse assistants."""
MCP_BODY: Final = 1024 * 1024
"""Bytes of a request over HTTP. Ours."""
MCP_SESSIONS: Final = 32
"""Sessions over HTTP at once. Ours."""
MCP_TOKEN: Final = 20
"""The fewest characters of a token. Ours: 120 bits in base64."""
MCP_TOKEN_FILE: Final = 4096
"""Bytes of the file with a token. Ours."""
MCP_ERROR: Final = 4000
"""Characters of an error that an assistant gets. Ours: it may quote what the assistant sent."""
MCP_QUESTION: Final = 2000
"""Characters of a call's arguments that a person is shown. Ours."""
