"""A small hand-made view for every act, all of whose texts may be replaced by others; for tests of the LLM mind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from synthetic_communities.domain.belief import Belief
from synthetic_communities.domain.chance import Chance
from synthetic_communities.domain.debate import CandidateStatement, DebateTranscript, Question, Topic
from synthetic_communities.domain.feed import FeedPost, Reactions
from synthetic_communities.domain.memory import EpochMemory
from synthetic_communities.domain.person import Person, parse_person
from synthetic_communities.domain.remark import Remark
from synthetic_communities.domain.scene import CandidateCard, Scene
from synthetic_communities.minds import views
from synthetic_communities.minds.views import View

Words = Callable[[str], str]
"""What stands in the place of a text; for tests of texts that would rather be something else."""

KINDS: tuple[type[View], ...] = (
    views.OpeningView,
    views.DebateUpdateView,
    views.ChatTurnView,
    views.ChatUpdateView,
    views.PostView,
    views.ReactionView,
    views.SocialUpdateView,
    views.BallotView,
    views.PositionView,
    views.ReadingView,
    views.StatementView,
    views.ReflectionView,
    views.QuestionView,
    views.IntroductionView,
)

JUDGING = (
    views.OpeningView,
    views.DebateUpdateView,
    views.ChatUpdateView,
    views.ReactionView,
    views.SocialUpdateView,
    views.BallotView,
)
SPEAKING = tuple(kind for kind in KINDS if kind not in JUDGING and kind is not views.PositionView)


def as_it_is(text: str) -> str:
    return text


def make_view(kind: type[View], words: Words = as_it_is, keys: Words | None = None, /, **changes: Any) -> Any:
    """Return a view of this kind.

    Args:
        kind: what is asked.
        words: replaces every text of others: the world's, names, attributes, everything said or written.
        keys: replaces the names of attributes; None: as `words`.
        changes: fields of the view that are to be others.
    """
    return kind(**{**_Texts(words, keys or words).fields(kind), **changes})


class _Texts:
    """The texts of one town, each in the words of whoever replaces them."""

    def __init__(self, words: Words, keys: Words) -> None:
        self.words = words
        self.keys = keys
        self.rents = Topic(
            words("rents"), words("Rents"), words("Cap rents."), against=words("no cap"), in_favour=words("a cap")
        )
        self.trams = Topic(words("trams"), words("Trams"), words("Build a tram line."))
        self.aisha = CandidateCard("c0", words("Aisha Noor"))
        self.johan = CandidateCard("c1", words("Johan Berg"))
        self.scene = Scene(words("A town by the water.\nIt rains."), (self.rents, self.trams), (self.aisha, self.johan))
        self.question = Question("q0", words("Who should pay for a cap?"), self.rents)

    def fields(self, kind: type[View]) -> dict[str, Any]:
        known: dict[str, Any] = {"key": "e1/test", "scene": self.scene, "chance": Chance(7, 1, "ann")}
        for base, add in (
            (views.PersonView, self._person_fields),
            (views.LifeView, self._life_fields),
            (views.CandidateView, self._candidate_fields),
        ):
            if issubclass(kind, base):
                known |= add()
        return known | self._own_fields(kind)

    def _person_fields(self) -> dict[str, Any]:
        beliefs = (
            Belief(self.rents.id, self.words("Rents eat my wages."), stance=0.4, vote="c0"),
            Belief(self.trams.id, self.words("I do not know yet.")),
        )
        early = Belief(self.rents.id, self.words("Let it be."), stance=-0.25)
        memory = (
            EpochMemory(
                0,
                (early,),
                first_choice="c1",
                heard=(self._say("A cap is fair.", "Aisha Noor"),),
                conversation=(self._say("I am not sure.", "Ann Lee"),),
                feed=(self._write("p0", "Trams are loud.", "Cem Kaya"),),
            ),
        )
        return {
            "person": self._person(),
            "beliefs": beliefs,
            "first_choice": "c0",
            "memory": memory,
            "candidates": (self.johan, self.aisha),
        }

    def _person(self) -> Person:
        words, keys = self.words, self.keys
        return parse_person(
            "ann",
            {
                "name": words("Ann Lee"),
                "age": 41,
                "city": words("Harbour side"),
                "backstory": words("Moved here at twenty.\nStayed."),
                "interests": [words("rowing"), words("chess")],
                "trust_institution": 0.08,
                "risk_aversion": 0.9,
                "personality_traits": {"openness": 0.7, "neuroticism": 0.1},
                "media_diet": {"newspaper": 0.6, keys("town radio"): 0.2},
                "prior_beliefs": {keys("rents"): 0.5},
                keys("household"): {keys("children"): 2, keys("pets"): [words("a cat")]},
                keys("patience"): 0.7,
            },
        )

    def _life_fields(self) -> dict[str, Any]:
        heard = (
            self._say("Good evening.", "the mediator"),
            self._say("A cap is fair.\nTenants need it.", "Aisha Noor"),
            self._say("A cap is folly.", ""),
        )
        conversation = (
            self._say("What did you make of it?", "Bo Ek"),
            self._say("Not much.", "Ann Lee"),
        )
        return {"heard": heard, "conversation": conversation, "peer_id": "bo", "peer_name": self.words("Bo Ek")}

    def _candidate_fields(self) -> dict[str, Any]:
        positions = {self.rents.id: self._say("Cap them.", "Aisha Noor"), self.trams.id: self._say("Wait.", "")}
        return {
            "candidate": self.aisha,
            "character": self.words("Housing lawyer.\nCalm."),
            "positions": positions,
            "notes": (self.words("People fear for their homes."), self.words("Speak of trams.")),
        }

    def _own_fields(self, kind: type[View]) -> dict[str, Any]:
        old, new, newer = (
            self._write("p1", "Rents again.", "Bo Ek", epoch=0),
            self._write("p2", "Cap them\nnow.", "Cem Kaya"),
            self._write("p3", "No cap, please.", ""),
        )
        said = (self._say("A cap is folly.", "Johan Berg"),)
        fields: dict[type[View], dict[str, Any]] = {
            views.PostView: {"feed": (old,)},
            views.ReactionView: {"feed": (new, old, newer), "considered": ("p2", "p3")},
            views.SocialUpdateView: {
                "feed": (new, old, newer),
                "unseen": ("p2", "p3"),
                "considered": ("p2", "p3"),
                "reactions": Reactions({"p2": "thumbs_up"}),
            },
            views.PositionView: {"wanted": (self.rents, self.trams), "positions": {}, "notes": ()},
            views.ReadingView: {"feed": (new, newer)},
            views.StatementView: {"question": self.question, "turn": 1, "said": said},
            views.ReflectionView: {"question": self.question, "said": said},
            views.QuestionView: {
                "topic": self.rents,
                "number": 1,
                "earlier": (self._transcript(),),
                "notes": (self.words("They avoid the costs."),),
            },
            views.IntroductionView: {"question": self.question},
        }
        return fields.get(kind, {})

    def _transcript(self) -> DebateTranscript:
        stated = self._say("A cap is folly.", "Johan Berg")
        statements = [
            CandidateStatement("c1", self.johan.name, stated, self.question),
            CandidateStatement("c0", self.aisha.name, self.words("A cap is fair."), self.question),
        ]
        return DebateTranscript(statements, "mediator", 0, 0, 0, self.rents, self.question)

    def _say(self, text: str, speaker: str) -> Remark:
        return Remark(self.words(text), speaker_id="x", speaker_name=self.words(speaker) if speaker else "")

    def _write(self, post_id: str, text: str, author: str, *, epoch: int = 1) -> FeedPost:
        return FeedPost(post_id, self.words("author"), self._say(text, author), epoch=epoch, likes=3, dislikes=1)
