"""The state of a proxy as text for people: its server, policy and clients, what was dropped."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from qmpeer.display.layout import Layout, size_text
from qmpeer.display.safe_text import columns, cut, visible

Report: TypeAlias = Mapping[str, Any]
"""An object that the control socket has returned."""
UserName: TypeAlias = Callable[[int], str]
"""Returns the name of a user, or a text with its number."""

_INDENT: Final = 9
_GAP: Final = "  "
_PLAIN_NAME: Final = re.compile(r"[\w.:/@+-]+")
_DEPARTURES: Final = {
    "left": "left",
    "unread": "didn't read",
    "memory": "needed too much memory",
    "disconnected": "disconnected",
    "ended": "the proxy ends",
}
_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "min"))


def seconds_text(seconds: float) -> str:
    """Format a duration for people, with two digits at least.

    Example:
        >>> [seconds_text(each) for each in (0.234, 42.3, 150, 7000, 300000)]
        ['0.2 s', '42 s', '2.5 min', '1.9 h', '3.5 d']
    """
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.{0 if seconds >= 10 * size else 1}f} {unit}"
    return f"{seconds:.{0 if seconds >= 10 else 1}f} s"


def who(peer: Report, user_name: UserName) -> str:
    """Return who a client is: what the kernel and TLS vouch for, then what its process is called.

    The name of the process is its own choice. Behind the others, and in quotes unless it is a plain
    word, it can't pass for one of them.

    Example:
        >>> who({"uid": 0, "pid": 7, "process": "virsh"}, lambda uid: "root")
        'root 7 virsh'
        >>> who({"uid": 5, "pid": 7, "process": "root 1"}, "uid {}".format)
        'uid 5 7 "root 1"'
    """
    parts = [peer["certificate"]] if "certificate" in peer else []
    if "uid" in peer:
        parts.append(user_name(peer["uid"]))
    parts += [str(peer[name]) for name in ("pid", "address") if name in peer]
    if (process := peer.get("process")) is not None:
        is_plain = _PLAIN_NAME.fullmatch(process)
        parts.append(process if is_plain else '"' + process.replace('"', '\\"') + '"')
    return visible(" ".join(parts)) or "?"


def status_lines(
    server: Report,
    clients: Sequence[Report],
    drops: Report,
    layout: Layout,
    user_name: UserName,
    policy: Report | None = None,
) -> Iterator[str]:
    """Yield lines that show a proxy."""
    for title, text in _facts(server, drops, policy):
        yield from layout.section(title, [[text]], _INDENT)
    yield ""
    if clients:
        yield from _table(_chosen([_cells(each, user_name) for each in clients]), layout)
    else:
        yield "no clients"


def departure_text(reason: str) -> str:
    """Return why a client is gone, for people."""
    return _DEPARTURES.get(reason, reason)


def _facts(server: Report, drops: Report, policy: Report | None) -> Iterator[tuple[str, str]]:
    """Yield titles, and the texts beside them."""
    state = server["state"]
    if (version := server.get("version")) is not None:
        triple = version["qemu"]
        name = f"QEMU {triple['major']}.{triple['minor']}.{triple['micro']}"
        state = f"{name}, {state} for {seconds_text(server['seconds'])}"
    yield "server", f"{server['address']}: {state}"
    if (loss := server.get("last-loss")) is not None:
        yield "lost", f"{seconds_text(loss['seconds'])} ago: {loss['reason']}"
    if (failure := server.get("last-failure")) is not None:
        yield "failed", failure
    oldest = server.get("oldest")
    behind = "" if oldest is None else f", the oldest {_command_text(oldest)}"
    if policy is not None:
        denied = "would have denied" if policy["dry-run"] else "denied"
        rules = f"{policy['rules']} rules, {denied} {policy['denied']}"
        yield "policy", f"{visible(policy['file'])}: {rules}"
    yield "now", f"in flight {server['in-flight']}{behind}; queued {server['queued']}"
    counts = ", ".join(f"{name} {server[name]}" for name in ("commands", "errors", "events"))
    sizes = ", ".join(f"{name} {size_text(server[name])}" for name in ("received", "sent"))
    yield "so far", f"{counts}, {sizes}"
    gone = drops["gone"]
    reasons = [f"{count} {departure_text(name)}" for name, count in gone.items() if count]
    text = f"{sum(gone.values())} of {drops['clients']} clients"
    yield "gone", f"{text}: {', '.join(reasons)}" if reasons else text
    if any(drops[name] for name in ("commands", "replies", "late")):
        left = f"commands {drops['commands']}, replies {drops['replies']} (their clients had left)"
        yield "dropped", f"{left}, late replies {drops['late']}"


def _command_text(command: Report) -> str:
    return f"{visible(command['name'])} {seconds_text(command['seconds'])}"


# The table of clients


class _Column(NamedTuple):
    """A column of the table.

    Attributes:
        title: Its title.
        least: The columns of the terminal that are kept for it, so that the choice of columns
            doesn't change with each update.
        can_be_cut: True for text, which is cut to fit; False for a number.
    """

    title: str
    least: int
    can_be_cut: bool = False


_COLUMNS: Final[Mapping[str, _Column]] = {
    "number": _Column("#", 3),
    "who": _Column("client", 24, True),
    "listener": _Column("listener", 12, True),
    "seconds": _Column("for", 6),
    "commands": _Column("cmds", 5),
    "refused": _Column("errors", 6),
    "events": _Column("events", 6),
    "received": _Column("in", 8),
    "sent": _Column("out", 8),
    "waits-for": _Column("waits for", 26, True),
}
"""In the order in which they are shown."""
_IMPORTANT: Final[Sequence[str]] = (
    "number", "who", "waits-for", "seconds", "commands", "listener", "events", "received", "sent",
    "refused",
)  # fmt: skip
"""The columns, those first that are there on a narrow terminal, too."""


def _cells(client: Report, user_name: UserName) -> dict[str, str]:
    return {
        "number": str(client["number"]),
        "who": who(client, user_name),
        "listener": visible(client["listener"]),
        "seconds": seconds_text(client["seconds"]),
        "commands": str(client["commands"]),
        "refused": str(client["refused"]),
        "events": str(client["events"]),
        "received": size_text(client["received"]),
        "sent": size_text(client["sent"]),
        "waits-for": _waits_text(client),
    }


def _waits_text(client: Report) -> str:
    if client["state"] == "connected":
        return "the greeting"
    if client["state"] == "greeted":
        return "negotiation"
    more = client["commands"] - client["answered"] + client["unread"]
    if (command := client.get("waits-for")) is not None:
        text = _command_text(command) + ("" if command["sent"] else ", queued")
        more -= 1
    else:
        text = ""
    unread = f"{size_text(client['unsent'])} unread" if client["unsent"] else ""
    return ", ".join(filter(None, (unread, text, f"+{more}" if more else "")))


def _chosen(rows: Sequence[dict[str, str]]) -> Sequence[dict[str, str]]:
    """Leave out the listener where all clients came by the same, and folders that tell nothing."""
    names = {row["listener"] for row in rows}
    short = {name: name.rpartition("/")[2] for name in names}
    for row in rows:
        if len(names) == 1:
            del row["listener"]
        elif len(set(short.values())) == len(names):
            row["listener"] = short[row["listener"]]
    return rows


def _table(rows: Sequence[Mapping[str, str]], layout: Layout) -> Iterator[str]:
    widths = _widths(rows, layout.width)
    shown = [name for name in _COLUMNS if name in widths]
    titles = {name: _COLUMNS[name].title for name in shown}
    yield layout.palette.paint("heading", cut(_line(titles, widths, shown), layout.width))
    for row in rows:
        yield cut(_line(row, widths, shown), layout.width)


def _widths(rows: Sequence[Mapping[str, str]], width: int) -> dict[str, int]:
    """Choose the columns that fit, and their widths."""
    full = {
        name: max(columns(column.title), *(columns(row[name]) for row in rows))
        for name, column in _COLUMNS.items()
        if name in rows[0]
    }
    chosen: list[str] = []
    room = width + len(_GAP)
    for name in _IMPORTANT:
        if name in full:
            column = _COLUMNS[name]
            kept = column.least if column.can_be_cut else max(column.least, full[name])
            if kept + len(_GAP) <= room or len(chosen) < 2:
                chosen.append(name)
                room -= kept + len(_GAP)
    widths = {
        name: min(full[name], _COLUMNS[name].least) if _COLUMNS[name].can_be_cut else full[name]
        for name in chosen
    }
    room = width - sum(widths.values()) - len(_GAP) * (len(widths) - 1)
    for name in ("waits-for", "who", "listener"):
        if name in widths:
            more = min(max(room, 0), full[name] - widths[name])
            widths[name] += more
            room -= more
    return widths


def _line(cells: Mapping[str, str], widths: Mapping[str, int], shown: Sequence[str]) -> str:
    parts = []
    for name in shown:
        text = cut(cells[name], widths[name])
        blank = " " * (widths[name] - columns(text))
        parts.append(text + blank if _COLUMNS[name].can_be_cut else blank + text)
    return _GAP.join(parts).rstrip()
