"""Which of an agent's names stands for the agent, told from pairs of names that mean the same one; pure."""

from collections.abc import Iterable


def roots(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return, for every name of an agent, the name that stands for it.

    A pair of equal names says that the name is an agent's; pairs of different ones join names. Names that are joined to
    no agent's name are left out: they are phones of nobody we know. A phone stands for an agent rather than a Local
    interface, and that rather than a pool agent; among equals the alphabet decides, so that the order of the evidence
    does not matter.

    >>> roots([("Local/202@q", "Local/202@q"), ("Local/202@q", "PJSIP/202"), ("PJSIP/9", "Local/9@other")])
    {'Local/202@q': 'PJSIP/202', 'PJSIP/202': 'PJSIP/202'}
    """
    parent: dict[str, str] = {}
    agents: set[str] = set()

    def find(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for name, same_as in pairs:
        if name == same_as:
            agents.add(name)
        parent[find(name)] = find(same_as)
    groups: dict[str, list[str]] = {}
    for name in sorted(parent):
        groups.setdefault(find(name), []).append(name)
    return {name: min(names, key=_rank) for names in groups.values() if not agents.isdisjoint(names) for name in names}


def _rank(name: str) -> tuple[int, str]:
    if name.startswith("Agent:"):
        return 2, name
    return int(name.startswith("Local/")), name
