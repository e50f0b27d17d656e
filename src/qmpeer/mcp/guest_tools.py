"""Tools that do what a person does at the guest's screen, keyboard and pointer."""

import asyncio
from typing import Annotated, Final, Literal

from msgspec import Meta

from qmpeer import limits
from qmpeer.display.pictures import Picture
from qmpeer.mcp.tools import AssistantTool, Maybe, ToolArguments, Workplace, given
from qmpeer.values import UNSET


class ScreenArguments(ToolArguments, frozen=True):
    """The arguments of "screen"."""

    device: Maybe[
        Annotated[str, Meta(description="The display device; the first one without it.")]
    ] = UNSET
    head: Maybe[Annotated[int, Meta(ge=0, description="The head of that device.")]] = UNSET
    region: Maybe[
        Annotated[list[int], Meta(min_length=4, max_length=4, description="Only this part: x, y, "
                                  "width, height, in pixels.")]
    ] = UNSET  # fmt: skip
    still: Maybe[
        Annotated[float, Meta(gt=0, le=limits.MCP_WAIT / 2, description="First wait until the "
                              "screen hasn't changed for so many seconds.")]
    ] = UNSET  # fmt: skip


async def _screen(workplace: Workplace, arguments: ScreenArguments) -> object:
    client = await workplace.machine.client()
    device, head = given(arguments.device), given(arguments.head)
    region, still = given(arguments.region), given(arguments.still)
    if still is None:
        picture = await client.screenshot(device=device, head=head)
    else:
        picture = await client.wait_screen(
            still=still, device=device, head=head, timeout=limits.MCP_WAIT
        )
    return picture if region is None else picture.region(*region)


async def png_of(picture: Picture) -> bytes:
    """Return a picture as a PNG.

    Raises:
        ValueError: If it is larger than `limits.MCP_PICTURE`.
    """
    png = await asyncio.to_thread(picture.png)
    if len(png) > limits.MCP_PICTURE:
        found = f"a picture of {picture.width}x{picture.height} that takes {len(png)} bytes"
        raise ValueError(f"found {found}, expected at most {limits.MCP_PICTURE}: ask for a region")
    return png


class KeyArguments(ToolArguments, frozen=True):
    """The arguments of "keys"."""

    text: Annotated[
        str, Meta(description="The text to type; Enter is typed for the end of a line.")
    ] = ""
    press: Annotated[
        tuple[str, ...], Meta(description='Combinations to press after that: "ctrl-alt-delete", '
                              '"f2", "enter".')
    ] = ()  # fmt: skip
    layout: Annotated[str, Meta(description='The guest\'s keyboard layout: "us", "de", …')] = "us"
    rate: Annotated[
        float, Meta(ge=limits.KEY_RATE_LEAST, le=limits.KEY_RATE_MOST, description="Keys a second; "
                    "fewer for a guest that is busy.")
    ] = limits.KEY_RATE  # fmt: skip


async def _keys(workplace: Workplace, arguments: KeyArguments) -> object:
    if not (arguments.text or arguments.press):
        raise ValueError("found nothing to type, expected text or press")
    keyboard = (await workplace.machine.client()).keyboard
    layout, rate = arguments.layout, arguments.rate
    if arguments.text:
        await keyboard.type(arguments.text, layout, rate=rate)
    if arguments.press:
        await keyboard.press(*arguments.press, layout=layout, rate=rate)
    return "Typed. The machine doesn't tell what the guest did with the keys: look at the screen."


class ClickArguments(ToolArguments, frozen=True):
    """The arguments of "click"."""

    x: Annotated[int, Meta(ge=0, description="Pixels from the left.")]
    y: Annotated[int, Meta(ge=0, description="Pixels from the top.")]
    button: Annotated[Literal["left", "middle", "right"], Meta(description="The button.")] = "left"
    count: Annotated[int, Meta(ge=1, le=3, description="2 for a double click.")] = 1


async def _click(workplace: Workplace, arguments: ClickArguments) -> object:
    pointer = (await workplace.machine.client()).pointer
    await pointer.click(arguments.x, arguments.y, arguments.button, arguments.count)
    return "Clicked. Look at the screen for what the guest did."


TOOLS: Final = (
    AssistantTool(
        name="screen",
        title="Screen",
        about="Return a picture of the guest's screen.",
        run=_screen,
        arguments=ScreenArguments,
        commands=("screendump",),
    ),
    AssistantTool(
        name="keys",
        title="Keyboard",
        about="Type a text, then press key combinations, on the guest's keyboard.",
        run=_keys,
        arguments=KeyArguments,
        commands=("send-key",),
        only_reads=False,
        is_guest_text=False,
    ),
    AssistantTool(
        name="click",
        title="Pointer",
        about="Move the guest's pointer to a pixel of the screen, and click. Only with a tablet is "
        "the place exact.",
        run=_click,
        arguments=ClickArguments,
        commands=("input-send-event",),
        only_reads=False,
        is_guest_text=False,
    ),
)
