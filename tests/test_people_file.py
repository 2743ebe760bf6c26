"""Files of people: who is in them, samples of them, and everything that can be wrong with them."""

from __future__ import annotations

import contextlib
import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthetic_communities.configuration.people_file import MAX_LINE_BYTES, load_people
from synthetic_communities.errors import ConfigurationError, UsageError


@pytest.fixture
def people(tmp_path: Path) -> Path:
    return tmp_path / "people.jsonl"


def problems_of(people: Path, content: str | bytes) -> list[str]:
    """What reading the content complains about, without the folder's name."""
    people.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ConfigurationError) as caught:
        load_people(people)
    return [str(problem).replace(f"{people.parent}{os.sep}", "") for problem in caught.value.problems]


def write_people(people: Path, count: int) -> list[str]:
    ids = [f"p{number:03}" for number in range(count)]
    people.write_text("".join(json.dumps({"id": each, "age": 40}) + "\n" for each in ids))
    return ids


class TestReading:
    def test_attributes_stand_as_they_were_written(self, people: Path) -> None:
        people.write_text(
            '{"id": "p1", "name": "Zoë", "mood": null, "_line": 3, "media_diet": {"tv": 0.5}}\n{"id": "p2"}',
            encoding="utf-8",
        )
        assert load_people(str(people)) == [
            ("p1", {"id": "p1", "name": "Zoë", "mood": None, "_line": 3, "media_diet": {"tv": 0.5}}),
            ("p2", {"id": "p2"}),
        ]

    def test_blank_lines_a_byte_order_mark_and_either_line_end_are_no_matter(self, people: Path) -> None:
        people.write_bytes(b'\xef\xbb\xbf\r\n{"id": "p1"}\r\n  \n\n{"id": "p2"}')
        assert [person_id for person_id, _ in load_people(people)] == ["p1", "p2"]

    def test_an_empty_file_has_nobody(self, people: Path) -> None:
        people.write_bytes(b"")
        assert load_people(people) == []
        assert load_people(people, 3) == []


class TestSampling:
    def test_a_sample_keeps_the_order_of_the_file(self, people: Path) -> None:
        ids = write_people(people, 50)
        sample = [person_id for person_id, _ in load_people(people, 20, seed=1)]
        assert sample == [person_id for person_id in ids if person_id in sample]
        assert len(sample) == 20
        assert sample != ids[:20]

    def test_the_seed_decides_it(self, people: Path) -> None:
        write_people(people, 50)
        assert load_people(people, 20, seed=1) == load_people(people, 20, seed=1)
        assert load_people(people, 20, seed=1) != load_people(people, 20, seed=2)

    @pytest.mark.parametrize("limit", [None, 3, 4])
    def test_fewer_people_than_the_limit_are_all_there_is(self, people: Path, limit: int | None) -> None:
        ids = write_people(people, 3)
        assert [person_id for person_id, _ in load_people(people, limit)] == ids

    def test_nobody_may_be_asked_for(self, people: Path) -> None:
        write_people(people, 3)
        assert load_people(people, 0) == []

    def test_less_than_nobody_may_not(self, people: Path) -> None:
        with pytest.raises(UsageError, match="limit is -1; give 0 or more"):
            load_people(people, -1)


class TestProblems:
    def test_all_are_told_at_once(self, people: Path) -> None:
        lines = [
            '{"id": "p1", "susceptibility": 2, "prior_beliefs": {"rents": -3}}',
            '{"id": "p2"',
            "",
            '{"id": 7}',
            '{"name": "Aisha"}',
            '{"id": "p3"}',
            '{"id": "p3"}',
        ]
        assert problems_of(people, "\n".join(lines)) == [
            "people.jsonl:1: susceptibility: 2 is no number from 0 to 1; "
            "for 2 % write 0.02, or leave it out if not known",
            "people.jsonl:1: prior_beliefs.rents: -3 is no number from -1 to 1; "
            "for -3 % write -0.03, or leave it out if not known",
            "people.jsonl:2: is no JSON: Expecting ',' delimiter at column 12; "
            'write one mapping, as in {"id": "p001", "age": 41}',
            'people.jsonl:4: id: `7` is read as a number, not as text; write it in quotes: "7"',
            'people.jsonl:5: has no id; give it one, as in "id": "p001"',
            "people.jsonl:7: id: 'p3' is also the id on line 6; give one of the two another",
        ]

    @pytest.mark.parametrize(
        ("line", "told"),
        [
            ("[1]", 'holds [1], no mapping; write one mapping, as in {"id": "p001", "age": 41}'),
            ('"p1"', 'holds \'p1\', no mapping; write one mapping, as in {"id": "p001", "age": 41}'),
            ('{"id": "p1", "x": NaN}', "holds NaN, which is no number in JSON; write a number, or leave the key out"),
            (
                '{"id": "p1", "x": -Infinity}',
                "holds -Infinity, which is no number in JSON; write a number, or leave the key out",
            ),
            (
                '{"id": "p1", "x": 1e999}',
                "holds 1e999, which is no number in JSON; write a number, or leave the key out",
            ),
            (
                '{"id": "p1", "x": ' + "9" * 5000 + "}",
                "holds a number of too many digits; write it shorter, or in quotes",
            ),
            ('{"id": "p1", "id": "p2"}', "has the key 'id' twice; remove one of the two"),
            ('{"id": "p1", "x": {"a": 1, "a": 1}}', "has the key 'a' twice; remove one of the two"),
            (
                '{"id": "p1", "x": "\\ud800"}',
                "holds half a surrogate pair, which no file can keep; write the character itself",
            ),
            (
                '{"id": "p1", "x": ' + "[" * 100_000 + "]" * 100_000 + "}",
                "is nested deeper than 50 lists and mappings; nest fewer",
            ),
            (
                '{"id": "p1", "x": ' + "[" * 60 + "]" * 60 + "}",
                "is nested deeper than 50 lists and mappings; nest fewer",
            ),
            (b'{"id": "p\xff"}', "is not UTF-8: byte 0xff at column 10; save the file as UTF-8"),
            ('{"id": null}', "id: has no value; write a text"),
            ('{"id": true}', 'id: `true` is read as true, not as text; write it in quotes: "true"'),
            ('{"id": "  "}', "id: is empty; write something"),
            ('{"id": "p1\\n"}', "id: 'p1\\n' has spaces around it, or characters that do not print; remove them"),
        ],
    )
    def test_of_one_line(self, people: Path, line: str | bytes, told: str) -> None:
        content = line if isinstance(line, bytes) else line.encode()
        assert problems_of(people, b'{"id": "p0"}\n' + content) == [f"people.jsonl:2: {told}"]

    def test_a_line_too_long_is_not_the_end(self, people: Path) -> None:
        padding = " " * (2 * MAX_LINE_BYTES)
        assert problems_of(people, f'{{"id": "p1"{padding}}}\nx\n') == [
            "people.jsonl:1: is longer than 1000000 bytes; shorten it",
            "people.jsonl:2: is no JSON: Expecting value at column 1; write one mapping, as in "
            '{"id": "p001", "age": 41}',
        ]

    def test_a_line_just_short_enough_is_read(self, people: Path) -> None:
        start, end = b'{"id": "p1', b'"}\n{"id": "p2"}'
        content = start + b"x" * (MAX_LINE_BYTES - len(start) - 3) + end
        people.write_bytes(content)
        assert len(load_people(people)) == 2

    def test_long_lists_are_cut_and_counted(self, people: Path) -> None:
        told = problems_of(people, "x\n" * 60)
        assert len(told) == 51
        assert told[-1] == "people.jsonl: 10 more problems not shown; mend these first"

    def test_missing_files_and_folders(self, people: Path) -> None:
        with pytest.raises(ConfigurationError) as caught:
            load_people(people)
        assert str(caught.value) == f"{people}: does not exist; correct the path, or make the file"
        with pytest.raises(ConfigurationError, match="is a folder; name a file"):
            load_people(people.parent)

    @given(content=st.binary(max_size=80))
    def test_any_bytes_give_people_or_problems(self, tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
        path = tmp_path_factory.mktemp("any") / "people.jsonl"
        path.write_bytes(b'{"id": "p1"}\n' + content)
        with contextlib.suppress(ConfigurationError):
            assert load_people(path)[0] == ("p1", {"id": "p1"})


class TestOtherForms:
    @pytest.mark.parametrize(
        "content",
        ["name,id\nAda,1\n", '\ufeff\n"ID";"name"\n1;Ada\n', "id\np1\n", "id\tname\n1\tAda\n"],
    )
    def test_a_table_is_one_problem(self, people: Path, content: str) -> None:
        told = "people.jsonl: looks like CSV; write one JSON mapping a line: see People in docs/configuration.md"
        assert problems_of(people, content) == [told]

    def test_so_is_one_that_only_its_name_tells(self, people: Path) -> None:
        (told,) = problems_of(people.with_suffix(".CSV"), "p1,Ada\np2,Bo\n")
        assert told.startswith("people.CSV: looks like CSV; ")

    @pytest.mark.parametrize("indent", [None, 2])
    @pytest.mark.parametrize("value", [[{"id": "p1"}, {"id": "p2"}], {"people": [{"id": "p1"}]}])
    def test_so_is_one_value_over_all_lines(self, people: Path, value: object, indent: int | None) -> None:
        (told,) = problems_of(people, json.dumps(value, indent=indent))
        is_mapping_on_a_line = isinstance(value, dict) and indent is None
        assert ("looks like one JSON value over all its lines; write" in told) != is_mapping_on_a_line

    def test_a_mapping_with_a_list_in_words_is_no_table(self, people: Path) -> None:
        people.write_text('{"columns": "name,id,age", "id": "p1"}', "utf-8")
        assert [person_id for person_id, _ in load_people(people)] == ["p1"]

    def test_what_looks_so_further_down_is_a_line_of_its_own(self, people: Path) -> None:
        told = problems_of(people, '{"id": "p1"}\nid,name\n[1]')
        assert [each.split(": ")[0] for each in told] == ["people.jsonl:2", "people.jsonl:3"]

    def test_what_the_docs_make_of_a_table_are_people(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        page = (Path(__file__).resolve().parent.parent / "docs" / "configuration.md").read_text("utf-8")
        (table,) = re.findall(r"^```csv\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
        (code,) = (each for each in re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S) if "import csv" in each)
        Path("people.csv").write_text(table, "utf-8")
        exec(compile(code, "docs", "exec"), {})

        (_, ada), (_, bo) = load_people("people.jsonl")
        assert ada == {
            "id": "001",
            "age": "41",
            "susceptibility": 0.3,
            "media_diet": {"tv": 0.5, "blogs": 0.1},
            "prior_beliefs": {"rents": 0.8},
        }
        assert (bo["id"], bo["susceptibility"], bo["media_diet"]) == ("002", None, {"tv": 0.2, "blogs": None})
