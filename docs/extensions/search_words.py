"""Search words for each page: the words that people type when they look for its subject.

Sphinx's search gives the same rank to all pages with a word. A main entry of the index ranks first,
so each page gets some.
"""

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

WORDS: dict[str, tuple[str, ...]] = {
    "install": ("installation", "pip", "virtual environment"),
    "tutorials/embed-a-monitor": ("emulator", "embed", "embedded monitor"),
    "tutorials/get-started": ("beginner", "first steps", "quick start"),
    "howto/bindings-in-ci": ("type checker", "mypy"),
    "howto/compare-releases": ("schema diff", "upgrade"),
    "howto/descriptors": ("add-fd", "getfd", "file descriptor", "scm_rights"),
    "howto/errors": ("commanderror", "exception", "timeout", "time-out"),
    "howto/fake-for-tests": ("fake", "mock", "pytest"),
    "howto/guest-agent": ("guest agent", "qemu-ga"),
    "howto/jobs": ("blockdev-mirror", "job", "run_job"),
    "howto/jq": ("jq", "script", "shell script"),
    "howto/logging": ("debug log", "logging", "wire log"),
    "howto/loops-and-threads": ("asyncio", "fork", "thread"),
    "howto/migrate": ("live migration", "migrate", "migration"),
    "howto/reconnect": ("reconnect", "connection lost"),
    "howto/several-monitors": ("second monitor", "several clients"),
    "howto/start-qemu": ("launch", "start qemu", "subprocess"),
    "howto/systemd": ("daemon", "service", "systemd"),
    "howto/tls": ("certificate", "encryption", "tls"),
    "howto/wait": ("device_deleted", "event_mark", "hot-unplug", "wait_event"),
    "cookbook/backups": ("backup", "dirty bitmap", "incremental"),
    "cookbook/disks": ("blockdev", "disk", "resize", "snapshot"),
    "cookbook/guest-state": ("freeze", "pause", "save and restore"),
    "cookbook/looking-and-logging": ("monitoring", "screendump", "screenshot"),
    "cookbook/media-and-devices": ("cd-rom", "hot-plug", "hot-unplug", "usb"),
    "explanation/deadlines": ("deadline", "hang", "timeout"),
    "explanation/protocol": ("diagram", "exec-oob", "greeting", "out of band", "qmp_capabilities"),
    "explanation/security": ("password", "permission", "security", "threat model"),
    "explanation/threads": ("cancellation", "ctrl-c", "fork", "signal", "thread"),
    "coming-from-qemu-qmp": ("qemu.qmp",),
    "monitors": ("chardev", "hmp", "human monitor", "telnet", "websocket"),
    "shell": ("completion", "history", "qmp-shell"),
    "tools": ("screenshot", "command line tools"),
}
"""By page, words and phrases in lower case."""


class AddWords(SphinxTransform):
    """A transform that puts a page's search words at its top, as main entries of the index."""

    default_priority = 800  # before domains collect what a page has

    def apply(self, **kwargs: object) -> None:
        """Add them to this page, if it has some."""
        words = WORDS.get(self.env.docname, ())
        section = self.document.next_node(nodes.section)
        if words and section is not None:
            target = section["ids"][0]
            entries = [("single", word, target, "main", None) for word in words]
            self.document.insert(0, addnodes.index(entries=entries))


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the words to pages as they are read."""
    app.add_transform(AddWords)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
