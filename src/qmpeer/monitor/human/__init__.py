"""The human monitor: command lines in, text out, for people at a terminal."""

from qmpeer.effects.human_expressions import ExpressionError, evaluate
from qmpeer.effects.human_formats import Format
from qmpeer.messages.qemu_texts import PROMPT
from qmpeer.monitor.human.commands import HumanCommands
from qmpeer.monitor.human.context import HumanContext, HumanState, OneLine
from qmpeer.monitor.human.editor import LineEditor
from qmpeer.monitor.human.formats import dump_memory, format_value
from qmpeer.monitor.human.history import History
from qmpeer.monitor.human.session import HumanSession, banner
from qmpeer.monitor.human.show import show_value
from qmpeer.monitor.human.signatures import (
    BlockDevice,
    FileName,
    Letter,
    Mebibytes,
    OnOff,
    RestOfLine,
    SizeInBytes,
)
from qmpeer.monitor.human.table import Completions

__all__ = [
    "PROMPT",
    "BlockDevice",
    "Completions",
    "ExpressionError",
    "FileName",
    "Format",
    "History",
    "HumanCommands",
    "HumanContext",
    "HumanSession",
    "HumanState",
    "Letter",
    "LineEditor",
    "Mebibytes",
    "OnOff",
    "OneLine",
    "RestOfLine",
    "SizeInBytes",
    "banner",
    "dump_memory",
    "evaluate",
    "format_value",
    "show_value",
]
