"""Facts for tests of policies: paths are judged by their text."""

from qmpeer.policy import PolicyClient

CLIENT = PolicyClient(listener="backup", uid=64055, gid=108)


class TextFacts:
    """Facts that look at nothing.

    Attributes:
        nodes: The files of nodes.
    """

    def __init__(self, **nodes: str) -> None:
        self.nodes = nodes

    def under(self, path: str, folder: str) -> str | None:
        if path == "/gone":
            raise ValueError("the server's process isn't known")
        if ".." not in path and path.startswith(folder):
            return None
        return f'found "{path}", expected a path under {folder}'

    def node_file(self, name: str) -> str | None:
        if name == "broken":
            raise OSError("no server")
        return self.nodes.get(name)

    def node_driver(self, name: str) -> str | None:
        return "raw" if name in self.nodes else None

    def head(self, path: str, size: int) -> bytes | None:
        return None

    def owns_fd_set(self, number: int) -> bool:
        return number == 1
