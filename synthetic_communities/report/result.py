"""What came of a run: its rows, its tables, one person's story, its pictures."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..domain.ballot import Ballot, VoteCounts
from ..errors import RecordError
from ..late import Late
from ..runs import directory
from ..runs.run_files import READ_PAST, RunFiles

if TYPE_CHECKING:
    from . import reading, result_page
    from . import roster as rosters
    from .frames import ballot_rows, failure_rows, people, rows, usage_rows
    from .numbers import figures, findings
    from .pictures import plots
    from .record import Record
    from .stories import conversations as chats
    from .stories import debates as questions
    from .stories import failed_acts as failing
    from .stories import feeds as feeding
    from .stories import story as stories
    from .terminal import side_by_side, tables
else:  # together they take as long to load as all that runs a community
    ballot_rows = Late(f"{__package__}.frames.ballot_rows")
    chats = Late(f"{__package__}.stories.conversations")
    failing = Late(f"{__package__}.stories.failed_acts")
    failure_rows = Late(f"{__package__}.frames.failure_rows")
    feeding = Late(f"{__package__}.stories.feeds")
    figures = Late(f"{__package__}.numbers.figures")
    findings = Late(f"{__package__}.numbers.findings")
    people = Late(f"{__package__}.frames.people")
    plots = Late(f"{__package__}.pictures.plots")
    questions = Late(f"{__package__}.stories.debates")
    reading = Late(f"{__package__}.reading")
    result_page = Late(f"{__package__}.result_page")
    rosters = Late(f"{__package__}.roster")
    rows = Late(f"{__package__}.frames.rows")
    stories = Late(f"{__package__}.stories.story")
    side_by_side = Late(f"{__package__}.terminal.side_by_side")
    tables = Late(f"{__package__}.terminal.tables")
    usage_rows = Late(f"{__package__}.frames.usage_rows")


class SimulationResult:
    """What came of a run, read from its directory when asked for, and from nothing else.

    The lists hold flat dictionaries with the same keys in every row, ready for a data frame: an absent text is `""`, an
    absent number None. `docs/results.md` has their keys.

    Attributes:
        path: the run directory.
    """

    def __init__(self, path: str | Path, *, skip_damaged: bool = False) -> None:
        """Take a run directory.

        Args:
            path: of the directory.
            skip_damaged: pass over damaged lines, listing them in `damages`; False: they are errors.

        Raises:
            RecordError: this is no run directory, or one of a version this package does not know.
        """
        self._files = RunFiles(path, skip_damaged=skip_damaged, way_on=READ_PAST)
        self.path = self._files.path

    def __repr__(self) -> str:
        return f"SimulationResult({str(self.path)!r})"

    def __str__(self) -> str:
        return tables.build_line(self.record)

    def _repr_html_(self) -> str:
        try:
            record = self.record
        except RecordError:  # what a notebook shows of its own accord is what there is to see, and never a traceback
            record = reading.read_record(RunFiles(self.path, skip_damaged=True))
        return result_page.build_result_page(record, findings.find(record), self.path)

    def __eq__(self, other: object) -> bool:
        """Say whether both are of one and the same run directory."""
        if not isinstance(other, SimulationResult):
            return NotImplemented
        return self.path.resolve() == other.path.resolve() and self.metadata == other.metadata

    def __hash__(self) -> int:
        return hash(self.path.resolve())

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """Who and what the run was made of, as `metadata.json` has it."""
        return dict(self._files.metadata.values)

    @property
    def is_complete(self) -> bool:
        """Whether the run came to its end."""
        return self.measured.get("status") == "complete"

    @property
    def damages(self) -> tuple[str, ...]:
        """Every damaged place passed over so far, in words that begin with file and line."""
        return tuple(self._files.damages)

    @property
    def damages_in_short(self) -> tuple[str, ...]:
        """As `damages`; of a file whose lines are of a version this package does not know, they are told together."""
        return self._files.damages_in_short

    @cached_property
    def record(self) -> Record:
        """What tables and pictures are made from."""
        return reading.read_record(self._files)

    @cached_property
    def measured(self) -> dict[str, Any]:
        """What was measured, as `usage.json` has it; empty while the run goes on, or after it was killed."""
        usage = self._files.usage()
        return dict(usage.values) if usage is not None else {}

    @cached_property
    def measures(self) -> dict[str, Any]:
        """Everything that is computed from the record, as `show --json` prints it; `docs/measures.md` has the keys."""
        cost = usage_rows.read_cost(self._files)
        return figures.build_json(self.record, self.path, cost=cost, foretold=self.foretold)

    @cached_property
    def epochs(self) -> list[dict[str, Any]]:
        """The lines of `epochs.jsonl`, without the version of their format: an epoch that has ended each."""
        return self._files.rows(directory.EPOCHS)

    @cached_property
    def people(self) -> list[dict[str, Any]]:
        """A row a person: attributes, stances before and after, first choices, ballot."""
        return people.build_people(self._files.metadata.rows("population"), self.record)

    @cached_property
    def beliefs(self) -> list[dict[str, Any]]:
        """A row for every person, topic and step that could move a belief: by person, by topic, in order of time."""
        return rows.read_beliefs(self._files)

    @cached_property
    def debates(self) -> list[dict[str, Any]]:
        """A row for everything said in debates, questions included, in the order it was said."""
        return rows.read_debates(self._files)

    @cached_property
    def conversations(self) -> list[dict[str, Any]]:
        """A row a chat turn, in the order of the plan."""
        return rows.read_conversations(self._files)

    @cached_property
    def posts(self) -> list[dict[str, Any]]:
        """A row a post, in the order posted, with its reactions at the end of what is recorded."""
        return rows.read_posts(self._files)

    @cached_property
    def reactions(self) -> list[dict[str, Any]]:
        """A row for every post somebody considered reacting to, person by person, in order of time."""
        return rows.read_reactions(self._files)

    @cached_property
    def exposures(self) -> list[dict[str, Any]]:
        """A row for everything somebody was shown, person by person, in order of time."""
        return rows.read_exposures(self._files)

    @cached_property
    def ballots(self) -> list[dict[str, Any]]:
        """A row a person, empty if there was no ballot."""
        return ballot_rows.read_ballots(self._files)

    @cached_property
    def votes(self) -> list[dict[str, Any]]:
        """A row for every candidate, and one for every other way a ballot can end; empty if there was no ballot."""
        return ballot_rows.count_votes(self.record)

    @cached_property
    def failures(self) -> list[dict[str, Any]]:
        """A row for every act that was refused, could not be read, failed or was skipped, ballots included."""
        return failure_rows.read_failures(self._files)

    @cached_property
    def failed_calls(self) -> list[dict[str, Any]]:
        """A row for every try of a call of a model that was made for an act without an answer: request and reply."""
        return failure_rows.read_failed_calls(self._files)

    @cached_property
    def usage(self) -> list[dict[str, Any]]:
        """A row a step: how its acts ended, and what its calls of models took; empty while nothing is measured."""
        return usage_rows.read_usage(self._files)

    @cached_property
    def usage_answered(self) -> dict[str, Any] | None:
        """What those calls took that other records answered, and other runs have paid for; None: there were none."""
        return usage_rows.read_answered(self._files)

    @cached_property
    def usage_by_epoch(self) -> list[dict[str, Any]]:
        """A row for the opening, every epoch and the ballot: what calls of models took; empty where there were none."""
        return usage_rows.read_usage_by_epoch(self._files)

    @cached_property
    def usage_by_agent(self) -> list[dict[str, Any]]:
        """A row for everybody for whom a model was called: what those calls took; empty where there were none."""
        return usage_rows.read_usage_by_agent(self._files)

    @cached_property
    def foretold(self) -> list[dict[str, Any]]:
        """A row for each figure foretold of a run that came to its end: `figure`, `low`, `high`, and what it `took`."""
        return side_by_side.read_foretold(self._files)

    @property
    def vote_counts(self) -> VoteCounts | None:
        """The count of the ballots as `conduct_final_vote` returns it, or None if there was no ballot."""
        if not self.record.ballots:
            return None
        names: dict[str | None, str] = dict(self.record.candidates.items())
        return VoteCounts(
            self.record.candidates.values(),
            (Ballot(who, b.status, candidate_name=names.get(b.candidate_id)) for who, b in self.record.ballots.items()),
        )

    @property
    def plot(self) -> plots.Plots:
        """The pictures: `beliefs()`, `votes()` and `person(id)`, figures of matplotlib (extra `plot`)."""
        return plots.Plots(self.record)

    def summary(self, width: int = 80) -> str:
        """Return the tables of the run as plain text.

        Args:
            width: columns the lines may take, from 80 to 100.

        Raises:
            RecordError: something in the directory is damaged, and damage is not passed over.
        """
        return tables.build_tables(self.record, width, path=self.path)

    def story(self, person_id: str) -> stories.Story:
        """Return one person's story: what it heard, read and said, how its beliefs moved, and how it voted.

        Args:
            person_id: the id, or a name that only one of the people has.

        Raises:
            UsageError: nobody is meant, or several are; the message says who may be.
            RecordError: something in the directory is damaged, and damage is not passed over.
        """
        return stories.read_story(self._files, self._roster, person_id)

    def debate(self, question: str) -> questions.Debate:
        """Return a question and what was said to it.

        Args:
            question: epoch, topic and number of the question, counted from 0, with dots between (`0.rents.1`); the
                topic by its id or its number, an id before a number. Or the id of the question, `e0/debate/rents/q1`.

        Raises:
            UsageError: there is no such question; the message says which there are.
            RecordError: something in the directory is damaged, and damage is not passed over.
        """
        return questions.find_debate(self._files, self._roster, question)

    def conversation(self, conversation_id: str) -> chats.Conversation:
        """Return a conversation, by the id it has in `conversations`.

        Raises:
            UsageError: there is none; the message says which are nearest.
            RecordError: something in the directory is damaged, and damage is not passed over.
        """
        return chats.find_conversation(self._files, self._roster, conversation_id)

    def feed(self, epoch: int) -> feeding.Feed:
        """Return all posts there are at the end of an epoch, counted from 0, with their reactions.

        Raises:
            UsageError: the epoch is not recorded or cannot be read; the message says which are.
            RecordError: something in the directory is damaged, and damage is not passed over.
        """
        return feeding.find_feed(self._files, self._roster, epoch)

    def failed_acts(self) -> failing.FailedActs:
        """Return every act that came to nothing, with what a model was asked for it and what it replied.

        Raises:
            RecordError: something in the directory is damaged, and damage is not passed over.
        """
        return failing.find_failed_acts(self._files, self._roster)

    @cached_property
    def _roster(self) -> rosters.Roster:
        return rosters.read_roster(self._files.metadata)


def load_run(path: str | Path, *, skip_damaged: bool = False) -> SimulationResult:
    """Return what came of the run in this directory: what `GameEngine.run` returned.

    Args:
        path: of the run directory.
        skip_damaged: pass over damaged lines, listing them in `damages`; False: they are errors where they are read.

    Raises:
        RecordError: this is no run directory, or one of a version this package does not know.
    """
    result = SimulationResult(path, skip_damaged=skip_damaged)
    _ = result.metadata  # damage there is no matter of lines to pass over: it is told at once
    return result
