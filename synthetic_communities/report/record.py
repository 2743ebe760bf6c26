"""What a run directory holds, as values that measures and tables build on."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..domain.ballot import BallotStatus

OFFLINE = "offline mind"
"""Name of the offline mind."""


@dataclass(frozen=True, slots=True)
class Move:
    """What one step did to one belief of one person.

    Attributes:
        persona_id: whose belief.
        topic_id: about what.
        epoch: when, from 0.
        step: `opening`, `debate`, `chat` or `social`.
        before: the stance before it, in [-1, 1]; None if there was none.
        after: the stance afterwards, likewise.
        clamped: whether the bound on one update kept it from what was asked for.
        first_choice: id of the candidate preferred overall afterwards, or None.
        status: how the update ended; for any but `done`, the belief is the one before.
    """

    persona_id: str
    topic_id: str
    epoch: int = field(kw_only=True)
    step: str = field(kw_only=True)
    before: float | None = field(kw_only=True)
    after: float | None = field(kw_only=True)
    clamped: bool = field(kw_only=True)
    first_choice: str | None = field(kw_only=True)
    status: str = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class CastBallot:
    """What became of one person's ballot.

    Attributes:
        status: one of `domain.ballot.BallotStatus`.
        candidate_id: who got the vote, where status is `choice`.
        order_shown: ids of the candidates in the order this person saw them.
        first_choice: id of the candidate preferred, even by who abstains; None if there is none.
        reason: why there is none, where it failed or was not asked for.
    """

    status: BallotStatus
    candidate_id: str | None = field(kw_only=True)
    order_shown: tuple[str, ...] = field(kw_only=True)
    first_choice: str | None = field(kw_only=True)
    reason: str = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Missing:
    """An act, ballots apart, that was refused, could not be read, failed or was skipped.

    Attributes:
        step: what was to be done.
        status: how it ended.
        reason: why, in a word or two; of what was skipped, the key of the act that caused it.
    """

    step: str
    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class Record:
    """What a run directory holds.

    Attributes:
        status: `complete`, `interrupted`, `stopped` or `failed`; None: the run goes on, or was killed.
        run_id: name of the run directory when it was made.
        name: what the configuration calls the scenario; None: nothing.
        mind: name of the mind people think with.
        candidate_mind: name of the mind candidates and mediator think with.
        mind_because: why people think with theirs, in words that follow "because".
        candidate_mind_because: why candidates and mediator think with theirs, likewise.
        seed: what all chance was drawn from.
        replicate: number of the repetition, 0 for the first.
        epochs: number of epochs asked for.
        epochs_ended: number of epochs in the record.
        people: id to name of everybody, in order.
        candidates: id to name, in the order listed.
        topics: id to title, in order.
        in_favour: id of a topic to what stance +1 means, in words; without topics of which that is not said.
        moves: in the order of the record.
        ballots: persona id to ballot; empty if none was held.
        missing: in the order of the record.
        first_choices: persona id to id of the candidate preferred at the end of the last epoch in the record, or None.
        acts: step to how many of its acts ended how; None: not measured, as the run has not come to an end.
        model_calls: how many; None likewise, and where minds of a user's own did not say.
        seconds: how long the run took; None likewise.
        why_partial: what ended the run before its end, in words; empty: nothing did, or it is not known.
        wants_correction: whether that lies in settings, so that going on with the run would end there again.
        damages: places that could not be read and were passed over, in words that begin with file and line.
    """

    status: str | None
    run_id: str = field(kw_only=True)
    name: str | None = field(kw_only=True)
    mind: str = field(kw_only=True)
    candidate_mind: str = field(kw_only=True)
    mind_because: str = field(kw_only=True)
    candidate_mind_because: str = field(kw_only=True)
    seed: int = field(kw_only=True)
    epochs: int = field(kw_only=True)
    epochs_ended: int = field(kw_only=True)
    people: Mapping[str, str] = field(kw_only=True)
    candidates: Mapping[str, str] = field(kw_only=True)
    topics: Mapping[str, str] = field(kw_only=True)
    in_favour: Mapping[str, str] = field(kw_only=True)
    moves: tuple[Move, ...] = field(kw_only=True)
    ballots: Mapping[str, CastBallot] = field(kw_only=True)
    missing: tuple[Missing, ...] = field(kw_only=True)
    first_choices: Mapping[str, str | None] = field(kw_only=True)
    acts: Mapping[str, Counter[str]] | None = field(kw_only=True)
    model_calls: int | None = field(kw_only=True)
    seconds: float | None = field(kw_only=True)
    replicate: int = field(default=0, kw_only=True)
    why_partial: str = field(default="", kw_only=True)
    wants_correction: bool = field(default=False, kw_only=True)
    damages: tuple[str, ...] = field(default=(), kw_only=True)
