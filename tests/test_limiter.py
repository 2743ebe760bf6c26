"""What an account may ask of a model, decided step by step: time is passed in, and nothing waits."""

import itertools
import math
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthetic_communities.llm.limits.allowance import LONGEST_BLIND_SECONDS, Allowance, Reckoning
from synthetic_communities.llm.limits.bucket import Bucket
from synthetic_communities.llm.limits.changes import LimitChange
from synthetic_communities.llm.limits.crowd import Crowd
from synthetic_communities.llm.limits.headers import RateFact
from synthetic_communities.llm.limits.limiter import LONGEST_OWN_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Limiter
from synthetic_communities.llm.limits.pace import HIGHEST_RATE, LOWEST_RATE, OPENING_RATE, OPENING_SECONDS, Pace
from synthetic_communities.llm.limits.ticket import OTHER, Ending, Ticket
from synthetic_communities.llm.model import Usage

SERVED = Ending("served")


def refused(retry_after: float | None = 1.0, *rates: RateFact) -> Ending:
    return Ending("refused", "rate limit, HTTP 429", retry_after_seconds=retry_after, rates=rates)


CROWDED = Ending("crowded", "overloaded, HTTP 529")


def let_go(limiter: Limiter, now: float, ticket: Ticket | None = None) -> Ticket:
    """Let a call go that may go."""
    ticket = ticket or Ticket()
    assert limiter.wait_for(ticket, now) == 0.0
    limiter.take(ticket, now)
    return ticket


def past_the_opening(most: int = 100, now: float = 10.0) -> Limiter:
    """Return a limiter whose opening was over long ago, with a first call served."""
    limiter = Limiter(most)
    limiter.end(let_go(limiter, now - 2 * OPENING_SECONDS), SERVED, now - 2 * OPENING_SECONDS)
    return limiter


class TestBucket:
    def test_what_is_saved_up_goes_at_once_and_the_rest_at_its_rate(self) -> None:
        bucket = Bucket(2.0, 3.0, level=3.0, at=0.0)
        for _ in range(3):
            assert bucket.wait_for(1.0, 0.0) == 0.0
            bucket.take(1.0, 0.0)
        assert bucket.wait_for(1.0, 0.0) == 0.5
        assert bucket.wait_for(1.0, 0.25) == 0.25
        assert bucket.wait_for(1.0, 0.5) == 0.0

    def test_it_holds_no_more_than_its_size(self) -> None:
        bucket = Bucket(2.0, 3.0, level=0.0, at=0.0)
        bucket.fill(100.0)
        assert bucket.level == 3.0

    def test_what_costs_more_than_it_holds_goes_when_it_is_full_and_is_owed(self) -> None:
        bucket = Bucket(2.0, 3.0, level=2.0, at=0.0)
        assert bucket.wait_for(10.0, 0.0) == 0.5
        bucket.take(10.0, 0.5)
        assert bucket.wait_for(1.0, 0.5) == 4.0

    def test_a_clock_that_stands_still_or_goes_back_fills_nothing(self) -> None:
        bucket = Bucket(2.0, 3.0, level=1.0, at=5.0)
        bucket.fill(4.0)
        assert (bucket.level, bucket.at) == (1.0, 5.0)

    def test_nothing_flows_in_nothing_is_ever_there(self) -> None:
        assert Bucket(0.0, 3.0, level=0.5, at=0.0).wait_for(1.0, 0.0) == math.inf

    @given(
        rate=st.floats(0.1, 1e3),
        size=st.floats(1, 100),
        gaps=st.lists(st.floats(0, 10), min_size=1, max_size=60),
    )
    def test_never_more_goes_than_was_saved_up_and_came_in(self, rate: float, size: float, gaps: list[float]) -> None:
        bucket, now, taken = Bucket(rate, size, level=size, at=0.0), 0.0, 0
        for gap in gaps:
            now += gap
            while bucket.wait_for(1.0, now) == 0.0 and taken < 5_000:
                bucket.take(1.0, now)
                taken += 1
            assert taken <= size + rate * now + 1e-6


class TestCrowd:
    def test_it_shrinks_by_a_factor_of_what_was_under_way(self) -> None:
        crowd = Crowd(1_000)
        crowd.enter(40)
        crowd.shrink()
        assert crowd.limit == 28
        assert (crowd.has_room(27), crowd.has_room(28)) == (True, False)

    def test_what_was_under_way_before_the_last_refusal_counts_no_more(self) -> None:
        crowd = Crowd(1_000)
        crowd.enter(40)
        crowd.shrink()
        crowd.enter(10)
        crowd.shrink()
        assert crowd.limit == 7

    def test_one_busy_moment_is_no_measure_but_many_end_at_one(self) -> None:
        crowd = Crowd(1_000)
        limits = []
        for _ in range(6):
            crowd.enter(1)
            crowd.shrink()
            limits.append(crowd.limit)
        assert limits == [5, 3, 2, 1, 1, 1]

    def test_it_grows_by_a_step_after_as_many_answers_as_there_may_be_calls_if_one_more_was_wanted(self) -> None:
        crowd = Crowd(1_000)
        crowd.enter(100)
        crowd.shrink()
        assert crowd.limit == 70
        assert not crowd.has_room(70)
        assert [crowd.answer() for _ in range(70)] == [False] * 69 + [True]
        assert crowd.limit == 73
        assert [crowd.answer() for _ in range(73)] == [False] * 73, "nobody wanted more"
        assert crowd.limit == 73

    def test_it_grows_no_further_than_there_may_ever_be(self) -> None:
        crowd = Crowd(3)
        crowd.enter(3)
        crowd.shrink()
        limits = []
        for _ in range(20):
            crowd.has_room(crowd.limit)
            crowd.answer()
            limits.append(crowd.limit)
        assert limits[0] == 2
        assert set(limits[2:]) == {3}

    def test_more_may_be_allowed_and_less_may_not(self) -> None:
        crowd = Crowd(10)
        crowd.allow(5)
        assert (crowd.limit, crowd.most) == (10, 10)
        crowd.allow(20)
        assert (crowd.limit, crowd.most) == (20, 20)
        crowd.enter(10)
        crowd.shrink()
        crowd.allow(40)
        assert (crowd.limit, crowd.most) == (7, 40)


def send(pace: Pace, count: int, now: float) -> tuple[list[float], float]:
    """Send calls as soon as they may go, and return when each was sent, and when the last was."""
    times = []
    for _ in range(count):
        now += pace.wait_for(now)
        pace.take(now)
        times.append(now)
    return times, now


class TestPace:
    def test_the_opening_goes_off_call_by_call_ever_faster_and_ends(self) -> None:
        pace = Pace()
        times, _ = send(pace, 100, 0.0)
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert gaps[0] == pytest.approx(1 / OPENING_RATE)
        assert gaps == sorted(gaps, reverse=True)
        assert 0.08 < times[-1] < 0.1
        assert pace.wait_for(OPENING_SECONDS) == 0.0
        times, _ = send(pace, 1_000, OPENING_SECONDS)
        assert set(times) == {OPENING_SECONDS}
        assert pace.rate is None

    def test_a_first_refusal_spreads_what_went_through_up_to_when_the_server_is_to_be_asked_again(self) -> None:
        pace = Pace()
        times, now = send(pace, 21, 0.0)
        assert pace.refuse(times[-1], now + 0.01, 1.0)
        assert pace.rate == pytest.approx(20 / (times[-1] + 1.0))
        assert pace.measured is None

    def test_a_limit_a_minute_is_guessed_right_where_the_server_says_when_the_minute_is_over(self) -> None:
        pace = Pace()
        for second in range(20):
            for _ in range(50):
                pace.take(float(second))
        pace.take(20.0)
        pace.refuse(20.0, 20.1, 40.0)
        assert pace.rate == pytest.approx(512 / (20.0 - 9.0 + 40.0), rel=0.03), "of the calls remembered"

    def test_a_guess_looks_back_for_a_minute(self) -> None:
        pace = Pace()
        for now in [0.0] * 10 + [100.0] * 21:
            pace.take(now)
        pace.refuse(100.0, 100.0, 4.0)
        assert pace.rate == 5.0

    def test_what_was_sent_after_the_refused_call_is_not_yet_counted(self) -> None:
        pace = Pace()
        times, _ = send(pace, 21, 0.0)
        pace.refuse(times[-1], 0.05, 1.0)
        sent, now = send(pace, 25, 1.05)
        pace.refuse(sent[19], now, 1.0)
        assert pace.measured == pytest.approx(19 / (sent[19] - times[-1]))

    def test_a_guess_grows_with_every_call_that_waited_for_it_and_no_other(self) -> None:
        pace = Pace()
        times, now = send(pace, 21, 0.0)
        pace.refuse(times[-1], now, 1.0)
        guess = pace.rate
        assert guess is not None
        now, pressed = now + 100.0, 0
        for _ in range(20):
            wait = pace.wait_for(now)
            pressed += wait > 0
            now += wait
            pace.take(now)
        assert pressed == 15, "five were saved up: a quarter of what went through at once"
        assert pace.rate == pytest.approx(guess * (17 / 16) ** 15)

    def test_between_two_refusals_the_rate_is_what_went_through(self) -> None:
        pace = Pace()
        times, _ = send(pace, 21, 0.0)
        pace.refuse(times[-1], 0.05, 1.0)
        sent, now = send(pace, 25, 1.05)
        pace.refuse(sent[-1], now, 1.0)
        went_through = 24 / (sent[-1] - times[-1])
        assert pace.measured == pytest.approx(went_through)
        assert pace.rate == pytest.approx(0.97 * went_through)

    def test_calls_refused_together_count_as_not_sent(self) -> None:
        pace = Pace()
        times, _ = send(pace, 25, 0.0)
        pace.refuse(times[20], 0.05, 1.0)
        for sent_at in times[21:]:
            pace.refuse_again(sent_at)
        sent, now = send(pace, 25, 1.05)
        pace.refuse(sent[-1], now, 1.0)
        assert pace.measured == pytest.approx(24 / (sent[-1] - times[20]))

    def test_a_rough_measure_is_searched_about_and_a_second_one_is_kept_to(self) -> None:
        pace, now = measured_pace(20.0)
        flat = pace.measured
        assert flat is not None
        _, now = send(pace, int(10 * flat), now)
        assert pace.rate == pytest.approx(flat, rel=0.001), "after ten seconds it is where it was measured"
        send(pace, int(10 * flat), now)
        assert pace.rate == pytest.approx(1.03 * flat, rel=0.005), "after twice as long it is a little above"

    def test_where_a_refusal_costs_a_long_pause_the_next_one_is_put_off_for_longer(self) -> None:
        rates = []
        for pause in (1.0, 5.0):
            pace, now = measured_pace(20.0)
            sent, now = send(pace, 450, now)
            assert pace.refuse(sent[-1], now, pause)
            send(pace, 450, now + pause)
            assert pace.rate is not None
            assert pace.measured is not None
            rates.append(pace.rate / pace.measured)
        assert rates[0] > 1.03
        assert 0.97 < rates[1] < 1.0

    def test_a_refusal_above_the_measured_rate_measures_anew(self) -> None:
        pace, now = measured_pace(20.0)
        sent, now = send(pace, 500, now)
        assert pace.rate is not None
        assert pace.measured is not None
        assert pace.rate > pace.measured
        assert pace.refuse(sent[-1], now, 1.0)

    def test_a_refusal_below_it_contradicts_and_the_pace_is_lowered_twice_and_then_left_alone(self) -> None:
        pace, now = measured_pace(20.0)
        before = pace.measured
        assert before is not None
        told = []
        for _ in range(4):
            sent, now = send(pace, 11, now + 1.0)
            told.append((pace.refuse(sent[-1], now, 1.0), pace.measured))
        assert [is_explained for is_explained, _ in told] == [False] * 4
        assert told[0][1] is not None
        assert told[1][1] is not None
        assert before > told[0][1] > told[1][1]
        assert [rate for _, rate in told[2:]] == [before, before]

    def test_time_in_which_nothing_was_wanted_measures_nothing(self) -> None:
        pace, now = measured_pace(20.0)
        sent, now = send(pace, 30, now + 3_600.0)
        assert not pace.refuse(sent[-1], now, 1.0)
        assert pace.measured is not None
        # 29 calls in the time they took, and in the second of the pause, which filled what may be saved up.
        assert pace.measured == pytest.approx(29 / (sent[-1] - sent[0] + 1.0), rel=0.1)

    def test_after_a_contradiction_less_may_be_saved_up(self) -> None:
        saved_up = []
        pace, now = measured_pace(20.0)
        for _ in range(3):
            times, _ = send(pace, 10, now + 100.0)
            saved_up.append(times.count(times[0]))
            sent, now = send(pace, 5, times[-1])
            assert not pace.refuse(sent[-1], now, 1.0)
        assert saved_up == [5, 2, 1]

    def test_too_few_calls_measure_nothing(self) -> None:
        pace, now = measured_pace(20.0)
        before = pace.measured
        sent, now = send(pace, 3, now + 1.0)
        assert not pace.refuse(sent[-1], now, 1.0)
        assert pace.measured == before

    def test_where_nearly_nothing_went_through_the_pace_is_groped_for(self) -> None:
        pace = Pace()
        times, now = send(pace, 1, 0.0)
        pace.refuse(times[0], now, 1.0)
        assert pace.rate == 1.0
        times, now = send(pace, 12, 1.0)
        assert pace.rate is not None
        assert pace.rate > 50
        assert now < 4.0

    @given(st.lists(st.tuples(st.integers(1, 40), st.floats(0, 1_000)), min_size=1, max_size=40))
    def test_whatever_is_refused_calls_go_on(self, rounds: list[tuple[int, float]]) -> None:
        pace, now = Pace(), 0.0
        for count, pause in rounds:
            sent, now = send(pace, count, now)
            pace.refuse(sent[-1], now, pause)
            assert pace.rate is not None
            assert LOWEST_RATE <= pace.rate <= HIGHEST_RATE
            now += pause
            assert pace.wait_for(now) <= 1 / LOWEST_RATE


def measured_pace(rate: float) -> tuple[Pace, float]:
    """Return a pace that was measured twice against a server of this rate, which saves up a second's worth."""
    pace, now = Pace(), 0.0
    level, filled_at, refusals = rate, 0.0, 0
    while refusals < 3:
        now += pace.wait_for(now)
        pace.take(now)
        level, filled_at = min(rate, level + (now - filled_at) * rate), now
        if level < 1:
            assert pace.refuse(now, now, 1.0)
            refusals += 1
            now += 1.0
        else:
            level -= 1
    assert pace.measured == pytest.approx(rate, rel=0.03)
    return pace, now


def tell(
    allowance: Allowance, fact: RateFact, then: Reckoning, *, position: int, sent_at: float, now: float | None = None
) -> bool:
    return allowance.tell(fact, then, position=position, sent_at=sent_at, now=sent_at if now is None else now)


class TestAllowance:
    def test_where_nothing_was_told_everything_may_go(self) -> None:
        allowance = Allowance()
        assert allowance.wait_for(1e9, 0.0) == 0.0

    def test_what_is_left_goes_and_then_it_is_waited_for_the_reset(self) -> None:
        allowance = Allowance()
        then = allowance.take(1.0, 0.0)
        assert tell(allowance, RateFact("requests", 2, limit=3, reset_seconds=9.0), then, position=1, sent_at=0.0)
        for _ in range(2):
            assert allowance.wait_for(1.0, 0.0) == 0.0
            allowance.take(1.0, 0.0)
        assert allowance.wait_for(1.0, 0.0) == 9.0
        assert allowance.wait_for(1.0, 9.0) == 0.0

    def test_one_is_kept_in_reserve_but_not_of_a_limit_of_one(self) -> None:
        for limit, remaining, wait in ((10, 2, 0.0), (10, 1, 9 / 8), (1, 1, 0.0), (1, 0, 9.0)):
            allowance = Allowance(reserve=1.0)
            fact = RateFact("requests", remaining, limit=limit, reset_seconds=9.0)
            tell(allowance, fact, Reckoning(0.0, None, 0.0), position=1, sent_at=0.0)
            assert allowance.wait_for(1.0, 0.0) == wait

    def test_what_was_sent_since_is_subtracted(self) -> None:
        allowance = Allowance()
        first = allowance.take(1.0, 0.0)
        for _ in range(4):
            allowance.take(1.0, 0.0)
        tell(allowance, RateFact("requests", 9, limit=10, reset_seconds=60.0), first, position=1, sent_at=0.0, now=2.0)
        assert allowance.level == 5.0

    def test_a_reset_tells_how_fast_it_flows_in(self) -> None:
        allowance = Allowance()
        fact = RateFact("requests", 0, limit=21, reset_seconds=10.0)
        tell(allowance, fact, Reckoning(0.0, None, 0.0), position=1, sent_at=0.0)
        assert allowance.rate == 2.0, "one less than is missing, as what is left was rounded down"
        assert allowance.wait_for(1.0, 0.0) == 0.5

    def test_a_moment_passes_while_the_answer_is_on_its_way(self) -> None:
        allowance = Allowance()
        fact = RateFact("requests", 0, limit=21, reset_seconds=-1.0, is_moment=True)
        tell(allowance, fact, Reckoning(0.0, None, 0.0), position=1, sent_at=0.0, now=6.0)
        assert allowance.rate == 4.0

    def test_a_stretch_between_two_answers_tells_it_too(self) -> None:
        allowance = Allowance()
        now = 0.0
        fact = RateFact("requests", 50, limit=100)
        tell(allowance, fact, allowance.take(1.0, now), position=1, sent_at=now)
        for position in range(2, 23):
            now += 0.1
            then = allowance.take(1.0, now)
            tell(allowance, RateFact("requests", 50, limit=100), then, position=position, sent_at=now)
        # Ten a second were sent and as many were left: so ten a second flowed in; one less for the rounding.
        assert allowance.rate == pytest.approx(9.0, abs=0.1)

    def test_an_answer_corrects_what_is_reckoned_and_only_once(self) -> None:
        allowance = Allowance()
        zero = Reckoning(0.0, None, 0.0)
        tell(allowance, RateFact("requests", 10, limit=100, reset_seconds=1e6), zero, position=1, sent_at=0.0)
        early = [allowance.take(1.0, 0.0) for _ in range(3)]
        assert allowance.level == pytest.approx(7.0, abs=0.01)
        # There were five more than was thought, as each of the three calls was told.
        for position, then in enumerate(early, start=2):
            fact = RateFact("requests", 16 - position, limit=100, reset_seconds=1e6)
            tell(allowance, fact, then, position=position, sent_at=0.0, now=0.001)
            assert allowance.level == pytest.approx(12.0, abs=0.01)

    def test_what_is_corrected_is_no_more_than_the_limit(self) -> None:
        allowance = Allowance()
        zero = Reckoning(0.0, None, 0.0)
        tell(allowance, RateFact("requests", 3, limit=10, reset_seconds=1.0), zero, position=1, sent_at=0.0)
        then = allowance.take(1.0, 0.0)
        fact = RateFact("requests", 8, limit=10, reset_seconds=1e6)
        tell(allowance, fact, then, position=2, sent_at=0.0, now=0.9)
        assert allowance.level == 10.0

    def test_what_an_older_call_learnt_is_passed_over(self) -> None:
        allowance = Allowance()
        zero = Reckoning(0.0, None, 0.0)
        tell(allowance, RateFact("requests", 10, limit=10), zero, position=5, sent_at=0.0)
        assert not tell(allowance, RateFact("requests", 1, limit=99), zero, position=4, sent_at=0.0)
        assert (allowance.limit, allowance.level) == (10, 10.0)

    def test_another_limit_is_news_and_the_old_rate_is_forgotten(self) -> None:
        allowance = Allowance()
        zero = Reckoning(0.0, None, 0.0)
        assert tell(allowance, RateFact("requests", 0, limit=21, reset_seconds=1.0), zero, position=1, sent_at=0.0)
        assert not tell(allowance, RateFact("requests", 0, limit=21), zero, position=2, sent_at=0.1)
        assert tell(allowance, RateFact("requests", 0, limit=11), zero, position=3, sent_at=0.2)
        assert allowance.rate == 0.0

    def test_after_a_reset_comes_another_one(self) -> None:
        allowance = Allowance()
        zero = Reckoning(0.0, None, 0.0)
        tell(allowance, RateFact("requests", 0, limit=1, reset_seconds=4.0), zero, position=1, sent_at=0.0)
        waits = []
        for _ in range(3):
            waits.append(allowance.wait_for(1.0, sum(waits)))
            allowance.take(1.0, sum(waits))
        assert waits == [4.0, 4.0, 4.0]

    def test_what_a_reset_put_right_is_not_put_right_again(self) -> None:
        allowance = Allowance()
        zero = Reckoning(0.0, None, 0.0)
        tell(allowance, RateFact("requests", 1, limit=100, reset_seconds=4.0), zero, position=1, sent_at=0.0)
        allowance.rate = 0.0
        then = allowance.take(1.0, 0.0)
        assert allowance.wait_for(50.0, 4.0) == 0.0
        allowance.take(50.0, 4.0)
        fact = RateFact("requests", 60, limit=100, reset_seconds=1e6)
        tell(allowance, fact, then, position=2, sent_at=0.0, now=4.0)
        assert allowance.level <= 50.0

    @pytest.mark.parametrize("reset", [1e9, 31_536_000.0])
    def test_a_reset_in_a_year_is_asked_about_in_between(self, reset: float) -> None:
        allowance = Allowance()
        fact = RateFact("requests", 0, limit=1_000, reset_seconds=reset)
        tell(allowance, fact, Reckoning(0.0, None, 0.0), position=1, sent_at=0.0)
        assert allowance.wait_for(1.0, 0.0) == LONGEST_BLIND_SECONDS
        assert allowance.wait_for(1.0, LONGEST_BLIND_SECONDS) == 0.0
        allowance.take(1.0, LONGEST_BLIND_SECONDS)
        assert allowance.wait_for(1.0, LONGEST_BLIND_SECONDS) == LONGEST_BLIND_SECONDS, "one goes, not all"

    @given(
        facts=st.lists(
            st.tuples(
                st.integers(0, 10**6),
                st.none() | st.integers(1, 10**6),
                st.none() | st.floats(-1e6, 1e9),
                st.booleans(),
                st.floats(0, 100),
            ),
            max_size=20,
        ),
        cost=st.floats(0, 1e7),
    )
    def test_whatever_is_told_the_wait_is_bounded(
        self, facts: list[tuple[int, int | None, float | None, bool, float]], cost: float
    ) -> None:
        allowance, now = Allowance(reserve=1.0), 0.0
        for position, (remaining, limit, reset, is_moment, gap) in enumerate(facts):
            then = allowance.take(1.0, now)
            sent_at, now = now, now + gap
            fact = RateFact("tokens", remaining, limit=limit, reset_seconds=reset, is_moment=is_moment)
            tell(allowance, fact, then, position=position, sent_at=sent_at, now=now)
            assert 0.0 <= allowance.wait_for(cost, now) <= LONGEST_BLIND_SECONDS + 1e-6


class TestLimiter:
    def test_never_more_are_under_way_than_the_limit(self) -> None:
        limiter = past_the_opening(most=3)
        tickets = [let_go(limiter, 10.0) for _ in range(3)]
        assert limiter.wait_for(Ticket(), 10.0) == math.inf
        limiter.end(tickets[0], OTHER, 10.0)
        let_go(limiter, 10.0)
        assert limiter.wait_for(Ticket(), 10.0) == math.inf

    def test_a_pause_is_for_all_and_ends(self) -> None:
        limiter = past_the_opening()
        ticket = let_go(limiter, 10.0)
        limiter.end(ticket, refused(7.0), 10.5)
        assert limiter.pause_until == 17.5
        assert limiter.wait_for(Ticket(), 11.5) >= 6.0
        assert limiter.wait_for(Ticket(), 17.5) == 0.0

    def test_calls_refused_together_shrink_the_limit_once_and_the_longest_pause_holds(self) -> None:
        limiter = past_the_opening()
        tickets = [let_go(limiter, 10.0) for _ in range(10)]
        limiter.end(tickets[0], refused(1.0), 10.1)
        rate = limiter.pace.rate
        for ticket in tickets[1:9]:
            limiter.end(ticket, refused(3.0), 10.2)
        assert limiter.pace.rate == rate
        assert limiter.pause_until == 13.2
        assert len(limiter.changes) == 1
        limiter.end(tickets[9], CROWDED, 10.3)
        assert limiter.crowd.limit == 100, "sent before the refusal was known, it belongs to it"

    def test_a_refusal_without_a_wait_makes_its_own_pause_which_doubles_up_to_a_bound(self) -> None:
        limiter = past_the_opening()
        pauses, now = [], 10.0
        for _ in range(8):
            now += 1_000.0
            limiter.end(let_go(limiter, now), refused(None), now)
            pauses.append(limiter.pause_until - now)
        assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0] + [LONGEST_OWN_PAUSE_SECONDS] * 3
        now += 1_000.0
        limiter.end(let_go(limiter, now), SERVED, now)
        now += 1_000.0
        limiter.end(let_go(limiter, now), refused(None), now)
        assert limiter.pause_until - now == 1.0, "something was served in between"

    @pytest.mark.parametrize("asked", [LONGEST_PAUSE_SECONDS + 0.5, 31_536_000.0, 1e300])
    def test_a_wait_that_is_too_long_is_not_kept_and_counted(self, asked: float) -> None:
        limiter = past_the_opening()
        limiter.end(let_go(limiter, 10.0), refused(asked), 10.0)
        assert (limiter.pause_until, limiter.too_long) == (11.0, 1)
        limiter.end(let_go(limiter, 1_000.0), refused(asked), 1_000.0)
        assert (limiter.pause_until, limiter.too_long) == (1_002.0, 2)
        limiter.end(let_go(limiter, 2_000.0), SERVED, 2_000.0)
        assert limiter.too_long == 0

    def test_the_longest_wait_that_is_kept(self) -> None:
        limiter = past_the_opening()
        limiter.end(let_go(limiter, 10.0), refused(LONGEST_PAUSE_SECONDS), 10.0)
        assert (limiter.pause_until, limiter.too_long) == (10.0 + LONGEST_PAUSE_SECONDS, 0)

    def test_overloaded_shrinks_the_calls_at_once_without_a_pause(self) -> None:
        limiter = past_the_opening()
        tickets = [let_go(limiter, 10.0) for _ in range(50)]
        limiter.end(tickets[0], CROWDED, 10.1)
        assert limiter.crowd.limit == 35
        assert limiter.pace.rate is None
        for ticket in tickets[1:16]:
            limiter.end(ticket, SERVED, 10.2)
        assert limiter.wait_for(Ticket(), 10.2) == 0.0

    def test_overloaded_with_a_wait_pauses_all(self) -> None:
        limiter = past_the_opening()
        ticket = let_go(limiter, 10.0)
        limiter.end(ticket, Ending("crowded", "overloaded", retry_after_seconds=5.0), 10.0)
        assert limiter.wait_for(Ticket(), 10.0) == 5.0

    def test_calls_at_once_grow_back_only_by_calls_sent_after_the_refusal(self) -> None:
        limiter = past_the_opening(most=100)
        old = [let_go(limiter, 10.0) for _ in range(20)]
        limiter.end(old.pop(), CROWDED, 10.1)
        assert limiter.crowd.limit == 14
        for ticket in old:
            limiter.wait_for(Ticket(), 10.2)
            limiter.end(ticket, SERVED, 10.2)
        assert limiter.crowd.limit == 14
        new = [let_go(limiter, 11.0) for _ in range(14)]
        limiter.wait_for(Ticket(), 11.0)
        for ticket in new:
            limiter.end(ticket, SERVED, 12.0)
        assert limiter.crowd.limit == 15

    def test_a_refusal_that_its_headers_explain_teaches_no_pace(self) -> None:
        limiter = past_the_opening()
        for now, remaining, is_learnt in ((500.0, 0, False), (1_000.0, 1, True)):
            fact = RateFact("requests", remaining, limit=100, reset_seconds=50.0)
            limiter.end(let_go(limiter, now), refused(1.0, fact), now)
            assert (limiter.pace.rate is not None) == is_learnt
            assert limiter.crowd.limit == 100

    def test_headers_are_obeyed_before_they_are_violated(self) -> None:
        limiter = past_the_opening()
        ticket = let_go(limiter, 10.0)
        limiter.end(ticket, Ending("served", rates=(RateFact("requests", 5, limit=60, reset_seconds=55.0),)), 10.0)
        for _ in range(3):
            let_go(limiter, 10.0)
        assert limiter.wait_for(Ticket(), 10.0) > 0.0, "two are left for whoever counts otherwise"

    def test_what_went_before_anything_was_told_is_counted(self) -> None:
        limiter = past_the_opening()
        tickets = [let_go(limiter, 10.0, Ticket(400, 100)) for _ in range(10)]
        rates = (
            RateFact("requests", 90, limit=100, reset_seconds=1e6),
            RateFact("tokens", 2_000, limit=10**6, reset_seconds=1e6),
        )
        limiter.end(tickets[0], Ending("served", rates=rates), 10.0)
        let_go(limiter, 10.0, Ticket(400, 100))
        assert limiter.wait_for(Ticket(400, 100), 10.0) > 0.0, "two thousand tokens are ten calls of two hundred"

    def test_tokens_are_expected_from_the_request_and_learnt_from_the_replies(self) -> None:
        limiter = past_the_opening()
        limiter.give("tokens", 60_000.0, 0.0)
        ticket = let_go(limiter, 10.0, Ticket(4_000, 500))
        assert (ticket.input_tokens, ticket.output_tokens) == (1_000.0, 500.0)
        usage = Usage(input_tokens=500, cache_read_tokens=1_500, output_tokens=100)
        limiter.end(ticket, Ending("served", usage=usage), 10.0)
        for now in range(100, 6_100, 100):
            limiter.end(let_go(limiter, now, ticket), Ending("served", usage=usage), now)
        assert ticket.input_tokens == pytest.approx(2_000, rel=0.01)
        assert ticket.output_tokens == pytest.approx(100, rel=0.05)

    def test_tokens_a_minute_are_kept_to_as_they_were_counted(self) -> None:
        limiter = past_the_opening()
        limiter.give("tokens", 60_000.0, 0.0)
        ticket = let_go(limiter, 10.0, Ticket(4_000, 1_000))
        # 250 had been saved up, 2,000 were expected: 1.75 s of 1,000 a second are owed.
        assert limiter.wait_for(Ticket(4, 0), 10.0) == pytest.approx(1.751)
        limiter.end(ticket, Ending("served", usage=Usage(input_tokens=900, output_tokens=100)), 10.0)
        assert limiter.wait_for(Ticket(4, 0), 10.0) == pytest.approx(0.751, abs=0.001)

    def test_requests_a_minute_go_off_evenly_with_a_quarter_of_a_second_saved_up(self) -> None:
        limiter = past_the_opening(most=10_000)
        limiter.give("requests", 1_200.0, 0.0)
        for _ in range(5):
            let_go(limiter, 100.0)
        assert limiter.wait_for(Ticket(), 100.0) == pytest.approx(0.05)

    def test_never_more_than_ten_requests_are_saved_up(self) -> None:
        limiter = past_the_opening(most=10_000)
        limiter.give("requests", 60_000.0, 0.0)
        for _ in range(10):
            let_go(limiter, 100.0)
        assert limiter.wait_for(Ticket(), 100.0) == pytest.approx(0.001)

    def test_the_last_one_given_holds_and_none_changes_nothing(self) -> None:
        limiter = past_the_opening(most=10_000)
        limiter.give("requests", 60.0, 0.0)
        limiter.give("requests", 60.0, 0.0)
        limiter.give("requests", None, 0.0)
        limiter.give("requests", 600.0, 0.0)
        assert [change.reason for change in limiter.changes] == [
            "60 requests per minute are set",
            "600 requests per minute are set",
        ]
        let_go(limiter, 100.0)
        let_go(limiter, 100.0)
        assert limiter.wait_for(Ticket(), 100.0) == pytest.approx(0.05)

    def test_every_change_is_kept_with_its_reason_and_told_once(self) -> None:
        limiter = past_the_opening()
        tickets = [let_go(limiter, 10.0) for _ in range(40)]
        limiter.end(tickets[0], refused(2.0), 10.5)
        limiter.end(let_go(limiter, 20.0), CROWDED, 21.0)
        rate = limiter.pace.rate
        assert limiter.pop_untold() == [
            LimitChange(10.5, None, reason="rate limit, HTTP 429", per_second=rate, pause_seconds=2.0),
            LimitChange(21.0, 28, reason="overloaded, HTTP 529", per_second=rate),
        ]
        assert limiter.pop_untold() == []
        assert len(limiter.changes) == 2

    def test_a_change_says_what_holds_from_now_on(self) -> None:
        change = LimitChange(1.0, 40, reason="rate limit, HTTP 429", per_second=19.44444, pause_seconds=1.0)
        assert str(change) == "at most 40 calls at once, 19.4 a second; nothing for 1 s: rate limit, HTTP 429"
        assert str(LimitChange(1.0, 7, reason="as before")) == "at most 7 calls at once: as before"
        assert str(LimitChange(1.0, None, reason="as before")) == "max_concurrent calls at once: as before"


ENDINGS = st.one_of(
    st.just(SERVED),
    st.just(OTHER),
    st.just(CROWDED),
    st.builds(refused, st.none() | st.floats(0, 1e5)),
    st.builds(
        RateFact,
        st.just("requests"),
        st.integers(0, 50),
        limit=st.none() | st.integers(1, 50),
        reset_seconds=st.none() | st.floats(-10, 1e4),
    ).map(lambda fact: Ending("served", rates=(fact,))),
)


@given(
    most=st.integers(1, 20),
    per_minute=st.none() | st.floats(1, 1e4),
    steps=st.lists(st.tuples(st.floats(0, 5), ENDINGS), max_size=80),
)
def test_whatever_comes_limits_are_kept_and_something_may_always_go_some_time(
    most: int, per_minute: float | None, steps: list[tuple[float, Ending]]
) -> None:
    limiter, now, under_way = Limiter(most), 0.0, list[Ticket]()
    limiter.give("requests", per_minute, now)
    for gap, ending in steps:
        now += gap
        for ticket in _goers(limiter, now, 5):
            assert limiter.crowd.limit >= 1
            assert now >= limiter.pause_until
            under_way.append(ticket)
        assert limiter.under_way == len(under_way) <= most
        if under_way:
            limiter.end(under_way.pop(0), ending, now)
    for ticket in under_way:
        limiter.end(ticket, OTHER, now)
    ready_at = now
    while (wait := limiter.wait_for(Ticket(), ready_at)) > 1e-6:
        ready_at += wait
    assert ready_at - now <= LONGEST_PAUSE_SECONDS + 60.0


def _goers(limiter: Limiter, now: float, most: int) -> Iterator[Ticket]:
    for _ in range(most):
        if limiter.wait_for(Ticket(), now) == 0.0:
            yield let_go(limiter, now)
