"""Every limit of qmpeer, with its source.

Sizes are in bytes and times in seconds unless a name says otherwise.
"""

from typing import Final

# The reader of the server's side (wire). Source: QEMU's JSON parser.
NESTING: Final = 1024
"""Braces and brackets open at once in one value. QEMU: the 1025th is refused."""
TOKENS: Final = 2 * 1024 * 1024
"""Tokens in one value. QEMU: 2 Mi."""
TOKEN_SIZE: Final = 64 * 1024 * 1024
"""Bytes of one token, and of all tokens of one value together. QEMU: 64 MiB."""
ERROR_TEXT: Final = 1023
"""Bytes of a parser's message behind its prefix. QEMU: its buffer of 1 KiB."""

# The reader of the client's side. Source: ours; QEMU sets none for what it sends.
MESSAGE_SIZE: Final = 1024 * 1024 * 1024
"""Bytes of one message from a server. Replies of 100 MiB are real (guest-file-read)."""

# The server's session (protocol).
IN_BAND_QUEUE: Final = 8
"""Commands of one monitor that wait, out-of-band enabled. QEMU: QMP_REQ_QUEUE_LEN_MAX is 8."""
OOB_RUNNING: Final = 64
"""Out-of-band commands of one client that run at once, before more are read. Ours."""
UNSENT_OUTPUT: Final = 1024 * 1024
"""Unsent bytes above which a client has no further command taken. Ours; QEMU buffers for ever."""
UNSENT_RESUME: Final = 256 * 1024
"""Unsent bytes below which its commands are taken again. Ours."""
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
"""Ids of commands go round in this many numbers, so that they stay short: QEMU takes 1.9 µs a
byte. More commands in flight than this lengthen them."""
EVENTS_KEPT: Final = 4096
"""Events a client keeps for wait_event(since=…). Ours."""
EVENTS_SUBSCRIBED: Final = 4096
"""Unread events of one subscription before the oldest are dropped, and counted. Ours."""
CONNECT_TIMEOUT: Final = 10.0
"""Seconds for connecting, greeting and negotiation together. Ours."""
COMMAND_TIMEOUT: Final = 300.0
"""Seconds for a command's reply and for wait_event. Ours: real replies have taken 3 minutes."""
MARK_TURNS: Final = 1024
"""Turns of the loop in which event_mark() takes in what has arrived, 64 KiB each. Ours."""
LAUNCH_STDERR: Final = 64 * 1024
"""Bytes kept from the end of a launched program's stderr. Ours."""
CLOSE_TIMEOUT: Final = 5.0
"""Seconds to flush or to end before a connection or a launched process is cut off. Ours."""

# Transport.
READ_SIZE: Final = 64 * 1024
"""Bytes asked for at once. Ours: a buffer of 256 KiB costs 10 µs a read."""
MESSAGE_FDS: Final = 253
"""Descriptors with one message. Linux: SCM_MAX_FD."""
UNIX_PATH: Final = 107
"""Bytes of a unix socket's path. Linux: sun_path is 108 with its final NUL."""

# Monitor.
RECEIVED_FDS: Final = 64
"""Descriptors kept for one client until a command takes them; the oldest are closed. Ours."""
LINGER: Final = 100e-6
"""Seconds for which a monitor looks for the next command before it lets itself be put to sleep.
Ours: to be woken takes 25 to 50 µs on a virtual machine, a small command 15 µs."""
EMITTED_EVENTS: Final = 65536
"""Events emitted from other threads that wait for the loop; past it the oldest is lost. Ours."""

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
"""Members of all objects, those of bases and branches counted with each. Ours; QEMU 10.2 has 5,700,
of which one object has 374."""
SCHEMA_FILES: Final = 1000
"""Files of one schema. Ours."""
SCHEMA_INCLUDES: Final = 50
"""Files that include one another in a row. Ours."""
SCHEMA_LEVELS: Final = 32
"""Braces and brackets open at once. Ours."""
ANSWER_VALUES: Final = 200_000
"""JSON values of a recorded conversation in which an answer is looked for. Ours."""
SCHEMA_ERRORS: Final = 100
"""Errors reported in one run. Ours."""
