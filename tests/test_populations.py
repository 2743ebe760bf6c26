"""Communities of 0, 1, 2, 3 and odd numbers, with parts missing, and people that cannot be used."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from synthetic_communities.candidate import Candidate
from synthetic_communities.config import Config
from synthetic_communities.domain.ballot import MISSING_STATUSES, VoteCounts
from synthetic_communities.errors import ConfigurationError
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.mediator import CandidateStatement, DebateTranscript, Mediator, Question, Topic
from synthetic_communities.persona import Persona
from synthetic_communities.population import Population
from synthetic_communities.social_media import SocialMedia
from synthetic_communities.testing.scripted import ScriptedMind
from tests.small_communities import lines_of

SIZES = (0, 1, 2, 3, 4, 5, 7, 21)
TOPICS = [Topic("rents", "Rents", "Cap rents?"), Topic("trams", "Trams", "Build a tram?")]
NAMES = {"noor": "Aisha Noor", "berg": "Johan Berg"}


def make_population(size: int) -> Population:
    """Return people of whom nothing but a name is known."""
    population = Population("A town.", seed=3)
    for number in range(size):
        population.add_persona(Persona(f"p{number}", {"name": f"Name {number}"}))
    return population


def make_candidates() -> list[Candidate]:
    return [Candidate(who, name, "Calm.", TOPICS, None) for who, name in NAMES.items()]


def make_transcript(topic: Topic) -> DebateTranscript:
    question = Question(f"about {topic.id}", "Well?", topic)
    said = [CandidateStatement(who, name, "Yes.", question) for who, name in NAMES.items()]
    return DebateTranscript(said, "m", 0, 0, 0, topic, question)


def make_engine(directory: Path, size: int = 0, **settings: Any) -> GameEngine:
    """Return a community of this size, its record below `directory`."""
    everything = {
        "num_epochs": 2,
        "questions_per_topic": 1,
        "post_probability": 1.0,
        "reaction_probability": 1.0,
        **settings,
    }
    engine = GameEngine(Config(size, turns_per_question=2, random_seed=9, **everything))
    engine.population = make_population(size)
    engine.candidates = make_candidates()
    engine.mediator = Mediator("m", TOPICS)
    engine.initialize_simulation_output(directory)
    return engine


def count_everybody(counts: VoteCounts) -> int:
    return sum(counts.values()) + sum(getattr(counts, status) for status in MISSING_STATUSES)


@pytest.mark.parametrize("size", SIZES)
class TestSizes:
    def test_every_verb(self, size: int) -> None:
        population = make_population(size)
        assert population.size() == len(population.personas) == size
        for topic in TOPICS:
            population.consume_debate_content(make_transcript(topic))
        population.update_beliefs_from_debate()
        chats = population.chat_with_peers()
        population.update_beliefs_from_chat()
        posts = population.create_social_media_posts(1.0)
        platform = SocialMedia()
        given = population.react_to_posts(posts, platform, 1.0)
        population.update_beliefs_from_social_media()
        counts = population.conduct_vote(make_candidates())
        talked = [who for chat in chats for who in chat["participants"]]
        assert len(chats) == size // 2
        assert len(set(talked)) == len(talked)
        assert [post["persona_id"] for post in posts] == [f"p{number}" for number in range(size)]
        assert given["total_reactions"] <= size * (size - 1)
        assert len(platform.posts) == size
        assert [row["id"] for row in population.get_voting_data()] == [f"p{number}" for number in range(size)]
        assert list(counts) == list(NAMES.values())
        assert count_everybody(counts) == counts.population == size

    @pytest.mark.parametrize("limit", [1, 100])
    def test_a_whole_run(self, tmp_path: Path, size: int, limit: int) -> None:
        engine = make_engine(tmp_path, size, max_concurrent=limit)
        result = engine.run()
        ids = [f"p{number}" for number in range(size)]
        assert result.is_complete
        assert [person["id"] for person in result.metadata["population"]] == ids
        assert [row["epoch"] for row in result.epochs] == [0, 1]
        assert result.failures == []
        for row in result.epochs:
            assert [vote["id"] for vote in row["population_votes"]] == ids
            assert len(row["debates"]) == len(TOPICS)
            assert len(row["newsfeed"]["posts"]) == size * (row["epoch"] + 1)
            turns = [turn for turn in lines_of(result, "conversations") if turn["epoch"] == row["epoch"]]
            assert len({turn["speaker_id"] for turn in turns}) == size // 2 * 2
        assert [row["id"] for row in lines_of(result, "ballots")] == ids
        beliefs = Counter(
            (row["epoch"], row["step"], row["persona_id"], row["topic_id"]) for row in lines_of(result, "beliefs")
        )
        assert set(beliefs.values()) <= {1}, "everybody is told once what a step did to a belief"
        steps = Counter(step for _, step, _, _ in beliefs)
        everybody, talkers = size * len(TOPICS), size // 2 * 2 * len(TOPICS)
        expected = {"opening": everybody, "debate": 2 * everybody, "chat": 2 * talkers, "social": 2 * everybody}
        assert steps == Counter(expected)
        if size:
            assert result.vote_counts is not None
            assert count_everybody(result.vote_counts) == result.vote_counts.population == size
            assert engine.conduct_final_vote() == result.vote_counts
        else:
            assert result.vote_counts is None

    def test_nobody_stands_for_election(self, tmp_path: Path, size: int) -> None:
        engine = make_engine(tmp_path, size)
        engine.candidates = []
        result = engine.run()
        assert result.is_complete
        assert (result.vote_counts, lines_of(result, "ballots")) == (None, [])
        assert not (result.path / "final_vote.json").exists()
        assert [len(row["debates"]) for row in result.epochs] == [2, 2], "the mediator asks all the same"
        counts = engine.conduct_final_vote()
        assert counts == {}
        assert counts.not_asked == counts.population == size

    def test_nothing_is_debated(self, tmp_path: Path, size: int) -> None:
        engine = make_engine(tmp_path, size)
        engine.mediator = Mediator("m", [])
        for candidate in engine.candidates:
            candidate.topics = []
        result = engine.run()
        assert result.is_complete
        assert [row["debates"] for row in result.epochs] == [[], []]
        assert [row["status"] for row in lines_of(result, "ballots")] == ["not_asked"] * size, (
            "nothing to tell candidates apart by"
        )


class TestMissingParts:
    def test_an_engine_without_people_runs_its_debates(self, tmp_path: Path) -> None:
        result = make_engine(tmp_path, 0).run()
        for row in result.epochs:
            for debate in row["debates"]:
                said = [statement["type"] for statement in debate["statements"]]
                assert said == ["mediator"] + ["candidate"] * 4
            assert row["newsfeed"]["posts"] == row["population_votes"] == []
        assert all(row["candidates"][0]["policy_positions"] for row in result.epochs)
        assert (lines_of(result, "beliefs"), lines_of(result, "ballots"), lines_of(result, "conversations")) == (
            [],
            [],
            [],
        )

    def test_no_mediator_is_needed(self, tmp_path: Path) -> None:
        engine = make_engine(tmp_path, 3, topics=[{"id": "rents", "title": "Rents", "description": "Cap rents?"}])
        engine.mediator = None
        assert [len(row["debates"]) for row in engine.run().epochs] == [1, 1]

    def test_nothing_at_all_is_refused(self, tmp_path: Path) -> None:
        engine = make_engine(tmp_path, 0)
        engine.candidates, engine.mediator = [], None
        with pytest.raises(ConfigurationError, match="nothing to run"):
            engine.run()

    @pytest.mark.parametrize(
        "data",
        [
            None,
            {},
            {"id": "p"},
            {"name": None, "age": None, "prior_beliefs": None, "media_diet": None},
            {"prior_beliefs": {}, "media_diet": {}, "personality_traits": {}, "interests": []},
            {"susceptibility": 0, "turnout_propensity": 1, "confirmation_bias": 1.0},
            {"favourite_colour": ["green"], "_row": 3, "timestamp": "yesterday"},
            {"name": "", "age": 0},
        ],
    )
    def test_who_lacks_attributes_takes_part(self, tmp_path: Path, data: dict[str, Any] | None) -> None:
        engine = make_engine(tmp_path, 3)
        engine.population.personas[1] = Persona("p1", data)
        result = engine.run()
        assert result.failures == []
        assert [row["status"] in ("choice", "abstained") for row in lines_of(result, "ballots")] == [True] * 3
        assert {row["persona_id"] for row in lines_of(result, "beliefs")} == {"p0", "p1", "p2"}

    @pytest.mark.parametrize(
        "name", ["Ann/Bo+Cem%", "…ß漢字", "a b", "e0/belief/debate/p0", "overall_vote", "\U0001f44d"]
    )
    def test_ids_of_any_make(self, tmp_path: Path, name: str) -> None:
        engine = make_engine(tmp_path, 3)
        engine.population.personas[1] = Persona(name)
        engine.candidates[0] = Candidate(name, name, "Calm.", TOPICS, None)
        result = engine.run()
        assert [row["id"] for row in lines_of(result, "ballots")] == ["p0", name, "p2"]
        assert result.vote_counts is not None
        assert list(result.vote_counts) == [name, "Johan Berg"]

    def test_a_run_without_questions(self, tmp_path: Path) -> None:
        result = make_engine(tmp_path, 3, questions_per_topic=0).run()
        assert result.is_complete
        assert [row["debates"] for row in result.epochs] == [[], []]
        assert {row["status"] for row in lines_of(result, "beliefs") if row["step"] == "debate"} <= {
            "skipped",
            "not_asked",
        }
        assert result.vote_counts is not None
        assert count_everybody(result.vote_counts) == 3


class TestBadPeople:
    def spoil(self, engine: GameEngine) -> None:
        people = engine.population.personas
        people[0].features["susceptibility"] = 2
        people[1].features |= {"prior_beliefs": {"rents": -3}, "personality_traits": "open"}
        people[2].features["turnout_propensity"] = "often"

    def test_one_error_lists_everything_before_anybody_is_asked(self, tmp_path: Path) -> None:
        engine = make_engine(tmp_path, 4)
        engine.llm_client = mind = ScriptedMind()
        self.spoil(engine)
        engine.config.post_probability = 7
        with pytest.raises(ConfigurationError) as caught:
            engine.run()
        wheres = [problem.where for problem in caught.value.problems]
        assert wheres == [
            "post_probability",
            "person p0: susceptibility",
            "person p1: personality_traits",
            "person p1: prior_beliefs.rents",
            "person p2: turnout_propensity",
        ]
        assert str(caught.value).splitlines() == [str(problem) for problem in caught.value.problems]
        assert mind.asked == []
        assert engine.simulation_dir is not None
        assert [file.name for file in engine.simulation_dir.iterdir()] == ["config.yaml"]

    def test_the_engine_runs_once_they_are_corrected(self, tmp_path: Path) -> None:
        engine = make_engine(tmp_path, 4)
        self.spoil(engine)
        with pytest.raises(ConfigurationError):
            engine.run()
        for persona in engine.population.personas:
            persona.features.clear()
        assert engine.run().is_complete

    def test_the_final_vote_refuses_them_too(self, tmp_path: Path) -> None:
        engine = make_engine(tmp_path, 4)
        self.spoil(engine)
        with pytest.raises(ConfigurationError) as caught:
            engine.conduct_final_vote()
        assert len(caught.value.problems) == 4

    def test_everything_that_cannot_be_told_apart_is_in_the_same_error(self, tmp_path: Path) -> None:
        engine = make_engine(tmp_path, 4)
        engine.llm_client = mind = ScriptedMind()
        self.spoil(engine)
        engine.population.personas[3].id = "p0"
        engine.candidates.append(Candidate("noor", "Johan Berg", "Loud.", TOPICS, None))
        with pytest.raises(ConfigurationError) as caught:
            engine.run()
        text = str(caught.value)
        assert len(caught.value.problems) >= 7
        assert "p0" in text
        assert "noor" in text
        assert "Johan Berg" in text
        assert mind.asked == []

    @pytest.mark.parametrize("bad_id", [7, "", None], ids=repr)
    def test_an_id_must_be_a_text(self, tmp_path: Path, bad_id: Any) -> None:
        engine = make_engine(tmp_path, 2)
        engine.population.personas[1].id = bad_id
        with pytest.raises(ConfigurationError, match="id"):
            engine.run()

    def test_two_topics_of_one_id(self, tmp_path: Path) -> None:
        engine = make_engine(tmp_path, 2)
        engine.mediator = Mediator("m", [TOPICS[0], TOPICS[0]])
        with pytest.raises(ConfigurationError, match="rents"):
            engine.run()

    def test_a_mind_that_is_none_is_told_before_anybody_is_asked(self, tmp_path: Path) -> None:
        engine = make_engine(tmp_path, 3)
        engine.llm_client = mind = ScriptedMind()
        engine.population.personas[2].llm_client = object()
        with pytest.raises(ConfigurationError, match="llm_client"):
            engine.run()
        assert mind.asked == []
