"""What may be done about acts of a probe of which nothing came, in words."""

import re
from collections.abc import Iterator, Mapping, Sequence

from ..llm.prompt_cut import PROMPT_CUT
from ..report.steps import name_acts
from ..report.text import fit_text
from .probed_act import Ending, ProbedAct

REMEDIES: Mapping[Ending, str] = {
    "cut": "A lower effort leaves more of the room for the answer; or take another model",
    "refused": "Another model may answer; or choose other words for the world, the topics, and what people are like",
    "unreadable": "Another model may answer in the form asked for, or the same with a higher effort",
    "failed": "If it passes, probe again; else check the model, its base_url, and what the account may ask",
    "not_asked": "If it passes, probe again; else check the model, its base_url, and what the account may ask",
}
"""How an act ended to what may be done about it."""

GIVE_EFFORT = "Set an effort, which gives room for thinking beside that for the answer; or take another model"
"""The same of a reply that was cut where no effort is set: the model may have thought all the same."""

WIDEN = "Give the model a larger window, or take one that has it; or shorten the world and what people are shown"
"""The same where the server read a part of the prompt only."""

_REASON_WIDTH = 240


def find_remedy(act: ProbedAct) -> str:
    """Return what may be done about an act of which nothing came."""
    if act.ending == "cut" and act.effort is None:
        return GIVE_EFFORT
    if act.ending == "failed" and act.reason.startswith(PROMPT_CUT):
        return WIDEN
    if act.limit:
        return f"To have them asked, raise {act.limit}, or leave it out"
    return REMEDIES[act.ending]


def describe_useless(acts: Sequence[ProbedAct]) -> Iterator[str]:
    """Yield for all acts of which nothing came, by how they ended, why that was and what may be done about it."""
    for ending in REMEDIES:
        useless = [act for act in acts if act.ending == ending]
        for remedy in dict.fromkeys(map(find_remedy, useless)):
            alike = [act for act in useless if find_remedy(act) == remedy]
            reasons = "; ".join(_unlike_reasons(alike))
            said = f" ({reasons})" if reasons else ""
            names = ", ".join(name_acts(act.step) for act in alike)
            yield f"{ending.replace('_', ' ')}{said}: {names}. {remedy}."


def _unlike_reasons(acts: Sequence[ProbedAct]) -> Iterator[str]:
    """Yield every reason once; those that differ in numbers only, or in names that hold some, are one."""
    seen = set()
    for act in acts:
        kind = re.sub(r"\S*[0-9]\S*", "0", act.reason)
        if act.reason and kind not in seen:
            seen.add(kind)
            yield fit_text(act.reason, _REASON_WIDTH)
