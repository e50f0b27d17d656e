"""The rows of the table: two contestants to compare, and the bar that we promise."""

from dataclasses import dataclass
from enum import Enum


class Quantity(Enum):
    """The figure in a sample: its unit, and the factor from a sample to this unit."""

    RATE = ("/s", 1.0)
    THROUGHPUT = ("MB/s", 1e-6)
    CPU = ("us CPU", 1e6)
    TIME = ("ms", 1e3)
    MICROS = ("us", 1e6)
    MEMORY = ("KiB", 1 / 1024)

    def text(self, value: float) -> str:
        """Format a value of this quantity for people, with its unit."""
        unit, scale = self.value
        scaled = value * scale
        digits = 0 if scaled >= 1000 else 1 if scaled >= 10 else 2
        return f"{scaled:,.{digits}f} {unit}"


@dataclass(frozen=True, slots=True)
class Bar:
    """A promise about a ratio, or about a plain value where nothing is compared with us."""

    limit: float
    is_minimum: bool

    def holds(self, value: float) -> bool:
        """Return True if a measured value keeps the promise."""
        return value >= self.limit if self.is_minimum else value <= self.limit


def at_least(limit: float) -> Bar:
    """Return the promise of this value or more."""
    return Bar(limit, is_minimum=True)


def at_most(limit: float) -> Bar:
    """Return the promise of this value or less."""
    return Bar(limit, is_minimum=False)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        name: The name for `--rows`.
        measure: A description of the measurement, for people.
        workload: The workload of `workloads` that yields the samples.
        quantity: The figure of the samples that is compared.
        ours: The contestant that is ours.
        theirs: The contestant to compare with; None where a plain value is promised.
        bar: The promise; None for a row that is only for comparison.
    """

    name: str
    measure: str
    workload: str
    quantity: Quantity
    ours: str
    theirs: str | None
    bar: Bar | None


RATE, THROUGHPUT, CPU = Quantity.RATE, Quantity.THROUGHPUT, Quantity.CPU
BLOCKING, ASYNC = "qmpeer_blocking", "qmpeer_async"


def _monitor_rows() -> tuple[Row, ...]:
    """List the measurements of the monitor: once on each event loop."""
    table = [
        ("sequential", "query-version, 1 monitor, one by one", RATE, (2.5, 3.5)),
        ("eight", "query-version, 8 monitors", RATE, (3.0, 4.0)),
        ("pipelined", "query-version, 64 in flight", RATE, (20.0, 20.0)),
        ("reply", "207 kB reply", RATE, (10.0, 10.0)),
        ("request", "256 KiB request", THROUGHPUT, (50.0, 50.0)),
        ("connect", "connect, negotiate, close", RATE, (1.1, 1.1)),
        ("quoted", "tolerant reader, single-quoted schema", THROUGHPUT, (10.0, 10.0)),
        ("ones", "tolerant reader, [1,1,...]", THROUGHPUT, (5.0, 5.0)),
    ]
    rows = [
        Row(
            f"{name}-{loop}",
            f"monitor: {measure} ({loop})",
            name,
            quantity,
            f"{'schema-monitor' if name == 'reply' else 'qmpeer'}+{loop}",
            "qemu",
            at_least(bar),
        )
        for name, measure, quantity, bars in table
        for loop, bar in zip(("asyncio", "uvloop"), bars, strict=True)
    ]
    rows += [
        Row(
            f"idle-{loop}",
            f"monitor: memory of an idle client, 1,000 connected ({loop})",
            "idle",
            Quantity.MEMORY,
            f"crowd+{loop}",
            None,
            at_most(8 * 1024),
        )
        for loop in ("asyncio", "uvloop")
    ]
    return tuple(rows)


def _wire_rows() -> tuple[Row, ...]:
    """List the measurements of telnet, TLS and WebSocket against plain TCP, all ours."""
    return tuple(
        Row(
            f"wire-{wire}",
            f"monitor: query-version over {name}, one by one",
            "wire",
            RATE,
            wire,
            "tcp",
            at_least(0.5),
        )
        for wire, name in (("telnet", "telnet"), ("tls", "TLS"), ("websocket", "WebSocket"))
    )


def _bare_rows() -> tuple[Row, ...]:
    """List the measurements against a bare server with msgspec, on the same loop and filter."""
    return (
        Row(
            "pipelined-bare",
            "monitor: query-version, 64 in flight (asyncio)",
            "pipelined",
            RATE,
            "qmpeer+asyncio",
            "bare+asyncio",
            at_least(0.5),
        ),
        *(
            Row(
                f"wire-{wire}-bare",
                f"monitor: query-version over {name}, one by one",
                "wire",
                RATE,
                wire,
                f"bare-{wire}",
                at_least(0.8),
            )
            for wire, name in (("tls", "TLS"), ("websocket", "WebSocket"))
        ),
        Row(
            "serve-greeting",
            "qmpeer serve: process start to first greeting",
            "serve-greeting",
            Quantity.TIME,
            "qmpeer_serve",
            "serve_imports",
            at_most(2.0),
        ),
    )


def _replay_rows() -> tuple[Row, ...]:
    """List the measurement of a replayed recording against our own monitor's handlers."""
    return tuple(
        Row(
            f"replay-{loop}",
            f"replay: query-version, 1 monitor, one by one ({loop})",
            "sequential",
            RATE,
            f"replay+{loop}",
            f"qmpeer+{loop}",
            at_least(0.8),
        )
        for loop in ("asyncio", "uvloop")
    )


def _unpinned_rows() -> tuple[Row, ...]:
    """List round trips again, with both ends wherever the scheduler puts them."""
    return (
        *(
            Row(
                f"sequential-{loop}-unpinned",
                f"monitor: query-version, 1 monitor, one by one, unpinned ({loop})",
                "sequential-unpinned",
                RATE,
                f"qmpeer+{loop}",
                "qemu",
                at_least(bar),
            )
            for loop, bar in (("asyncio", 2.5), ("uvloop", 3.5))
        ),
        Row(
            "blocking-cpu-unpinned",
            "blocking client: CPU a command, unpinned",
            "commands-unpinned",
            CPU,
            BLOCKING,
            "raw_json",
            at_most(1.2),
        ),
        Row(
            "async-cpu-unpinned",
            "async client: CPU a command, unpinned",
            "commands-unpinned",
            CPU,
            ASYNC,
            "qemu_qmp",
            at_most(0.4),
        ),
    )


def _relay_rows() -> tuple[Row, ...]:
    """List the measurements of a relay in front of QEMU against socat at the same place."""
    return tuple(
        Row(
            f"relay-{name}-{loop}",
            f"relay: {measure} ({loop})",
            workload,
            quantity,
            f"relay+{loop}",
            "socat",
            bar,
        )
        for name, measure, workload, quantity, loop, bar in (
            ("p50", "round trip", "relayed", Quantity.MICROS, "uvloop", at_most(1.3)),
            ("p50", "round trip", "relayed", Quantity.MICROS, "asyncio", None),
            ("cpu", "CPU of a round trip", "relayed", CPU, "uvloop", at_most(1.5)),
            ("cpu", "CPU of a round trip", "relayed", CPU, "asyncio", at_most(3.5)),
            ("rate", "64 in flight", "relayed-pipelined", RATE, "uvloop", at_least(0.9)),
            ("rate", "64 in flight", "relayed-pipelined", RATE, "asyncio", None),
        )
    )


def _proxy_rows() -> tuple[Row, ...]:
    """List the measurements of a proxy in front of QEMU, against QEMU alone, and against socat."""
    rows = [
        Row(
            f"{kind}-{name}-{loop}",
            f"{words}: {measure} ({loop})",
            workload,
            quantity,
            f"{kind}+{loop}",
            to,
            bar,
        )
        for kind, words in (("proxy", "proxy"), ("guarded", "proxy, 20 rules, audit"))
        for loop, most_time, most_cpu in (("asyncio", 2.0, 6.0), ("uvloop", 1.5, 3.0))
        for name, measure, workload, quantity, to, bar in (
            ("p50", "round trip", "proxied", Quantity.MICROS, "behind", at_most(most_time)),
            ("cpu", "CPU of a round trip", "proxied", CPU, "behind-socat", at_most(most_cpu)),
            ("rate", "64 in flight", "proxied-pipelined", RATE, "behind", at_least(0.9)),
        )
    ]
    rows += [
        Row(
            f"synced-rate-{loop}",
            f"proxy, audit on the disk: 64 in flight ({loop})",
            "proxied-pipelined",
            RATE,
            f"synced+{loop}",
            f"guarded+{loop}",
            at_least(0.7),
        )
        for loop in ("asyncio", "uvloop")
    ]
    rows += [
        Row(f"proxy-{name}-{loop}", f"proxy: {measure} ({loop})", workload, quantity, ours, to, bar)
        for loop in ("asyncio", "uvloop")
        for name, measure, workload, quantity, ours, to, bar in (
            (
                "fan-out",
                "events to 1,000 clients",
                "fan-out",
                RATE,
                f"fan-out+{loop}",
                None,
                at_least(100_000),
            ),
            (
                "idle",
                "memory of an idle client, 1,000 connected",
                "idle",
                Quantity.MEMORY,
                f"proxy-crowd+{loop}",
                None,
                at_most(12 * 1024),
            ),
        )
    ]
    return tuple(rows)


def _policy_rows() -> tuple[Row, ...]:
    """List the measurements of a policy's judgement, without a proxy."""
    return (
        Row(
            "policy-predicate",
            "policy: a condition in CEL",
            "judged",
            CPU,
            "predicate",
            None,
            at_most(30e-6),
        ),
        Row(
            "policy-rules",
            "policy: 500 rules over 100 commands",
            "judged",
            CPU,
            "rules-500",
            "rules-20",
            at_most(2.0),
        ),
    )


def _human_rows() -> tuple[Row, ...]:
    """List the measurements of the human monitor."""
    return tuple(
        Row(f"human-{name}", f"human monitor: {measure}", f"human-{name}", RATE, ours, "qemu", bar)
        for name, measure, ours, bar in (
            ("command", "human-monitor-command", "qmpeer+asyncio", at_least(1.0)),
            ("line", "typed lines", "qmpeer+asyncio", at_least(0.3)),
        )
    )


def _schema_rows() -> tuple[Row, ...]:
    """List the measurements of the schema and the bindings, on the real schema of QEMU 7.2."""
    time = Quantity.TIME
    return (
        Row(
            "validation",
            "monitor: 3 arguments checked against a schema, 64 in flight",
            "validation",
            RATE,
            "checked+asyncio",
            "unchecked+asyncio",
            at_least(0.85),
        ),
        *(
            Row(f"schema-{name}", f"schema: {measure}", "tools", time, test, theirs, bar)
            for name, measure, test, theirs, bar in (
                ("answer", "7.2's introspection to model", "model", "allowance", at_most(1.0)),
                ("files", "7.2's files read and checked", "tree", None, at_most(0.6)),
            )
        ),
        *(
            Row(f"bindings-{name}", f"bindings: {measure}", "tools", time, test, theirs, bar)
            for name, measure, test, theirs, bar in (
                ("text", "7.2's made", "bindings", None, at_most(2.0)),
                ("decoding", "introspection to types", "typed", "loads", at_most(1.5)),
                (
                    "import",
                    "7.2's imported, beside a client",
                    "import_after_client",
                    None,
                    at_most(0.12),
                ),
                ("import-alone", "7.2's imported, alone", "import_alone", None, at_most(0.12)),
            )
        ),
    )


def _tool_rows() -> tuple[Row, ...]:
    """List the measurements of the programs that people start."""
    return tuple(
        Row(name, measure, name, Quantity.TIME, ours, theirs, at_most(bar))
        for name, measure, ours, theirs, bar in (
            ("exec", "qmpeer exec: process start to end", "qmpeer_exec", "qemu_qmp_exec", 1.0),
            ("prompt", "qmp-shell: process start to prompt", "qmpeer_shell", "qemu_qmp_shell", 2.5),
            ("completion", "qmp-shell: prompt to completion", "qmpeer_shell", None, 0.25),
            ("keystroke", "qmp-shell: a key's completion", "qmpeer_keystroke", None, 0.01),
        )
    )


ROWS: tuple[Row, ...] = (
    *_monitor_rows(),
    *_replay_rows(),
    Row(
        "blocking-cpu",
        "blocking client: CPU a command",
        "commands",
        CPU,
        BLOCKING,
        "raw_json",
        at_most(1.1),
    ),
    Row(
        "blocking-cpu-legacy",
        "blocking client: CPU a command",
        "commands",
        CPU,
        BLOCKING,
        "qemu_qmp_legacy",
        at_most(1 / 8),
    ),
    Row(
        "blocking-rate",
        "blocking client: commands on a real QEMU",
        "commands-qemu",
        RATE,
        BLOCKING,
        "raw_json",
        at_least(1.0),
    ),
    Row(
        "async-cpu", "async client: CPU a command", "commands", CPU, ASYNC, "qemu_qmp", at_most(0.3)
    ),
    Row(
        "async-pipelined",
        "async client: 1,000 commands in flight",
        "pipelined-commands",
        RATE,
        ASYNC,
        "qemu_qmp",
        at_least(8.0),
    ),
    *(
        Row(
            f"{kind}-until",
            f"{kind} client: CPU of a command and its event",
            "until",
            CPU,
            ours,
            f"marks_{kind}",
            at_most(1.1),
        )
        for kind, ours in (("blocking", BLOCKING), ("async", ASYNC))
    ),
    Row("async-events", "async client: events", "events", RATE, ASYNC, "qemu_qmp", at_least(8.0)),
    Row(
        "blocking-events",
        "blocking client: events",
        "events",
        RATE,
        BLOCKING,
        "qemu_qmp",
        at_least(8.0),
    ),
    Row(
        "blocking-schema",
        "blocking client: CPU of query-qmp-schema",
        "schema",
        CPU,
        BLOCKING,
        "qemu_qmp",
        at_most(1 / 4),
    ),
    Row(
        "async-schema",
        "async client: CPU of query-qmp-schema",
        "schema",
        CPU,
        ASYNC,
        "qemu_qmp",
        at_most(1 / 4),
    ),
    Row(
        "first-reply",
        "blocking client: process start to first reply",
        "first-reply",
        Quantity.TIME,
        BLOCKING,
        "qemu_qmp",
        at_most(0.9),
    ),
    *_tool_rows(),
    *_wire_rows(),
    *_bare_rows(),
    *_unpinned_rows(),
    *_human_rows(),
    *_relay_rows(),
    *_proxy_rows(),
    *_policy_rows(),
    *_schema_rows(),
)

FLOORS: tuple[Row, ...] = tuple(
    Row(f"{workload}-{ours}-{theirs}", measure, workload, quantity, ours, theirs, None)
    for measure, workload, quantity, ours, theirs in (
        ("blocking client: CPU a command", "commands", CPU, BLOCKING, "raw_orjson"),
        ("blocking client: CPU a command", "commands", CPU, BLOCKING, "qmp_1_1_0"),
        ("blocking client: commands on a real QEMU", "commands-qemu", RATE, BLOCKING, "c_loop"),
        ("blocking client: commands, C server", "commands-fake", RATE, BLOCKING, "c_loop"),
        ("blocking client: commands, C server", "commands-fake", RATE, BLOCKING, "raw_json"),
        ("async client: CPU a command", "commands", CPU, ASYNC, "protocol_json"),
        ("async client: CPU a command", "commands", CPU, ASYNC, "protocol_orjson"),
        (
            "async client: CPU a command (uvloop)",
            "commands",
            CPU,
            f"{ASYNC}+uvloop",
            "qemu_qmp+uvloop",
        ),
        (
            "async client: 1,000 commands in flight",
            "pipelined-commands",
            RATE,
            ASYNC,
            "protocol_json",
        ),
        (
            "async client: 1,000 commands in flight",
            "pipelined-commands",
            RATE,
            ASYNC,
            "protocol_orjson",
        ),
        ("async client: events", "events", RATE, ASYNC, "protocol_orjson"),
        *(
            (f"monitor: query-version over {name}, unpinned", "wire-unpinned", RATE, wire, "tcp")
            for wire, name in (("telnet", "telnet"), ("tls", "TLS"), ("websocket", "WebSocket"))
        ),
        (
            "monitor: query-version, 64 in flight (uvloop)",
            "pipelined",
            RATE,
            "qmpeer+uvloop",
            "bare+uvloop",
        ),
        ("blocking client: events", "events", RATE, BLOCKING, "raw_json"),
        ("blocking client: events", "events", RATE, BLOCKING, "raw_orjson"),
        (
            "blocking client: process start to first reply",
            "first-reply",
            Quantity.TIME,
            BLOCKING,
            "raw_json",
        ),
    )
)
