"""From what is known of a person to the coefficients of its rules.

The signs are plausible, the sizes are chosen: no coefficient is fitted to data. A share or trait that is not known
counts as the middle of its range.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ...domain.person import MEDIA, TRAITS, Person

MIDDLE = 0.5
"""Stands in for an unknown share or personality trait."""

EVEN_SHARE = 0.25
"""Stands in for an unknown channel of the media diet: a quarter, as if all four were used alike."""

USUAL_TURNOUT = 0.7
"""Stands in for an unknown turnout propensity."""

TAKEN: Mapping[str, float] = MappingProxyType(
    {
        "susceptibility": MIDDLE,
        "trust_institution": MIDDLE,
        "turnout_propensity": USUAL_TURNOUT,
        "confirmation_bias": MIDDLE,
        "social_network_influence": MIDDLE,
        "risk_aversion": MIDDLE,
        **{f"media_diet.{channel}": EVEN_SHARE for channel in MEDIA},
        **{f"personality_traits.{trait}": MIDDLE for trait in TRAITS},
    }
)
"""Attribute that the coefficients depend on to what is taken where it is not known; of a group as `group.name`."""

LONGEST_STEP = 0.5
"""The largest mu of the pair rule: the two meet in the middle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Temper:
    """How a person takes what it hears and reads.

    Attributes:
        bound: distance on the axis, 2 long, beyond which an opinion has no effect; in [0.1, 1].
        yielding: weight of what others made of the opinion against the prior; in [0.8, 1].
        debate_weight: weight of a candidate heard, where the own opinion has 1; not negative.
        favour: what multiplies that weight for the first choice; in [1, 2].
        chat_step: share of the distance to the partner covered in one conversation; in [0, 0.5].
        feed_weight: weight of an author read, where the own opinion has 1; not negative.
        like_range: distance on the axis within which a post is given a thumbs up; below `bound`.
        turnout: chance to cast a vote; in [0, 1].
    """

    bound: float
    yielding: float
    debate_weight: float
    favour: float
    chat_step: float
    feed_weight: float
    like_range: float
    turnout: float


def measure_temper(person: Person) -> Temper:
    """Return the coefficients of this person; `docs/offline-mind.md` has the formulas as a table."""
    share, trait = person.shares.get, person.traits.get
    susceptibility = share("susceptibility", MIDDLE)
    trust_in_peers = (share("social_network_influence", MIDDLE) + trait("agreeableness", MIDDLE)) / 2
    bias = share("confirmation_bias", MIDDLE)
    bound = 0.3 + 0.4 * trait("openness", MIDDLE) + 0.3 * (1 - bias) - 0.2 * trait("neuroticism", MIDDLE)
    return Temper(
        bound=bound,
        yielding=1 - 0.1 * (trait("conscientiousness", MIDDLE) + share("risk_aversion", MIDDLE)),
        debate_weight=2
        * susceptibility
        * share("trust_institution", MIDDLE)
        * _media_weight(person, "tv", "newspaper"),
        favour=1 + bias,
        chat_step=min(LONGEST_STEP, susceptibility * trust_in_peers),
        feed_weight=susceptibility * trust_in_peers * _media_weight(person, "social_media", "blogs"),
        like_range=bound * (0.25 + 0.5 * trait("extraversion", MIDDLE)),
        turnout=share("turnout_propensity", USUAL_TURNOUT),
    )


def _media_weight(person: Person, *channels: str) -> float:
    """Weigh what comes through these channels: 1 for an even diet, never 0, as a diet hides nothing."""
    return MIDDLE + sum(person.media_diet.get(channel, EVEN_SHARE) for channel in channels)
