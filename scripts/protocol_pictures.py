"""Draw the protocol: the messages between two ends, top to bottom, one picture for each rule.

A picture has rows and a lane for each end. Its text is text in the SVG too, so it can be searched
and read aloud; a title and a description have the same contents in words.

    python scripts/protocol_pictures.py            writes docs/pictures/protocol-*.svg
    python scripts/protocol_pictures.py --check    compares; status 1 if a picture is stale
"""

import sys
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Literal, NamedTuple

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "pictures"

MARGIN = 16
HEAD = 34
ROW = 38
CHARACTER = 7.3
"""Width of a character of a message."""

STYLE = """\
    .paper { fill: #fbfaf7; }
    .lane { stroke: #c9c5ba; stroke-width: 1.4; }
    .box { fill: #ffffff; stroke: #4a5a78; stroke-width: 1.4; }
    .name { fill: #1d2738; font: 600 13px system-ui, sans-serif; text-anchor: middle; }
    .said { fill: #1d2738; font: 12px ui-monospace, "DejaVu Sans Mono", monospace; }
    .note { fill: #6a6558; font: italic 12px system-ui, sans-serif; }
    .said, .note { text-anchor: middle; }
    .part { fill: #6a6558; font: 600 12px system-ui, sans-serif; }
    .rule { stroke: #d9d5cb; stroke-dasharray: 2 5; }
    .busy { fill: #dfe7f2; stroke: #3b6ea8; }
    .waits { fill: #f2ecdf; stroke: #a08a4c; stroke-dasharray: 3 3; }
    .arrow { fill: none; stroke-width: 1.8; }
    .command { stroke: #3b6ea8; }
    .reply { stroke: #44504f; }
    .event { stroke: #a4561f; stroke-dasharray: 6 4; }
    .oob { stroke: #7b3fa0; stroke-width: 2.6; }
    .command-head { fill: #3b6ea8; }
    .reply-head { fill: #44504f; }
    .event-head { fill: #a4561f; }
    .oob-head { fill: #7b3fa0; }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #171b22; }
      .lane { stroke: #434b59; }
      .box { fill: #222936; stroke: #8fa5cc; }
      .name, .said { fill: #e8edf6; }
      .note, .part { fill: #a9b1c0; }
      .rule { stroke: #333a46; }
      .busy { fill: #24405f; stroke: #7fb0ea; }
      .waits { fill: #3a3424; stroke: #c9b06a; }
      .command { stroke: #7fb0ea; }
      .reply { stroke: #b8c2c1; }
      .event { stroke: #f0a36b; }
      .oob { stroke: #cf9bf0; }
      .command-head { fill: #7fb0ea; }
      .reply-head { fill: #b8c2c1; }
      .event-head { fill: #f0a36b; }
      .oob-head { fill: #cf9bf0; }
    }"""

Kind = Literal["command", "reply", "event", "oob"]
KINDS: tuple[Kind, ...] = ("command", "reply", "event", "oob")


class Message(NamedTuple):
    """A message from one end to another: an arrow with its text above it."""

    sender: int
    receiver: int
    text: str
    kind: Kind


class Note(NamedTuple):
    """A remark between two lanes."""

    left: int
    right: int
    text: str


class Part(NamedTuple):
    """The beginning of a part of the conversation."""

    text: str


class Bar(NamedTuple):
    """An activity of one end, from one row to another, both included."""

    lane: int
    first: int
    last: int
    kind: Literal["busy", "waits"]


class Picture(NamedTuple):
    """One picture."""

    name: str
    title: str
    description: str
    width: int
    lanes: tuple[str, ...]
    rows: tuple[Message | Note | Part, ...]
    bars: tuple[Bar, ...] = ()


SESSION = Picture(
    "session",
    "A session: greeting, negotiation, commands and events, end",
    "The server greets first. The client answers with qmp_capabilities and gets an empty return. "
    "Then commands and replies alternate, and events come on their own. At quit the server sends "
    "the event SHUTDOWN, the reply, and closes the connection.",
    520,
    ("your program", "QEMU"),
    (
        Part("greeting"),
        Message(1, 0, '{"QMP": {"version": …, "capabilities": ["oob"]}}', "reply"),
        Part("negotiation"),
        Message(0, 1, '{"execute": "qmp_capabilities", …}', "command"),
        Message(1, 0, '{"return": {}}', "reply"),
        Part("commands and events"),
        Message(0, 1, '{"execute": "query-status", "id": 1}', "command"),
        Message(1, 0, '{"return": {"status": "running", …}, "id": 1}', "reply"),
        Message(1, 0, '{"event": "RTC_CHANGE", "data": …}', "event"),
        Message(0, 1, '{"execute": "quit", "id": 2}', "command"),
        Message(1, 0, '{"event": "SHUTDOWN", "data": …}', "event"),
        Message(1, 0, '{"return": {}, "id": 2}', "reply"),
        Part("the server closes the connection"),
    ),
)

REPLIES = Picture(
    "replies",
    "Replies and ids: in order, each with the id of its command",
    "A client sends three commands without waiting. The server executes them in that order and "
    "answers each with its id, the second one with an error. A fourth command takes longer than "
    "its deadline. Its late reply carries its own id, so the client drops it and matches the next "
    "reply to the next command.",
    520,
    ("your program", "QEMU"),
    (
        Message(0, 1, '{"execute": "query-name", "id": 1}', "command"),
        Message(0, 1, '{"execute": "eject-all", "id": 2}', "command"),
        Message(0, 1, '{"execute": "query-uuid", "id": 3}', "command"),
        Message(1, 0, '{"return": {}, "id": 1}', "reply"),
        Message(1, 0, '{"id": 2, "error": {"class": …, "desc": …}}', "reply"),
        Message(1, 0, '{"return": {"UUID": …}, "id": 3}', "reply"),
        Part("a late reply"),
        Message(0, 1, '{"execute": "blockdev-add", …, "id": 4}', "command"),
        Note(0, 1, "deadline: TimeoutError"),
        Message(0, 1, '{"execute": "query-name", "id": 5}', "command"),
        Message(1, 0, '{"return": {}, "id": 4}', "reply"),
        Note(0, 1, "nobody waits for id 4 any more: dropped"),
        Message(1, 0, '{"return": {}, "id": 5}', "reply"),
    ),
    (Bar(1, 0, 5, "busy"), Bar(1, 7, 12, "busy")),
)

OUT_OF_BAND = Picture(
    "out-of-band",
    "Out-of-band execution overtakes the commands that wait",
    "The first in-band command takes long, and the second one waits behind it. A third command, "
    "sent with exec-oob, is executed at once, and its reply comes first. The replies of the two "
    "in-band commands follow in their order.",
    600,
    ("your program", "in band", "out of band"),
    (
        Message(0, 1, "execute, id 1", "command"),
        Message(0, 1, "execute, id 2", "command"),
        Note(1, 2, "2 waits for 1"),
        Message(0, 2, "exec-oob, id 3", "oob"),
        Message(2, 0, "return, id 3", "oob"),
        Message(1, 0, "return, id 1", "reply"),
        Message(1, 0, "return, id 2", "reply"),
    ),
    (Bar(1, 0, 5, "busy"), Bar(1, 6, 6, "busy"), Bar(2, 3, 4, "busy")),
)

CLIENTS = Picture(
    "clients",
    "Several monitors and clients on one machine",
    "Client A has the first monitor, client B the second one. When A stops the machine, both get "
    "the event STOP, and A alone gets the reply. Client C connects to the second monitor too. A "
    "monitor has one client at a time, so C hears nothing until B leaves; then C is greeted. It "
    "doesn't get the events that came before.",
    640,
    ("A, monitor 1", "machine", "B, monitor 2", "C, monitor 2"),
    (
        Message(0, 1, '"stop"', "command"),
        Message(1, 2, "STOP", "event"),
        Message(1, 0, "STOP", "event"),
        Message(1, 0, '"return"', "reply"),
        Message(2, 1, '"query-status"', "command"),
        Message(1, 2, '"paused"', "reply"),
        Message(3, 1, "connects", "command"),
        Message(0, 1, '"cont"', "command"),
        Message(1, 2, "RESUME", "event"),
        Message(1, 0, "RESUME", "event"),
        Message(1, 0, '"return"', "reply"),
        Part("B leaves"),
        Message(1, 3, '"QMP": …', "reply"),
    ),
    (Bar(3, 7, 11, "waits"),),
)

BETWEEN = Picture(
    "between",
    "Events that come in between, and a mark that finds them",
    "A STOP of somebody else's doing comes first. Then the program takes a mark and executes stop. "
    "The event STOP comes before the reply. The client keeps it, with a number, so wait_event "
    "with the mark returns it although it came before the program looked; the older STOP doesn't "
    "count.",
    640,
    ("your program", "Client", "QEMU"),
    (
        Message(2, 1, "STOP (kept, no. 7)", "event"),
        Message(0, 1, "event_mark()", "command"),
        Message(1, 0, "7", "reply"),
        Message(0, 1, 'execute("stop")', "command"),
        Message(1, 2, '"stop", id 4', "command"),
        Message(2, 1, "STOP (kept, no. 8)", "event"),
        Message(2, 1, '"return", id 4', "reply"),
        Message(1, 0, "{}", "reply"),
        Message(0, 1, "wait_event(since=7)", "command"),
        Message(1, 0, "STOP no. 8, at once", "event"),
    ),
)

PICTURES = (SESSION, REPLIES, OUT_OF_BAND, CLIENTS, BETWEEN)


def lane_places(picture: Picture) -> list[float]:
    """Return the x coordinates of the lanes; the outer ones are near the edges."""
    edge = MARGIN + 60
    step = (picture.width - 2 * edge) / (len(picture.lanes) - 1)
    return [edge + step * index for index in range(len(picture.lanes))]


def drawing(picture: Picture) -> str:
    """Return a picture as SVG."""
    places = lane_places(picture)
    bottom = MARGIN + HEAD + ROW * len(picture.rows) + 14
    height = bottom + MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {_size(picture.width, height)} role="img">',
        f"  <title>{escape(picture.title)}</title>",
        f"  <desc>{escape(picture.description)}</desc>",
        f"  <style>\n{STYLE}\n  </style>",
        "  <defs>",
        *(_head(kind) for kind in KINDS),
        "  </defs>",
        f'  <rect class="paper" width="{picture.width}" height="{height}" rx="10"/>',
    ]
    for x in places:
        lines.append(f'  <path class="lane" d="M{x:.0f} {MARGIN + HEAD}V{bottom}"/>')
    for bar in picture.bars:
        top, end = _row(bar.first) - 6, _row(bar.last) + 6
        lines.append(
            f'  <rect class="{bar.kind}" x="{places[bar.lane] - 6:.0f}" y="{top}" width="12"'
            f' height="{end - top}" rx="3"/>'
        )
    for x, name in zip(places, picture.lanes, strict=True):
        lines.append(
            f'  <rect class="box" x="{x - 60:.0f}" y="{MARGIN}" width="120" height="{HEAD - 6}"'
            f' rx="6"/><text class="name" x="{x:.0f}" y="{MARGIN + 19}">{escape(name)}</text>'
        )
    for index, row in enumerate(picture.rows):
        lines += _drawn(row, _row(index), places, picture.width)
    return "\n".join([*lines, "</svg>", ""])


def _size(width: int, height: int) -> str:
    return f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'


def _row(index: int) -> int:
    return MARGIN + HEAD + ROW * (index + 1) - 8


def _head(kind: Kind) -> str:
    return (
        f'    <marker id="{kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9"'
        f' markerHeight="9" markerUnits="userSpaceOnUse" orient="auto">'
        f'<path class="{kind}-head" d="M0 0L8 4L0 8z"/></marker>'
    )


def _drawn(
    row: Message | Note | Part, y: int, places: Sequence[float], width: int
) -> Iterator[str]:
    match row:
        case Message(sender, receiver, text, kind):
            start, end = places[sender], places[receiver]
            inward = 7 if end > start else -7
            yield (
                f'  <path class="arrow {kind}" marker-end="url(#{kind})"'
                f' d="M{start + inward:.0f} {y}H{end - inward:.0f}"/>'
            )
            # If an arrow passes a lane, its text is in the gap at the outer end.
            left, right = sorted((sender, receiver))
            near = left if left == 0 else right - 1
            middle = (places[near] + places[near + 1]) / 2
            yield f'  <text class="said" x="{middle:.0f}" y="{y - 7}">{escape(text)}</text>'
        case Note(left, right, text):
            middle = (places[left] + places[right]) / 2
            yield f'  <text class="note" x="{middle:.0f}" y="{y}">{escape(text)}</text>'
        case Part(text):
            yield f'  <path class="rule" d="M{MARGIN} {y - 12}H{width - MARGIN}"/>'
            yield f'  <text class="part" x="{places[0] + 14:.0f}" y="{y + 4}">{escape(text)}</text>'


def main(words: Sequence[str]) -> int:
    """Write the pictures, or compare them; return the exit status."""
    stale = []
    for picture in PICTURES:
        path, wanted = FOLDER / f"protocol-{picture.name}.svg", drawing(picture)
        if words != ["--check"]:
            path.write_text(wanted, encoding="utf-8")
        elif not path.exists() or path.read_text("utf-8") != wanted:
            stale.append(path.name)
    if stale:
        print(f"{', '.join(stale)}: run python scripts/protocol_pictures.py")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
