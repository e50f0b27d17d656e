"""Cycles of bases and of branches, which no value could fit."""

from collections.abc import Iterable, Mapping


def cycles(successors: Mapping[str, Iterable[str]]) -> list[str]:
    """Return one name of each cycle in a graph.

    The search is depth-first and keeps its own stack: a schema may be deeper than Python recurses.

    Args:
        successors: The successors of each name; names without successors may be left out.

    Example:
        >>> cycles({"A": ["B"], "B": ["C", "D"], "C": ["A"], "D": ["D"]})
        ['A', 'D']
    """
    found = list[str]()
    done, open_names = set[str](), set[str]()
    for start in successors:
        path = [] if start in done else [(start, iter(successors[start]))]
        open_names.update(name for name, _ in path)
        while path:
            name, rest = path[-1]
            following = next(rest, None)
            if following is None:
                path.pop()
                open_names.remove(name)
                done.add(name)
            elif following in open_names:
                found.append(following)
            elif following not in done:
                open_names.add(following)
                path.append((following, iter(successors.get(following, ()))))
    return found
