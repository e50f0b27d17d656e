"""A small binding, like a generated one, for the tests of this package."""

from typing import Annotated, Any, ClassVar, TypeAlias

from qmpeer.bindings import (
    Command,
    Empty,
    Enumeration,
    EventType,
    Struct,
    UnknownBranch,
    command,
    deprecated,
    event_type,
    union_command,
)
from qmpeer.values import UNSET, UnsetType


class Speed(Enumeration):
    SLOW = "slow"
    FAST = "fast"


class Tray(Struct, kw_only=True, rename={"is_open": "is-open"}):
    deprecated_members: ClassVar[tuple[str, ...]] = ("label",)
    is_open: bool
    label: str | UnsetType | None = UNSET


class TallTray(Tray, kw_only=True):
    """A tray with a base."""

    height: float


class MediumCommon(Struct, tag_field="kind", kw_only=True):
    id: str


class MediumDisk(MediumCommon, tag="disk", kw_only=True):
    kind: ClassVar[str] = "disk"
    path: str
    tray: Tray | UnsetType = UNSET


class MediumTapeSlow(MediumCommon, tag="tape", kw_only=True):
    branch_tags: ClassVar[dict[str, str]] = {"kind": "tape", "speed": "slow"}
    kind: ClassVar[str] = "tape"
    speed: ClassVar[str] = "slow"
    delay: int | UnsetType = UNSET


class MediumTapeFast(MediumCommon, tag="tape"):
    branch_tags: ClassVar[dict[str, str]] = {"kind": "tape", "speed": "fast"}
    kind: ClassVar[str] = "tape"
    speed: ClassVar[str] = "fast"


class UnknownMedium(UnknownBranch, tag_field="kind", tag=""):
    """A branch of a newer release."""


class CardSd(Struct, tag_field="card", tag="sd", kw_only=True):
    size: int


class CardNone(Struct, tag_field="card", tag="none"):
    """A branch without members of its own."""


class UnknownCard(UnknownBranch, tag_field="card", tag=""):
    """A branch of a newer release."""


Medium: TypeAlias = MediumDisk | MediumTapeSlow | MediumTapeFast | UnknownMedium
"""A union that has a union as a branch, which msgspec can't express."""
Card: TypeAlias = CardSd | CardNone | UnknownCard
"""A union that msgspec can express."""
Reference: TypeAlias = str | Card | None
"""An alternate."""
Load: TypeAlias = Tray | list[Tray] | int
"""An alternate of an object, an array and a number."""


class Player(Struct, kw_only=True):
    """A struct that contains itself."""

    name: str
    speed: Annotated[str, Speed] | UnsetType = UNSET
    trays: list[Tray] | UnsetType = UNSET
    medium: Medium | UnsetType = UNSET
    card: Reference | UnsetType = UNSET
    next: "Player | UnsetType" = UNSET


class MovedData(Struct, kw_only=True):
    tray: Tray


MOVED: EventType[MovedData] = event_type("MOVED", MovedData)


def move(
    *,
    tray: Tray | UnsetType = UNSET,
    trays: list[Tray] | UnsetType = UNSET,
    force: bool | UnsetType = UNSET,
    extra: dict[str, Any] | None = None,
) -> Command[Player]:
    arguments: dict[str, Any] = {"tray": tray, "trays": trays, "force-it": force}
    return command("move", arguments, Player, extra, ("force-it",))


def insert(arguments: Medium | Tray, /) -> Command[Empty]:
    return union_command("insert", arguments, Empty)


@deprecated("command eject is deprecated")
def eject(name: str) -> Command[Empty]:
    """Make the command eject."""
    return command("eject", {"name": name}, Empty)
