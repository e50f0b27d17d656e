"""The audit log: who did what through a proxy, chained so that changes are found."""

from qmpeer.audit.audit_log import AuditLog, Fsync, Mode
from qmpeer.audit.heads import FileHead, Head, JournalHead, SyslogHead, head_at
from qmpeer.audit.records import Outcome

__all__ = [
    "AuditLog",
    "FileHead",
    "Fsync",
    "Head",
    "JournalHead",
    "Mode",
    "Outcome",
    "SyslogHead",
    "head_at",
]
