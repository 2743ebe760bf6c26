"""What happens between acts: transcripts, feeds, memories, and the rows of the record. No mind is asked here."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from ..domain.ballot import Ballot
from ..domain.belief_dict import voting_data
from ..domain.feed_ranking import build_pool
from ..domain.outcome import Done, Outcome, Skipped, value_of
from ..engine.ledger import Ledger, Task
from ..engine.plan import QuestionPlace, TurnPlace, conversation_key, epoch_key
from ..runs.directory import BALLOTS, BELIEFS, CONVERSATIONS, EXPOSURES, REACTIONS
from ..social_media import as_feed_post
from . import rows
from .events import Events
from .labels import mind_labels
from .recorder import Recorder
from .stage import Stage


class Bookkeeping:
    """Takes down how every task ended, and does the tasks in which no mind is asked."""

    def __init__(
        self, stage: Stage, events: Events, recorder: Recorder, ledger: Ledger, at_opening_end: Callable[[], None]
    ) -> None:
        self._stage = stage
        self._events = events
        self._recorder = recorder
        self._ledger = ledger
        self._people = stage.population.members()
        self._candidates = {candidate.id: candidate for candidate in stage.candidates}
        self._failures: defaultdict[int, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
        self._candidate_rows: defaultdict[int, dict[str, dict[str, Any]]] = defaultdict(dict)
        self._has_ballots = False
        self._mind_name = mind_labels(stage)["mind"]
        self._by_step: dict[str, Callable[[Task, Outcome[Any]], None]] = {
            "opening_opinion": self._note_beliefs,
            "debate_update": self._note_beliefs,
            "chat_update": self._note_beliefs,
            "social_update": self._note_beliefs,
            "chat_turn": self._note_turn,
            "post": self._note_post,
            "reaction": self._note_reactions,
            "opening_end": lambda task, outcome: at_opening_end(),
            "transcript": self._publish,
            "candidate_end": self._note_candidate,
            "persona_end": self._end_epoch_of_persona,
            "posts_end": self._gather_posts,
            "feed_end": self._count_reactions,
            "epoch_end": self._write_epoch,
            "run_end": self._write_ballots,
        }

    def settle(self, task: Task, outcome: Outcome[Any]) -> None:
        """Take down how a task ended, before anything that waited for it starts."""
        if task.is_act and task.step != "ballot" and outcome.status not in ("done", "not_asked"):
            self._failures[task.epoch].append((self._ledger.order(task.key), rows.failure_row(task, outcome)))
        if task.step in self._by_step:
            self._by_step[task.step](task, outcome)

    def _add(self, file: str, task: Task, row: dict[str, Any]) -> None:
        self._recorder.add(file, task.epoch, self._ledger.order(task.key), {**row, "mind": self._mind_name})

    # Rows of acts.

    def _note_beliefs(self, task: Task, outcome: Outcome[Any]) -> None:
        persona = self._people[task.about]
        scene = persona.community.scene
        source = persona.mind().source
        first_choice = scene.candidate_name(persona.first_choice())
        for change in value_of(outcome) or persona.unchanged(outcome):
            self._add(BELIEFS, task, rows.belief_row(task, change, scene, first_choice, source))
        if not isinstance(outcome, Skipped) and outcome.status != "not_asked":
            shown, candidates = self._shown_for(task), [card.id for card in persona.candidates_shown]
            self._add(EXPOSURES, task, rows.exposure_row(task, rows.STEPS[task.step], shown, candidates))

    def _shown_for(self, task: Task) -> list[str]:
        if task.step == "debate_update":
            return [transcript.question.id for transcript in self._events.transcripts_of(task.epoch)]
        if task.step == "chat_update":
            return [conversation_key(epoch_key(task.epoch), self._events.conversation_of[task.epoch][task.about])]
        if task.step == "social_update":
            feed, _ = self._events.shown[task.epoch, task.about]
            return [post.id for post in feed]
        return []

    def _note_turn(self, task: Task, outcome: Outcome[Any]) -> None:
        place: TurnPlace = task.about
        if not isinstance(outcome, Skipped):
            self._add(CONVERSATIONS, task, rows.turn_row(task, place.conversation, place.number, outcome))

    def _note_post(self, task: Task, outcome: Outcome[Any]) -> None:
        feed = self._events.shown_to_posters.pop((task.epoch, task.about))
        if feed:
            self._add(EXPOSURES, task, rows.exposure_row(task, "post", [post.id for post in feed], []))

    def _note_reactions(self, task: Task, outcome: Outcome[Any]) -> None:
        feed, considered = self._events.shown[task.epoch, task.about]
        if feed:
            self._add(EXPOSURES, task, rows.exposure_row(task, "feed", [post.id for post in feed], []))
        given = outcome.value.by_post if isinstance(outcome, Done) else {}
        for post_id in considered:
            self._add(REACTIONS, task, rows.reaction_row(task, post_id, given.get(post_id), outcome))

    # Between acts.

    def _publish(self, task: Task, outcome: Outcome[Any]) -> None:
        place: QuestionPlace = task.about
        question = self._events.questions.get(place)
        if question is not None:
            said = self._events.statements[place]
            where = (place.epoch, place.topic_index, place.question_index)
            transcript = self._stage.mediator.publish_debate_transcript(said, question.topic, question, *where)
            self._events.publish(transcript)

    def _note_candidate(self, task: Task, outcome: Outcome[Any]) -> None:
        self._candidate_rows[task.epoch][task.about] = rows.candidate_row(self._candidates[task.about])

    def _end_epoch_of_persona(self, task: Task, outcome: Outcome[Any]) -> None:
        persona = self._people[task.about]
        self._events.let_hear(persona, task.epoch)
        persona.remember_epoch(task.epoch)
        self._recorder.add_person(
            task.epoch,
            self._ledger.order(task.key),
            persona.id,
            votes=voting_data(persona.id, persona.beliefs),
            stances={belief.topic_id: belief.stance for belief in persona.memory[-1].beliefs},
        )
        self._events.shown.pop((task.epoch, task.about), None)  # nobody looks at it any more

    def _gather_posts(self, task: Task, outcome: Outcome[Any]) -> None:
        before = self._events.feed_at_end[task.epoch - 1].posts
        posts = self._events.posts[task.epoch]
        new = [posts[key] for key in sorted(posts, key=self._ledger.order)]
        self._stage.social_media.add_posts(new)
        self._events.feed_to_react_to[task.epoch] = build_pool((*before, *map(as_feed_post, new)))

    def _count_reactions(self, task: Task, outcome: Outcome[Any]) -> None:
        platform, reactions = self._stage.social_media, self._events.reactions.pop(task.epoch, {})
        platform.add_reactions(
            (post_id, who, reaction)
            for who in self._people
            if who in reactions
            for post_id, reaction in reactions[who].by_post.items()
        )
        self._events.feed_at_end[task.epoch] = build_pool(map(as_feed_post, platform.posts))
        del self._events.feed_to_react_to[task.epoch]
        self._events.affinities_at_end.pop(task.epoch - 1)  # whoever sees those has seen them: this gate waited for all
        if task.epoch + 1 < self._stage.config.num_epochs:
            self._events.affinities_at_end[task.epoch] = platform.measure_affinities()

    # Lines and files.

    def _write_epoch(self, task: Task, outcome: Outcome[Any]) -> None:
        epoch = task.epoch
        before = {
            "epoch": epoch,
            "debates": [rows.debate_row(transcript) for transcript in self._events.transcripts_of(epoch)],
            "newsfeed": {"posts": [rows.feed_row(post) for post in self._events.feed_at_end[epoch].posts]},
            "candidates": [self._candidate_rows[epoch][who] for who in self._candidates],
        }
        after = {
            **mind_labels(self._stage),
            "failures": [row for _, row in sorted(self._failures.pop(epoch, []), key=lambda item: item[0])],
        }
        self._recorder.write_epoch(epoch, before, after)
        del self._events.feed_at_end[epoch - 1]  # who read it has read it: this waited for all of the epoch

    def _write_ballots(self, task: Task, outcome: Outcome[Any]) -> None:
        for who in self._events.ballots and self._people:
            self._add(BALLOTS, task, self._ballot_row(who))
        self._recorder.write(task.epoch)
        self._has_ballots = True

    def keep_ballots(self) -> None:
        """Write the ballots of a run that was broken off among them; who was not asked is recorded as not asked."""
        if self._events.ballots and not self._has_ballots:
            self._recorder.write_now(
                BALLOTS, [{**self._ballot_row(who), "mind": self._mind_name} for who in self._people]
            )

    def _ballot_row(self, who: str) -> dict[str, Any]:
        not_asked = Ballot(who, "not_asked", reason="the run was broken off")
        return rows.ballot_row(self._events.ballots.get(who, not_asked), self._people[who].mind().source)
