"""Keys, keyboard layouts, and the key strokes that type a text, without a connection.

Layouts other than "us" come from the system's libxkbcommon and xkeyboard-config.
"""

from qmpeer.keyboard.combinations import parse_keys
from qmpeer.keyboard.finding import find_layout
from qmpeer.keyboard.key_codes import KEY_CODES
from qmpeer.keyboard.layouts import Layout, Stroke
from qmpeer.keyboard.planning import Typed, plan

__all__ = ["KEY_CODES", "Layout", "Stroke", "Typed", "find_layout", "parse_keys", "plan"]
