"""Pictures of a terminal for the documentation, from the screen that tmux captures."""

import io
import os
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

FOLDER = "QMPEER_PICTURES"
"""The environment variable with the pictures' folder; without it none are made."""
THEME = TerminalTheme(
    (250, 250, 248),
    (40, 42, 46),
    [(40, 42, 46), (178, 34, 34), (40, 120, 60), (150, 100, 0),
     (38, 90, 170), (130, 60, 150), (0, 120, 130), (120, 120, 120)],
    [(140, 140, 140), (200, 40, 40), (50, 140, 70), (170, 115, 0),
     (50, 110, 200), (150, 80, 170), (0, 140, 150), (60, 60, 60)],
)  # fmt: skip
FORMAT = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; white-space: pre; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
<rect fill="#fafaf8" width="100%" height="100%" rx="6"/>
<g transform="translate(9, 9)" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def svg(captured: str, columns: int, name: str) -> str:
    """Return a picture of a screen.

    Args:
        captured: The screen with its sequences.
        columns: Its width.
        name: The picture's name, which makes its parts' names unique.
    """
    console = Console(
        record=True,
        width=columns,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
    )
    console.print(Text.from_ansi(captured.rstrip("\n")), soft_wrap=True)
    text = console.export_svg(theme=THEME, code_format=FORMAT, unique_id=name)
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def keep_picture(captured: str, columns: int, name: str) -> None:
    """Write a picture, if the variable is set."""
    folder = os.environ.get(FOLDER)
    if folder:
        Path(folder, f"{name}.svg").write_text(svg(captured, columns, name), encoding="utf-8")
