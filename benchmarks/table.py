"""The table of ratios, as text for people and as data for programs."""

from collections.abc import Iterable, Sequence

from benchmarks.rounds import Result
from benchmarks.rows import Row

HEAD = ("measure", "ours", "theirs", "ratio", "bar", "met")
NAMES = {
    "qemu": "QEMU",
    "qemu_qmp": "qemu.qmp",
    "qemu_qmp+uvloop": "qemu.qmp, uvloop",
    "qemu_qmp_exec": "qemu.qmp script",
    "qemu_qmp_shell": "qemu.qmp",
    "qemu_qmp_legacy": "qemu.qmp.legacy",
    "qmp_1_1_0": "qmp 1.1.0",
    "raw_json": "socket + json",
    "raw_orjson": "socket + orjson",
    "protocol_json": "asyncio.Protocol + json",
    "protocol_orjson": "asyncio.Protocol + orjson",
    "c_loop": "C loop",
    "marks_blocking": "by hand",
    "marks_async": "by hand",
    "allowance": "3 json.loads + 10 ms",
    "loads": "json.loads",
    "tcp": "plain TCP",
    "bare+asyncio": "bare server",
    "bare+uvloop": "bare server, uvloop",
    "bare-tls": "bare server",
    "bare-websocket": "bare server",
    "serve_imports": "its imports",
    "socat": "socat",
    "behind": "QEMU alone",
    "behind-socat": "socat",
    "guarded+asyncio": "not on the disk",
    "guarded+uvloop": "not on the disk, uvloop",
    "rules-20": "20 rules",
    "unchecked+asyncio": "the same without",
    "qmpeer+asyncio": "handlers",
    "qmpeer+uvloop": "handlers, uvloop",
}


def cells(result: Result) -> tuple[str, ...]:
    """Return the cells of one line of the table."""
    row = result.row
    theirs = _value(result, result.theirs)
    if row.theirs:
        theirs = f"{theirs} {NAMES[row.theirs]}"
    ratio = "-" if result.ratio is None else f"{result.ratio:.2f}x"
    met = {True: "yes", False: "NO", None: "left out" if result.left_out else "-"}[result.is_met]
    return (row.measure, _value(result, result.ours), theirs, ratio, _bar(row), met)


def _value(result: Result, value: float | None) -> str:
    return "-" if value is None else result.row.quantity.text(value)


def _bar(row: Row) -> str:
    if row.bar is None:
        return "-"
    sign = ">=" if row.bar.is_minimum else "<="
    limit = f"{row.bar.limit:g}x" if row.theirs else row.quantity.text(row.bar.limit)
    return f"{sign} {limit}"


def text(results: Sequence[Result]) -> str:
    """Return the whole table, in Markdown that is readable as plain text."""
    lines = [HEAD, *(cells(result) for result in results)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    rule = tuple("-" * width for width in widths)
    return "\n".join(_line(line, widths) for line in [lines[0], rule, *lines[1:]])


def _line(texts: Iterable[str], widths: Iterable[int]) -> str:
    padded = (text.ljust(width) for text, width in zip(texts, widths, strict=True))
    return f"| {' | '.join(padded)} |"


def summary(results: Sequence[Result]) -> str:
    """Return the lines below the table: the number of bars met, and who was left out and why."""
    judged = [result for result in results if result.is_met is not None]
    reasons = dict.fromkeys(result.left_out for result in results if result.left_out)
    lines = [f"{sum(bool(result.is_met) for result in judged)} of {len(judged)} bars met"]
    return "\n".join([*lines, *(f"left out: {reason}" for reason in reasons)])


def data(result: Result) -> dict[str, object]:
    """Return a result as JSON, in base units: per second, bytes, seconds."""
    row = result.row
    return {
        "row": row.name,
        "measure": row.measure,
        "quantity": row.quantity.name.lower(),
        "contestants": [row.ours, row.theirs],
        "ours": result.ours,
        "theirs": result.theirs,
        "ratio": result.ratio,
        "bar": row.bar and row.bar.limit,
        "is_met": result.is_met,
        "left_out": result.left_out,
    }
