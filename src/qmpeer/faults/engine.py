"""The engine: bytes of both sides in, actions out, with the faults of a plan in between.

It knows no socket and no clock. One engine stands in one connection, whatever the transport. A
shell tells it what each side sends, and the time, and does what `Engine.next_action` says.

How it works. Bytes of a side go through its `Direction`. If a fault is about messages, they are cut
into messages first, and each message is looked at: which command, the reply to which, which event.
The faults that fit change it. Then the bytes go into the direction's `Output`, a queue in which
faults stand as marks between the bytes: what has to happen after the third byte of a reply happens
when that byte has been sent, however late that is. Bytes that no fault is about pass unchanged and
at once.

All chance comes from the seed, the number of the connection and the text of the fault, so the same
plan with the same seed does the same to the same bytes.
"""

from collections import deque
from collections.abc import Iterable
from itertools import count
from math import inf

from qmpeer import limits
from qmpeer.faults.actions import (
    Action,
    Asked,
    Close,
    Discard,
    EndOutput,
    Happened,
    PauseReading,
    ResumeReading,
    Send,
    ToProcess,
)
from qmpeer.faults.additions import added_bytes
from qmpeer.faults.conversation import Conversation, Sight
from qmpeer.faults.cutter import Part, ValueCutter
from qmpeer.faults.direction import Direction, Mode, jittered
from qmpeer.faults.drafts import Draft
from qmpeer.faults.fault import Fault
from qmpeer.faults.output import (
    Bytes,
    End,
    EndOfPace,
    Filler,
    Item,
    Mark,
    Moment,
    Pace,
)
from qmpeer.faults.rule import Rule
from qmpeer.transcript.entries import Sender

CLIENT = Sender.CLIENT
SERVER = Sender.SERVER
_DRIPS = 20
"""Pieces a second of bytes that drip."""
_ADDING = frozenset(("garbage", "flood", "inject"))


class Engine:
    """The faults of one connection.

    Args:
        faults: The plan.
        connection: The number of the connection at its server, from 1.
        seed: The seed of all chance.
        now: The time at the beginning, in seconds, of any clock that doesn't go back.
        epoch: The same time in seconds since 1970, for the timestamps of injected events.
        live: Allow `add` and `remove`. All messages are looked at then, faults or none, and each
            command of the client is an action, `Asked`.

    Attributes:
        is_idle: True if no fault of the plan can happen on this connection.
        is_over: True after a `Close`; only a `Discard` may follow it.

    Example:
        >>> from qmpeer.faults.fault_text import parse_fault
        >>> engine = Engine([parse_fault("cut after=stop byte=3")])
        >>> engine.receive_data(Sender.CLIENT, b'{"execute": "stop"}', now=0)
        >>> engine.next_action(now=0)
        Send(sender=<Sender.CLIENT: '->'>, data=b'{"execute": "stop"}', fds=())
        >>> engine.next_action(now=0)
        Happened(fault=Fault(word='cut', settings=(('after', 'stop'), ('byte', 3))))
        >>> engine.receive_data(Sender.SERVER, b'{"return": {}}', now=0)
        >>> engine.next_action(now=0), engine.next_action(now=0)
        (Send(sender=<Sender.SERVER: '<-'>, data=b'{"r', fds=()), Close(is_reset=False))
    """

    def __init__(
        self,
        faults: Iterable[Fault],
        *,
        connection: int = 1,
        seed: int = 0,
        now: float = 0.0,
        epoch: float = 0.0,
        live: bool = False,
    ) -> None:
        self._connection = connection
        self._seed = seed
        self._is_live = live
        self._numbers = count()
        self._rules: list[Rule] = []
        self._timed: list[tuple[float, int, Rule]] = []
        for fault in faults:
            self._take(fault, now)
        self.is_idle: bool = not (self._rules or live)
        self.is_over: bool = False
        self._began = now
        self._epoch = epoch
        self._now = now
        self._actions: deque[Action] = deque()
        self._conversation = Conversation()
        self._directions = {
            CLIENT: Direction(CLIENT, cuts=self._is_about_messages(CLIENT)),
            SERVER: Direction(SERVER, cuts=self._is_about_messages(SERVER)),
        }
        for rule in self._rules:
            if rule.word == "refuse":
                self._refuse(rule, connection)
            elif rule.is_immediate and rule.take():
                self._begin(rule)

    def _take(self, fault: Fault, now: float) -> Rule | None:
        """Add a fault's rule, if it can happen on this connection."""
        number, connection = next(self._numbers), self._connection
        if fault.word == "late" or fault.number("connection", connection) != connection:
            return None
        rule = Rule(fault, f"{connection}/{number}", self._seed)
        self._rules.append(rule)
        if fault.target == "time":
            self._timed.append((now + fault.number("time"), number, rule))
            self._timed.sort(reverse=True)
        return rule

    def _is_about_messages(self, sender: Sender) -> bool:
        """Return True if a side's bytes must be cut into messages."""
        if self._is_live:
            return True
        for rule in self._rules:
            if rule.is_changing(sender) or rule.is_watching():
                return True
            # What is added goes between two messages; events are always the server's.
            if rule.word in _ADDING and sender is (
                SERVER if rule.word == "inject" else rule.sender
            ):
                return True
        return False

    # The plan of a live engine

    def add(self, fault: Fault, now: float) -> None:
        """Let one more fault happen, from now on: its time counts from now."""
        self._now = now
        if self.is_over or fault.word == "refuse":  # the connection is there already
            return
        rule = self._take(fault, now)
        if rule is not None and rule.is_immediate and rule.take():
            self._begin(rule)

    def remove(self, fault: Fault) -> None:
        """End a fault, the very object: it happens no more, and holds nothing back any longer.

        What it has added or changed already stays.
        """
        for rule in [each for each in self._rules if each.fault is fault]:
            rule.is_over = rule.is_withdrawn = True
            self._rules.remove(rule)
            self._timed = [each for each in self._timed if each[2] is not rule]
            self._directions[rule.sender].forget(rule)

    # Input

    def receive_data(
        self, sender: Sender, data: bytes, now: float, fds: tuple[int, ...] = ()
    ) -> None:
        """Receive bytes of a side, with the descriptors that came with them.

        The engine owns the descriptors until an action gives them back.
        """
        self._now = now
        direction = self._directions[sender]
        if self.is_over or direction.output.is_ended:
            self._discard(fds)
        elif direction.cutter is None:
            direction.put(data, now, fds)
        else:
            self._cut(direction, direction.cutter, data, fds)

    def receive_eof(self, sender: Sender, now: float) -> None:
        """Receive the end of a side's bytes."""
        self._now = now
        direction = self._directions[sender]
        if self.is_over:
            return
        if direction.output.is_ended:
            self._actions.append(EndOutput(sender))
            return
        if direction.overtaken:
            direction.insert(direction.take_overtaken(), now)
            direction.insert_line_end(now)
        if direction.parts and direction.mode is Mode.HOLD:
            raw, fds = direction.take_message()
            direction.put(raw, now, fds)
        direction.output.put(End())

    def pause_output(self, sender: Sender) -> None:
        """Send no more of a side's bytes: the other side takes no more."""
        self._directions[sender].output.is_paused = True

    def resume_output(self, sender: Sender) -> None:
        """Send a side's bytes again."""
        self._directions[sender].output.is_paused = False

    # Output

    def next_action(self, now: float) -> Action | None:
        """Return what to do next, or None if there is nothing to do before `next_due`."""
        self._now = now
        while not self._actions:
            if self.is_over or not self._step():
                return None
        return self._actions.popleft()

    @property
    def next_due(self) -> float | None:
        """The time at which `next_action` has something, unless a side sends something before."""
        if self.is_over:
            return None
        due = self._timed[-1][0] if self._timed else inf
        for direction in self._directions.values():
            due = min(due, direction.output.next_due, direction.overtaken_until)
            if direction.is_reading_paused and direction.stalled_until > self._now:
                due = min(due, direction.stalled_until)
        return due if due < inf else None

    def held(self, sender: Sender) -> int:
        """Return the number of a side's bytes that are held back."""
        return self._directions[sender].held

    def take_fds(self) -> tuple[int, ...]:
        """Return all descriptors that are held back, to close them when the connection is lost."""
        fds: tuple[int, ...] = ()
        for direction in self._directions.values():
            fds += direction.fds + direction.output.end()
            direction.fds = ()
            for item in direction.take_overtaken():
                fds += item.fds if isinstance(item, Bytes) else ()
        self.is_over = True
        return fds

    # Steps

    def _step(self) -> bool:
        """Do one thing that is due; return False if there is none."""
        now = self._now
        if self._timed and self._timed[-1][0] <= now:
            rule = self._timed.pop()[2]
            if rule.take():
                self._begin(rule)
            return True
        for direction in self._directions.values():
            if direction.overtaken_until <= now:
                direction.insert(direction.take_overtaken(), now)
                direction.insert_line_end(now)
                return True
            item = direction.output.take(now)
            if item is not None:
                self._send(direction, item)
                # What happens behind these bytes is decided before the receiver can answer them.
                while (mark := direction.output.take_mark(now)) is not None:
                    self._send(direction, mark)
                return True
        return self._settle_reading()

    def _send(self, direction: Direction, item: Item) -> None:
        match item:
            case Bytes():
                self._actions.append(Send(direction.sender, item.data, item.fds))
            case Mark() | Moment() if item.rule.is_withdrawn:
                pass
            case Mark():
                self._happen(item.rule, direction)
            case Moment():
                self._begin(item.rule, direction, lacks_line_end=item.lacks_line_end)
            case EndOfPace():
                direction.output.set_pace(direction.pace)
            case End():
                direction.output.is_ended = True
                self._actions.append(EndOutput(direction.sender))
            case Filler():
                raise AssertionError("an output makes a filler's bytes")

    def _settle_reading(self) -> bool:
        """Let the shell pause or resume reading; return True if there was something to say."""
        for direction in self._directions.values():
            is_stalled = direction.stalled_until > self._now
            is_paused = is_stalled or direction.is_full
            if is_paused is not direction.is_reading_paused:
                direction.is_reading_paused = is_paused
                kind = PauseReading if is_paused else ResumeReading
                self._actions.append(kind(direction.sender))
                return True
        return False

    # Messages

    def _cut(
        self, direction: Direction, cutter: ValueCutter, data: bytes, fds: tuple[int, ...]
    ) -> None:
        is_new = not cutter.is_inside
        pieces = deque(cutter.cut(data))
        while pieces:
            part, piece = pieces.popleft()
            if part is Part.GAP:
                direction.fds += fds
                self._take_gap(direction, piece)
            else:
                if is_new:
                    self._begin_message(direction)
                self._take_part(direction, piece, fds)
                if part is Part.LAST:
                    self._end_message(direction, _take_line_end(pieces))
            is_new, fds = part is not Part.OPEN, ()

    def _take_gap(self, direction: Direction, gap: bytes) -> None:
        gap = direction.after_lost_line(gap)
        if gap:
            fds, direction.fds = direction.fds, ()
            if b"\n" in gap:
                direction.lacks_line_end = False
            direction.put(gap, self._now, fds)

    def _begin_message(self, direction: Direction) -> None:
        direction.is_swallowing = False
        sender = direction.sender
        renames = sender is SERVER and self._conversation.has_renamed
        answers = sender is SERVER and self._conversation.has_answers
        if renames or any(rule.is_changing(sender) for rule in self._rules):
            direction.mode = Mode.HOLD
        elif answers or self._is_live or any(rule.is_watching() for rule in self._rules):
            direction.mode = Mode.WATCH
        else:
            direction.mode = Mode.PASS

    def _take_part(self, direction: Direction, piece: bytes, fds: tuple[int, ...]) -> None:
        direction.fds += fds
        if direction.mode is not Mode.PASS:
            direction.parts.append(piece)
            direction.size += len(piece)
            if direction.size > limits.FAULT_MESSAGE:
                self._give_up_message(direction)
                piece = b""
        if direction.mode is not Mode.HOLD:
            direction.has_passed = True
            fds, direction.fds = direction.fds, ()
            if piece or fds:
                direction.put(piece, self._now, fds)

    def _give_up_message(self, direction: Direction) -> None:
        """Let a message pass that is too long to be held back or kept."""
        is_held = direction.mode is Mode.HOLD
        direction.mode = Mode.PASS
        raw, fds = direction.take_message()
        direction.put(raw if is_held else raw[-1:], self._now, fds)

    def _end_message(self, direction: Direction, line_end: bytes) -> None:
        """Handle a whole message, and its line's end as far as it is there."""
        direction.count += 1
        direction.has_passed = False
        if direction.mode is Mode.HOLD:
            raw, fds = direction.take_message()
            self._change(direction, raw, line_end, fds)
        else:
            direction.end_line(line_end, self._now)
            if direction.mode is Mode.WATCH:
                raw, _ = direction.take_message()
                self._has_passed(direction, self._look_at(direction, raw))
        direction.insert_waiting(self._now)

    def _look_at(self, direction: Direction, raw: bytes) -> Sight:
        sight = self._conversation.look_at(direction.sender, direction.count, raw)
        if self._is_live and direction.sender is CLIENT and sight.command is not None:
            self._actions.append(Asked(sight.command))
        return sight

    def _change(
        self, direction: Direction, raw: bytes, line_end: bytes, fds: tuple[int, ...]
    ) -> None:
        """Let the faults change a message, and put it into the output."""
        now, sender = self._now, direction.sender
        sight = self._look_at(direction, raw)
        draft = Draft(raw, sight)
        if sight.is_reply and sight.command is not None:
            draft.rename(self._conversation.take_renamed(sight.command))
        for rule in self._rules:
            if rule.matches(sight):
                added = self._added(rule, direction)
                if added is not None and rule.word == "inject" and sender is CLIENT:
                    self._directions[SERVER].insert([added], now)
                    self._actions.append(Happened(rule.fault))
                elif draft.apply(rule, self._conversation, added):
                    self._actions.append(Happened(rule.fault))
        overtaken = direction.take_overtaken()
        if draft.is_lost:
            self._lose(direction, draft, sight, line_end, fds)
        elif draft.overtaking is not None and not overtaken:
            direction.overtaken = [*draft.items(fds, sender), *self._moments(direction, sight)]
            direction.overtaken_until = now + draft.overtaking
            direction.lose_line(line_end)
            self._note(sight)
        else:
            direction.put_all(list(draft.items(fds, sender)), now)
            direction.end_line(line_end, now)
            self._has_passed(direction, sight)
        if overtaken:
            direction.insert(overtaken, now)
            direction.insert_line_end(now)

    def _lose(
        self,
        direction: Direction,
        draft: Draft,
        sight: Sight,
        line_end: bytes,
        fds: tuple[int, ...],
    ) -> None:
        """Lose a message, or answer it in the server's place."""
        self._discard(fds)
        direction.lose_line(line_end)
        if draft.answer is not None and sight.command is not None:
            sight.command.answer = draft.answer
            self._conversation.add(sight.command)
            self._insert_answers()
        elif sight.is_reply:
            self._insert_answers()

    def _has_passed(self, direction: Direction, sight: Sight) -> None:
        """Note a message that is in the output, and the moments behind it."""
        for moment in self._moments(direction, sight):
            direction.output.put(moment)
        self._note(sight)

    def _moments(self, direction: Direction, sight: Sight) -> list[Item]:
        found = [rule for rule in self._rules if rule.begins_after(sight)]
        return [Moment(rule, direction.lacks_line_end) for rule in found]

    def _note(self, sight: Sight) -> None:
        if sight.sender is CLIENT and sight.command is not None:
            self._conversation.add(sight.command)
        elif sight.is_reply:
            self._insert_answers()

    def _insert_answers(self) -> None:
        server = self._directions[SERVER]
        for answer in self._conversation.take_answers():
            server.insert([Filler(answer + SERVER.line_end, b"", 0)], self._now)

    # Faults

    def _refuse(self, rule: Rule, connection: int) -> None:
        """End the connection at once, if it is one of those to refuse."""
        if connection <= rule.fault.number("times", connection) and rule.take():
            self._actions.append(Happened(rule.fault))
            self._close(is_reset=True)

    def _begin(
        self, rule: Rule, here: Direction | None = None, *, lacks_line_end: bool = False
    ) -> None:
        """Let a fault happen whose moment has come, or prepare it for its byte.

        Args:
            rule: The fault.
            here: The direction of the message behind which the moment came.
            lacks_line_end: True if the line of that message hasn't ended.
        """
        now, direction = self._now, self._directions[rule.sender]
        if self.is_over or direction.output.is_ended:
            return
        self._actions.append(Happened(rule.fault))
        byte = int(rule.fault.number("byte"))
        added = self._added(rule, direction)
        if byte:
            direction.wait_for_byte(byte, rule)
        elif added is not None and direction is here:
            if lacks_line_end:
                added.head = direction.sender.line_end + added.head
            direction.output.put_first(added)
        elif added is not None:
            direction.insert([added], now)
        elif rule.word in ("delay", "coalesce"):
            direction.add_delay(rule)
        elif rule.word in ("drip", "slices"):
            direction.pace = _pace(rule)
            direction.output.set_pace(direction.pace)
        else:
            self._happen(rule, direction)

    def _happen(self, rule: Rule, direction: Direction) -> None:
        """Let a fault happen at this place of the output."""
        output, now = direction.output, self._now
        match rule.word:
            case "delay" | "coalesce":
                output.hold(now + jittered(rule))
            case "stall":
                seconds = rule.fault.get("seconds")
                until = inf if seconds is None else now + rule.fault.number("seconds")
                output.hold(until)
                if direction.sender is CLIENT:
                    direction.stalled_until = max(direction.stalled_until, until)
            case "drip" | "slices":
                output.set_pace(_pace(rule))
            case "cut" if rule.fault.get("how") == "half-close":
                self._discard(output.end())
                self._actions.append(EndOutput(direction.sender))
            case "cut":
                self._close(is_reset=rule.fault.get("how") == "reset")
            case "sigstop" | "sigkill" | "exit":
                self._actions.append(ToProcess(rule.fault))
            case _:
                added = self._added(rule, direction)
                if added is not None:
                    output.put_first(added)

    def _added(self, rule: Rule, direction: Direction) -> Filler | None:
        """Return the bytes that a fault adds, if it adds some."""
        return added_bytes(rule, direction.sender, self._epoch + self._now - self._began)

    def _close(self, *, is_reset: bool) -> None:
        for direction in self._directions.values():
            self._discard(direction.output.end() + direction.fds)
            direction.fds = ()
        self._actions.append(Close(is_reset))
        self.is_over = True

    def _discard(self, fds: tuple[int, ...]) -> None:
        if fds:
            self._actions.append(Discard(fds))


def _take_line_end(pieces: deque[tuple[Part, bytes]]) -> bytes:
    """Take the end of a message's line off what follows, if it is there."""
    if not pieces or pieces[0][0] is not Part.GAP:
        return b""
    gap = pieces[0][1]
    end = gap.find(b"\n") + 1
    if not end or gap[:end].strip():
        return b""
    if end == len(gap):
        pieces.popleft()
    else:
        pieces[0] = (Part.GAP, gap[end:])
    return gap[:end]


def _pace(rule: Rule) -> Pace:
    fault = rule.fault
    if rule.word == "slices":
        return Pace(int(fault.number("size")), fault.number("pause", 0.001))
    speed = fault.number("speed")
    size = max(1, int(speed) // _DRIPS)
    return Pace(size, size / speed)
