"""The journal: what is on the disk when, what is read back, and what is said of a journal that cannot be used."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from synthetic_communities.errors import RecordError
from synthetic_communities.llm.failures import CallError, ModelUnavailableError, WrongSettingsError
from synthetic_communities.llm.first_replies import FirstReplies
from synthetic_communities.llm.journal import file, rows, writer
from synthetic_communities.llm.journal.digests import digest_text, fingerprint
from synthetic_communities.llm.journal.entry import FailedTry, JournalEntry
from synthetic_communities.llm.journal.file import (
    BESIDE,
    JournalError,
    count_calls,
    is_begun,
    open_to_read,
    open_to_write,
)
from synthetic_communities.llm.journal.journal import CallNotRecordedError, Journal, RequestDiffersError, journaling
from synthetic_communities.llm.journal.journaled import Journaled, as_journaled
from synthetic_communities.llm.journal.mounts import is_on_network, read_mounts
from synthetic_communities.llm.journal.recorded import Recorded, read_about, spell_difference
from synthetic_communities.llm.journal.transaction import transaction
from synthetic_communities.llm.journal.writer import JournalWriter
from synthetic_communities.llm.model import Call, ModelReply, ModelRequest, ReplyFormat, Usage
from synthetic_communities.llm.wrapper import Wrapper
from synthetic_communities.testing.environment import build_environment
from synthetic_communities.testing.models import ScriptedModel
from synthetic_communities.testing.virtual_time import run_in_virtual_time
from tests.model_calls import CALL, JUDGEMENT, make_request

MODEL = "scripted:model"
HALF = "half a pair \ud800"


@pytest.fixture(autouse=True)
def _gather_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "GATHER_SECONDS", 0.0)


def make_reply(text: str = "Yes.", **changes: Any) -> ModelReply:
    return ModelReply(text, **{"stop": "end", "model": "model-2026", **changes})


def make_entry(
    request: ModelRequest, result: ModelReply | CallError | None = None, call: Call = CALL, **changes: Any
) -> JournalEntry:
    asked = fingerprint(MODEL, request)
    return JournalEntry(call, asked.request, result=result or make_reply(), seconds=0.5, ended=1e9, **changes)


def keep(path: Path, *entries: tuple[ModelRequest, JournalEntry], replicate: int = 0) -> None:
    """Write entries to a journal."""

    async def write() -> None:
        journal = JournalWriter(path, replicate=replicate)
        for request, entry in entries:
            await journal.write(entry, request, fingerprint(MODEL, request))
        journal.close()

    asyncio.run(write())


def keep_replies(path: Path, *texts: str, call: Call = CALL) -> None:
    """Write the replies to requests that say the same as the replies."""
    keep(path, *((make_request(text), make_entry(make_request(text), make_reply(text), call)) for text in texts))


def take(recorded: Recorded, request: ModelRequest, call: Call = CALL) -> JournalEntry | None:
    return recorded.take_same(call, fingerprint(MODEL, request).request)


def leave_unclosed(path: Path, mode: str = "WAL") -> None:
    """Write a journal in a process that ends without closing it."""
    script = f"""
import asyncio, os
from pathlib import Path
from synthetic_communities.llm.journal import writer
from tests.test_journal import MODEL, fingerprint, make_entry, make_request
writer._lies_on_network = lambda path: {mode != "WAL"}

async def main():
    journal = writer.JournalWriter(Path({str(path)!r}))
    for text in ("a", "b"):
        request = make_request(text)
        await journal.write(make_entry(request), request, fingerprint(MODEL, request))
    os._exit(0)

asyncio.run(main())
"""
    subprocess.run([sys.executable, "-c", script], env=build_environment(), check=True, timeout=60)


def look(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return what lies in a directory, with the time it was last written."""
    return {each.name: (each.read_bytes(), each.stat().st_mtime_ns) for each in folder.iterdir()}


class TestFingerprint:
    def test_equal_requests_are_equal_in_short(self) -> None:
        assert fingerprint(MODEL, make_request("a")) == fingerprint(MODEL, make_request("a"))

    @pytest.mark.parametrize(
        "other",
        [
            ModelRequest(("The rules.",), ("The town.", "Who are you?"), max_output_tokens=300),
            ModelRequest(("The rules.The town.",), ("Who are you?",), max_output_tokens=300),
            make_request(max_output_tokens=301),
            make_request(temperature=0.0),
            make_request(effort="low"),
            make_request(seed=1),
            make_request(reply_format=JUDGEMENT),
            make_request("Who are you? "),
        ],
    )
    def test_whatever_is_asked_otherwise_is_another_request(self, other: ModelRequest) -> None:
        assert fingerprint(MODEL, other).request != fingerprint(MODEL, make_request()).request

    def test_another_model_is_another_request(self) -> None:
        assert fingerprint("other:model", make_request()).request != fingerprint(MODEL, make_request()).request

    @pytest.mark.parametrize(("first", "second"), [(1, 1.0), (1.0, 1), (-0.0, 0)])
    def test_a_number_written_otherwise_is_the_same_whatever_was_asked_before(
        self, first: float, second: float
    ) -> None:
        spelled = [fingerprint(MODEL, make_request(temperature=each)).settings for each in (first, second)]
        assert spelled[0] == spelled[1]
        assert f'"temperature":{float(second) + 0.0}' in spelled[0]

    def test_equal_schemas_are_one_though_they_are_two_objects(self) -> None:
        again = ReplyFormat(JUDGEMENT.name, dict(JUDGEMENT.schema))
        assert fingerprint(MODEL, make_request(reply_format=again)) == fingerprint(
            MODEL, make_request(reply_format=JUDGEMENT)
        )

    def test_half_a_pair_has_a_digest_of_its_own(self) -> None:
        assert digest_text(HALF) != digest_text("half a pair \ud801")


class TestFile:
    @pytest.mark.parametrize(
        "result",
        [
            make_reply(),
            make_reply("", stop="refused"),
            make_reply("cut", stop="cut", usage=Usage(input_tokens=0, output_tokens=7, thinking_tokens=3)),
            make_reply(usage=Usage(input_tokens=1, cache_write_tokens=9, cache_write_1h_tokens=8, cache_read_tokens=7)),
            make_reply(HALF, model=HALF),
            make_reply("before\0after"),
            make_reply("\N{GRINNING FACE}\u2028\r\n"),
            make_reply("x" * 10_000_000),
        ],
        ids=["reply", "refused", "cut", "cached", "half a pair", "NUL", "beyond ASCII", "10 MB"],
    )
    def test_a_reply_is_read_back_as_it_was(self, tmp_path: Path, result: ModelReply) -> None:
        request = make_request(result.text, HALF, "\0")
        keep(tmp_path / "j", (request, make_entry(request, result, source="cache")))
        with Recorded(tmp_path / "j") as recorded:
            entry = take(recorded, request)
        assert entry == make_entry(request, result, source="cache")

    def test_one_of_an_earlier_version_is_read_and_gone_on_with(self, tmp_path: Path) -> None:
        old, new = make_request("old"), make_request("new")
        usage = Usage(input_tokens=1, cache_write_tokens=9, cache_write_1h_tokens=8)
        keep(tmp_path / "j", (old, make_entry(old, make_reply(usage=usage))))
        with closing(sqlite3.connect(tmp_path / "j")) as connection:
            connection.execute("ALTER TABLE calls DROP COLUMN cache_write_1h_tokens")
        before = look(tmp_path)
        known = replace(usage, cache_write_1h_tokens=None)
        with Recorded(tmp_path / "j") as recorded:
            assert take(recorded, old) == make_entry(old, make_reply(usage=known))
            assert [paid for _, paid in recorded.list_paid()] == [known]
        assert look(tmp_path) == before
        keep(tmp_path / "j", (new, make_entry(new, make_reply(usage=usage))))
        with Recorded(tmp_path / "j") as recorded:
            assert [paid for _, paid in recorded.list_paid()] == [known, usage]

    def test_what_answers_took_is_told_of_those_that_are_taken(self, tmp_path: Path) -> None:
        usages = [Usage(output_tokens=number) for number in range(3)]
        opening, later, failed = make_request("a"), make_request("b"), make_request("c")
        keep(
            tmp_path / "j",
            (opening, make_entry(opening, make_reply(usage=usages[1]), Call("opening/x"), source="replicate")),
            (later, make_entry(later, make_reply(usage=usages[2]))),
            (failed, make_entry(failed, CallError("timeout"))),
        )
        with Recorded(tmp_path / "j") as recorded:
            told = [(each.source, each.model, each.usage) for each in recorded.list_answers()]
        assert told == [("replicate", MODEL, usages[1]), ("call", MODEL, usages[2]), ("call", MODEL, Usage())]
        with Recorded(tmp_path / "j", beginning="opening/") as recorded:
            (only,) = recorded.list_answers()
        assert (only.key, only.question[1:]) == ("opening/x", (1, fingerprint(MODEL, opening).request))
        with closing(sqlite3.connect(tmp_path / "j")) as connection, connection:
            connection.execute("UPDATE calls SET settings = x'00'")
        with Recorded(tmp_path / "j") as recorded, pytest.raises(RecordError, match="j cannot be read"):
            list(recorded.list_answers())

    def test_a_journal_of_which_nothing_is_written_yet_holds_no_answers(self, tmp_path: Path) -> None:
        (tmp_path / "j").touch()
        with Recorded(tmp_path / "j", is_shared=True) as recorded:
            assert list(recorded.list_answers()) == []

    @pytest.mark.parametrize("usage", [None, Usage(input_tokens=3)])
    def test_a_failure_is_read_back_as_it_was(self, tmp_path: Path, usage: Usage | None) -> None:
        request = make_request()
        failure = CallError("server error", HALF, status=500, usage=usage)
        keep(tmp_path / "j", (request, make_entry(request, failure)))
        with Recorded(tmp_path / "j") as recorded:
            entry = take(recorded, request)
        assert entry is not None
        with pytest.raises(CallError) as raised:
            entry.give()
        found = raised.value
        assert (found.kind, found.detail, found.status, found.usage) == ("server error", HALF, 500, usage)
        measured = entry.as_measured("provider:model")
        assert (measured.outcome, measured.asked) == ("server error", "provider:model")

    def test_a_key_may_hold_anything(self, tmp_path: Path) -> None:
        call = Call(f"e0/chat/{HALF}", HALF, 2)
        keep_replies(tmp_path / "j", "a", call=call)
        with Recorded(tmp_path / "j") as recorded:
            entry = take(recorded, make_request("a"), call)
        assert entry is not None
        assert entry.call == call

    def test_a_text_stands_there_once(self, tmp_path: Path) -> None:
        keep_replies(tmp_path / "j", "a", "b", "c")
        keep_replies(tmp_path / "j", "c", "d")
        with closing(open_to_read(tmp_path / "j")) as connection:
            texts = sorted(text for (text,) in connection.execute("SELECT text FROM texts"))
        assert [text for text in texts if not text.startswith("{")] == ["The rules.", "The town.", *"abcd"]

    def test_it_tells_its_version_and_only_its_owner_reads_it(self, tmp_path: Path) -> None:
        before = os.umask(0)
        try:
            keep_replies(tmp_path / "j", "a")
        finally:
            os.umask(before)
        assert read_about(tmp_path / "j") == {"format_version": "1"}
        assert (tmp_path / "j").stat().st_mode & 0o777 == 0o600

    def test_what_is_committed_is_on_the_disk(self, tmp_path: Path) -> None:
        connection, mode = open_to_write(tmp_path / "j")
        with closing(connection):
            assert mode == "wal"
            assert connection.execute("PRAGMA synchronous").fetchone() == (2,)

    def test_on_a_network_the_slower_journal_is_used_even_if_it_was_made_elsewhere(self, tmp_path: Path) -> None:
        keep_replies(tmp_path / "j", "a")
        connection, mode = open_to_write(tmp_path / "j", is_on_network=True)
        with closing(connection):
            assert mode == "delete"
            assert connection.execute("PRAGMA synchronous").fetchone() == (2,)

    @pytest.mark.parametrize("make", [lambda path: path.touch(), lambda path: open_half(path)], ids=["empty", "half"])
    def test_one_whose_making_was_cut_off_is_empty(self, tmp_path: Path, make: Callable[[Path], None]) -> None:
        make(tmp_path / "j")
        assert (count_calls(tmp_path / "j"), is_begun(tmp_path / "j"), read_about(tmp_path / "j")) == (0, False, {})
        with Recorded(tmp_path / "j") as recorded:
            assert (len(recorded), take(recorded, make_request())) == (0, None)
        keep_replies(tmp_path / "j", "a")
        assert (count_calls(tmp_path / "j"), is_begun(tmp_path / "j")) == (1, True)

    @pytest.mark.parametrize("open_it", [open_to_read, open_to_write])
    def test_another_version_is_refused_by_name_and_left_alone(
        self, tmp_path: Path, open_it: Callable[[Path], Any]
    ) -> None:
        keep_replies(tmp_path / "j", "a")
        with closing(sqlite3.connect(tmp_path / "j")) as connection, connection:
            connection.execute("UPDATE about SET value = '7'")
            connection.execute("DROP TABLE failed_tries")
        with pytest.raises(JournalError, match=r"j is of format version 7; this package reads version 1$"):
            open_it(tmp_path / "j")
        with closing(sqlite3.connect(tmp_path / "j")) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert tables == {"about", "texts", "calls"}

    def test_of_a_journal_that_is_refused_no_copy_is_left(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "copies").mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "copies"))
        keep_replies(tmp_path / "j", "a")
        with closing(sqlite3.connect(tmp_path / "j")) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("UPDATE about SET value = '7'")
            connection.commit()
            assert (tmp_path / "j-wal").stat().st_size
            with pytest.raises(JournalError, match="of format version 7") as refused:
                open_to_read(tmp_path / "j")
            assert refused.tb, "which holds the connection, so that nobody but who opened it has closed it"
            assert list((tmp_path / "copies").iterdir()) == []

    def test_what_sqlite_took_back_itself_is_told_as_it_was(self) -> None:
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
            connection.execute("CREATE TABLE songs (name TEXT UNIQUE)")
            with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"), transaction(connection):
                connection.executemany("INSERT OR ROLLBACK INTO songs VALUES (?)", ["a", "a"])
            assert connection.execute("SELECT count(*) FROM songs").fetchone() == (0,)

    @pytest.mark.parametrize("open_it", [open_to_read, open_to_write])
    def test_another_database_is_refused(self, tmp_path: Path, open_it: Callable[[Path], Any]) -> None:
        with closing(sqlite3.connect(tmp_path / "j")) as connection, connection:
            connection.execute("CREATE TABLE songs (name TEXT)")
        with pytest.raises(JournalError, match="j is no journal: no such table: about"):
            open_it(tmp_path / "j")

    def test_a_symbolic_link_is_refused(self, tmp_path: Path) -> None:
        keep_replies(tmp_path / "elsewhere", "a")
        for name, target in (("there", "elsewhere"), ("nowhere", "new")):
            (tmp_path / name).symlink_to(tmp_path / target)
            with pytest.raises(JournalError, match=f"{name} is a symbolic link"):
                open_to_write(tmp_path / name)
            with pytest.raises(JournalError, match=f"{name} is no file"):
                open_to_read(tmp_path / name)
        assert not (tmp_path / "new").exists()

    @pytest.mark.parametrize("cut", [100, 4096, 4097, -1], ids=["header", "page", "a byte more", "a byte less"])
    def test_a_truncated_one_is_reported(self, tmp_path: Path, cut: int) -> None:
        keep_replies(tmp_path / "j", *map(str, range(100)))
        content = (tmp_path / "j").read_bytes()
        (tmp_path / "j").write_bytes(content[:cut])
        with pytest.raises(JournalError, match=r"j is damaged: .*; take it from a copy, or run again"):
            open_to_read(tmp_path / "j")

    def test_a_damaged_page_is_reported_with_what_sqlite_says_of_the_place(self, tmp_path: Path) -> None:
        keep_replies(tmp_path / "j", *map(str, range(100)))
        content = bytearray((tmp_path / "j").read_bytes())
        for page, told in (
            (5, r"\*\*\* in database main \*\*\*, Page 5: .*"),
            (8, r".* in the table \w+, after row \d+"),
        ):
            start = (page - 1) * 4096
            (tmp_path / "j").write_bytes(content[:start] + b"\xff" * 2000 + content[start + 2000 :])
            with pytest.raises(JournalError, match=f"j is damaged: {told}; take it"):
                open_to_read(tmp_path / "j")

    def test_what_is_no_database_is_reported(self, tmp_path: Path) -> None:
        (tmp_path / "j").write_text("no database at all, but words" * 500, encoding="utf-8")
        for open_it in (open_to_read, open_to_write):
            with pytest.raises(JournalError, match="j is damaged: file is not a database; take it from a copy"):
                open_it(tmp_path / "j")

    def test_a_torn_end_of_the_log_is_passed_over(self, tmp_path: Path) -> None:
        leave_unclosed(tmp_path / "j")
        log = tmp_path / f"j{BESIDE[0]}"
        log.write_bytes(log.read_bytes()[:-5])
        assert count_calls(tmp_path / "j") == 1, "the entry whose page was torn was never told to be there"

    def test_reading_makes_and_changes_no_file(self, tmp_path: Path) -> None:
        keep_replies(tmp_path / "j", "a")
        before = look(tmp_path)
        assert set(before) == {"j"}
        with Recorded(tmp_path / "j") as recorded:
            assert take(recorded, make_request("a")) is not None
            assert look(tmp_path) == before
        assert look(tmp_path) == before

    @pytest.mark.parametrize("mode", ["WAL", "DELETE"])
    def test_that_of_a_killed_run_is_read_and_left_as_it_lies(self, tmp_path: Path, mode: str) -> None:
        (tmp_path / "run").mkdir()
        leave_unclosed(tmp_path / "run" / "j", mode)
        before = look(tmp_path / "run")
        assert (f"j{BESIDE[0]}" in before) is (mode == "WAL")
        with Recorded(tmp_path / "run" / "j") as recorded:
            assert len(recorded) == 2
            assert take(recorded, make_request("b")) is not None
        assert look(tmp_path / "run") == before

    def test_one_that_cannot_be_opened_says_why(self, tmp_path: Path) -> None:
        with pytest.raises(JournalError, match=r"nowhere/j cannot be opened: No such file or directory$"):
            open_to_write(tmp_path / "nowhere" / "j")

    def test_one_that_another_process_holds_is_said_to_be_held(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(file, "PATIENCE_SECONDS", 0.05)
        keep_replies(tmp_path / "j", "a")
        with closing(sqlite3.connect(tmp_path / "j", isolation_level=None)) as holder:
            holder.execute("PRAGMA journal_mode=DELETE")
            holder.execute("BEGIN EXCLUSIVE")
            with pytest.raises(JournalError, match="j: database is locked; another process is using it"):
                open_to_write(tmp_path / "j")

    def test_two_processes_may_make_one_at_once(self, tmp_path: Path) -> None:
        failures: list[BaseException] = []

        def write(number: int) -> None:
            try:
                keep_replies(tmp_path / "j", *(f"{number} {each}" for each in range(5)))
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert failures == []
        assert count_calls(tmp_path / "j") == 30
        connection, mode = open_to_write(tmp_path / "j")
        connection.close()
        assert mode == "wal"


def open_half(path: Path) -> None:
    """Make a database as a run that is killed before its journal has tables."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


class TestMounts:
    MOUNTS = (
        "/dev/sda1 / ext4 rw 0 0\nserver:/home /home nfs4 rw 0 0\n/dev/sdb1 /home/me/local ext4 rw 0 0\n"
        "//nas/x /mnt/my\\040share cifs rw 0 0\nserver:/y /mnt/a\\134b nfs rw 0 0\n"
        "server:/z /data nfs rw 0 0\n/dev/sdc1 / ext4 rw 0 0\ngarbage\n"
    )

    @pytest.mark.parametrize(
        ("path", "expected"),
        [
            ("/srv/run", False),
            ("/home/me/run", True),
            ("/homes/me/run", False),
            ("/home/me/local/run", False),
            ("/mnt/my share/run", True),
            ("/data/run", True),
            ("/mnt/a\\b/run", True),
        ],
    )
    def test_the_nearest_mount_counts(self, path: str, expected: bool) -> None:
        assert is_on_network(Path(path), self.MOUNTS) is expected

    def test_where_nothing_is_told_it_is_taken_for_a_disk(self) -> None:
        assert is_on_network(Path("/home/me"), "") is False
        assert isinstance(read_mounts(), str)


class _Failing(sqlite3.Connection):
    """A connection that fails to write calls as told."""

    failure: Exception | None = None

    def execute(self, statement: str, *arguments: Any) -> sqlite3.Cursor:
        if self.failure is not None and "INTO calls" in statement:
            raise self.failure
        return super().execute(statement, *arguments)


class TestWriter:
    def test_nobody_is_told_before_it_is_on_the_disk(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        may_commit = threading.Event()
        seen: list[str] = []

        def add_rows(connection: sqlite3.Connection, new: rows.Rows) -> None:
            assert may_commit.wait(30)
            rows.add_rows(connection, new)
            seen.append("committed")

        monkeypatch.setattr(writer, "add_rows", add_rows)

        async def main() -> int:
            journal = JournalWriter(tmp_path / "j")
            request = make_request()
            writing = asyncio.create_task(journal.write(make_entry(request), request, fingerprint(MODEL, request)))
            writing.add_done_callback(lambda _: seen.append("told"))
            for _ in range(50):
                await asyncio.sleep(0)
            assert not writing.done()
            may_commit.set()
            await writing
            other = count_calls(tmp_path / "j")  # before it is closed: as it would be found after a crash
            journal.close()
            return other

        assert asyncio.run(main()) == 1
        assert seen == ["committed", "told"]

    def test_a_full_disk_ends_all_who_wait_and_all_who_come_later(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        errors = self.fail_with(tmp_path, monkeypatch, sqlite3.OperationalError("database or disk is full"))
        assert {str(error) for error in errors} == {
            f"{tmp_path / 'j'} cannot be written: database or disk is full; make room, then go on from there"
        }
        assert count_calls(tmp_path / "j") == 0, "nothing half"

    def test_whatever_else_goes_wrong_nobody_waits_for_ever(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        errors = self.fail_with(tmp_path, monkeypatch, OverflowError("too large"))
        assert {str(error) for error in errors} == {f"{tmp_path / 'j'} cannot be written: OverflowError: too large"}

    @staticmethod
    def fail_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception) -> list[BaseException]:
        """Return what comes of three writes, two of them at once, where the first fails."""

        def add_rows(connection: sqlite3.Connection, new: rows.Rows) -> None:
            raise failure

        monkeypatch.setattr(writer, "add_rows", add_rows)

        async def main() -> list[BaseException]:
            journal = JournalWriter(tmp_path / "j")
            request = make_request()

            async def write() -> None:
                await journal.write(make_entry(request), request, fingerprint(MODEL, request))

            async with asyncio.timeout(30):
                errors = await asyncio.gather(write(), write(), return_exceptions=True)
                errors += await asyncio.gather(write(), return_exceptions=True)
            journal.note(FailedTry(CALL, "timeout", detail="", seconds=0.0, ended=0.0))
            journal.close()
            return [error for error in errors if error is not None]

        errors = asyncio.run(main())
        assert [type(error) for error in errors] == [JournalError] * 3
        return errors

    def test_a_transaction_that_fails_leaves_nothing(self, tmp_path: Path) -> None:
        open_to_write(tmp_path / "j")[0].close()
        new = rows.Rows()
        new.add_call(make_entry(make_request()), fingerprint(MODEL, make_request()), b"", 0)
        new.texts.append((b"digest", "text"))
        with closing(sqlite3.connect(tmp_path / "j", isolation_level=None, factory=_Failing)) as connection:
            connection.failure = sqlite3.OperationalError("disk I/O error")
            with pytest.raises(sqlite3.OperationalError):
                rows.add_rows(connection, new)
            assert connection.execute("SELECT count(*) FROM texts").fetchone() == (0,)
            connection.failure = None
            rows.add_rows(connection, new)
        assert count_calls(tmp_path / "j") == 1

    def test_a_place_that_cannot_be_written_is_told_to_who_waits(self, tmp_path: Path) -> None:
        with pytest.raises(JournalError, match="cannot be opened"):
            keep_replies(tmp_path / "nowhere" / "j", "a")

    def test_who_is_cancelled_loses_nothing(self, tmp_path: Path) -> None:
        async def main() -> None:
            journal = JournalWriter(tmp_path / "j")
            request = make_request()
            writing = asyncio.create_task(journal.write(make_entry(request), request, fingerprint(MODEL, request)))
            await asyncio.sleep(0)
            writing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await writing
            journal.close()

        asyncio.run(main())
        assert count_calls(tmp_path / "j") == 1

    def test_it_takes_entries_from_many_threads_and_loops(self, tmp_path: Path) -> None:
        journal = JournalWriter(tmp_path / "j")

        async def write(number: int) -> None:
            async with asyncio.TaskGroup() as group:
                for each in range(500):
                    request = make_request(f"{number} {each}")
                    call = Call(f"e0/chat/{number}/{each}")
                    entry = make_entry(request, make_reply(f"{number} {each}"), call)
                    group.create_task(journal.write(entry, request, fingerprint(MODEL, request)))

        threads = [threading.Thread(target=lambda n=n: asyncio.run(write(n))) for n in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        journal.close()
        with Recorded(tmp_path / "j") as recorded:
            assert len(recorded) == 2000
            entry = take(recorded, make_request("3 499"), Call("e0/chat/3/499"))
        assert entry is not None
        assert entry.give().text == "3 499"

    def test_after_it_is_closed_it_takes_nothing(self, tmp_path: Path) -> None:
        async def main() -> None:
            journal = JournalWriter(tmp_path / "j")
            journal.close()
            await journal.write(make_entry(make_request()), make_request(), fingerprint(MODEL, make_request()))

        with pytest.raises(JournalError, match="j is closed"):
            asyncio.run(main())
        assert not (tmp_path / "j").exists(), "the file is made with the first entry"

    def test_what_was_forgotten_is_written_no_second_time(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(writer, "REMEMBERED_TEXTS", 2)
        keep_replies(tmp_path / "j", "a", "b", "c", "a")
        with closing(open_to_read(tmp_path / "j")) as connection:
            assert connection.execute("SELECT count(*) FROM texts").fetchone() == (6,)

    def test_the_more_there_is_to_write_the_longer_is_gathered(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(writer, "GATHER_SECONDS", 0.002)
        assert [writer.decide_gathering(calls) for calls in (0, 1, 3, 100)] == [0.002, 0.002, 0.006, 0.01]

    def test_virtual_time_does_not_run_ahead_of_the_disk(self, tmp_path: Path) -> None:
        async def main() -> float:
            journal = JournalWriter(tmp_path / "j")
            async with asyncio.timeout(5):
                for each in "abc":
                    await journal.write(
                        make_entry(make_request(each)), make_request(each), fingerprint(MODEL, make_request(each))
                    )
            journal.close()
            return asyncio.get_running_loop().time()

        assert run_in_virtual_time(main()) == 0.0
        assert count_calls(tmp_path / "j") == 3


class TestRecorded:
    def test_an_entry_answers_one_call(self, tmp_path: Path) -> None:
        keep_replies(tmp_path / "j", "a", "a", "b")
        with Recorded(tmp_path / "j") as recorded:
            found = [take(recorded, make_request("a")) for _ in range(3)]
            assert [entry is not None for entry in found] == [True, True, False]
            assert (recorded.used, len(recorded), recorded.has(CALL)) == (2, 3, True)

    def test_an_alike_entry_is_the_first_by_key_that_has_answered_nobody(self, tmp_path: Path) -> None:
        calls = [Call("e0/chat/b"), Call("e0/chat/c"), Call("e0/chat/a"), Call("e0/chat/a", attempt=2)]
        request = make_request("a")
        keep(tmp_path / "j", *((request, make_entry(request, make_reply(call.key), call)) for call in calls))
        other, asked = Call("e9/other"), fingerprint(MODEL, request).request
        with Recorded(tmp_path / "j") as recorded:
            assert take(recorded, request, calls[0]) is not None
            found = [recorded.take_alike(other, asked) for _ in range(3)]
            assert [entry and entry.give().text for entry in found] == ["e0/chat/a", "e0/chat/c", None]

    def test_entries_of_another_repetition_answer_nothing(self, tmp_path: Path) -> None:
        request = make_request("a")
        keep(tmp_path / "j", (request, make_entry(request)), replicate=1)
        with Recorded(tmp_path / "j", replicate=0) as first, Recorded(tmp_path / "j", replicate=1) as second:
            assert take(first, request) is None
            assert take(second, request) is not None

    @pytest.mark.parametrize(
        ("now", "expected"),
        [
            (make_request("a b"), "text 1 of its user message: it said 'a c' and now says 'a b' (from character 3)"),
            (make_request("a c", "more"), "its user message has 2 texts, and had 1"),
            (
                ModelRequest(("The rules.", "A town."), ("a c",), max_output_tokens=300),
                "text 2 of its system message: it said 'The town.' and now says 'A town.' (from character 1)",
            ),
            (make_request("a c", seed=5), "what is asked besides texts: it said"),
        ],
    )
    def test_where_a_request_differs_is_said(self, tmp_path: Path, now: ModelRequest, expected: str) -> None:
        keep_replies(tmp_path / "j", "a c")
        with Recorded(tmp_path / "j") as recorded:
            said = recorded.describe_difference(CALL, now, fingerprint(MODEL, now))
            assert said.startswith(f"{CALL.key}")
            assert expected in said
            unknown = recorded.describe_difference(Call("e7/x"), now, fingerprint(MODEL, now))
        assert unknown == "e7/x was not asked then"

    def test_one_text_that_goes_on_where_the_other_ends_differs_there(self) -> None:
        assert spell_difference("ab", "abc") == "it said 'ab' and now says 'abc' (from character 3)"

    def test_an_entry_that_lost_its_row_is_named(self, tmp_path: Path) -> None:
        keep_replies(tmp_path / "j", "a")
        with Recorded(tmp_path / "j", is_shared=True) as recorded:
            with closing(sqlite3.connect(tmp_path / "j")) as connection, connection:
                connection.execute("DELETE FROM calls")
            with pytest.raises(RecordError, match="j, entry 1 cannot be read"):
                take(recorded, make_request("a"))


def ask(journal: Journal | None, model: Any, *asked: tuple[ModelRequest, Call]) -> list[str]:
    """Ask a model through a journal, one call after the other, and return the texts or kinds of failure."""

    async def main() -> list[str]:
        found = []
        for request, call in asked:
            try:
                found.append((await model.reply(request, call)).text)
            except CallError as error:
                found.append(error.kind)
        return found

    if journal is None:
        return asyncio.run(main())
    try:
        with journaling(journal):
            return asyncio.run(main())
    finally:
        journal.close()


class Handing:
    """A model of a script's own that hands each call on to one of this package, and makes something of the reply."""

    name = MODEL

    def __init__(self, *replies: ModelReply | CallError | str, preface: str = "") -> None:
        self.asked = ScriptedModel(list(replies), name=MODEL)
        self.inner = as_journaled(self.asked)
        self.preface = preface

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        request = replace(request, user=(self.preface, *request.user)) if self.preface else request
        reply = await self.inner.reply(request, call)
        return replace(reply, text=reply.text.upper())


class TestHandedOn:
    CALLS = ((make_request("x"), CALL), (make_request("y"), Call("e1/y")))

    def test_what_is_handed_on_as_it_is_is_recorded_once(self, tmp_path: Path) -> None:
        usage = Usage(output_tokens=3)
        own = Handing(make_reply("a", usage=usage), CallError("timeout"))
        said = ask(Journal(JournalWriter(tmp_path / "j")), as_journaled(own), *self.CALLS)
        assert said == ["A", "timeout"]
        with Recorded(tmp_path / "j") as recorded:
            paid = [each for _, each in recorded.list_paid()]
            assert (len(recorded), paid) == (2, [usage, Usage(), Usage()]), "a reply, and a call with one try"
        for again in (as_journaled(Handing()), Handing().inner):
            journal = Journal(JournalWriter(tmp_path / "j"), Recorded(tmp_path / "j", is_shared=True))
            assert ask(journal, again, *self.CALLS) == said, "whoever asks, what the script made of it counts"
            assert journal.made == 0
        assert count_calls(tmp_path / "j") == 2

    def test_what_is_asked_in_other_words_is_recorded_as_both(self, tmp_path: Path) -> None:
        ask(Journal(JournalWriter(tmp_path / "j")), as_journaled(Handing("a", "b", preface="Well,")), *self.CALLS)
        assert count_calls(tmp_path / "j") == 4
        journal = Journal(None, Recorded(tmp_path / "j"))
        assert ask(journal, as_journaled(Handing(preface="Well,")), *self.CALLS) == ["A", "B"]

    def test_who_asks_the_same_again_has_both_replies_recorded(self, tmp_path: Path) -> None:
        journal = Journal(JournalWriter(tmp_path / "j"))
        assert ask(journal, as_journaled(Handing("a", "b")), self.CALLS[0], self.CALLS[0]) == ["A", "B"]
        assert count_calls(tmp_path / "j") == 2


class TestJournaled:
    def test_outside_a_run_every_call_is_the_models(self) -> None:
        model = ScriptedModel(["a", "b"])
        assert ask(None, Journaled(model), (make_request(), CALL), (make_request(), CALL)) == ["a", "b"]

    def test_what_is_recorded_is_asked_no_more(self, tmp_path: Path) -> None:
        second = Call(CALL.key, CALL.act, 2)
        calls = [(make_request("x"), CALL), (make_request("x", "again"), second), (make_request("y"), Call("e1/y"))]
        first = ScriptedModel([CallError("timeout"), ModelReply("no", stop="refused", model="m"), "c"])
        said = ask(Journal(JournalWriter(tmp_path / "j")), Journaled(first), *calls)
        silent = ScriptedModel([])
        journal = Journal(JournalWriter(tmp_path / "j"), Recorded(tmp_path / "j", is_shared=True))
        assert ask(journal, Journaled(silent), *calls) == said == ["timeout", "no", "c"]
        assert (journal.answered, journal.made, silent.calls) == (3, 0, [])
        assert count_calls(tmp_path / "j") == 3, "nothing is recorded twice"

    @pytest.mark.parametrize(
        ("recorded", "source", "refused", "stopped"),
        [
            (make_reply(), "call", CallError("bad request", status=400), None),
            (make_reply(), "call", WrongSettingsError("no such model"), ModelUnavailableError),
            (make_reply(), "cache", CallError("bad request", status=400), WrongSettingsError),
            (CallError("timeout"), "call", WrongSettingsError("no such model"), WrongSettingsError),
        ],
        ids=["one refused", "not found", "replies of another run", "no replies"],
    )
    def test_settings_that_served_a_run_before_it_was_broken_off_are_not_called_wrong(
        self, recorded: Any, source: Any, refused: Exception, stopped: type[Exception] | None, tmp_path: Path
    ) -> None:
        before = make_request("before")
        keep(tmp_path / "j", (before, make_entry(before, recorded, source=source)))
        journal = Journal(None, Recorded(tmp_path / "j"))
        model = FirstReplies(ScriptedModel([refused], name=MODEL))
        if stopped is None:
            assert ask(journal, Journaled(model), (make_request(), Call("e1/y"))) == ["bad request"]
            return
        with pytest.raises(stopped) as failed:
            ask(journal, Journaled(model), (make_request(), Call("e1/y")))
        assert failed.type is stopped

    def test_another_model_that_replied_says_nothing_of_this_one(self, tmp_path: Path) -> None:
        keep_replies(tmp_path / "j", "a")
        with Recorded(tmp_path / "j") as recorded:
            assert [recorded.has_reply_of(name) for name in (MODEL, "other:model")] == [True, False]

    def test_a_reply_is_on_the_disk_before_it_is_handed_on(self, tmp_path: Path) -> None:
        async def main() -> int:
            await Journaled(ScriptedModel(["a"])).reply(make_request(), CALL)
            return count_calls(tmp_path / "j")

        journal = Journal(JournalWriter(tmp_path / "j"))
        with journaling(journal):
            found = asyncio.run(main())
        journal.close()
        assert found == 1

    def test_what_stops_a_run_is_not_recorded(self, tmp_path: Path) -> None:
        model = ScriptedModel([ModelUnavailableError("the quota is used up")])
        with pytest.raises(ModelUnavailableError):
            ask(Journal(JournalWriter(tmp_path / "j")), Journaled(model), (make_request(), CALL))
        assert not (tmp_path / "j").exists()

    def test_another_request_under_a_recorded_key_is_refused(self, tmp_path: Path) -> None:
        keep_replies(tmp_path / "j", "a")
        journal = Journal(None, Recorded(tmp_path / "j"))
        with pytest.raises(RequestDiffersError, match="it said 'a' and now says 'b'"):
            ask(journal, Journaled(ScriptedModel(["b"])), (make_request("b"), CALL))

    def test_calls_by_hand_share_keys_and_any_may_come_first(self, tmp_path: Path) -> None:
        call = Call("own/generate_response", "generate_response")
        keep_replies(tmp_path / "j", "a", "b", call=call)
        journal = Journal(JournalWriter(tmp_path / "j"), Recorded(tmp_path / "j", is_shared=True))
        model = ScriptedModel(["new c", "new a"], name=MODEL)
        asked = [(make_request(text), call) for text in ("c", "b", "a", "a")]
        assert ask(journal, Journaled(model), *asked) == ["new c", "b", "a", "new a"]

    def test_the_entry_of_the_same_call_goes_before_an_alike_one(self, tmp_path: Path) -> None:
        request, calls = make_request("a"), [Call("e0/a"), Call("e0/b")]
        keep(tmp_path / "j", *((request, make_entry(request, make_reply(call.key), call)) for call in calls))
        journal = Journal(None, others=[("replay", Recorded(tmp_path / "j"))], new_calls="refused")
        asked = [(request, Call("e0/b")), (request, Call("e0/z"))]
        assert ask(journal, Journaled(ScriptedModel([], name=MODEL)), *asked) == ["e0/b", "e0/a"]

    def test_without_an_entry_the_call_is_refused_or_fails_or_is_made(self, tmp_path: Path) -> None:
        keep_replies(tmp_path / "j", "a")
        for new_calls, expected in (("failed", "not recorded"), ("made", "new")):
            journal = Journal(None, others=[("replay", Recorded(tmp_path / "j"))], new_calls=new_calls)  # type: ignore[arg-type]
            model = ScriptedModel(["new"], name=MODEL)
            assert ask(journal, Journaled(model), (make_request("b"), CALL)) == [expected]
        for call, why in ((CALL, "it said 'a' and now says 'b'"), (Call("e5/x"), "e5/x was not asked then")):
            journal = Journal(None, others=[("replay", Recorded(tmp_path / "j"))], new_calls="refused")
            with pytest.raises(CallNotRecordedError, match=why):
                ask(journal, Journaled(ScriptedModel([])), (make_request("b"), call))

    def test_what_is_taken_over_is_recorded_under_its_new_key(self, tmp_path: Path) -> None:
        keep_replies(tmp_path / "old", "a")
        journal = Journal(JournalWriter(tmp_path / "new"), others=[("replay", Recorded(tmp_path / "old"))])
        assert ask(journal, Journaled(ScriptedModel([], name=MODEL)), (make_request("a"), Call("e3/x"))) == ["a"]
        with Recorded(tmp_path / "new") as recorded:
            entry = take(recorded, make_request("a"), Call("e3/x"))
        assert entry is not None
        assert (entry.source, entry.call.key) == ("replay", "e3/x")

    def test_a_cache_keeps_replies_and_no_failures(self, tmp_path: Path) -> None:
        model = ScriptedModel([CallError("timeout"), "b"])
        journal = Journal(JournalWriter(tmp_path / "j"), cache=JournalWriter(tmp_path / "c"))
        asked = [(make_request("a"), Call("e0/a")), (make_request("b"), Call("e0/b"))]
        assert ask(journal, Journaled(model), *asked) == ["timeout", "b"]
        assert (count_calls(tmp_path / "j"), count_calls(tmp_path / "c")) == (2, 1)

    def test_every_model_is_journaled_once(self) -> None:
        model = ScriptedModel([])
        once = as_journaled(model)
        assert isinstance(once, Journaled)
        assert as_journaled(once) is once
        wrapped = Wrapper(once)
        assert as_journaled(wrapped) is wrapped
        assert isinstance(as_journaled(Wrapper(model)), Journaled)

    def test_after_a_run_calls_are_the_models_again(self, tmp_path: Path) -> None:
        async def main() -> str:
            journal = Journal(JournalWriter(tmp_path / "j"))
            with journaling(journal):
                pass
            journal.close()
            return (await Journaled(ScriptedModel(["a"])).reply(make_request(), CALL)).text

        assert asyncio.run(main()) == "a"
