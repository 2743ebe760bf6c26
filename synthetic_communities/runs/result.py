"""What came of a run, as its directory holds it."""

from functools import cached_property
from pathlib import Path
from typing import Any

from ..domain.ballot import MISSING_STATUSES, Ballot, VoteCounts
from ..errors import RecordError
from . import directory
from .reading import check_run, read_json, read_lines, read_metadata


class SimulationResult:
    """What came of a run, read from its directory when asked for, and from nothing else.

    Rows are plain mappings, as the files hold them; `docs/record-format.md` has their keys.

    Attributes:
        path: the run directory.
    """

    def __init__(self, path: str | Path) -> None:
        """Take a run directory.

        Raises:
            RecordError: this is no run directory, or one of a version this package does not know.
        """
        self.path = Path(path)
        check_run(self.path)

    def __repr__(self) -> str:
        return f"SimulationResult({str(self.path)!r})"

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """Who and what the run was made of, as `metadata.json` has it."""
        return read_metadata(self.path)

    @property
    def is_complete(self) -> bool:
        """Whether the run came to its end."""
        return self.usage.get("status") == "complete"

    @cached_property
    def epochs(self) -> list[dict[str, Any]]:
        """A row an epoch that has ended."""
        return self._rows(directory.EPOCHS)

    @cached_property
    def beliefs(self) -> list[dict[str, Any]]:
        """A row for every person, topic and step that could move a belief."""
        return self._rows(directory.BELIEFS)

    @cached_property
    def conversations(self) -> list[dict[str, Any]]:
        """A row a chat turn."""
        return self._rows(directory.CONVERSATIONS)

    @cached_property
    def reactions(self) -> list[dict[str, Any]]:
        """A row for every post somebody considered reacting to."""
        return self._rows(directory.REACTIONS)

    @cached_property
    def exposures(self) -> list[dict[str, Any]]:
        """A row for everything somebody was shown."""
        return self._rows(directory.EXPOSURES)

    @cached_property
    def ballots(self) -> list[dict[str, Any]]:
        """A row a person, empty if there was no ballot."""
        return self._rows(directory.BALLOTS)

    @cached_property
    def failures(self) -> list[dict[str, Any]]:
        """A row for every act that was refused, could not be read, failed or was skipped, ballots apart."""
        return [{"epoch": row["epoch"], **failure} for row in self.epochs for failure in row["failures"]]

    @cached_property
    def usage(self) -> dict[str, Any]:
        """What was measured; empty while the run goes on."""
        file = self.path / directory.USAGE
        return read_json(file) if file.is_file() else {}

    @cached_property
    def votes(self) -> VoteCounts | None:
        """The count of the ballots, or None if there was no ballot."""
        if not self.ballots:
            return None
        names = [candidate["name"] for candidate in self.metadata["candidates"]]
        return VoteCounts(names, [_ballot(row) for row in self.ballots])

    def summary(self) -> str:
        """Return in a few lines who thought and why, how far the run came, and how people voted."""
        provenance = self.metadata["provenance"]
        minds = [provenance["mind"], provenance["candidate_mind"]]
        thought = minds[0] if minds[0] == minds[1] else f"{minds[0]}; candidates and mediator: {minds[1]}"
        lines = [f"Thinking: {thought}, because {provenance['mind_because']}."]
        extent = "complete" if self.is_complete else "partial"
        lines.append(f"{len(self.metadata['population'])} people, {len(self.epochs)} epochs ended, {extent}.")
        if self.votes is not None:
            missing = {name: getattr(self.votes, name) for name in MISSING_STATUSES}
            counts: dict[str, int] = {**self.votes}
            counts.update((name, count) for name, count in missing.items() if count)
            lines.append("Ballots: " + ", ".join(f"{name} {count}" for name, count in counts.items()) + ".")
        return "\n".join(lines)

    def _rows(self, file: str) -> list[dict[str, Any]]:
        return read_lines(self.path / file)


def _ballot(row: dict[str, Any]) -> Ballot:
    try:
        return Ballot(row["id"], row["status"], candidate_id=row["candidate_id"], candidate_name=row["candidate_name"])
    except KeyError as error:
        raise RecordError(f"a line of {directory.BALLOTS} lacks {error}") from error
