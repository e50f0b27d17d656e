"""Policy: what is done about commands, arguments, events and members that may go away."""

from typing import Literal, TypeAlias

import msgspec

from qmpeer.schema.model import SPECIAL_FEATURES

InputPolicy: TypeAlias = Literal["accept", "reject", "crash"]
OutputPolicy: TypeAlias = Literal["accept", "hide"]


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A policy.

    Spec: QEMU's ``-compat``, made for testing whether a client relies on such things.

    Attributes:
        deprecated_input: Of what comes in: accept; reject with an error; crash the process.
        deprecated_output: Of what goes out: accept; hide, as a later release may.
        unstable_input: The same of what is unstable.
        unstable_output: The same of what is unstable.

    Example:
        >>> Policy(deprecated_input="reject").rejected
        frozenset({'deprecated'})
    """

    deprecated_input: InputPolicy = "accept"
    deprecated_output: OutputPolicy = "accept"
    unstable_input: InputPolicy = "accept"
    unstable_output: OutputPolicy = "accept"

    @property
    def rejected(self) -> frozenset[str]:
        """The features that aren't accepted in what comes in."""
        return self._features("input", "reject", "crash")

    @property
    def crashing(self) -> frozenset[str]:
        """The features of which the process ends."""
        return self._features("input", "crash")

    @property
    def hidden(self) -> frozenset[str]:
        """The features of what isn't sent."""
        return self._features("output", "hide")

    def _features(self, way: str, *policies: str) -> frozenset[str]:
        return frozenset(
            name for name in SPECIAL_FEATURES if getattr(self, f"{name}_{way}") in policies
        )
