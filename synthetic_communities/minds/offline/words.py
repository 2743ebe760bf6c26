"""The texts: the rules' arithmetic and nothing else.

No word is chosen by an attribute or by chance. A reader who adds up the numbers gets the stance, rounding aside.
"""

from collections.abc import Iterable, Mapping

from ...domain.remark import Remark
from .priors import Holding, Prior
from .rules import within_bound
from .sources import Source

SOURCE = "template"
"""What the record says of these texts."""

_NOWHERE: Mapping[str, float] = {}


def make_remark(sentences: Iterable[str], stances: Mapping[str, float] = _NOWHERE) -> Remark:
    """Return the sentences as a remark that expresses these stances; whoever lets it be said adds the speaker."""
    return Remark(join_sentences(sentences), stances=stances, source=SOURCE)


def signed(value: float) -> str:
    """Return a stance or a move with its sign and two decimals; zero is `+0.00`."""
    text = f"{value:+.2f}"
    return "+0.00" if text == "-0.00" else text


def plain(value: float) -> str:
    """Return a distance, a bound or a share with two decimals."""
    return f"{value:.2f}"


def at_stance(title: str, stance: float) -> str:
    """Return `Rents +0.31`."""
    return f"{title} {signed(stance)}"


def list_stances(holdings: Iterable[Holding]) -> str:
    """Return `Rents +0.31, Transit -0.20`."""
    return ", ".join(at_stance(holding.topic.title, holding.stance) for holding in holdings)


def count_of(count: int, noun: str) -> str:
    """Return `1 post` or `2 posts`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def tell_opening(title: str, prior: Prior) -> str:
    """Return the sentence of an opening belief: the prior beliefs it is the mean of, or that it was drawn."""
    if prior.drawn:
        return f"{at_stance(title, prior.stance)}: drawn from the seed, as no prior belief on it is known."
    terms = ", ".join(_prior_term(subject, stance) for subject, stance in prior.subjects.items())
    return f"{at_stance(title, prior.stance)}: mean of prior beliefs {terms}."


def tell_start(holding: Holding, after: float) -> str:
    """Return the first sentence of an updated belief: where it is now, and where it was."""
    if holding.is_stated:
        return f"{at_stance(holding.topic.title, after)}, was {signed(holding.stance)}."
    origin = "drawn from the seed" if holding.prior.drawn else "prior"
    return f"{at_stance(holding.topic.title, after)}, was {signed(holding.stance)} ({origin})."


def tell_source(verb: str, source: Source, pull: float, *, own: float, bound: float) -> str:
    """Return what one source did: `Heard Aisha Noor at +0.10: moved -0.13.`"""
    is_near = within_bound(own, source.stance, bound)
    effect = f"moved {signed(pull)}" if is_near else f"{tell_nearness(own, source.stance, bound)}, no effect"
    return f"{verb} {source.name} at {signed(source.stance)}: {effect}."


def tell_anchor(prior: Prior, pull: float) -> str:
    """Return what the prior did: `Prior +0.40 pulled back +0.02.`"""
    return f"Prior {signed(prior.stance)} pulled back {signed(pull)}."


def tell_unmoved(title: str, stance: float) -> str:
    """Return the sentence of a belief about a topic on which nothing was heard."""
    return f"{at_stance(title, stance)}, unchanged: nothing on it to go by."


def tell_unplaced(count: int) -> str:
    """Return how many texts could not be placed; empty if all could."""
    return f"{count_of(count, 'text')} could not be placed on the axis: no effect." if count else ""


def tell_gap(name: str, title: str, stance: float, own: float) -> str:
    """Return how far somebody's words are from the own stance: `Johan Berg on Rents -0.20: 0.80 from me`."""
    return f"{name} on {at_stance(title, stance)}: {plain(abs(stance - own))} from me"


def tell_nearness(own: float, stance: float, bound: float) -> str:
    """Return whether a stance lies within the bound."""
    relation = "within" if within_bound(own, stance, bound) else "beyond"
    return f"{relation} my bound of {plain(bound)}"


def join_sentences(sentences: Iterable[str]) -> str:
    """Return the sentences that are not empty, as one text."""
    return " ".join(sentence for sentence in sentences if sentence)


def _prior_term(subject: str, stance: float) -> str:
    return f"minus {subject[1:]} ({signed(stance)})" if subject.startswith("-") else f"{subject} ({signed(stance)})"
