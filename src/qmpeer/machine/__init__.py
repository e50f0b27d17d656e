"""The built-in machine behind ``qmpeer serve``, and its command line."""

from qmpeer.machine.options import USAGE, Options, StartError, parse_options

__all__ = ["USAGE", "Options", "StartError", "parse_options"]
