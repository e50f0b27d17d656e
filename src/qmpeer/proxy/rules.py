"""The rules of one listener, for all its clients."""

import msgspec


class ListenerRules(msgspec.Struct, frozen=True, kw_only=True):
    """The rules for the clients of one listener.

    Attributes:
        name: The listener's name, such as the label of its character device.
        events: The events that they may have: names in which * stands for any text; None for all.
        has_extensions: True if they may use the proxy's own commands.
    """

    name: str
    events: tuple[str, ...] | None = None
    has_extensions: bool = False
