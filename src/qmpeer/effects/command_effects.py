"""The effects of a command: what it can do to the guest and to the host, and by which members."""

from enum import StrEnum

import msgspec


class Effect(StrEnum):
    """The kinds of effects.

    A command has every effect that it can have with some arguments. For the guest agent "the
    host" is the system in which the agent runs: its paths and its programs are the guest's.
    """

    READS = "reads"
    """It tells the state of the machine."""
    DISCLOSES = "discloses"
    """It lets out what isn't the machine's configuration: memory, screen, keys, secrets, files."""
    CHANGES_GUEST = "changes-guest"
    """The guest can notice it."""
    CHANGES_HOST = "changes-host"
    """It changes the emulator's own state: block nodes, character devices, objects, jobs."""
    OPENS_PATHS = "opens-paths"
    """It opens, creates or writes paths of the host, or writes one into an image."""
    CONNECTS = "connects"
    """It connects to somewhere, or listens."""
    RUNS_PROGRAMS = "runs-programs"
    """It runs a program."""
    ENDS = "ends"
    """It ends the machine, or is known to be able to crash it."""


class CommandEffects(msgspec.Struct, frozen=True):
    """The effects of one command.

    Attributes:
        name: The command, or the type of a transaction's action.
        effects: Its effects; there is always at least one.
        discloses: What it lets out, in words; "" if it doesn't disclose.
        sensitive: Patterns of the members that open paths, connect or run something, that name
            a file, a program or an address, or that take away a protection. Names are joined by
            dots; ``*`` is one member or one element of a list, ``**`` any number of them. A
            pattern takes everything inside a member, too. One that begins with ``!`` takes out
            the single values that it matches. So ``**`` with exceptions leaves everything
            sensitive that nobody has reviewed.
    """

    name: str
    effects: frozenset[Effect]
    discloses: str = ""
    sensitive: tuple[str, ...] = ()
