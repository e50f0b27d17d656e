"""The guest's keyboard: texts typed, combinations pressed, keys held.

Each stroke is one "send-key" command: QEMU itself presses and releases the keys, on the guest's
clock. So no key stays down when a call ends early, and none is down for so long that the guest
repeats it. But "send-key" loses keys silently while the machine is stopped or without a keyboard;
so each text stands between two commands that fail then.
"""

from collections.abc import Sequence
from typing import Protocol

from qmpeer import limits
from qmpeer.client.aio.primitives import call_blocking
from qmpeer.client.aio.procedures import CommandClient, watchful_pause
from qmpeer.client.key_events import (
    KEY_PROBE,
    all_strokes,
    check_rate,
    duration,
    key_events,
    send_key,
)
from qmpeer.client.timeouts import DEFAULT, Countdown, Default, Timeout
from qmpeer.errors import CommandError, CommandInterrupted
from qmpeer.keyboard import Layout, Typed, find_layout, parse_keys, plan


class ScreenClient(CommandClient, Protocol):
    """A client, as the keyboard, the pointer and the screen use it."""

    command_timeout: float | None


class AsyncKeyboard:
    """The guest's keyboard, for asyncio; `AsyncClient.keyboard` returns it.

    The layout is that of the guest: QEMU passes on keys, and the guest decides what they type.

    All methods raise LayoutError for an unknown layout; CommandError if the machine isn't running
    ("VM not running") or has no keyboard ("Input handler not found"); TimeoutError if the deadline
    passes; CommandInterrupted and ConnectionClosed if the connection ends. An error that comes
    after the first key has a note with the number of characters sent.

    Spec: QEMU, qapi/ui.json, send-key and input-send-event.
    """

    def __init__(self, client: ScreenClient, held: list[str]) -> None:
        self._client = client
        self._held = held  # the client's list of the keys that `hold` holds

    async def type(
        self,
        text: str,
        layout: str | Layout = "us",
        *,
        rate: float = limits.KEY_RATE,
        timeout: Timeout = DEFAULT,
    ) -> None:
        r"""Type a text; return when its last key is released.

        Enter is typed for "\n", Tab for "\t". QEMU drops keys that a guest doesn't read in time,
        and nobody reports it: the default rate allows a guest to be late by 0.2 s. Give a busy
        guest more time, and check what it shows.

        Args:
            text: The text. A character that the layout can't type is an error before any key is
                pressed.
            layout: The guest's layout, as XKB names it: "us", "de", "de(nodeadkeys)", "fr(bepo)".
            rate: Keys pressed a second; a modifier is one of them.
            timeout: Seconds for the whole text; None waits for ever. By default the time that the
                rate takes, and the timeout of a command.

        Raises:
            UntypableError: If the layout lacks characters; the error lists all of them.
            LimitError: If the text is longer than `limits.TYPED_TEXT`.
            ValueError: If the rate is out of range.
        """
        check_rate(rate)
        planned = plan(text, await _found(layout))
        await self._send(planned, rate, timeout)

    async def press(
        self,
        *keys: str,
        layout: str | Layout = "us",
        rate: float = limits.KEY_RATE,
        timeout: Timeout = DEFAULT,
    ) -> None:
        """Press and release key combinations, one after the other.

        Args:
            keys: Combinations such as "ctrl-alt-delete", "shift-a", "ctrl-alt-f2", "enter":
                names of keys, joined by "-" or "+", in capitals or not. A name is a QKeyCode or a
                usual one (altgr, win, esc, pgup, …). A single character stands for the key that
                types it in the layout.
            layout: The guest's layout, in which single characters are looked up.
            rate: Keys pressed a second.
            timeout: Seconds for all of them; None waits for ever. By default as for `type`.

        Raises:
            KeyNameError: If a name is unknown; the error has similar ones.
            ValueError: If the rate is out of range.
        """
        check_rate(rate)
        found = await _found(layout)
        planned = [Typed(each, (parse_keys(each, found),)) for each in keys]
        await self._send(planned, rate, timeout)

    def hold(self, keys: str, layout: str | Layout = "us") -> "AsyncHeldKeys":
        """Return a context manager that holds keys down, such as "shift" or "ctrl-alt".

        They are released at its end, after an exception, too; if that fails, the exception has a
        note. The guest may repeat a held key. If the process is killed, they stay down.

        Args:
            keys: The keys, as for `press`.
            layout: The guest's layout.

        Raises:
            KeyNameError: If a name is unknown; raised on entering, as are all errors.
        """
        return AsyncHeldKeys(self._client, keys, layout, self._held)

    async def _send(self, planned: Sequence[Typed], rate: float, timeout: Timeout) -> None:
        if isinstance(timeout, Default):
            timeout = self._client.command_timeout
            if timeout is not None:
                timeout += duration(all_strokes(planned), rate)
        countdown = Countdown(timeout)
        before = self._client._channel.interruptions
        sent = 0
        await self._probe(countdown)
        try:
            for typed in planned:
                for stroke in typed.strokes:
                    if countdown.is_over:
                        raise TimeoutError(f"not everything was typed in {countdown.timeout:.4g} s")
                    # A held modifier stays down: Linux takes a second release of the left Shift
                    # key of a PS/2 keyboard for the keyboard's reset.
                    stroke = stroke.without(self._held)
                    await self._client.execute(
                        "send-key", send_key(stroke, rate), timeout=countdown.remaining()
                    )
                    seconds = countdown.remaining(duration((stroke,), rate))
                    await watchful_pause(self._client._channel, seconds)
                    now = self._client._channel.interruptions
                    if now != before:  # the next connection may be to another machine
                        raise CommandInterrupted("send-key", None, now[-1].reason)
                sent += 1
        except BaseException as error:
            error.add_note(f"{sent} of {len(planned)} were sent")
            raise
        try:
            # The next command must not overtake the last release, which QEMU may send late.
            seconds = countdown.remaining(limits.KEY_HOLD)
            await watchful_pause(self._client._channel, seconds)
            await self._probe(countdown)
        except CommandError as error:
            error.add_note(f"{sent} of {len(planned)} were sent, and maybe lost")
            raise

    async def _probe(self, countdown: Countdown) -> None:
        """Raise CommandError if the machine isn't running or has no keyboard."""
        timeout = countdown.remaining()
        await self._client.execute("input-send-event", KEY_PROBE, timeout=timeout)


class AsyncHeldKeys:
    """A context manager that holds keys down."""

    def __init__(
        self, client: ScreenClient, keys: str, layout: str | Layout, held: list[str]
    ) -> None:
        self._client = client
        self._text = keys
        self._held = held
        self._layout = layout
        self._keys: tuple[str, ...] = ()

    async def __aenter__(self) -> None:
        self._keys = parse_keys(self._text, await _found(self._layout)).keys
        try:
            await self._client.execute(
                "input-send-event",
                key_events(self._keys, True),
                timeout=self._client.command_timeout,
            )
        except CommandError:
            raise
        except BaseException as error:
            # They may be down although no answer came.
            await self._release(error)
            raise
        self._held += self._keys

    async def __aexit__(self, *exc: object) -> None:
        for key in self._keys:
            self._held.remove(key)
        # Who else holds one of them releases it.
        self._keys = tuple(key for key in self._keys if key not in self._held)
        await self._release(exc[1] if isinstance(exc[1], BaseException) else None)

    async def _release(self, error: BaseException | None) -> None:
        """Release the keys; if that fails, raise, or add a note to the error that came before."""
        if not self._keys:
            return
        events = key_events(reversed(self._keys), False)
        if isinstance(error, GeneratorExit):  # a coroutine that is being closed can't wait
            self._client.execute("input-send-event", events, timeout=limits.KEY_RELEASE)
            return
        try:
            await self._client.execute("input-send-event", events, timeout=limits.KEY_RELEASE)
        except Exception as failure:
            note = f"{'-'.join(self._keys)} may still be held down"
            if error is None:
                failure.add_note(note)
                raise
            error.add_note(f"{note}, releasing failed: {failure}")


async def _found(layout: str | Layout) -> Layout:
    """Return a layout; the library that compiles one may take a moment."""
    if isinstance(layout, Layout):
        return layout
    return find_layout(layout) if layout == "us" else await call_blocking(find_layout, layout)
