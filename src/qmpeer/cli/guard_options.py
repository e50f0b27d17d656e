"""The options about what a proxy's clients may do, and about the record of what they do."""

import os
from collections.abc import Mapping
from typing import Final

from qmpeer.cli.guarding import Guarding, policy_path
from qmpeer.cli.place_options import PlaceOptions
from qmpeer.errors import PolicyError
from qmpeer.options import Flag, ReadArgument, StartError, Warn, set_to

GUARD_USAGE: Final = """\
rights and records:
  --policy FILE|PRESET  let clients do only what a policy allows: that in FILE, or a preset
                      (read-only, monitoring, backup, operator; see qmpeer policy)
  --dry-run           let everything pass, and only record what the policy would deny
  --audit FILE        record in FILE who does what, before it is done; a command that can't be
                      recorded is refused (see qmpeer audit)
"""


class GuardOptions(PlaceOptions, kw_only=True):
    """The options about rights and records.

    Attributes:
        policy: The policy's file; "" for none.
        is_dry_run: True to let everything pass.
        audit: The audit log; "" for none, or for the one that the policy names.
    """

    policy: str = ""
    is_dry_run: bool = False
    audit: str = ""


def check_guard(options: GuardOptions) -> None:
    """Check these options together.

    Raises:
        StartError: If they are wrong.
    """
    if options.is_dry_run and not options.policy:
        raise StartError("--dry-run", None, "there is no policy to try, expected --policy FILE")


def guarding_of(options: GuardOptions, report: Warn) -> Guarding:
    """Read the policy that the options name.

    Raises:
        StartError: If that fails.
    """
    try:
        path = policy_path(options.policy) if options.policy else ""
        return Guarding(path, options.audit, is_dry_run=options.is_dry_run, report=report)
    except PolicyError as error:
        first, *others = str(error).split("\n")
        raise StartError("", None, first, "\n".join(others)) from error
    except OSError as error:
        raise StartError("--policy", options.policy, error.strerror or str(error)) from error


def _policy(options: GuardOptions, option: str, argument: str) -> None:
    options.policy = argument


def _audit(options: GuardOptions, option: str, argument: str) -> None:
    options.audit = os.path.abspath(argument)  # a daemon changes its folder


GUARD_FLAGS: Final[Mapping[str, Flag[GuardOptions]]] = {"dry-run": set_to("is_dry_run")}
GUARD_OPTIONS: Final[Mapping[str, ReadArgument[GuardOptions]]] = {
    "policy": _policy,
    "audit": _audit,
}
