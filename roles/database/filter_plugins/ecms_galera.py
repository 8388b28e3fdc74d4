"""Filter of the role database: which node of a cluster begins it, if any may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def galera_plan(states: Mapping[str, Mapping[str, Any]], nodes: Sequence[str], chosen: str = "") -> dict[str, object]:
    """Return which of ``nodes`` is to ``begin`` their cluster, whether it ``lives``, and what ``trouble`` stops a run.

    ``states`` are those of the nodes that this run has reached, as the module ``galera_state`` tells them; ``chosen``
    is the node that the inventory wants to begin although others cannot be asked.

    A cluster never begins beside a living one: only where every node was asked and none of them serves. Nothing that
    a node holds is lost by joining, but for what only it holds; a node that has households of its own does not join.
    """
    living = [node for node in nodes if states.get(node, {}).get("serves")]
    beginner, trouble = (living[0], "") if living else _beginner(states, nodes, chosen)
    if not trouble:
        trouble = _strangers(states, nodes, beginner)
    return {"begin": "" if living or trouble else beginner, "lives": bool(living), "trouble": trouble}


def _beginner(states: Mapping[str, Mapping[str, Any]], nodes: Sequence[str], chosen: str) -> tuple[str, str]:
    """Return the node that begins and no trouble, or the other way round; neither if it cannot be known."""
    absent = [node for node in nodes if node not in states]
    if chosen:
        if chosen in states:
            return chosen, ""
        return "", f"database_cluster_begin is {chosen}, which this run does not reach: name one of {', '.join(states)}"
    if absent:
        alone = next((node for node in nodes if node in states and _alone(states[node])), None)
        if alone:
            # Configured as a node it would look for others, find none and serve nobody.
            return "", (
                f"{alone} holds {', '.join(states[alone]['schemas'])} and would begin the cluster, which takes all of "
                f"its nodes, but this run has no {' and no '.join(absent)}: see that each can be reached, and run "
                "site.yml for all of them; until then its database stays as it is"
            )
        # It joins if the others live; if not, only all of them together know who has the newest data.
        return "", ""
    members = [node for node in nodes if states[node]["cluster"]]
    holders = [node for node in nodes if states[node]["schemas"]]
    # Members that hold nothing would take all from a server that stored alone.
    if members and (not holders or set(members) & set(holders)):
        last = [node for node in members if states[node]["safe"]]
        return max(last or members, key=lambda node: int(states[node]["position"])), ""
    return next(iter(holders), nodes[0]), ""


def _alone(state: Mapping[str, Any]) -> bool:
    """Return whether a node is a server with households that was in no cluster yet."""
    return bool(state["schemas"]) and not state["cluster"]


def _strangers(states: Mapping[str, Mapping[str, Any]], nodes: Sequence[str], beginner: str) -> str:
    """Return a sentence if a node holds households that it would lose by joining."""
    if not beginner:
        return ""
    cluster = states[beginner]["cluster"]
    for node in nodes:
        state = states.get(node)
        if node == beginner or state is None or not state["schemas"] or (cluster and state["cluster"] == cluster):
            continue
        return (
            f"{node} holds {', '.join(state['schemas'])} and is not in the cluster of {beginner}, so that by "
            "joining it would lose them: take it out of the group database, or back up and remove what is old, there "
            "or in the cluster"
        )
    return ""


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., object]]:
        return {"ecms_galera_plan": galera_plan}
