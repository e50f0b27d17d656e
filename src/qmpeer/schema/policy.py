"""The policy for deprecated and unstable parts of an interface."""

from typing import Literal, TypeAlias

import msgspec

from qmpeer.schema.model import SPECIAL_FEATURES

InputPolicy: TypeAlias = Literal["accept", "reject", "crash"]
OutputPolicy: TypeAlias = Literal["accept", "hide"]


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A policy for deprecated and unstable commands, arguments, events and members.

    Spec: QEMU's ``-compat``, which helps to test if a client relies on them.

    Attributes:
        deprecated_input: The action for deprecated input: accept; reject with an error; crash the
            process.
        deprecated_output: The action for deprecated output: accept; hide, as a later release may.
        unstable_input: The action for unstable input.
        unstable_output: The action for unstable output.

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
        """The features that are rejected in input."""
        return self._features("input", "reject", "crash")

    @property
    def crashing(self) -> frozenset[str]:
        """The features that end the process when they occur in input."""
        return self._features("input", "crash")

    @property
    def hidden(self) -> frozenset[str]:
        """The features that are hidden from output."""
        return self._features("output", "hide")

    def _features(self, way: str, *policies: str) -> frozenset[str]:
        return frozenset(
            name for name in SPECIAL_FEATURES if getattr(self, f"{name}_{way}") in policies
        )
