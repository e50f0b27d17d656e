"""Every limit of qmpeer, with its source.

Sizes are in bytes and times in seconds unless a name says otherwise.
"""

from typing import Final

# The reader of the server's side (wire). Source: QEMU's JSON parser.
NESTING: Final = 1024
"""Braces and brackets open at once in one value. QEMU: the 1025th is refused."""
SMALL_TEXT: Final = 2 * NESTING
"""Bytes that a text needs to be nested too deep: a shorter one passes no limit. QEMU: as above."""
TOKENS: Final = 2 * 1024 * 1024
"""Tokens in one value. QEMU: 2 Mi."""
TOKEN_SIZE: Final = 64 * 1024 * 1024
"""Bytes of one token, and of all tokens of one value together. QEMU: 64 MiB."""
ERROR_TEXT: Final = 1023
"""Bytes of a parser's message behind its prefix. QEMU: its buffer of 1 KiB."""

# Both sides (wire).
SLICE: Final = 256 * 1024
"""Bytes of a value that are read or written before others are served. Ours."""
WRITTEN_SIZE: Final = 256 * 1024 * 1024
"""Bytes of one value that is written, before it is made ASCII. Ours: four of the largest that QEMU
reads. A value may hold others many times over, and so grow without end."""

# The reader of the client's side. Source: ours; QEMU sets none for what it sends.
MESSAGE_SIZE: Final = 128 * 1024 * 1024
"""Bytes of one message from a server, unless it is told otherwise. Ours: replies of 100 MiB are
real (guest-file-read)."""
MESSAGE_STRUCTURE: Final = 2 * 1024 * 1024
"""Brackets, commas and colons of a message longer than TOLERANT_SIZE. Ours: what takes half a
second to decode at the most, in which nothing else runs."""
TOLERANT_SIZE: Final = 1024 * 1024
"""Bytes of a message that only the tolerant reader takes. Ours: no server that we know sends more
than a line that isn't JSON."""

# Names that are misspelt (messages).
NEAR_NAME: Final = 0.7
"""Likeness, by difflib's ratio, from which on one name may be meant for another. Ours."""
NEAR_NAME_LENGTH: Final = 100
"""Characters of a name for which others are looked for. Ours: the time grows with the square."""
NEAR_NAME_CHOICES: Final = 5000
"""Names among which they are looked for where many may be wrong. Ours."""

# Requests (messages).
MEMBERS: Final = 4096
"""Members of an object, and members and items of an id, that are put in QEMU's order. Ours."""
MEMBER_NAMES: Final = 64 * 1024
"""Characters in the names of such members. Ours."""

# The server's session (protocol).
IN_BAND_QUEUE: Final = 8
"""Commands of one monitor that wait, out-of-band enabled. QEMU: QMP_REQ_QUEUE_LEN_MAX is 8."""
OOB_RUNNING: Final = 64
"""Out-of-band commands of one client that run at once, before more are read. Ours."""
UNSENT_OUTPUT: Final = 1024 * 1024
"""Unsent bytes above which a client has no further command taken. Ours; QEMU buffers for ever."""
UNSENT_RESUME: Final = 256 * 1024
"""Unsent bytes below which its commands are taken again. Ours."""
UNSENT_PIECES: Final = 16 * 1024
"""Unsent bytes that an event loop's TCP transport is given; later ones wait in one buffer of the
stream. Ours: from Python 3.12 on, asyncio adds up all its pieces at every write."""
UNSENT_EVENTS: Final = 4 * 1024 * 1024
"""Bytes of events that wait behind unsent output before their client is disconnected. Ours."""
THROTTLE_PERIOD: Final = 1.0
"""Seconds between two events of one rate-limited kind. QEMU: 1000 ms."""
THROTTLE_KEYS: Final = 4096
"""Rate-limited kinds told apart at once (event name and its key); more pass unlimited. Ours."""

# The client's session (protocol) and the clients on it.
IN_BAND_WINDOW: Final = 8
"""In-band commands a client has in flight from its first out-of-band command on.

Spec: qmp-spec, "Out-of-band execution": with more, an out-of-band command may have to wait."""
IDS: Final = 100
"""Ids of commands go round in this many numbers; more commands in flight than this lengthen them.
Ours: QEMU takes 1.9 µs a byte, so short ones are faster."""
FIRST_BYTES: Final = 512
"""Bytes of what a server sends first that are kept, to say what it is if it isn't QMP. Ours."""
ERRORS_NOTED: Final = 8
"""Different errors about one text that are noted on the first of them. Ours: QEMU has four."""
EVENTS_KEPT: Final = 4096
"""Events a client keeps for wait_event(since=…). Ours."""
EVENTS_SUBSCRIBED: Final = 4096
"""Unread events of one subscription before the oldest are dropped, and counted. Ours."""
CONNECT_TIMEOUT: Final = 10.0
"""Seconds for connecting, greeting and negotiation together. Ours."""
COMMAND_TIMEOUT: Final = 300.0
"""Seconds for a command's reply and for wait_event. Ours: real replies have taken 3 minutes."""
MARK_TIME: Final = 1.0
"""Seconds in which event_mark() takes in what has arrived, if that finds no end. Ours."""
MARK_MOMENT: Final = 0.02
"""Seconds that event_mark() gives a thread that may have received something, to hand it out.
Ours: a busy machine lets a thread wait that long for a processor."""
WAKE_INTERVAL: Final = 0.05
"""Seconds after which a thread that waits for another one looks by itself. Ours: an exception from
a signal's handler may keep the other from waking it."""
LAUNCH_STDERR: Final = 64 * 1024
"""Bytes kept from the end of a launched program's stderr. Ours."""
CLOSE_TIMEOUT: Final = 5.0
"""Seconds to flush or to end before a connection or a launched process is cut off. Ours."""

# What the clients do in several commands (client).
TIMER_EARLINESS: Final = 0.002
"""Seconds by which a timer may come before its time. Ours: uvloop counts whole milliseconds."""
PROGRESS_INTERVAL: Final = 1.0
"""Seconds from one question for a job's or a migration's progress to the next. Ours."""
PROGRESS_INTERVAL_LEAST: Final = 0.02
"""Seconds below which that can't be set. Ours: QEMU answers in its main loop."""
CANCEL_TIMEOUT: Final = 10.0
"""Seconds to cancel a job or a migration that isn't wanted any more, or to dismiss one. Ours."""
RECONNECT_DELAY: Final = 0.05
"""Seconds before the second attempt to connect anew; each further one waits twice as long. Ours."""
RECONNECT_DELAY_MOST: Final = 2.0
"""Seconds from one attempt to connect anew to the next, at the most. Ours."""
INTERRUPTIONS: Final = 256
"""Interruptions of a connection, and commands cut off by one, that are remembered. Ours."""
AGENT_PRESENCE: Final = 5.0
"""Seconds in which a guest agent shows that it is there, before each thing that it is to do. Ours;
libvirt: 5 s as well."""
AGENT_RETRY: Final = 1.0
"""Seconds after which an agent that hasn't answered yet is spoken to anew. Ours."""
AGENT_CHUNK: Final = 48 * 1024
"""Bytes of a guest's file in one command. Ours: 64 KiB in base64, what slow agents can take."""
AGENT_FILE: Final = 256 * 1024 * 1024
"""Bytes of a guest's file that are read into memory. Ours; larger ones go into a file."""
AGENT_INPUT: Final = 32 * 1024 * 1024
"""Bytes that a guest's program is given to read. Ours: 43 MiB in base64, and a token has 64."""
AGENT_POLL: Final = 0.005
"""Seconds after which a guest's program is first looked at; each time twice as long. Ours."""
AGENT_POLL_MOST: Final = 0.25
"""Seconds from one look at a guest's program to the next, at the most. Ours."""
AGENT_LAST: Final = 0.3
"""Seconds for what is put right in a guest once a deadline is over: file systems that may be frozen
are thawed, open files closed. Ours: it is asked for in any case, and not waited for any longer."""
AGENT_THAW: Final = 60.0
"""Seconds for which thawing a guest's file systems is tried again and again. Ours."""
NAMES: Final = 10_000
"""Names of one kind that are handed out for completion. Ours."""
NAMES_TIMEOUT: Final = 2.0
"""Seconds for asking for them. Ours: somebody has pressed TAB."""

# Transport.
READ_SIZE: Final = 64 * 1024
"""Bytes asked for at once. Ours: a buffer of 256 KiB costs 10 µs a read."""
MESSAGE_FDS: Final = 253
"""Descriptors with one message. Linux: SCM_MAX_FD."""
UNIX_PATH: Final = 107
"""Bytes of a unix socket's path. Linux: sun_path is 108 with its final NUL."""
DIAL_DELAY: Final = 0.001
"""Seconds before a peer that isn't there yet is dialled again; each time half as long again. Ours:
a QEMU is up within 20 ms."""
DIAL_DELAY_MOST: Final = 0.05
"""Seconds from one such attempt to the next, at the most. Ours."""
BACKLOG_ONE: Final = 1
"""Clients that wait for a listener of one client. QEMU: 1; one more fits, the third gets EAGAIN."""
BACKLOG_MANY: Final = 1024
"""Clients that wait for a listener of many. Ours."""
ACCEPTS: Final = 64
"""Clients taken at one wake of the loop, so that those who are connected have their turn. Ours."""
ACCEPT_PAUSE: Final = 1.0
"""Seconds without accepting when the process or the system has no descriptors left. Ours."""
BATCH_PIECES: Final = 512
"""Pieces of unsent output that are sent at once. Ours; Linux takes 1024."""
BATCH_SIZE: Final = 256 * 1024
"""Bytes of such pieces. Ours: a unix socket takes about 208 KiB at once."""
TLS_RECORD: Final = 16 * 1024
"""Bytes of the session in one record of TLS. Ours: the most that TLS allows."""
LISTENER_CLIENTS: Final = 10_000
"""Clients of one listener at once, unless it is told otherwise or RLIMIT_NOFILE allows fewer; more
wait in the socket's queue. Ours."""
SPARE_FDS: Final = 64
"""Descriptors that its clients leave to the rest of the process. Ours."""
LISTENER_MEMORY: Final = 256 * 1024 * 1024
"""Bytes that the clients of one listener hold together, in unfinished requests and in output that
they don't read, before whoever takes more is disconnected. Ours: four of the largest requests."""
HANDSHAKE_TIMEOUT: Final = 10.0
"""Seconds for the handshakes of TLS and WebSocket together. Ours; QEMU waits for ever."""
HANDSHAKE_TIMEOUT_MOST: Final = 86400.0
"""Seconds that this can be set to. Ours: a day."""
UNSENT_CONTROL: Final = 64 * 1024
"""Bytes of pongs and the like for a peer that reads nothing, before it is disconnected. Ours."""
TELNET_SUBNEGOTIATION: Final = 64 * 1024
"""Bytes of one telnet subnegotiation. Ours; they are skipped, not kept."""
WEBSOCKET_HEADER: Final = 16 * 1024
"""Bytes of the HTTP header of an upgrade. Ours; QEMU: 4096, which a browser's cookies may fill."""
WEBSOCKET_FRAME: Final = 128 * 1024 * 1024
"""Bytes that one frame of a client may announce. Ours: twice the longest message; none is kept."""

# Character devices.
RING_BUFFER: Final = 64 * 1024
"""Bytes that a ring buffer keeps unless it is told otherwise. QEMU: 64 KiB."""
RING_BUFFER_MOST: Final = 1024 * 1024 * 1024
"""Bytes that a ring buffer may be told to keep. QEMU: its option holds 31 bits."""
DEVICE_RECONNECT: Final = 1_000_000
"""Seconds from one attempt of a socket device to connect to the next, at the most. Ours."""
MUX_FRONT_ENDS: Final = 4
"""Front ends of one mux. QEMU: 4."""
MUX_LEVELS: Final = 64
"""Muxes of which each is on the next. Ours."""
MUX_HELD_INPUT: Final = 64 * 1024
"""Bytes that wait for a mux's front end that doesn't read, before all its input waits. Ours; QEMU
keeps 32."""
DATAGRAM: Final = 65507
"""Bytes of one UDP datagram over IPv4. UDP: 65,535 less its headers."""
PTY_POLL: Final = 0.25
"""Seconds between two looks whether somebody has opened a pty. Ours; QEMU looks once a second."""

# The machine.
KEY_PARTS: Final = 64
"""Parts between the dots of an option's key. Ours; what objects take has 3 at most."""
KEY_PART: Final = 127
"""Characters of one part of such a key. QEMU: its buffer of 128 bytes."""
OBJECTS: Final = 4096
"""Objects of -object and object-add at once. Ours; QEMU sets none."""
SECRET: Final = 1024 * 1024
"""Bytes of a file that holds a secret. Ours; QEMU sets none."""
CHARDEVS: Final = 4096
"""Character devices at once. Ours; QEMU sets none."""
BLOCK_NODES: Final = 4096
"""Nodes of blockdev-add at once. Ours; QEMU sets none."""
NODE_NAME: Final = 31
"""Characters of a block node's name. QEMU: its buffer of 32 bytes."""
CONFIG_SIZE: Final = 1024 * 1024
"""Bytes of a file of blkdebug's rules. Ours; QEMU sets none."""
NAMED_FDS: Final = 4096
"""Descriptors that one monitor keeps by name, and as many in sets. Ours; QEMU sets none."""

# Monitor.
TURN_SMALL: Final = 4 * 1024
"""Bytes of a read that are taken at once; more wait for a turn. Ours."""
TURN_SIZE: Final = 16 * 1024
"""Bytes that are taken at once. Ours: garbage goes at 4 MiB/s."""
TURN_TIME: Final = 0.002
"""Seconds after which no further bytes of one client's turn are read, and as many after which no
further commands of these are executed. Ours."""
RECEIVED_FDS: Final = 64
"""Descriptors kept for one client until a command takes them; others are closed. Ours."""
LINGER: Final = 100e-6
"""Seconds for which a monitor looks for the next command before it lets itself be put to sleep.
Ours: to be woken takes 25 to 50 µs on a virtual machine, a small command 15 µs."""
LINGER_ALONE: Final = 10e-3
"""Seconds for which one connection must have been the only active one, before a monitor does that.
Ours: where several are active, the time is theirs."""
BLOCKING_THREADS: Final = 64
"""Blocking handlers of one monitor that run at once; further commands wait. Ours: 8 MiB of address
space each, and QEMU's own pool of threads has 64."""
BLOCKING_WAITING: Final = 16384
"""Commands of one monitor that wait for such a thread; further ones fail. Ours."""
EMITTED_EVENTS: Final = 65536
"""Events emitted from other threads that wait for the loop; past it the oldest is lost. Ours."""

# Human monitor.
HUMAN_LINE: Final = 4095
"""Bytes of one line. QEMU: its readline's buffer."""
HUMAN_TURN: Final = 64
"""Lines and TABs of one human monitor that are taken before others have a turn. Ours."""
HUMAN_HISTORY: Final = 64
"""Lines that a human monitor remembers. QEMU: 64."""
HUMAN_COMPLETIONS: Final = 256
"""Names offered for completion. QEMU: 256."""
HUMAN_FILES: Final = 65536
"""Entries of a folder that are looked at to complete a file's name. Ours."""
HUMAN_EXPRESSION: Final = 64 * 1024
"""Characters of one expression, blanks included. Ours; QEMU's stack overflows at some length."""
HUMAN_DUMP: Final = 1024 * 1024
"""Bytes of memory that one command writes out. Ours; QEMU sets none."""

# Schema files, so that none takes for ever or all memory. QEMU 10.2 has 46 files, 1.1 MB together,
# the largest 0.2 MB, with 5 levels of braces and brackets and includes 3 deep.
SCHEMA_FILE_SIZE: Final = 4 * 1024 * 1024
"""Bytes of one file. Ours."""
SCHEMA_SIZE: Final = 16 * 1024 * 1024
"""Bytes of all files together. Ours."""
SCHEMA_VALUES: Final = 500_000
"""Strings, objects and arrays in all files together. Ours."""
SCHEMA_DEFINITIONS: Final = 50_000
"""Commands, events and types of one schema. Ours; QEMU 10.2 has 1,100."""
SCHEMA_BASES: Final = 100
"""Bases, or unions that are branches of unions, in a row. Ours; QEMU 10.2 has 3."""
SCHEMA_MEMBERS: Final = 1_000_000
"""Members of all objects, those of bases and branches counted with each; in a binding also those of
all commands. Ours; QEMU 10.2 has 5,700, of which one object has 374."""
SCHEMA_FILES: Final = 1000
"""Files of one schema. Ours."""
SCHEMA_INCLUDES: Final = 50
"""Files that include one another in a row. Ours."""
SCHEMA_LEVELS: Final = 32
"""Braces and brackets open at once. Ours."""
CONDITION_LEVELS: Final = 32
"""Parentheses and negations open at once in a condition. Ours."""
TYPE_NAME: Final = 200
"""Characters of a name that is made up for a type: the way to a type may be as long as there are
types. Ours."""
ANSWER_VALUES: Final = 200_000
"""JSON values of a recorded conversation in which an answer is looked for. Ours."""
SCHEMA_ERRORS: Final = 100
"""Errors reported in one run. Ours."""

# The shell.
SHELL_COMPLETIONS: Final = 1000
"""Names of one kind that are offered. Ours."""
SHELL_META: Final = 24
"""Characters of an enum's values that are shown beside a name. Ours."""
SHELL_PASTE: Final = 16 * 1024
"""Characters of a paste that are shown as they are; more of them are kept aside. Ours."""
SHELL_STATEMENT: Final = 64 * 1024 * 1024
"""Bytes of one statement. QEMU: 64 MiB for a value."""
SHELL_LEVELS: Final = 128
"""Levels of a name with dots. Ours."""
SHELL_HISTORY_ENTRY: Final = 16 * 1024
"""Characters of a line that history keeps. Ours."""
SHELL_SHOWN: Final = 256 * 1024
"""Characters of a statement at fault that is shown: its secrets are looked for. Ours."""
SHELL_HISTORY: Final = 1024 * 1024
"""Bytes from the end of the history file that are read. Ours; the file is never cut."""
SHELL_EVENT_LINES: Final = 20
"""Events that are shown in one period; the others are counted. Ours."""
SHELL_EVENT_PERIOD: Final = 0.5
"""Seconds of such a period. Ours."""
SHELL_EVENT_TEXT: Final = 1000
"""Characters of one event's line. Ours."""
SHELL_SOURCES: Final = 10
"""Files that source one another in a row. Ours."""
SHELL_SILENCE: Final = 2.0
"""Seconds without a greeting before the shell says so. Ours."""
SHELL_NAMES_TIMEOUT: Final = 1.0
"""Seconds in which a server has to name what it has, for completion. Ours."""
SHELL_NAMES_AGE: Final = 5.0
"""Seconds for which such names are kept. Ours."""
SHELL_TABLE_ROWS: Final = 10_000
"""Rows of a table; longer lists are shown as JSON. Ours."""
SHELL_SOURCE_SILENCE: Final = 10.0
"""Seconds without a byte from a file that is executed, such as a FIFO. Ours."""
SHELL_SOURCE_TIMEOUT: Final = 300.0
"""Seconds in which such a file has to come to its end. Ours."""

# What is written down (messages).
REDACTION_DEPTH: Final = 64
"""Levels of arguments that are looked into for secrets; deeper ones are blanked. Ours."""
REDACTION_NAMES: Final = 1000
"""Members of one command among which misspelt names of secrets are looked for. Ours."""
REDACTED_TEXTS: Final = 64
"""Secrets of recent commands that are looked for in errors. Ours."""
REDACTED_LENGTH: Final = 4
"""Characters of such a secret at least: a shorter one may be a part of any word. Ours."""
REDACTED_SIZE: Final = 4096
"""Characters of such a secret at most. Ours."""

# The tools (cli).
JOBS: Final = 1000
"""Jobs that are followed; of more, those that have ended first are forgotten. Ours."""
PICTURE: Final = 512 * 1024 * 1024
"""Bytes of a picture of a screen. Ours: 8K has 100 MB as PPM."""
QOM_OBJECTS: Final = 100_000
"""Objects of a tree that is shown. Ours: a machine has some hundreds."""
QOM_DEPTH: Final = 64
"""Levels of such a tree. Ours: a machine has ten."""
