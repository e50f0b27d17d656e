"""The devices of one program, on which it opens its monitors, and what they need.

That is the objects that guard connections, and the sets of descriptors that stand for paths.
"""

from collections.abc import Callable
from typing import TypeAlias

from qmpeer.chardev import Chardevs, Host
from qmpeer.options.credentials import Credentials
from qmpeer.options.descriptors import Descriptors
from qmpeer.options.objects import Objects
from qmpeer.options.program_options import ProgramOptions
from qmpeer.transport.listening import Owner

ShowText: TypeAlias = Callable[[str], None]
"""Shows a text to the user who started the process."""


class Devices:
    """The character devices, objects and descriptor sets of one program.

    Args:
        options: The parsed command line.
        show: Shows a line on standard output, such as the path of a pty.
        report: Shows an error that belongs to no command on standard error.
        quit: Ends the program: a mux's C-a x.
        clients_changed: Called when a client connects to a device or leaves it.
        is_running: Returns whether the guest runs; without a guest, True.
        serves_many: True if a server's socket serves many clients at once.
        socket_mode: The mode of unix sockets' files.
        socket_owner: Their user and group; None for those of the process.

    Attributes:
        descriptors: The sets of descriptors, inherited or received from clients.
        chardevs: The character devices.
        objects: The objects of -object; at first only those that guard connections can be made.
    """

    def __init__(
        self,
        options: ProgramOptions,
        show: ShowText,
        report: ShowText,
        quit: Callable[[], None],
        clients_changed: Callable[[], None] = lambda: None,
        is_running: Callable[[], bool] = lambda: True,
        *,
        serves_many: bool = False,
        socket_mode: int = 0o600,
        socket_owner: Owner | None = None,
    ) -> None:
        self.descriptors: Descriptors = Descriptors(is_running)
        credentials = Credentials(self.descriptors.open_path)
        self.objects: Objects = Objects(credentials)
        self.chardevs: Chardevs = Chardevs(
            Host(
                say=show,
                report=report,
                quit=quit,
                when_changed=clients_changed,
                open_path=self.descriptors.open_lasting,
                close_path=self.descriptors.close_lasting,
                credentials=credentials.tls,
                is_object=lambda id: id in self.objects.types,
                authorizers=credentials.authorizers,
                origins=options.origins,
                escape=options.escape,
                is_insecure=options.is_insecure,
                serves_many=serves_many,
                socket_mode=socket_mode,
                socket_owner=socket_owner,
                handshake_timeout=options.handshake_timeout,
                standard=None if options.is_daemon else (0, 1),
            )
        )

    def close(self) -> None:
        """Close the devices and the descriptors in sets."""
        self.chardevs.close()
        self.descriptors.close()
