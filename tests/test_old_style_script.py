"""Scripts in the old style: everything built by hand, one synchronous call after another, loops of their own."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from synthetic_communities.candidate import Candidate
from synthetic_communities.config import Config
from synthetic_communities.domain.outcome import Done, Failed, NotAsked, Refused, Unreadable
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.mediator import CandidateStatement, DebateTranscript, Mediator, Question, Topic
from synthetic_communities.minds.views import BallotView, ChatTurnView, DebateUpdateView, PostView, ReactionView
from synthetic_communities.persona import ChatEntry, Persona
from synthetic_communities.population import Population
from synthetic_communities.social_media import Post, SocialMedia
from synthetic_communities.testing.scripted import ScriptedMind

PEOPLE = [
    {"id": "ann", "name": "Ann", "age": 34, "job": "nurse", "prior_beliefs": {"rents": 0.6}, "turnout_propensity": 1.0},
    {"id": "bo", "name": "Bo", "age": 51, "susceptibility": 0.9, "prior_beliefs": {"rents": -0.4}, "timestamp": "x"},
    {"id": "cem", "name": "Cem", "interests": ["chess"], "personality_traits": {"openness": 0.8}},
    {"id": "dora", "name": "Dora", "prior_beliefs": {"trams": 0.9}, "turnout_propensity": 1.0, "_row": 4},
    {"id": "eli"},
]
CANDIDATES = {"noor": "Aisha Noor", "berg": "Johan Berg"}


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a file of people."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "people.jsonl").write_text("".join(f"{json.dumps(person)}\n" for person in PEOPLE), encoding="utf-8")
    return tmp_path


def make_topics() -> list[Topic]:
    return [Topic("rents", "Rents", "Cap rents?"), Topic("trams", "Trams", "Build a tram?")]


def make_engine(**settings: Any) -> GameEngine:
    """Return an engine as scripts put theirs together."""
    config = Config(
        population_size=5,
        questions_per_topic=1,
        turns_per_question=2,
        num_epochs=2,
        random_seed=11,
        population_file="people.jsonl",
        world_story="A town by the water.",
        **{"post_probability": 1.0, "reaction_probability": 1.0, **settings},
    )
    engine = GameEngine(config)
    engine.population.load_from_jsonl(config.population_file, limit=config.population_size)
    topics = make_topics()
    engine.candidates = [
        Candidate(who, name, "Calm and exact.", topics, None, config.world_story) for who, name in CANDIDATES.items()
    ]
    engine.mediator = Mediator("mediator", topics, None, config.world_story)
    return engine


def hold_debates(engine: GameEngine, epoch: int) -> list[DebateTranscript]:
    """Let the candidates debate every topic, as scripts do it, and everybody hear it."""
    assert engine.mediator is not None
    for topic_index, topic in enumerate(engine.mediator.topics):
        question = engine.mediator.propose_question(topic, engine.debate_transcripts)
        introduction = engine.mediator.introduce_question(question)
        assert introduction.strip()
        statements: list[Any] = []
        for turn in range(engine.config.turns_per_question):
            statements += engine.mediator.orchestrate_debate_turn(question, engine.candidates, turn, statements)
        transcript = engine.mediator.publish_debate_transcript(statements, topic, question, epoch, topic_index, 0)
        for candidate in engine.candidates:
            candidate.reflect_on_debate(question, transcript)
        engine.debate_transcripts.append(transcript)
        engine.population.consume_debate_content(transcript)
    return engine.debate_transcripts


def live_through(engine: GameEngine, epoch: int) -> dict[str, Any]:
    """Do an epoch by hand, and return all of it that a script writes down."""
    engine.current_epoch = epoch
    config, people, platform = engine.config, engine.population, engine.social_media
    if epoch:
        for reader in (*engine.candidates, engine.mediator):
            assert reader is not None
            reader.read_social_media_signals(platform.get_feed())
    hold_debates(engine, epoch)
    people.update_beliefs_from_debate(config.max_concurrent, config.max_change_percentage)
    chats = people.chat_with_peers(config.num_rounds_mean, config.num_rounds_variance)
    people.update_beliefs_from_chat(max_concurrent=2)
    posts = people.create_social_media_posts(config.post_probability)
    for post in posts:
        platform.add_post(Post(post["id"], post["persona_id"], post["content"]))
    reactions = people.react_to_posts(posts, platform, config.reaction_probability)
    people.update_beliefs_from_social_media(max_change_percentage=0.2)
    return {"epoch": epoch, "chats": chats, "posts": posts, "reactions": reactions, "votes": people.get_voting_data()}


class TestLoopOfTheirOwn:
    def test_everything_by_hand(self, workplace: Path) -> None:
        engine = make_engine()
        epochs = [live_through(engine, epoch) for epoch in range(engine.config.num_epochs)]
        votes = engine.population.conduct_vote(engine.candidates)
        written = json.loads(
            json.dumps(
                {
                    "epochs": epochs,
                    "votes": votes,
                    "platform": engine.social_media.get_platform_state(),
                    "beliefs": [persona.beliefs for persona in engine.population.personas],
                    "positions": [candidate.state.policy_positions for candidate in engine.candidates],
                    "heard": [persona.debate_knowledge for persona in engine.population.personas],
                    "read": [persona.social_media_knowledge for persona in engine.population.personas],
                    "posts": [vars(post) for persona in engine.population.personas for post in persona.posts],
                    "said": [vars(chat) for persona in engine.population.personas for chat in persona.chats],
                }
            )
        )
        assert written["epochs"] == epochs
        assert len({post["id"] for epoch in epochs for post in epoch["posts"]}) == 10
        assert written["platform"]["total_posts"] == 10
        assert written["platform"]["total_reactions"] == sum(epoch["reactions"]["total_reactions"] for epoch in epochs)
        assert written["platform"]["total_reactions"] > 0
        assert set(votes) == set(CANDIDATES.values())
        assert sum(votes.values()) + votes.abstained == votes.population == 5
        assert [transcript.epoch for transcript in engine.debate_transcripts] == [0, 0, 1, 1]

    def test_debates_move_beliefs_and_every_list_of_knowledge_grows(self, workplace: Path) -> None:
        engine = make_engine()
        live_through(engine, 0)
        for persona in engine.population.personas:
            assert {topic.id for topic in make_topics()} < set(persona.beliefs)
            assert len(persona.debate_knowledge) == 8, "two topics, two turns, two candidates"
            assert all(isinstance(text, str) and text for text in persona.debate_knowledge)
            assert len(persona.social_media_knowledge) == 4, "everybody's post but one's own"
            assert len(persona.posts) == 1
        talked = [persona for persona in engine.population.personas if persona.chats]
        assert len(talked) == 4, "of five people one stays alone"
        assert all(isinstance(chat, ChatEntry) for persona in talked for chat in persona.chats)

    def test_who_has_nothing_new_is_not_asked(self, workplace: Path) -> None:
        engine = make_engine()
        mind = ScriptedMind()
        for persona in engine.population.personas:
            persona.llm_client = mind
        engine.population.update_beliefs_from_debate()
        assert mind.asked == []
        hold_debates(engine, 0)
        engine.population.update_beliefs_from_debate()
        assert len(mind.asked) == 5
        engine.population.update_beliefs_from_debate()
        assert len(mind.asked) == 5
        engine.population.personas[2].debate_knowledge.append("A rumour about rents.")
        engine.population.update_beliefs_from_debate()
        assert len(mind.asked) == 6

    def test_the_same_script_gives_the_same_twice(self, workplace: Path) -> None:
        first, second = make_engine(), make_engine()
        assert [live_through(first, epoch) for epoch in (0, 1)] == [live_through(second, epoch) for epoch in (0, 1)]
        assert first.population.conduct_vote(first.candidates) == second.population.conduct_vote(second.candidates)

    def test_posts_may_come_without_an_id(self, workplace: Path) -> None:
        engine = make_engine()
        hold_debates(engine, 0)
        engine.population.update_beliefs_from_debate()
        written = engine.population.create_social_media_posts(1.0)
        posts = [{"persona_id": post["persona_id"], "content": post["content"]} for post in written]
        platform = SocialMedia()
        given = engine.population.react_to_posts(posts, platform, 1.0)
        assert len(platform.posts) == 5
        assert given["total_reactions"] == sum(len(each) for each in platform.reactions.values()) > 0

    def test_a_script_and_then_a_run(self, workplace: Path) -> None:
        engine = make_engine()
        live_through(engine, 0)
        engine.initialize_simulation_output(workplace / "runs")
        result = engine.run()
        assert result.is_complete
        assert len(engine.social_media.posts) == 15, "five by hand, ten in the run"
        assert len({post.id for post in engine.social_media.posts}) == 15


class TestPersonaAlone:
    def test_a_life_without_a_population(self) -> None:
        ann, bo = Persona("ann", PEOPLE[0], "A town."), Persona("bo", PEOPLE[1])
        topic = make_topics()[0]
        question = Question("q1", "Cap them?", topic)
        noor = Candidate("noor", "Aisha Noor", "Calm.", [topic], None)
        statement = noor.craft_debate_statement(question, 0, [])
        transcript = DebateTranscript([statement], "m", 0, 0, 0, topic, question)
        for persona in (ann, bo):
            persona.consume_debate_content(transcript)
            persona.update_beliefs()
        assert ann.beliefs["rents"]["stance"] != bo.beliefs["rents"]["stance"]
        history: list[dict[str, Any]] = []
        for speaker, listener in ((ann, bo), (bo, ann)):
            message = speaker.chat_with_peers(history, listener.id, listener.name)
            assert message
            history.append({"speaker_id": speaker.id, "message": message})
        bo.chats.append(ChatEntry("ann", "Ann", history))
        bo.update_beliefs("chats", max_change_percentage=0.1)
        assert isinstance(bo.outcomes["update_beliefs"], Done)
        post = ann.create_social_media_post([])
        assert post is not None
        assert bo.react_to_post(post) in ("thumbs_up", "thumbs_down", None)
        assert isinstance(bo.outcomes["react_to_post"], Done)
        bo.update_beliefs("social_media_knowledge")
        assert isinstance(bo.outcomes["update_beliefs"], Done)
        assert ann.vote([noor, Candidate("berg", "Johan Berg", "Loud.", [topic], None)]) in CANDIDATES.values()

    def test_beliefs_assigned_as_plain_strings(self) -> None:
        ann = Persona("ann", PEOPLE[0])
        ann.beliefs = {"rents": "They are far too high.", "overall_vote": "Johan Berg"}
        topic = make_topics()[0]
        question = Question("q1", "Cap them?", topic)
        said = [CandidateStatement("noor", "Aisha Noor", "Cap them.", question)]
        ann.consume_debate_content(DebateTranscript(said, "m", 0, 0, 0, topic, question))
        ann.llm_client = mind = ScriptedMind()
        ann.update_beliefs()
        seen = mind.asked[0]
        assert isinstance(seen, DebateUpdateView)
        assert [(belief.topic_id, belief.sentence) for belief in seen.beliefs] == [("rents", "They are far too high.")]
        assert set(ann.beliefs["rents"]) == {"belief", "vote", "stance"}
        assert json.loads(json.dumps(ann.beliefs)) == ann.beliefs

    def test_statements_with_only_raw_text(self) -> None:
        ann = Persona("ann", PEOPLE[0])
        said = [SimpleNamespace(raw_text="Cap the rents."), SimpleNamespace(raw_text="Never.")]
        ann.consume_debate_content(SimpleNamespace(statements=said))
        assert ann.debate_knowledge == ["Cap the rents.", "Never."]
        ann.llm_client = mind = ScriptedMind()
        ann.update_beliefs()
        assert isinstance(mind.asked[0], DebateUpdateView)
        assert mind.asked[0].heard == ("Cap the rents.", "Never.")

    @pytest.mark.parametrize(
        ("reply", "kind"),
        [
            (Failed("timeout"), Failed),
            (Refused("No."), Refused),
            (Unreadable("?!"), Unreadable),
            (NotAsked("why"), NotAsked),
            (ConnectionError("gone"), Failed),
            (Done("a bare string"), Unreadable),
        ],
        ids=lambda item: type(item).__name__,
    )
    def test_no_answer_is_none_with_the_reason_beside_it(self, reply: Any, kind: type) -> None:
        ann = Persona("ann", PEOPLE[0])
        ann.llm_client = ScriptedMind({"*": reply})
        answers = {
            "chat_with_peers": ann.chat_with_peers([{"speaker_id": "bo", "message": "Hi."}], "bo"),
            "create_social_media_post": ann.create_social_media_post([]),
            "react_to_post": ann.react_to_post(Post("1", "bo", "Words.")),
            "vote": ann.vote(list(CANDIDATES.values())),
        }
        assert set(answers.values()) == {None}
        assert {verb: type(ann.outcomes[verb]) for verb in answers} == dict.fromkeys(answers, kind)
        assert ann.posts == []

    def test_a_failed_update_leaves_the_belief_and_the_news(self) -> None:
        ann = Persona("ann", PEOPLE[0])
        ann.beliefs = before = {"rents": "They are far too high."}
        ann.debate_knowledge.append("Cap the rents.")
        ann.llm_client = ScriptedMind({"*": Failed("timeout")})
        ann.update_beliefs()
        assert ann.beliefs == before == {"rents": "They are far too high."}
        assert ann.outcomes["update_beliefs"] == Failed("timeout")
        ann.llm_client = mind = ScriptedMind()
        ann.update_beliefs()
        assert len(mind.asked) == 1, "what was not learned is still new"

    def test_nobody_to_vote_for(self) -> None:
        ann = Persona("ann")
        assert ann.vote([]) is None
        assert isinstance(ann.outcomes["vote"], NotAsked)

    def test_a_partner_s_words_and_posts_are_seen(self) -> None:
        ann = Persona("ann", PEOPLE[0])
        ann.llm_client = mind = ScriptedMind()
        ann.chat_with_peers([{"speaker_id": "bo", "message": "Rents!"}, "And trams."], "bo", "Bo")
        ann.create_social_media_post([Post("1", "bo", "Words."), {"persona_id": "cem", "content": "More."}])
        ann.react_to_post({"id": "7", "persona_id": "bo", "content": "Words."})
        ann.vote([{"id": "noor", "name": "Aisha Noor"}, "Johan Berg"])
        turn, writing, reading, ballot = mind.asked
        assert isinstance(turn, ChatTurnView)
        assert turn.conversation == ("Rents!", "And trams.")
        assert (turn.peer_id, turn.peer_name) == ("bo", "Bo")
        assert isinstance(writing, PostView)
        assert [post.text for post in writing.feed] == ["Words.", "More."]
        assert isinstance(reading, ReactionView)
        assert reading.considered == ("7",)
        assert isinstance(ballot, BallotView)
        assert sorted(card.name for card in ballot.candidates) == ["Aisha Noor", "Johan Berg"]


class TestPartsPutInPlace:
    def test_personas_appended_to_the_list(self, workplace: Path) -> None:
        engine = GameEngine(Config(3, 1, 1, 1, 3, world_story="A town."))
        for person in PEOPLE[:3]:
            engine.population.personas.append(Persona(person["id"], person))
        engine.candidates = make_engine().candidates
        engine.mediator = Mediator("m", make_topics())
        hold_debates(engine, 0)
        engine.population.update_beliefs_from_debate()
        assert all("rents" in persona.beliefs for persona in engine.population.personas)
        assert len(engine.population.chat_with_peers()) == 1
        assert engine.population.conduct_vote(engine.candidates).population == 3
        assert engine.run().vote_counts is not None

    @pytest.mark.parametrize("way", ["added", "appended"])
    def test_what_somebody_heard_alone_is_not_forgotten_on_joining(self, way: str) -> None:
        rents, trams = make_topics()
        ann, population = Persona("ann", PEOPLE[0]), Population()
        ann.consume_debate_content(_transcript(rents))
        if way == "added":
            population.add_persona(ann)
        else:
            population.personas.append(ann)
        population.consume_debate_content(_transcript(trams))
        population.update_beliefs_from_debate()
        assert {"rents", "trams"} <= set(ann.beliefs)

    def test_one_s_own_post_and_one_in_the_population_are_two(self) -> None:
        ann, population = Persona("ann", PEOPLE[0]), Population()
        population.add_persona(ann)
        population.consume_debate_content(_transcript(make_topics()[0]))
        alone = ann.create_social_media_post([])
        together = population.create_social_media_posts(1.0)
        assert alone is not None
        platform = SocialMedia()
        platform.add_post(alone)
        assert platform.add_post(together[0]) != alone.id

    def test_another_population(self, workplace: Path) -> None:
        engine = make_engine()
        engine.population = Population("Another town.", seed=2)
        engine.population.load_from_jsonl("people.jsonl", limit=3)
        assert len(live_through(engine, 0)["votes"]) == 3
        assert engine.population.conduct_vote(engine.candidates).population == 3
        fresh = make_engine()
        fresh.population = Population("Another town.")
        fresh.population.add_persona(Persona("zoe", {"name": "Zoe"}))
        result = fresh.run()
        assert [person["id"] for person in result.metadata["population"]] == ["zoe"]
        assert result.vote_counts is not None
        assert result.vote_counts.population == 1

    def test_the_engine_s_mind_answers_for_everybody_without_one(self, workplace: Path) -> None:
        engine = make_engine()
        engine.llm_client = everybodys = ScriptedMind()
        engine.population.personas[0].llm_client = anns = ScriptedMind()
        engine.candidates[0].llm_client = noors = ScriptedMind()
        engine.run()
        assert {view.person.id for view in anns.asked if hasattr(view, "person")} == {"ann"}
        assert {view.candidate.id for view in noors.asked if hasattr(view, "candidate")} == {"noor"}
        others = {view.person.id for view in everybodys.asked if hasattr(view, "person")}
        assert others == {"bo", "cem", "dora", "eli"}
        assert {view.candidate.id for view in everybodys.asked if hasattr(view, "candidate")} == {"berg"}

    def test_the_engine_s_mind_answers_when_verbs_are_called_by_hand(self, workplace: Path) -> None:
        engine = make_engine()
        engine.llm_client = mind = ScriptedMind()
        engine.population.conduct_vote(engine.candidates)
        assert len(mind.asked) == 5

    def test_a_mind_handed_to_candidates_and_mediator(self) -> None:
        mind, topics = ScriptedMind(), make_topics()
        noor = Candidate("noor", "Aisha Noor", "Calm.", topics, mind)
        mediator = Mediator("m", topics, mind)
        question = mediator.propose_question(topics[0], [])
        mediator.introduce_question(question)
        mediator.orchestrate_debate_turn(question, [noor], 0, [])
        assert [view.act for view in mind.asked] == ["question", "introduction", "opening position", "statement"]


class TestFinalVote:
    def test_the_counts_of_the_run_without_asking_again(self, workplace: Path) -> None:
        engine = make_engine()
        engine.llm_client = mind = ScriptedMind()
        result = engine.run()
        asked = len(mind.asked)
        counts = engine.conduct_final_vote()
        assert counts == result.vote_counts
        assert (counts.abstained, counts.population) == (result.vote_counts.abstained, 5)
        assert engine.conduct_final_vote() == counts
        assert len(mind.asked) == asked

    @pytest.mark.parametrize(
        "change", ["somebody joins", "somebody leaves", "a candidate leaves", "beliefs", "features"]
    )
    def test_it_asks_again_after_a_change(self, workplace: Path, change: str) -> None:
        engine = make_engine()
        engine.llm_client = mind = ScriptedMind()
        engine.run()
        people, candidates = 5, 2
        match change:
            case "somebody joins":
                engine.population.add_persona(Persona("zoe", {"name": "Zoe"}))
                people = 6
            case "somebody leaves":
                del engine.population.personas[0]
                people = 4
            case "a candidate leaves":
                del engine.candidates[0]
                candidates = 1
            case "beliefs":
                engine.population.personas[0].beliefs["rents"] = "I changed my mind."
            case "features":
                engine.population.personas[0].features["age"] = 35
        before = len(mind.asked)
        counts = engine.conduct_final_vote()
        assert [view.act for view in mind.asked[before:]] == ["ballot"] * people
        assert counts.population == people
        assert len(counts) == candidates
        assert sum(counts.values()) + counts.abstained == people

    def test_it_asks_again_once_for_one_change(self, workplace: Path) -> None:
        engine = make_engine()
        engine.llm_client = mind = ScriptedMind()
        engine.run()
        engine.population.personas[0].beliefs["rents"] = "I changed my mind."
        counts = engine.conduct_final_vote()
        asked = len(mind.asked)
        assert engine.conduct_final_vote() == counts
        assert len(mind.asked) == asked

    def test_without_a_run_it_holds_one(self, workplace: Path) -> None:
        engine = make_engine()
        engine.llm_client = mind = ScriptedMind()
        counts = engine.conduct_final_vote()
        assert [view.act for view in mind.asked] == ["ballot"] * 5
        assert set(counts) == set(CANDIDATES.values())

    def test_it_is_saved_where_the_script_says(self, workplace: Path) -> None:
        engine = make_engine()
        engine.initialize_simulation_output("elsewhere")
        engine.save_final_vote(engine.conduct_final_vote())
        assert engine.simulation_dir is not None
        file = workplace / "elsewhere" / engine.simulation_dir.name / "final_vote.json"
        assert set(json.loads(file.read_text(encoding="utf-8"))) == set(CANDIDATES.values())

    def test_it_is_saved_under_the_working_directory_otherwise(self, workplace: Path) -> None:
        engine = make_engine()
        engine.save_final_vote({"Aisha Noor": 3, "Johan Berg": 2})
        (file,) = (workplace / "data" / "simulation").glob("*/final_vote.json")
        assert json.loads(file.read_text(encoding="utf-8")) == {"Aisha Noor": 3, "Johan Berg": 2}

    def test_a_run_writes_below_the_working_directory(self, workplace: Path) -> None:
        engine = make_engine()
        result = engine.run()
        assert engine.simulation_dir is not None
        assert (workplace / engine.simulation_dir).parent == workplace / "data" / "simulation"
        assert engine.simulation_file == engine.simulation_dir / "epochs.jsonl"
        lines = engine.simulation_file.read_text(encoding="utf-8").splitlines()
        assert [json.loads(line) for line in lines] == [{"format_version": 1, **epoch} for epoch in result.epochs]


def _transcript(topic: Topic) -> DebateTranscript:
    question = Question(f"about {topic.id}", "Well?", topic)
    said = [CandidateStatement("noor", "Aisha Noor", "Yes.", question)]
    return DebateTranscript(said, "m", 0, 0, 0, topic, question)
