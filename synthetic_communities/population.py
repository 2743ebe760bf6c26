"""A population: everybody's acts side by side, behind synchronous verbs."""

import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from .cast.arguments import check_count, check_share
from .cast.community import MAX_CONCURRENT, Community
from .cast.occasion import Occasion
from .cast.sessions import held_open
from .cast.standing import build_cards, find_id_problems
from .cast.thinking import MindSettings, build_mind
from .configuration.people_file import load_people
from .conversation import close_conversation, speak_turn
from .domain.ballot import Ballot, VoteCounts
from .domain.belief_dict import voting_data
from .domain.feed import draw_considered
from .domain.feed_ranking import build_pool
from .domain.key import key_part
from .domain.outcome import Done, Outcome, value_of
from .domain.pairing import Conversation, draw_conversations, draw_posters
from .domain.remark import Remark
from .domain.scene import Scene
from .engine.bridge import run_sync
from .engine.ledger import Ledger, Task
from .engine.plan import TurnPlace, plan_conversation, post_key
from .engine.runner import Places, run_tasks
from .errors import UsageError
from .llm.access.keys import read_environment
from .minds.base import Mind
from .minds.llm.mind import LLMMind
from .persona import Persona, meet
from .social_media import SocialMedia, as_feed_post
from .waiting import shared_by
from .warned import warn_caller


class Population:
    """Everybody in a community, in file order.

    Attributes:
        personas: everybody.
        world_story: the world in words, or None.
        community: what they share.
        ballots: those of the last vote, one a person.
    """

    def __init__(self, world_story: str | None = None, *, seed: int = 0, model: str | Mind | None = None) -> None:
        """Make an empty population.

        Args:
            world_story: the world in words.
            seed: where all chance comes from.
            model: what people think with: a name, or a mind; None: what is found when they are first asked, by name or
                key in the environment, else the offline mind.

        Raises:
            ConfigurationError: no model has this name.
        """
        self.personas: list[Persona] = []
        self.world_story = world_story
        self.ballots: tuple[Ballot, ...] = ()
        mind = _mind_of(model)
        self._community = Community(
            scene=Scene(world_story or ""), mind=mind, seed=seed, max_concurrent=_usual_limit(mind)
        )
        self._platform = SocialMedia()
        self._calls: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"Population({len(self.personas)} personas)"

    @property
    def community(self) -> Community:
        """What everybody shares; setting it sets it for everybody."""
        return self._community

    @community.setter
    def community(self, community: Community) -> None:
        """Give it to everybody at once."""
        self._community = community
        for persona in self.personas:
            persona.community = community

    def size(self) -> int:
        """Return the number of people."""
        return len(self.personas)

    def add_persona(self, persona: Persona) -> None:
        """Add somebody at the end."""
        self.personas.append(persona)
        known = persona.community.scene
        scene = self._community.scene.with_topics(known.topics).with_candidates(known.candidates)
        if scene is self._community.scene:
            persona.community = self._community
        else:
            self.community = replace(self._community, scene=scene)

    def load_from_jsonl(self, file_path: str | Path, limit: int | None = None) -> None:
        """Add people from a file of one mapping a line.

        Args:
            file_path: the file.
            limit: how many to take, a sample drawn from the seed, in the file's order; None: all. Where the file
                holds fewer, all are taken, with a warning.

        Raises:
            ConfigurationError: everything wrong in the file, with file and line.
        """
        if limit is not None:
            check_count("limit", limit, 0)
        people = load_people(file_path, limit, seed=self._community.seed)
        if limit is not None and len(people) < limit:
            warn_caller(f"{file_path} holds {len(people)} people, fewer than the {limit} asked for")
        for persona_id, data in people:
            self.add_persona(Persona(persona_id, data, self.world_story))

    def consume_debate_content(self, debate_transcript: Any) -> None:
        """Let everybody hear a transcript. No model is called."""
        self.members()
        self.community = meet(self._community, debate_transcript)
        for persona in self.personas:
            persona.consume_debate_content(debate_transcript)

    # The three belief verbs, over one shared coroutine.

    def update_beliefs_from_debate(self, max_concurrent: int = 20, max_change_percentage: float = 0.5) -> None:
        """Update everybody's beliefs from the debates they heard; who heard nothing new is not asked.

        Args:
            max_concurrent: how many are asked at once.
            max_change_percentage: how far a stance may move, as a share of the axis, in [0, 1].
        """
        updates = self._run_parallel_belief_updates("debate_knowledge", max_concurrent, max_change_percentage)
        run_sync(updates, twin="Population.update_beliefs_from_debate_async")

    def update_beliefs_from_chat(self, max_concurrent: int = 20, max_change_percentage: float = 0.5) -> None:
        """As `update_beliefs_from_debate`, from conversations."""
        updates = self._run_parallel_belief_updates("chats", max_concurrent, max_change_percentage)
        run_sync(updates, twin="Population.update_beliefs_from_chat_async")

    def update_beliefs_from_social_media(self, max_concurrent: int = 20, max_change_percentage: float = 0.5) -> None:
        """As `update_beliefs_from_debate`, from posts seen."""
        updates = self._run_parallel_belief_updates("social_media_knowledge", max_concurrent, max_change_percentage)
        run_sync(updates, twin="Population.update_beliefs_from_social_media_async")

    async def update_beliefs_from_debate_async(
        self, max_concurrent: int = 20, max_change_percentage: float = 0.5
    ) -> None:
        """As `update_beliefs_from_debate`."""
        await self._run_parallel_belief_updates("debate_knowledge", max_concurrent, max_change_percentage)

    async def update_beliefs_from_chat_async(
        self, max_concurrent: int = 20, max_change_percentage: float = 0.5
    ) -> None:
        """As `update_beliefs_from_chat`."""
        await self._run_parallel_belief_updates("chats", max_concurrent, max_change_percentage)

    async def update_beliefs_from_social_media_async(
        self, max_concurrent: int = 20, max_change_percentage: float = 0.5
    ) -> None:
        """As `update_beliefs_from_social_media`."""
        await self._run_parallel_belief_updates("social_media_knowledge", max_concurrent, max_change_percentage)

    async def update_beliefs_async(self, knowledge_category: str = "debate_knowledge") -> None:
        """Update everybody's beliefs from one of the three lists of knowledge, under the population's own limit."""
        await self._run_parallel_belief_updates(knowledge_category, self._community.max_concurrent)

    async def _run_parallel_belief_updates(
        self, knowledge_category: str, max_concurrent: int = 20, max_change_percentage: float = 0.5
    ) -> None:
        """Ask all who have something new to learn, side by side."""
        check_count("max_concurrent", max_concurrent, 1)
        check_share("max_change_percentage", max_change_percentage)
        call = self._next_call(f"belief/{knowledge_category}")
        learners = {who: p for who, p in self.members().items() if p.has_news(knowledge_category)}

        async def learn(task: Task) -> Outcome[Any]:
            """Return one person's update, or why there is none."""
            return await learners[task.about].learn(knowledge_category, Occasion(task.key, call), max_change_percentage)

        await self._side_by_side(f"call{call}/belief/{knowledge_category}", learners, learn, limit=max_concurrent)

    # The other acts.

    def chat_with_peers(self, num_rounds_mean: int = 3, num_rounds_variance: int = 1) -> list[dict[str, Any]]:
        """Let everybody talk with one other, drawn by chance; of an odd number one stays alone.

        Args:
            num_rounds_mean: how many times each of the two speaks, on average.
            num_rounds_variance: a half-range: the number is drawn evenly from the mean plus or minus this.

        Returns:
            `{participants: [id, id], num_rounds, conversation: [{speaker_id, message}]}` for every pair, where
            `num_rounds` is what was drawn; a conversation ends early when somebody gives no answer.
        """
        return run_sync(self.chat_with_peers_async(num_rounds_mean, num_rounds_variance))

    async def chat_with_peers_async(
        self, num_rounds_mean: int = 3, num_rounds_variance: int = 1
    ) -> list[dict[str, Any]]:
        """As `chat_with_peers`."""
        check_count("num_rounds_mean", num_rounds_mean, 1)
        check_count("num_rounds_variance", num_rounds_variance, 0)
        call = self._next_call("chat")
        by_id = self.members()
        chance = self._community.chance_of("", call)
        conversations = draw_conversations(by_id, chance, num_rounds_mean, num_rounds_variance)
        said: dict[Conversation, list[Remark]] = {conversation: [] for conversation in conversations}

        async def speak(task: Task) -> Outcome[Remark]:
            """Return a turn, said after those before it; one that failed is not there for the next."""
            place: TurnPlace = task.about
            so_far = said[place.conversation]
            outcome = await speak_turn(by_id, place, so_far, Occasion(task.key, call))
            so_far += [outcome.value] if isinstance(outcome, Done) else []
            return outcome

        turns = [task for conversation in conversations for task in plan_conversation(conversation, f"call{call}")]
        places = Places(self._community.max_concurrent)
        async with held_open([persona.mind() for persona in by_id.values()]):
            with shared_by(len(by_id), places.limit):
                await run_tasks(Ledger(turns), speak, _ignore, places=places)
        return [close_conversation(by_id, conversation, said[conversation]) for conversation in conversations]

    def create_social_media_posts(self, post_probability: float = 0.07) -> list[dict[str, Any]]:
        """Let some people post, drawn by chance.

        Args:
            post_probability: how likely each one is to post, in [0, 1].

        Returns:
            `{persona_id, content, id}` for every post.
        """
        return run_sync(self.create_social_media_posts_async(post_probability))

    async def create_social_media_posts_async(self, post_probability: float = 0.07) -> list[dict[str, Any]]:
        """As `create_social_media_posts`."""
        check_share("post_probability", post_probability)
        call = self._next_call("post")
        by_id = self.members()
        pool = build_pool(as_feed_post(post) for persona in self.personas for post in persona.posts)
        affinities = self._platform.measure_affinities()

        async def write(task: Task) -> Outcome[Any]:
            """Return a person's post, written after a look at its own feed."""
            feed = self._community.feed_of(task.about, call, pool, affinities.get(task.about))
            return await by_id[task.about].write_post(feed, Occasion(post_key(f"call{call}", task.about), call))

        posters = draw_posters(by_id, self._community.chance_of("", call), post_probability)
        outcomes = await self._side_by_side(f"call{call}/post", posters, write)
        written = [value_of(outcome) for outcome in outcomes]
        return [{"persona_id": p.persona_id, "content": p.content, "id": p.id} for p in written if p is not None]

    def react_to_posts(
        self,
        posts: Iterable[Any],
        social_media_platform: SocialMedia | None = None,
        reaction_probability: float = 0.4,
    ) -> dict[str, int]:
        """Let everybody see their feed of these posts, and react to some of them.

        Each person is shown the first `feed_size` of the posts (without its own) ranked for it, a draw says which of
        them it considers reacting to, and it is asked once.

        Args:
            posts: posts, or mappings with `persona_id` and `content`.
            social_media_platform: where the reactions are noted; posts it lacks are added.
            reaction_probability: how likely a person is to consider reacting to a post it is shown, in [0, 1].

        Returns:
            `{total_reactions, thumbs_up, thumbs_down}`.
        """
        return run_sync(self.react_to_posts_async(posts, social_media_platform, reaction_probability))

    async def react_to_posts_async(
        self,
        posts: Iterable[Any],
        social_media_platform: SocialMedia | None = None,
        reaction_probability: float = 0.4,
    ) -> dict[str, int]:
        """As `react_to_posts`."""
        check_share("reaction_probability", reaction_probability)
        call = self._next_call("react")
        platform = social_media_platform if social_media_platform is not None else self._platform
        affinities = platform.measure_affinities()
        pool = build_pool(platform.adopt_posts(posts))
        by_id = self.members()

        async def react(task: Task) -> Outcome[Any]:
            """Return a person's reactions to those posts of its feed that are drawn."""
            feed = self._community.feed_of(task.about, call, pool, affinities.get(task.about))
            considered = draw_considered(feed, self._community.chance_of(task.about, call), reaction_probability)
            return await by_id[task.about].react(feed, considered, Occasion(task.key, call))

        outcomes = await self._side_by_side(f"call{call}/react", by_id, react)
        given: Counter[str] = Counter()
        for persona_id, outcome in zip(by_id, outcomes, strict=True):
            reactions = value_of(outcome)
            for post_id, reaction in (reactions.by_post if reactions else {}).items():
                platform.add_reaction(post_id, persona_id, reaction)
                given[reaction] += 1
        return {"total_reactions": given.total(), **{kind: given[kind] for kind in SocialMedia.VALID_REACTIONS}}

    def conduct_vote(self, candidates: Iterable[Any]) -> VoteCounts:
        """Let everybody vote, and count; the ballots themselves stand in `ballots` afterwards.

        Args:
            candidates: `Candidate`s, mappings with id and name, or names.

        Raises:
            UsageError: something is no candidate, or two share an id or a name.
        """
        return run_sync(self.conduct_vote_async(candidates))

    async def conduct_vote_async(self, candidates: Iterable[Any]) -> VoteCounts:
        """As `conduct_vote`."""
        call = self._next_call("ballot")
        cards = build_cards(candidates)
        by_id = self.members()

        async def vote(task: Task) -> Outcome[Ballot]:
            """Return a person's ballot; one without a choice is one too, and says why."""
            return Done(await by_id[task.about].cast_ballot(cards, Occasion(task.key, call)))

        outcomes = await self._side_by_side(f"call{call}/ballot", by_id, vote)
        self.ballots = tuple(outcome.value for outcome in outcomes if isinstance(outcome, Done))
        return VoteCounts([card.name for card in cards], self.ballots)

    def get_voting_data(self) -> list[dict[str, Any]]:
        """Return `{id, policy_positions {topic id: {reasoning, vote}}, overall_vote}` for everybody."""
        return [voting_data(persona.id, persona.beliefs) for persona in self.personas]

    def members(self) -> dict[str, Persona]:
        """Return everybody by id, all sharing what any of them knows of the stage.

        Raises:
            UsageError: an id is no text, or two people have it.
        """
        for problem in find_id_problems("person", [persona.id for persona in self.personas]):
            raise UsageError(str(problem))
        scene = self._community.scene
        for persona in self.personas:
            if persona.community is not self._community:
                known = persona.community.scene
                scene = scene.with_topics(known.topics).with_candidates(known.candidates)
        mind = self._community.mind or (self._community.find_mind() if self.personas else None)
        self.community = replace(self._community, scene=scene, mind=mind)
        return {persona.id: persona for persona in self.personas}

    def _next_call(self, verb: str) -> int:
        number = self._calls[verb]
        self._calls[verb] += 1
        return number

    async def _side_by_side(
        self,
        prefix: str,
        persona_ids: Iterable[str],
        act: Callable[[Task], Awaitable[Outcome[Any]]],
        *,
        limit: int | None = None,
    ) -> list[Outcome[Any]]:
        """Return how one act of each of these people ended, in their order."""
        tasks = [Task(f"{prefix}/{key_part(who)}", "act", about=who) for who in persona_ids]
        ended: dict[str, Outcome[Any]] = {}

        def settle(task: Task, outcome: Outcome[Any]) -> None:
            """Keep what came of a task."""
            ended[task.key] = outcome

        places = Places(limit or self._community.max_concurrent)
        async with held_open([persona.mind() for persona in self.personas]):
            with shared_by(len(tasks), places.limit):
                await run_tasks(Ledger(tasks), act, settle, places=places)
        return [ended[task.key] for task in tasks]


def _mind_of(model: str | Mind | None) -> Mind | None:
    if isinstance(model, str):
        return build_mind(model, MindSettings(), read_environment(os.environ))
    return model


def _usual_limit(mind: Mind | None) -> int:
    """Return how many are asked at once where nothing else is said: as many as the model's server usually bears."""
    own = mind.max_concurrent if isinstance(mind, LLMMind) else None
    return own or MAX_CONCURRENT


def _ignore(task: Task, outcome: Outcome[Any]) -> None:
    """Settle nothing: the acts themselves keep what was said."""
