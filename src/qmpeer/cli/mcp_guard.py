"""The policy of ``qmpeer mcp``, and the record of what an assistant does: there is always one of each."""

import argparse
import hashlib
import os
import re
from collections.abc import Callable, Mapping
from typing import Final

from qmpeer.audit import AuditLog, head_at
from qmpeer.audit.keys import read_key
from qmpeer.cli.exits import UsageError, about_file
from qmpeer.errors import AuditError, PolicyError
from qmpeer.policy.audit_settings import AuditSettings
from qmpeer.policy.loading import PolicyFile, load_policy_file
from qmpeer.policy.presets import PRESETS, preset_path

READ_ONLY: Final = "read-only"
"""The preset that holds unless another policy is named."""
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9]+")
_TEXTS: Final = 60


class Guard:
    """The policy, and the settings of the record.

    Args:
        namespace: The options: policy, preset, audit, address.
        environment: The environment.

    Attributes:
        file: What is in the policy's file.
        about: The policy in a few words.

    Raises:
        UsageError: If the policy can't be read, or has mistakes.
    """

    def __init__(self, namespace: argparse.Namespace, environment: Mapping[str, str]) -> None:
        preset = namespace.preset or READ_ONLY
        if preset not in PRESETS:
            raise UsageError(f"--preset {preset}: expected one of {', '.join(PRESETS)}")
        path = namespace.policy or preset_path(preset)
        self.about: str = namespace.policy or f"the preset {preset}"
        try:
            with about_file(path):
                self.file: PolicyFile = load_policy_file(path)
        except PolicyError as error:
            raise UsageError(f"--policy {path}: {error}") from error
        self._settings = self.file.audit or AuditSettings()
        self._path = namespace.audit or self._settings.file or (
            audit_path(namespace.address, environment)
        )

    def open_log(self, on_trouble: Callable[[str], None]) -> AuditLog:
        """Open the record.

        Raises:
            UsageError: If it can't be opened, such as when another process writes it.
        """
        settings = self._settings
        given = {"every": settings.every, "size": settings.size, "keep": settings.keep}
        sizes = {name: value for name, value in given.items() if value is not None}
        key = None
        if settings.key is not None:
            with about_file(settings.key):
                key = read_key(settings.key)
        try:
            return AuditLog(
                self._path,
                mode=settings.mode,
                fsync=settings.fsync,
                key=key,
                head=None if settings.head is None else head_at(settings.head),
                on_trouble=on_trouble,
                **sizes,
            )
        except AuditError as error:
            raise UsageError(str(error)) from error


def audit_path(address: str, environment: Mapping[str, str]) -> str:
    """Return the default path of the record, and make its folder: one file for each address.

    XDG_STATE_HOME defaults to ``~/.local/state``.
    """
    base = environment.get("XDG_STATE_HOME") or "~/.local/state"
    folder = os.path.join(os.path.expanduser(base), "qmpeer", "mcp")
    with about_file(folder):
        os.makedirs(folder, mode=0o700, exist_ok=True)
    name = _UNSAFE.sub("-", address).strip("-")[-_TEXTS:]
    digest = hashlib.sha256(os.fsencode(address)).hexdigest()[:8]
    return os.path.join(folder, f"{name}-{digest}.audit")
