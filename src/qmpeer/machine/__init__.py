"""The built-in machine behind ``qmpeer serve``, and its command line.

Names are imported on first use: other rooms need only its run states.
"""

from typing import TYPE_CHECKING

from qmpeer.lazy import handed_out

if TYPE_CHECKING:
    from qmpeer.machine.command_line import parse_options
    from qmpeer.machine.options import Options
    from qmpeer.machine.usage import USAGE
    from qmpeer.options import StartError, StartHelp

__all__ = ["USAGE", "Options", "StartError", "StartHelp", "parse_options"]

_HOMES = {
    "USAGE": "qmpeer.machine.usage",
    "Options": "qmpeer.machine.options",
    "StartError": "qmpeer.options",
    "StartHelp": "qmpeer.options",
    "parse_options": "qmpeer.machine.command_line",
}


def __getattr__(name: str) -> object:
    return handed_out(__name__, _HOMES, name)
