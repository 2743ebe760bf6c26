"""The building blocks of what a notebook shows: every text stays a text, and a finished piece needs nothing else."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthetic_communities.report.html import (
    FOLD_BEYOND,
    LINE_LIMIT,
    STYLE,
    TEXT_LIMIT,
    Fragment,
    build_bar,
    build_table,
    code,
    fold,
    join,
    paragraph,
    show_line,
    show_lines,
    show_text,
    stand_alone,
    strong,
)
from tests.markup import Reader

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</td></table></div><b>",
    "&lt;b&gt; &#60;",
    "\x1b[31mred\x1b]0;title\x07",
    "\u202egnp.exe\u2066\u200f",
    "שלום <b>עולם</b>",
    "a\u0000b\ud800c",
    "<" * 10_000,
    "]]><!--",
]


class TestTexts:
    def test_a_line_is_escaped(self) -> None:
        assert show_line("a < b & \"c\" 'd'").code == "a &lt; b &amp; &quot;c&quot; &#x27;d&#x27;"

    def test_a_line_has_no_breaks_and_no_characters_that_do_not_print(self) -> None:
        assert show_line(" a\n\tb\u2028c \x1b[31m\u202ed\ud800 ").code == "a b c [31md"

    def test_a_line_of_the_limit_stays_and_a_longer_one_is_cut(self) -> None:
        assert show_line("x" * LINE_LIMIT).code == "x" * LINE_LIMIT
        assert show_line("x" * (LINE_LIMIT + 1)).code == "x" * (LINE_LIMIT - 3) + "..."
        assert show_line("abcdefgh", limit=6).code == "abc..."
        assert show_line("ab cdefgh", limit=6).code == "ab..."

    def test_the_limit_counts_characters_and_not_what_stands_for_them_in_markup(self) -> None:
        assert show_line("<" * 10, limit=10).code == "&lt;" * 10

    def test_what_lies_beyond_characters_that_do_not_print_is_cut_off_visibly(self) -> None:
        assert show_line("\u202e" * 10_000 + "x").code == "..."
        assert show_line("a" + "\x00" * 20 + "b").code == "ab"

    @pytest.mark.parametrize("text", ["שלום", "ana مرحبا", "٣"])
    def test_what_runs_from_right_to_left_keeps_to_itself(self, text: str) -> None:
        assert show_line(text).code == f"<bdi>{text}</bdi>"
        assert show_lines(f"a\n{text}").code == f"a<br><bdi>{text}</bdi>"

    def test_lines_keep_their_breaks(self) -> None:
        assert show_lines("\na  b\r\n\nc\u2028<d>\n").code == "a b<br><br>c<br>&lt;d&gt;"

    def test_lines_are_cut_at_the_limit(self) -> None:
        assert show_lines("x" * TEXT_LIMIT).code == "x" * TEXT_LIMIT
        assert show_lines("x" * TEXT_LIMIT + "y").code == "x" * TEXT_LIMIT + "..."
        assert show_lines("ab\ncd", limit=4).code == "ab<br>c..."

    def test_a_short_text_stands_as_it_is_and_a_long_one_is_folded(self) -> None:
        assert show_text("a\nb") == Fragment("a<br>b")
        assert show_text("x" * FOLD_BEYOND).code == "x" * FOLD_BEYOND
        long = "x" * (FOLD_BEYOND + 1)
        assert show_text(long) == fold(show_line(long), show_lines(long))

    def test_what_is_to_be_typed_is_whole_and_keeps_its_spaces(self) -> None:
        assert code("load('a  <b>\u202e')").code == "<code>load(&#x27;a  &lt;b&gt;&#x27;)</code>"
        assert code("x" * 5000).code == f"<code>{'x' * 5000}</code>"


class TestTable:
    def test_a_table(self) -> None:
        table = build_table(["", "votes"], [["Noor", 1234], ["<Berg>", None]], caption="Vote & so on", numbers=[1])
        assert table.code == (
            "<table><caption>Vote &amp; so on</caption>"
            '<thead><tr><th></th><th class="number">votes</th></tr></thead>'
            '<tbody><tr><td>Noor</td><td class="number">1,234</td></tr>'
            '<tr><td>&lt;Berg&gt;</td><td class="number">-</td></tr></tbody></table>'
        )

    def test_without_head_and_caption(self) -> None:
        assert build_table([], [["a", strong("b")]]).code == (
            "<table><tbody><tr><td>a</td><td><strong>b</strong></td></tr></tbody></table>"
        )

    def test_numbers_take_a_range(self) -> None:
        assert build_table([], [["a", "+0.1", "2%"]], numbers=range(1, 3)).code.count('class="number"') == 2


class TestPieces:
    def test_fold(self) -> None:
        assert fold("<more>", "a", strong("b")).code == (
            "<details><summary>&lt;more&gt;</summary>a<strong>b</strong></details>"
        )

    def test_paragraph(self) -> None:
        assert paragraph("a < b").code == "<p>a &lt; b</p>"
        assert paragraph("a", strong("b"), quiet=True).code == '<p class="quiet">a<strong>b</strong></p>'

    def test_join(self) -> None:
        assert join(["a", strong("b")], " & ").code == "a &amp; <strong>b</strong>"
        assert join([]).code == ""

    @pytest.mark.parametrize(
        ("done", "total", "value", "most"), [(3, 8, 3, 8), (0, 0, 0, 1), (9, 8, 8, 8), (-1, 8, 0, 8)]
    )
    def test_bar(self, done: int, total: int, value: int, most: int) -> None:
        assert build_bar(done, total).code == f'<progress value="{value}" max="{most}"></progress>'


def build_everything(text: str) -> str:
    """Return a page on which a text stands wherever one can."""
    return stand_alone(
        build_table([text, "n"], [[text, 1], [show_text(text), None]], caption=text, numbers=[1]),
        fold(text, text, show_lines(text)),
        paragraph(text, quiet=True),
        join([text, text], text),
        strong(text),
        code(text),
        build_bar(1, 2),
    )


def assert_nothing_but_text(text: str) -> None:
    """Hold a page with this text against the same page with a harmless one of the same length."""
    page, plain = Reader(build_everything(text)), Reader(build_everything("x" * len(text)))
    assert page.is_whole
    assert [tag for tag in page.tags if tag not in ("bdi", "br")] == [tag for tag in plain.tags if tag != "br"]
    assert page.attributes == plain.attributes
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", page.text)


class TestStandingAlone:
    @pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
    def test_hostile_texts_are_shown_as_text(self, text: str) -> None:
        assert_nothing_but_text(text)

    @given(st.text())
    def test_any_text_is_shown_as_text(self, text: str) -> None:
        assert_nothing_but_text(text)

    def test_a_name_of_ten_thousand_characters_is_cut_wherever_it_is_one(self) -> None:
        assert len(show_line("x" * 10_000).code) == LINE_LIMIT
        assert len(build_table(["x" * 10_000], [["x" * 10_000]], caption="x" * 10_000).code) < 3 * LINE_LIMIT + 200

    def test_nothing_from_outside_no_script_no_id(self) -> None:
        page = Reader(build_everything("x"))
        assert "script" not in page.tags
        assert "link" not in page.tags
        assert {name for name, _ in page.attributes} == {"class", "value", "max"}
        assert not re.search(r"url\(|@import|http|:root|body|html", STYLE)

    def test_the_style_reaches_nothing_around_it(self) -> None:
        rules = re.findall(r"([^{}]+)\{", STYLE)
        assert len(rules) > 5
        assert all(
            selector.strip().startswith(".synthetic-communities") for rule in rules for selector in rule.split(",")
        )

    def test_colours_are_those_of_the_page_or_let_them_through(self) -> None:
        named = re.findall(r"(?:color|background|border[\w-]*): ([^;]+);", STYLE)
        assert set(named) == {"transparent", "inherit", "collapse", "0", "1px solid rgba(128, 128, 128, 0.3)"}
        assert "#" not in STYLE

    def test_the_whole(self) -> None:
        assert stand_alone("a < b") == f'<div class="synthetic-communities"><style>{STYLE}</style>a &lt; b</div>'
