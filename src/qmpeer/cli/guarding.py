"""The policy and the audit log of a program, as its command line names them."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from qmpeer.errors import AuditError

if TYPE_CHECKING:
    from qmpeer.audit import AuditLog
    from qmpeer.policy import Policy
    from qmpeer.policy.audit_settings import AuditSettings

_NO_FILE: Final = "found an audit without a file, expected one, or --audit FILE"


class Guarding:
    """A program's policy, and the audit log that goes with it.

    Args:
        policy_path: The policy's file; "" for none, so that clients may do everything.
        audit_path: The log; "" for the one that the policy's file names, or none.
        is_dry_run: True to let everything pass, and only tell what would be denied.
        report: Shows a text on standard error.

    Attributes:
        policy: The policy, as it was at the start.

    Raises:
        OSError: If the policy's file can't be read.
        PolicyError: If it has mistakes.
        ModuleNotFoundError: If an extra isn't installed that it needs.
    """

    def __init__(
        self,
        policy_path: str,
        audit_path: str = "",
        *,
        is_dry_run: bool = False,
        report: Callable[[str], None],
    ) -> None:
        self._policy_path = policy_path
        self._audit_path = audit_path
        self._is_dry_run = is_dry_run
        self._report = report
        self._settings: AuditSettings | None = None
        self.policy: Policy | None = None
        if policy_path:
            self.policy, self._settings = self._read()

    @property
    def has_file(self) -> bool:
        """True if the policy can be read again."""
        return bool(self._policy_path)

    def reload(self) -> "Policy":
        """Read the policy's file again, and return what is in it now.

        Raises:
            OSError: If it can't be read.
            PolicyError: If it has mistakes.
        """
        policy, settings = self._read()
        if settings != self._settings:
            self._report("the settings of the audit have changed: they hold after a restart")
        return policy

    def _read(self) -> "tuple[Policy, AuditSettings | None]":
        from qmpeer.policy.loading import load_policy_file  # optional extra: policy

        found = load_policy_file(self._policy_path)
        for warning in found.warnings:
            self._report(warning)
        policy = found.policy.for_dry_run() if self._is_dry_run else found.policy
        return policy, found.audit

    def open_audit(self) -> "AuditLog | None":
        """Open the audit log, for the running event loop; None if there is to be none.

        Raises:
            AuditError: If it can't be opened, or nothing says where it is.
            OSError: If its key can't be read, or the place of its heads can't be opened.
        """
        settings = self._settings
        if settings is None and not self._audit_path:
            return None
        from qmpeer.audit import AuditLog, head_at  # start: 10 ms
        from qmpeer.audit.keys import read_key  # start: 10 ms
        from qmpeer.policy.audit_settings import AuditSettings  # start: 10 ms

        settings = settings or AuditSettings()
        path = self._audit_path or settings.file
        if not path:
            raise AuditError(_NO_FILE, self._policy_path)
        sizes = {
            name: value
            for name in ("every", "size", "keep")
            if (value := getattr(settings, name)) is not None
        }
        return AuditLog(
            path,
            mode=settings.mode,
            fsync=settings.fsync,
            key=None if settings.key is None else read_key(settings.key),
            head=None if settings.head is None else head_at(settings.head),
            on_trouble=self._report,
            **sizes,
        )


def policy_path(name: str) -> str:
    """Return the absolute path of the policy that a user names: a preset, or a file.

    Raises:
        FileNotFoundError: If it is neither.
    """
    from qmpeer.policy.presets import named_policy  # start: 5 ms

    return os.path.abspath(named_policy(name))
