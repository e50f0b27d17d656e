"""Search words for pages and sections: what people type when they look for their subjects.

Sphinx's search gives the same rank to all pages with a word. A main entry of the index ranks first,
so each page gets some.
"""

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

_LOGGER = logging.getLogger(__name__)

WORDS: dict[str, tuple[str, ...]] = {
    "install": ("installation", "pip", "virtual environment"),
    "tutorials/embed-a-monitor": ("emulator", "embed", "embedded monitor"),
    "tutorials/get-started": ("beginner", "first steps", "quick start"),
    "howto/bindings-in-ci": ("type checker", "mypy"),
    "howto/compare-releases": ("schema diff", "upgrade"),
    "howto/descriptors": ("add-fd", "getfd", "file descriptor", "scm_rights"),
    "howto/errors": ("commanderror", "exception", "timeout", "time-out"),
    "howto/fake-for-tests": ("fake", "mock", "stub"),
    "howto/test-in-ci": ("ci", "continuous integration", "junit", "pytest-xdist"),
    "tutorials/test-your-program": ("fixture", "pytest", "test"),
    "explanation/fakes": ("mock",),
    "howto/guest-agent": ("guest agent", "qemu-ga"),
    "howto/guest-agent#run-a-program": ("guest-exec",),
    "howto/guest-agent#freeze-snapshot-thaw": ("freeze", "fsfreeze", "thaw"),
    "howto/jobs": ("blockdev-mirror", "job", "run_job"),
    "howto/jq": ("jq", "json", "script", "shell script"),
    "howto/logging": ("debug log", "logging", "wire log"),
    "howto/loops-and-threads": ("asyncio", "fork", "thread"),
    "howto/migrate": ("live migration", "migrate", "migration"),
    "howto/reconnect": ("reconnect", "connection lost"),
    "howto/several-monitors": ("second monitor", "several clients"),
    "howto/start-qemu": ("launch", "start qemu", "subprocess"),
    "howto/several-clients": ("proxy", "share a monitor"),
    "howto/who-may-do-what": ("access control", "allow list", "permissions", "policy", "rights"),
    "howto/who-may-do-what#conditions-in-cel": ("cel", "expression"),
    "howto/who-may-do-what#presets": ("preset", "read-only"),
    "howto/who-did-what": ("audit", "audit log", "record", "tamper"),
    "howto/machine-for-an-assistant": ("assistant", "llm", "mcp", "model context protocol"),
    "howto/systemd": ("daemon", "service", "systemd"),
    "howto/tls": ("certificate", "encryption", "tls"),
    "howto/wait": ("device_deleted", "event_mark", "hot-unplug", "wait_event"),
    "cookbook/backups": ("backup",),
    "cookbook/backups#back-up-a-disk-and-wait-until-its-done": ("backup", "drive-backup"),
    "cookbook/hourly-backups#back-up-every-hour-what-has-changed": (
        "cron",
        "crontab",
        "dirty bitmap",
        "incremental",
    ),
    "cookbook/backups#let-another-program-fetch-a-backup": ("nbd", "pull backup"),
    "cookbook/disks": ("blockdev", "disk"),
    "cookbook/disks#see-the-image-chain-of-a-disk": ("backing chain",),
    "cookbook/disks#grow-a-running-disk": ("block_resize", "grow", "resize"),
    "cookbook/disks#take-an-external-snapshot": ("overlay", "snapshot"),
    "cookbook/disks#merge-a-snapshot-back": ("block-commit", "commit", "merge"),
    "cookbook/disks#copy-a-running-disk-to-another-file": ("mirror",),
    "cookbook/disks#throttle-a-disk": ("iops", "throttle"),
    "cookbook/guest-state": ("pause",),
    "cookbook/guest-state#find-out-why-it-paused": ("io-error", "paused"),
    "cookbook/guest-state#press-keys-and-send-an-nmi": ("nmi", "send-key"),
    "cookbook/guest-state#save-the-machine-in-its-disk-and-go-back": (
        "internal snapshot",
        "loadvm",
        "savevm",
        "snapshot",
    ),
    "cookbook/guest-state#save-the-state-to-a-file-and-restore-it": ("save and restore",),
    "cookbook/guest-state#switch-it-off-politely-then-by-force": ("power off", "shutdown"),
    "cookbook/looking-and-logging": ("monitoring",),
    "cookbook/looking-and-logging#take-a-picture-every-minute": (
        "cron",
        "screendump",
        "screenshot",
    ),
    "cookbook/looking-and-logging#log-all-events-one-file-a-day": ("event log", "log events"),
    "cookbook/looking-and-logging#change-the-vnc-password": ("vnc",),
    "cookbook/media-and-devices": ("hot-plug",),
    "howto/plug-devices": ("device_add", "device_del", "hot-plug", "hot-unplug"),
    "cookbook/media-and-devices#swap-a-cd": ("cd-rom", "eject"),
    "cookbook/media-and-devices#plug-a-usb-device-and-unplug-it": ("hot-unplug", "usb"),
    "cookbook/media-and-devices#plug-a-processor": ("cpu",),
    "cookbook/media-and-devices#plug-memory": ("dimm", "memory"),
    "explanation/deadlines": ("deadline", "hang", "timeout"),
    "explanation/protocol": ("diagram", "exec-oob", "greeting", "out of band", "qmp_capabilities"),
    "explanation/security": ("password", "permission", "security", "threat model"),
    "explanation/threads": ("cancellation", "ctrl-c", "fork", "signal", "thread"),
    "coming-from-qemu-qmp": ("qemu.qmp",),
    "monitors": ("chardev", "hmp", "human monitor", "telnet", "websocket"),
    "shell": ("completion", "history", "qmp-shell"),
    "tools": ("screenshot", "command line tools"),
}
"""Words and phrases in lower case, by page or section: "PAGE", "PAGE#ANCHOR" as in links."""


class AddWords(SphinxTransform):
    """A transform that adds the search words of a page and its sections, as main entries."""

    default_priority = 800  # before domains collect what a page has

    def apply(self, **kwargs: object) -> None:
        """Add those of this page."""
        for place, words in WORDS.items():
            page, _, anchor = place.partition("#")
            if page == self.env.docname:
                target = self._section(anchor) if anchor else ""  # "": the page, as in results
                entries = [("single", word, target, "main", None) for word in words]
                self.document.insert(0, addnodes.index(entries=entries))

    def _section(self, anchor: str) -> str:
        """Return the id of a section; a link may have it with other signs at apostrophes."""
        for section in self.document.findall(nodes.section):
            if anchor in (*section["ids"], section.get("slug")):
                return str(section["ids"][0])
        _LOGGER.warning("%s has no section %s", self.env.docname, anchor)
        return ""


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the words to pages as they are read."""
    app.add_transform(AddWords)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
