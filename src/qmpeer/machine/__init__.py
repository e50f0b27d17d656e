"""The built-in machine behind ``qmpeer serve``, and its command line."""

from qmpeer.machine.command_line import parse_options
from qmpeer.machine.options import Options
from qmpeer.machine.usage import USAGE
from qmpeer.options import StartError, StartHelp

__all__ = ["USAGE", "Options", "StartError", "StartHelp", "parse_options"]
