"""Links between places in a plan, and the same links the other way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from synthetic_communities.engine.links import Links


@st.composite
def linked(draw: st.DrawFn) -> list[list[int]]:
    """Return for each of a few places the places it is linked to."""
    count = draw(st.integers(0, 8))
    return [draw(st.lists(st.integers(0, count - 1), unique=True)) for _ in range(count)]


@given(linked())
def test_links_are_what_was_given(places: list[list[int]]) -> None:
    links = Links(places)
    assert len(links) == len(places)
    assert [list(links[place]) for place in range(len(places))] == places
    assert [links.count(place) for place in range(len(places))] == [len(those) for those in places]


@given(linked())
def test_turned_round_they_lead_back_in_order(places: list[list[int]]) -> None:
    turned = Links(places).turned_round()
    count = len(places)
    assert [list(turned[place]) for place in range(count)] == [
        [other for other in range(count) if place in places[other]] for place in range(count)
    ]
