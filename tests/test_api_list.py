"""The interface existing scripts call: names, order, defaults, attributes and shapes, as a list to hold the code to."""

import dataclasses
import importlib
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import synthetic_communities
from synthetic_communities.candidate import Candidate, CandidateState
from synthetic_communities.config import Config
from synthetic_communities.domain import ballot, debate
from synthetic_communities.domain.ballot import MISSING_STATUSES, Ballot, BallotStatus, VoteCounts
from synthetic_communities.domain.debate import (
    CandidateStatement,
    DebateTranscript,
    MediatorStatement,
    Question,
    Topic,
)
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.mediator import Mediator, MediatorState
from synthetic_communities.minds.views import View
from synthetic_communities.persona import ChatEntry, Persona
from synthetic_communities.population import Population
from synthetic_communities.report.result import SimulationResult
from synthetic_communities.social_media import Post, SocialMedia

SIGNATURES = {
    "config.Config.from_yaml": "(yaml_path)",
    "config.Config.bundled": "(**changes)",
    "game_engine.GameEngine": "(config, config_path=None)",
    "game_engine.GameEngine.initialize_simulation_output": "(base_dir='data/simulation')",
    "game_engine.GameEngine.run": "()",
    "game_engine.GameEngine.conduct_final_vote": "()",
    "game_engine.GameEngine.save_final_vote": "(vote_results)",
    "game_engine.GameEngine.from_config": "(path_or_config, model=None)",
    "population.Population": "(world_story=None, *, seed=0, model=None)",
    "population.Population.load_from_jsonl": "(file_path, limit=None)",
    "population.Population.add_persona": "(persona)",
    "population.Population.size": "()",
    "population.Population.consume_debate_content": "(debate_transcript)",
    "population.Population.update_beliefs_from_debate": "(max_concurrent=20, max_change_percentage=0.5)",
    "population.Population.update_beliefs_from_chat": "(max_concurrent=20, max_change_percentage=0.5)",
    "population.Population.update_beliefs_from_social_media": "(max_concurrent=20, max_change_percentage=0.5)",
    "population.Population.update_beliefs_async": "(knowledge_category='debate_knowledge')",
    "population.Population._run_parallel_belief_updates": (
        "(knowledge_category, max_concurrent=20, max_change_percentage=0.5)"
    ),
    "population.Population.chat_with_peers": "(num_rounds_mean=3, num_rounds_variance=1)",
    "population.Population.create_social_media_posts": "(post_probability=0.07)",
    "population.Population.react_to_posts": "(posts, social_media_platform=None, reaction_probability=0.4)",
    "population.Population.conduct_vote": "(candidates)",
    "population.Population.get_voting_data": "()",
    "persona.Persona": "(persona_id, persona_data=None, world_story=None)",
    "persona.Persona.consume_debate_content": "(debate_transcript)",
    "persona.Persona.update_beliefs": "(knowledge_category='debate_knowledge', max_change_percentage=0.5)",
    "persona.Persona.chat_with_peers": "(conversation_history, peer_id, peer_name=None)",
    "persona.Persona.create_social_media_post": "(existing_posts)",
    "persona.Persona.react_to_post": "(post)",
    "persona.Persona.vote": "(candidates)",
    "candidate.Candidate": "(candidate_id, name, character, topics, llm_client_instance, world_story=None)",
    "candidate.Candidate.read_social_media_signals": "(social_media_feed)",
    "candidate.Candidate.craft_debate_statement": "(question, turn_number, previous_statements)",
    "candidate.Candidate.reflect_on_debate": "(question, debate_transcript)",
    "mediator.Mediator": "(mediator_id, topics=None, llm_client_instance=None, world_story=None)",
    "mediator.Mediator.propose_question": "(topic, previous_transcripts)",
    "mediator.Mediator.introduce_question": "(question)",
    "mediator.Mediator.orchestrate_debate_turn": "(question, candidates, turn_number, previous_statements)",
    "mediator.Mediator.publish_debate_transcript": (
        "(all_statements, topic, question, epoch, topic_index, question_index)"
    ),
    "mediator.Mediator.read_social_media_signals": "(social_media_feed)",
    "mediator.Mediator.read_previous_debates": "(previous_transcripts)",
    "mediator.Mediator.add_topic": "(topic)",
    "social_media.SocialMedia": "()",
    "social_media.SocialMedia.add_post": "(post)",
    "social_media.SocialMedia.get_feed": "(limit=100)",
    "social_media.SocialMedia.get_feed_by_personas": "(personas)",
    "social_media.SocialMedia.add_reaction": "(post_id, persona_id, reaction)",
    "social_media.SocialMedia.get_platform_state": "()",
    "social_media.SocialMedia.get_trending_topics": "()",
    "social_media.Post.to_string": "()",
}
"""Where a script finds it, and how it calls it."""

OLD_SETTINGS = (
    "(population_size, questions_per_topic, turns_per_question, num_epochs, random_seed, post_probability=0.07, "
    "reaction_probability=0.4, num_rounds_mean=3, num_rounds_variance=1, max_change_percentage=0.5, max_concurrent=20, "
    "population_file='data/personas/swiss_population_50.jsonl', world_file=None, topics=None, candidates=None, "
    "world_story=None"
)
NEW_SETTINGS = {
    "model": None,
    "candidate_model": None,
    "base_url": None,
    "api_key_env": None,
    "temperature": None,
    "effort": None,
    "feed_size": 10,
    "memory_epochs": 1,
    "opening_opinions": True,
    "call_timeout_seconds": None,
    "name": None,
    "requests_per_minute": None,
    "tokens_per_minute": None,
    "replicate": 0,
    "resample_people": False,
    "schedule": "dependencies",
    "feed_candidates": 200,
    "max_reply_bytes": None,
    "api_key_command": None,
    "max_cost_usd": None,
    "max_tokens": None,
    "max_calls": None,
    "deadline_seconds": None,
    "max_failures": 0.2,
    "prices": None,
    "prompt_cache": "auto",
}

VERBS = {
    GameEngine: ("run", "run_many", "run_replicates", "conduct_final_vote", "forecast", "probe"),
    Population: (
        "update_beliefs_from_debate",
        "update_beliefs_from_chat",
        "update_beliefs_from_social_media",
        "chat_with_peers",
        "create_social_media_posts",
        "react_to_posts",
        "conduct_vote",
    ),
    Persona: ("update_beliefs", "chat_with_peers", "create_social_media_post", "react_to_post", "vote"),
    Candidate: ("read_social_media_signals", "craft_debate_statement", "reflect_on_debate"),
    Mediator: ("propose_question", "introduce_question", "orchestrate_debate_turn"),
}
"""What may call a model."""

FIELDS = {
    Topic: ["id", "title", "description"],
    Question: ["id", "text", "topic"],
    CandidateStatement: ["candidate_id", "candidate_name", "statement", "question"],
    MediatorStatement: ["mediator_id", "statement", "question"],
    DebateTranscript: [
        "statements",
        "mediator_id",
        "epoch",
        "topic_index",
        "question_index",
        "topic",
        "question",
    ],
    CandidateState: ["id", "name", "character", "policy_positions", "memory", "world_context=''"],
    MediatorState: ["id", "memory", "world_context=''"],
    ChatEntry: ["peer_id", "peer_name", "conversation"],
    Post: ["id", "persona_id", "content", "likes=0", "dislikes=0"],
}
"""The values scripts make by position: their fields in that order."""

RENTS = Topic("rents", "Rents", "Should rents be capped?")
HARBOUR = Topic("harbour", "The harbour", "Should the terminal grow?")
QUESTION = Question("q1", "A cap, yes or no?", RENTS)
HEAVY = ("aiohttp", "anthropic", "click", "httpx", "pydantic", "rich")


class NobodyAsks:
    """A mind that may not be asked."""

    name = "nobody"
    source = "test"

    async def answer(self, view: View) -> Any:
        """Fail the test."""
        pytest.fail(f"a mind was asked: {view.key}")


class Environment(dict[str, str]):
    """An environment that takes down which names were looked up."""

    def __init__(self, values: dict[str, str]) -> None:
        super().__init__(values)
        self.asked: list[str] = []

    def __getitem__(self, name: str) -> str:
        self.asked.append(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """Look a name up."""
        self.asked.append(name)
        return super().get(name, default)

    def __contains__(self, name: object) -> bool:
        self.asked.append(str(name))
        return super().__contains__(name)


def find(path: str) -> Any:
    """Return what stands at a path such as `persona.Persona.vote`."""
    module, *names = path.split(".")
    found: Any = importlib.import_module(f"synthetic_communities.{module}")
    for name in names:
        found = getattr(found, name)
    return found


def spell(callable_: Callable[..., Any]) -> str:
    """Return a signature without annotations and `self`."""
    signature = inspect.signature(callable_)
    parameters = [each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()]
    if parameters and parameters[0].name == "self":
        del parameters[0]
    return str(signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty))


def make_config(**changes: Any) -> Config:
    """Return a small configuration, built as scripts build theirs."""
    return dataclasses.replace(Config(4, 1, 1, 2, 7, post_probability=1.0, reaction_probability=1.0), **changes)


def make_candidates(mind: Any = None) -> list[Candidate]:
    """Return two candidates."""
    names = {"noor": "Aisha Noor", "berg": "Johan Berg"}
    return [Candidate(who, name, "Calm.", [RENTS, HARBOUR], mind) for who, name in names.items()]


def make_population(size: int = 4) -> Population:
    """Return people who have heard a debate on two topics."""
    population = Population("A town.", seed=5)
    for number in range(size):
        population.add_persona(Persona(f"p{number}", {"name": f"Name {number}"}))
    candidates = make_candidates()
    for topic in (RENTS, HARBOUR):
        mediator = Mediator("m", [topic])
        question = mediator.propose_question(topic, [])
        said = mediator.orchestrate_debate_turn(question, candidates, 0, [])
        population.consume_debate_content(mediator.publish_debate_transcript(said, topic, question, 0, 0, 0))
    return population


def make_engine(directory: Path, size: int = 4) -> GameEngine:
    """Return an engine put together by hand."""
    engine = GameEngine(make_config(population_size=size))
    for number in range(size):
        engine.population.add_persona(Persona(f"p{number}", {"name": f"Name {number}"}))
    engine.candidates = make_candidates()
    engine.mediator = Mediator("m", [RENTS, HARBOUR])
    engine.initialize_simulation_output(directory)
    return engine


class TestSignatures:
    @pytest.mark.parametrize(("path", "expected"), SIGNATURES.items(), ids=SIGNATURES)
    def test_names_order_and_defaults(self, path: str, expected: str) -> None:
        assert spell(find(path)) == expected

    def test_config_keeps_the_old_settings_in_place_and_adds_new_ones_behind(self) -> None:
        assert spell(Config).startswith(f"{OLD_SETTINGS}, ")
        added = list(inspect.signature(Config).parameters.values())[16:]
        assert {each.name: each.default for each in added} == NEW_SETTINGS

    @pytest.mark.parametrize(
        ("owner", "verb"), [(owner, verb) for owner, verbs in VERBS.items() for verb in verbs], ids=str
    )
    def test_verbs_are_synchronous_and_have_a_twin(self, owner: type, verb: str) -> None:
        synchronous, twin = getattr(owner, verb), getattr(owner, f"{verb}_async")
        assert not inspect.iscoroutinefunction(synchronous)
        assert inspect.iscoroutinefunction(twin)
        assert spell(twin) == spell(synchronous)
        assert inspect.signature(twin) == inspect.signature(synchronous), "annotations differ"

    @pytest.mark.parametrize("owner", VERBS, ids=lambda owner: owner.__name__)
    def test_no_twin_stands_alone(self, owner: type) -> None:
        twins = {name.removesuffix("_async") for name in dir(owner) if name.endswith("_async")}
        assert twins - {"update_beliefs"} == set(VERBS[owner]) - {"update_beliefs"}

    def test_the_shared_helper_of_the_belief_verbs_is_a_coroutine(self) -> None:
        assert inspect.iscoroutinefunction(Population._run_parallel_belief_updates)
        assert inspect.iscoroutinefunction(Population.update_beliefs_async)

    @pytest.mark.parametrize("path", [path for path in SIGNATURES if path.count(".") == 2])
    def test_nothing_else_is_a_coroutine(self, path: str) -> None:
        is_async = path.endswith(("_async", "_run_parallel_belief_updates"))
        assert inspect.iscoroutinefunction(find(path)) == is_async

    def test_top_level_names(self) -> None:
        assert synthetic_communities.Config is Config
        assert synthetic_communities.GameEngine is GameEngine


class TestValues:
    @pytest.mark.parametrize(("made", "expected"), FIELDS.items(), ids=lambda item: getattr(item, "__name__", ""))
    def test_fields_scripts_pass_by_position(self, made: type, expected: list[str]) -> None:
        positional = [
            each
            for each in inspect.signature(made).parameters.values()
            if each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        ]
        spelled = [str(each.replace(annotation=inspect.Parameter.empty)) for each in positional]
        assert spelled == expected
        assert [each.name for each in dataclasses.fields(made) if not each.kw_only] == [
            each.name for each in positional
        ]

    def test_by_position(self) -> None:
        statement = CandidateStatement("noor", "Aisha Noor", "Yes.", QUESTION)
        spoken = MediatorStatement("m", "Now.", QUESTION)
        transcript = DebateTranscript([spoken, statement], "m", 2, 1, 0, RENTS, QUESTION)
        assert (RENTS.id, RENTS.title, RENTS.description) == ("rents", "Rents", "Should rents be capped?")
        assert (QUESTION.id, QUESTION.text, QUESTION.topic) == ("q1", "A cap, yes or no?", RENTS)
        assert (statement.candidate_id, statement.candidate_name, statement.statement) == ("noor", "Aisha Noor", "Yes.")
        assert (spoken.mediator_id, spoken.statement, spoken.question) == ("m", "Now.", QUESTION)
        assert (transcript.epoch, transcript.topic_index, transcript.question_index) == (2, 1, 0)

    @pytest.mark.parametrize(
        "value",
        [
            Post("1", "ann", "Words."),
            CandidateState("noor", "Aisha Noor", "Calm.", {}, []),
            ChatEntry("ann", "Ann", []),
            make_config(),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_scripts_may_change_it(self, value: Any) -> None:
        name = dataclasses.fields(value)[0].name
        setattr(value, name, "changed")
        assert getattr(value, name) == "changed"

    @pytest.mark.parametrize(
        "name", ["Topic", "Question", "CandidateStatement", "MediatorStatement", "DebateTranscript"]
    )
    def test_mediator_hands_on_the_values_of_the_domain(self, name: str) -> None:
        assert find(f"mediator.{name}") is getattr(debate, name)

    def test_other_modules_hand_on_the_same_values(self) -> None:
        assert find("candidate.CandidateStatement") is debate.CandidateStatement
        assert find("population.VoteCounts") is ballot.VoteCounts
        assert find("population.Persona") is Persona
        assert find("game_engine.Config") is Config

    def test_where_scripts_find_the_mutable_ones(self) -> None:
        homes = {CandidateState: "candidate", ChatEntry: "persona", Config: "config", Post: "social_media"}
        assert {kind: kind.__module__ for kind in homes} == {
            kind: f"synthetic_communities.{home}" for kind, home in homes.items()
        }


class TestAttributes:
    def test_config(self) -> None:
        config = Config(10, 2, 3, 4, 5)
        assert (config.population_size, config.questions_per_topic, config.turns_per_question) == (10, 2, 3)
        assert (config.num_epochs, config.random_seed) == (4, 5)

    def test_engine(self) -> None:
        config = make_config(world_story="A town.")
        engine = GameEngine(config, "town.yaml")
        assert engine.config is config
        assert engine.config_path == "town.yaml"
        assert isinstance(engine.population, Population)
        assert engine.population.world_story == "A town."
        assert engine.candidates == []
        assert engine.mediator is None or isinstance(engine.mediator, Mediator)
        assert isinstance(engine.social_media, SocialMedia)
        assert engine.debate_transcripts == []
        assert engine.current_epoch == 0
        assert engine.llm_client is None
        assert (engine.simulation_id, engine.simulation_dir, engine.simulation_file) == (None, None, None)

    def test_engine_with_a_run_directory(self, tmp_path: Path) -> None:
        engine = GameEngine(make_config())
        engine.initialize_simulation_output(str(tmp_path / "deep" / "runs"))
        assert engine.simulation_dir is not None
        assert engine.simulation_dir.parent == tmp_path / "deep" / "runs"
        assert engine.simulation_dir.is_dir()
        assert engine.simulation_id == engine.simulation_dir.name
        assert engine.simulation_file == engine.simulation_dir / "epochs.jsonl"

    def test_engine_keeps_what_scripts_assign(self) -> None:
        engine = GameEngine(make_config())
        engine.current_epoch = 3
        assert engine.current_epoch == 3

    def test_engine_keeps_transcripts_that_scripts_append(self) -> None:
        engine = GameEngine(make_config())
        engine.debate_transcripts.append(DebateTranscript([], "m", 0, 0, 0, RENTS, QUESTION))
        assert len(engine.debate_transcripts) == 1

    def test_population(self) -> None:
        population = Population("A town.")
        assert population.personas == []
        assert population.world_story == "A town."
        assert population.size() == 0

    def test_persona(self) -> None:
        persona = Persona("ann", {"name": "Ann", "age": 40}, "A town.")
        assert (persona.id, persona.world_story, persona.llm_client) == ("ann", "A town.", None)
        assert persona.features == {"name": "Ann", "age": 40}
        assert persona.debate_knowledge == persona.chats == persona.social_media_knowledge == persona.posts == []
        assert persona.beliefs == {}
        assert persona.outcomes == {}

    def test_candidate(self) -> None:
        mind = NobodyAsks()
        candidate = Candidate("noor", "Aisha Noor", "Calm.", [RENTS], mind, "A town.")
        assert (candidate.id, candidate.name, candidate.character) == ("noor", "Aisha Noor", "Calm.")
        assert candidate.topics == [RENTS]
        assert candidate.llm_client is mind
        assert candidate.world_story == "A town."
        assert candidate.state == CandidateState("noor", "Aisha Noor", "Calm.", {}, [], "A town.")

    def test_mediator(self) -> None:
        mediator = Mediator("m")
        assert (mediator.id, mediator.topics, mediator.llm_client) == ("m", [], None)
        assert mediator.state == MediatorState("m", [])

    def test_social_media(self) -> None:
        platform = SocialMedia()
        assert list(platform.posts) == []
        assert platform.reactions == {}
        assert set(platform.VALID_REACTIONS) == {"thumbs_up", "thumbs_down"}

    def test_lists_of_one_are_not_those_of_another(self) -> None:
        one, other = Persona("ann"), Persona("bo")
        one.debate_knowledge.append("Words.")
        one.beliefs["rents"] = "Yes."
        assert (other.debate_knowledge, other.beliefs) == ([], {})


class TestShapes:
    def test_chat_with_peers(self) -> None:
        population = make_population()
        chats = population.chat_with_peers()
        assert len(chats) == 2
        for chat in chats:
            assert list(chat) == ["participants", "num_rounds", "conversation"]
            first, second = chat["participants"]
            assert 2 <= chat["num_rounds"] <= 4
            speakers = [message["speaker_id"] for message in chat["conversation"]]
            assert speakers == [first, second] * chat["num_rounds"]
            assert all(list(message) == ["speaker_id", "message"] for message in chat["conversation"])

    def test_create_social_media_posts(self) -> None:
        population = make_population()
        posts = population.create_social_media_posts(1.0)
        assert [list(post) for post in posts] == [["persona_id", "content", "id"]] * 4
        assert [post["persona_id"] for post in posts] == ["p0", "p1", "p2", "p3"]
        assert len({post["id"] for post in posts}) == 4
        assert population.create_social_media_posts(0.0) == []

    def test_react_to_posts(self) -> None:
        population = make_population()
        given = population.react_to_posts(population.create_social_media_posts(1.0), SocialMedia(), 1.0)
        assert list(given) == ["total_reactions", "thumbs_up", "thumbs_down"]
        assert given["total_reactions"] == given["thumbs_up"] + given["thumbs_down"] > 0

    def test_belief_verbs_return_nothing_and_fill_beliefs(self) -> None:
        population = make_population()
        results = [population.update_beliefs_from_debate()]
        population.chat_with_peers()
        results.append(population.update_beliefs_from_chat())
        population.react_to_posts(population.create_social_media_posts(1.0))
        results.append(population.update_beliefs_from_social_media())
        assert results == [None, None, None]
        for persona in population.personas:
            assert set(persona.beliefs) == {"rents", "harbour", "overall_vote"}
            assert all(set(persona.beliefs[topic]) == {"belief", "vote", "stance"} for topic in ("rents", "harbour"))
            assert persona.beliefs["overall_vote"] in ("Aisha Noor", "Johan Berg")
            assert json.loads(json.dumps(persona.beliefs)) == persona.beliefs

    def test_get_voting_data(self) -> None:
        population = make_population(2)
        population.update_beliefs_from_debate()
        population.personas[1].beliefs = {"rents": "Capped, please.", "overall_vote": "Johan Berg"}
        rows = population.get_voting_data()
        assert [list(row) for row in rows] == [["id", "policy_positions", "overall_vote"]] * 2
        assert set(rows[0]["policy_positions"]) == {"rents", "harbour"}
        assert all(set(position) == {"reasoning", "vote"} for position in rows[0]["policy_positions"].values())
        assert rows[1] == {
            "id": "p1",
            "policy_positions": {"rents": {"reasoning": "Capped, please.", "vote": None}},
            "overall_vote": "Johan Berg",
        }

    def test_persona_verbs(self) -> None:
        ann, bo = make_population(2).personas
        assert isinstance(ann.chat_with_peers([], "p1", "Name 1"), str)
        post = bo.create_social_media_post([])
        assert isinstance(post, Post)
        assert bo.posts == [post]
        assert ann.react_to_post(post) in ("thumbs_up", "thumbs_down", None)
        assert ann.vote(make_candidates()) in ("Aisha Noor", "Johan Berg", None)
        assert set(ann.outcomes) == {"chat_with_peers", "react_to_post", "vote"}

    def test_candidate_verbs(self) -> None:
        candidate = make_candidates()[0]
        assert candidate.read_social_media_signals("ann [0 👍 / 0 👎]: Rents!") is None
        statement = candidate.craft_debate_statement(QUESTION, 0, [])
        assert isinstance(statement, CandidateStatement)
        assert (statement.candidate_id, statement.question) == ("noor", QUESTION)
        transcript = DebateTranscript([statement], "m", 0, 0, 0, RENTS, QUESTION)
        assert candidate.reflect_on_debate(QUESTION, transcript) is None
        assert len(candidate.state.memory) == 2

    def test_a_verb_that_needs_a_position_makes_it_first(self) -> None:
        speaker, thinker = make_candidates()
        speaker.craft_debate_statement(QUESTION, 0, [])
        thinker.reflect_on_debate(QUESTION, DebateTranscript([], "m", 0, 0, 0, RENTS, QUESTION))
        assert "rents" in speaker.state.policy_positions
        assert "rents" in thinker.state.policy_positions

    def test_mediator_verbs(self) -> None:
        mediator = Mediator("m", [RENTS])
        question = mediator.propose_question(RENTS, [])
        assert isinstance(question, Question)
        assert question.topic is RENTS
        assert type(mediator.introduce_question(question)) is str
        statements = mediator.orchestrate_debate_turn(question, make_candidates(), 0, [])
        assert [statement.candidate_id for statement in statements] == ["noor", "berg"]
        transcript = mediator.publish_debate_transcript(statements, RENTS, question, 3, 1, 2)
        assert transcript == DebateTranscript(statements, "m", 3, 1, 2, RENTS, question)

    def test_platform(self) -> None:
        platform = SocialMedia()
        assert platform.add_post(Post("a", "ann", "Rents are high.")) == "a"
        second = platform.add_post({"persona_id": "bo", "content": "No."})
        platform.add_reaction("a", "bo", "thumbs_down")
        assert platform.get_feed().splitlines() == ["bo [0 👍 / 0 👎]: No.", "ann [0 👍 / 1 👎]: Rents are high."]
        assert platform.get_feed(limit=1) == "bo [0 👍 / 0 👎]: No."
        assert [post.id for post in platform.get_feed_by_personas([Persona("bo")])] == [second]
        state = platform.get_platform_state()
        assert list(state) == ["total_posts", "total_reactions", "posts", "reactions"]
        assert (state["total_posts"], state["total_reactions"]) == (2, 1)
        assert state["reactions"] == {"a": {"bo": "thumbs_down"}}
        assert json.loads(json.dumps(state)) == state

    def test_trending_topics_are_ids_commonest_first(self) -> None:
        platform = SocialMedia()
        platform.topics = (RENTS, HARBOUR)
        for number, words in enumerate(["The harbour!", "Rents.", "Rents and the harbour.", "The harbour again."]):
            platform.add_post(Post(str(number), "ann", words))
        assert platform.get_trending_topics() == ["harbour", "rents"]

    def test_run_returns_a_result_and_final_vote_holds_counts_and_nothing_else(self, tmp_path: Path) -> None:
        engine = make_engine(tmp_path)
        result = engine.run()
        assert isinstance(result, SimulationResult)
        assert isinstance(result.vote_counts, VoteCounts)
        assert engine.simulation_dir is not None
        written = json.loads((engine.simulation_dir / "final_vote.json").read_text(encoding="utf-8"))
        assert written == dict(result.vote_counts) == dict(engine.conduct_final_vote())
        assert list(written) == ["Aisha Noor", "Johan Berg"]
        assert engine.current_epoch == 1
        assert [transcript.epoch for transcript in engine.debate_transcripts] == [0, 0, 1, 1]


class TestVoteCounts:
    names = st.lists(st.text(min_size=1), unique=True, max_size=4)

    @given(names, st.data())
    def test_everybody_is_counted_once(self, names: list[str], data: st.DataObject) -> None:
        statuses: list[BallotStatus] = ["choice", *MISSING_STATUSES] if names else list(MISSING_STATUSES)
        drawn = data.draw(st.lists(st.sampled_from(statuses), max_size=30))
        ballots = [
            Ballot(
                f"p{number}", status, candidate_name=data.draw(st.sampled_from(names)) if status == "choice" else None
            )
            for number, status in enumerate(drawn)
        ]
        counts = VoteCounts(names, ballots)
        missing = [getattr(counts, status) for status in MISSING_STATUSES]
        assert list(counts) == names
        assert sum(counts.values()) + sum(missing) == counts.population == len(ballots)
        assert missing == [drawn.count(status) for status in MISSING_STATUSES]

    def test_it_is_a_dictionary_of_numbers(self) -> None:
        ballots = [Ballot("a", "choice", candidate_name="Berg"), Ballot("b", "abstained")]
        counts = VoteCounts(["Noor", "Berg"], ballots)
        assert counts == {"Noor": 0, "Berg": 1}
        assert isinstance(counts, dict)
        assert max(counts, key=counts.__getitem__) == "Berg"
        assert sum(counts.values()) == 1
        assert json.loads(json.dumps(counts)) == {"Noor": 0, "Berg": 1}
        assert (counts.abstained, counts.population) == (1, 2)

    def test_nobody_votes(self) -> None:
        counts = VoteCounts(["Noor"], [])
        assert counts == {"Noor": 0}
        assert counts.population == 0

    def test_conduct_vote_asks_everybody_once(self) -> None:
        population = make_population(5)
        counts = population.conduct_vote(make_candidates())
        assert list(counts) == ["Aisha Noor", "Johan Berg"]
        assert counts.population == 5
        assert sum(counts.values()) + counts.abstained == 5
        assert [ballot.persona_id for ballot in population.ballots] == [f"p{number}" for number in range(5)]


class TestQuiet:
    def test_constructors_ask_no_mind_and_look_at_no_key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        environment = Environment(dict(os.environ))
        monkeypatch.setattr(os, "environ", environment)
        mind = NobodyAsks()
        population = Population("A town.", model=mind)
        persona = Persona("ann", {"name": "Ann"})
        persona.llm_client = mind
        population.add_persona(persona)
        engine = GameEngine(make_config())
        engine.llm_client = mind
        engine.population = population
        engine.candidates = make_candidates(mind)
        engine.mediator = Mediator("m", [RENTS], mind)
        GameEngine.from_config(Config.bundled(), model=mind)
        SocialMedia()
        assert [name for name in environment.asked if "KEY" in name.upper() or "TOKEN" in name.upper()] == []

    def test_what_has_no_twin_asks_no_mind(self, tmp_path: Path) -> None:
        mind = NobodyAsks()
        statement = CandidateStatement("noor", "Aisha Noor", "Yes.", QUESTION)
        mediator = Mediator("m", [RENTS], mind)
        mediator.add_topic(HARBOUR)
        mediator.read_social_media_signals("ann [0 👍 / 0 👎]: Words.")
        transcript = mediator.publish_debate_transcript([statement], RENTS, QUESTION, 0, 0, 0)
        mediator.read_previous_debates([transcript])
        population = Population(model=mind)
        population.add_persona(Persona("ann"))
        population.consume_debate_content(transcript)
        assert population.get_voting_data() == [{"id": "ann", "policy_positions": {}, "overall_vote": None}]
        engine = GameEngine(make_config())
        engine.llm_client = mind
        engine.initialize_simulation_output(tmp_path)
        engine.save_final_vote({"Aisha Noor": 1})

    def test_nothing_is_printed(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        engine = make_engine(tmp_path)
        engine.run()
        engine.conduct_final_vote()
        population = make_population()
        population.update_beliefs_from_debate()
        population.chat_with_peers()
        population.react_to_posts(population.create_social_media_posts(1.0))
        population.conduct_vote(make_candidates())
        assert capfd.readouterr() == ("", "")

    def test_the_package_imports_nothing_heavy(self) -> None:
        code = (
            "import sys\n"
            "from synthetic_communities import Config, GameEngine\n"
            f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
        assert (done.stdout, done.stderr) == ("[]\n", "")
