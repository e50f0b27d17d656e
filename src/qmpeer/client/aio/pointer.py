"""The guest's pointer: moved, clicked, dragged and scrolled, in pixels of the screen."""

from typing import Literal, TypeAlias

from qmpeer import limits
from qmpeer.client import pointing
from qmpeer.client.aio.keyboard import ScreenClient
from qmpeer.client.aio.procedures import watchful_pause
from qmpeer.client.aio.screen import take_picture
from qmpeer.client.timeouts import DEFAULT, Countdown, Default, Timeout
from qmpeer.values import JsonObject

Button: TypeAlias = Literal["left", "middle", "right", "side", "extra"]


class AsyncPointer:
    """The guest's pointer, for asyncio; `AsyncClient.pointer` returns it.

    Places are pixels of the screen, counted from 0 in the upper left corner. The screen's size is
    taken from a picture of it, once for each call.

    With a tablet (usb-tablet, virtio-tablet) a place is exact. A tablet counts once the guest has
    started it. With a mouse (the PS/2 mouse of a PC) places are a guess: the pointer first goes to
    the upper left corner and then by so many steps, and most desktops accelerate a mouse. So prefer
    a tablet.

    All methods raise CommandError if the machine has no pointer or no screen, isn't running, or
    lacks the device; ValueError for a place off the screen; TimeoutError if the deadline passes;
    CommandInterrupted and ConnectionClosed if the connection ends.

    Spec: QEMU, qapi/ui.json, query-mice and input-send-event.
    """

    def __init__(self, client: ScreenClient) -> None:
        self._client = client

    async def move(
        self,
        x: int,
        y: int,
        *,
        device: str | None = None,
        head: int | None = None,
        timeout: Timeout = DEFAULT,
    ) -> None:
        """Move the pointer to a pixel.

        Args:
            x: Pixels from the left.
            y: Pixels from the top.
            device: The display device of the screen; None for the first.
            head: The head of that device.
            timeout: Seconds for all of it; None waits for ever.
        """
        hand = await self._hand(device, head, timeout)
        await hand.move(x, y)

    async def click(
        self,
        x: int,
        y: int,
        button: Button = "left",
        count: int = 1,
        *,
        device: str | None = None,
        head: int | None = None,
        timeout: Timeout = DEFAULT,
    ) -> None:
        """Move the pointer to a pixel and click there.

        Args:
            x: Pixels from the left.
            y: Pixels from the top.
            button: The button.
            count: The number of clicks; 2 is a double click.
            device: As for `move`.
            head: As for `move`.
            timeout: As for `move`.
        """
        pointing.check_button(button)
        pointing.check_count(count, 1)
        hand = await self._hand(device, head, timeout)
        await hand.move(x, y)
        for _ in range(count):
            await hand.press(button)
            await hand.release(button)

    async def drag(
        self,
        x: int,
        y: int,
        to_x: int,
        to_y: int,
        button: Button = "left",
        *,
        device: str | None = None,
        head: int | None = None,
        timeout: Timeout = DEFAULT,
    ) -> None:
        """Press a button at one pixel, move to another, and release it there.

        The button is released whatever happens on the way; if that fails, the exception has a note.

        Args:
            x: Pixels from the left, where it begins.
            y: Pixels from the top, where it begins.
            to_x: Pixels from the left, where it ends.
            to_y: Pixels from the top, where it ends.
            button: The button.
            device: As for `move`.
            head: As for `move`.
            timeout: As for `move`.
        """
        pointing.check_button(button)
        hand = await self._hand(device, head, timeout)
        pointing.check_place(to_x, to_y, hand.size)
        await hand.move(x, y)
        await hand.press(button)
        try:
            for place in pointing.between((x, y), (to_x, to_y)):
                await hand.move(*place)
        except BaseException as error:
            await hand.release_after(button, error)
            raise
        await hand.release(button)

    async def scroll(
        self,
        dy: int,
        dx: int = 0,
        *,
        at: tuple[int, int] | None = None,
        device: str | None = None,
        head: int | None = None,
        timeout: Timeout = DEFAULT,
    ) -> None:
        """Turn the wheel.

        Args:
            dy: Notches down; negative ones go up.
            dx: Notches to the right; negative ones go to the left.
            at: The pixel to move the pointer to before; None leaves it where it is.
            device: As for `move`.
            head: As for `move`.
            timeout: As for `move`.

        Raises:
            ValueError: If there are more than `limits.CLICKS`.
        """
        notches = pointing.wheel(dy, dx)
        hand = await self._hand(device, head, timeout)
        if at is not None:
            await hand.move(*at)
        for each in notches:
            await hand.press(each)
            await hand.release(each)

    async def _hand(self, device: str | None, head: int | None, timeout: Timeout) -> "AsyncHand":
        seconds = self._client.command_timeout if isinstance(timeout, Default) else timeout
        countdown = Countdown(seconds)
        answer = await self._client.execute("query-mice", timeout=countdown.remaining())
        is_absolute = pointing.is_absolute(answer)
        options = screen_options(device, head)
        picture = await take_picture(self._client, options, countdown)
        size = (picture.width, picture.height)
        return AsyncHand(self._client, options, is_absolute, size, countdown)


class AsyncHand:
    """The pointer during one call.

    Attributes:
        size: The width and the height of the screen.
    """

    def __init__(
        self,
        client: ScreenClient,
        options: JsonObject,
        is_absolute: bool,
        size: tuple[int, int],
        countdown: Countdown,
    ) -> None:
        self.size: tuple[int, int] = size
        self._client = client
        self._options = options
        self._is_absolute = is_absolute
        self._countdown = countdown
        self._place: tuple[int, int] | None = None

    async def move(self, x: int, y: int) -> None:
        """Move to a pixel."""
        pointing.check_place(x, y, self.size)
        if self._is_absolute:
            await self._send(pointing.position(x, y, self.size))
            return
        if self._place is None:
            # Nobody knows where a mouse's pointer is, except after it has run into a corner.
            width, height = self.size
            for events in pointing.movements(-2 * width, -2 * height):
                await self._send(events)
            self._place = (0, 0)
        for events in pointing.movements(x - self._place[0], y - self._place[1]):
            await self._send(events)
        self._place = (x, y)

    async def press(self, button: str) -> None:
        """Press a button; release it if that ends with an exception."""
        await self._change(button, True)

    async def release(self, button: str) -> None:
        """Release a button; try again if that ends with an exception."""
        await self._change(button, False)

    async def _change(self, button: str, is_down: bool) -> None:
        try:
            await self._send(pointing.button(button, is_down))
        except BaseException as error:
            await self.release_after(button, error)
            raise

    async def release_after(self, button: str, error: BaseException) -> None:
        """Release a button after an exception; add a note to that if it fails."""
        events: JsonObject = {**pointing.button(button, False), **self._options}
        if isinstance(error, GeneratorExit):  # a coroutine that is being closed can't wait
            self._client.execute("input-send-event", events, timeout=limits.KEY_RELEASE)
            return
        try:
            await self._client.execute("input-send-event", events, timeout=limits.KEY_RELEASE)
        except Exception as failure:
            error.add_note(f"button {button} may still be pressed, releasing failed: {failure}")

    async def _send(self, events: JsonObject) -> None:
        if self._countdown.is_over:
            raise TimeoutError(f"the pointer wasn't there in {self._countdown.timeout:.4g} s")
        arguments: JsonObject = {**events, **self._options}
        timeout = self._countdown.remaining()
        await self._client.execute("input-send-event", arguments, timeout=timeout)
        await watchful_pause(self._client._channel, self._countdown.remaining(limits.POINTER_PAUSE))


def screen_options(device: str | None, head: int | None) -> JsonObject:
    """Return the arguments that choose a screen.

    Raises:
        ValueError: If there is a head without its device.
    """
    if head is not None and device is None:
        raise ValueError(f"found head {head} without its device")
    chosen: JsonObject = {"device": device, "head": head}
    return {name: value for name, value in chosen.items() if value is not None}
