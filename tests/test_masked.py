"""A key that a server repeats: it stands in no reply, no error, and nothing that led to the error."""

from __future__ import annotations

import traceback

import pytest

from synthetic_communities.llm.access.masked import SECRET_CHARACTERS, Masked, mask_error
from synthetic_communities.llm.failures import CallError, ModelUnavailableError
from synthetic_communities.llm.model import ModelReply
from synthetic_communities.testing.models import Reply, ScriptedModel
from tests.model_calls import KEY, ask


def reply_with(reply: Reply, key: str | None = KEY) -> ModelReply:
    return ask(Masked(ScriptedModel([reply]), key))


def test_a_key_in_a_reply_and_in_the_name_of_a_model() -> None:
    came = reply_with(ModelReply(f"You sent {KEY}, {KEY}.", stop="end", model=f"m-{KEY}"))
    assert came == ModelReply("You sent [key], [key].", stop="end", model="m-[key]")


def test_a_reply_without_it_is_the_same() -> None:
    reply = ModelReply(KEY[:-1], stop="end", model="m")
    assert reply_with(reply) is reply
    assert reply_with(reply, None) is reply


@pytest.mark.parametrize(("length", "is_masked"), [(SECRET_CHARACTERS - 1, False), (SECRET_CHARACTERS, True)])
def test_short_keys_are_words_that_a_reply_may_hold(length: int, is_masked: bool) -> None:
    key = "n" * length
    assert (reply_with(f"It is {key}.", key).text == "It is [key].") is is_masked


@pytest.mark.parametrize("key", [KEY, "none"])
@pytest.mark.parametrize("kind", [lambda said: CallError("server error", said), ModelUnavailableError])
def test_errors(kind: type[ModelUnavailableError], key: str) -> None:
    with pytest.raises((CallError, ModelUnavailableError)) as failed:
        reply_with(kind(f"not with {key}"), key)
    assert key not in f"{failed.value} {failed.value!r} {getattr(failed.value, 'detail', '')}"
    assert "not with [key]" in str(failed.value)


class RequestError(Exception):
    """Shows the request it failed with when it is shown as a value, as those of HTTP clients do."""

    def __repr__(self) -> str:
        return f"RequestError({{'authorization': 'Bearer {KEY}'}})"


@pytest.mark.parametrize("earlier", [ValueError(f"bad line: {KEY}"), RequestError("no"), ValueError({"a": [KEY]})])
@pytest.mark.parametrize("is_cause", [True, False])
def test_what_led_to_an_error(earlier: Exception, is_cause: bool) -> None:
    error = fail_after(earlier, is_cause=is_cause)
    mask_error(error, KEY)
    assert KEY not in "".join(traceback.format_exception(error))
    assert error.__cause__ is error.__context__ is None


def test_what_led_to_an_error_stays_where_it_shows_no_key() -> None:
    error = fail_after(ValueError("harmless"), is_cause=True)
    mask_error(error, KEY)
    assert isinstance(error.__cause__, KeyError)
    assert isinstance(error.__cause__.__context__, ValueError)


def fail_after(earlier: Exception, *, is_cause: bool) -> CallError:
    """Return an error that another led to, two steps before it."""
    try:
        try:
            try:
                raise earlier
            except Exception:
                raise KeyError("between")  # noqa: B904
        except KeyError as between:
            raise CallError("connection", "lost") from (between if is_cause else None)
    except CallError as error:
        return error


def test_an_error_of_opening() -> None:
    class Closed(ScriptedModel):
        async def __aenter__(self) -> Closed:
            raise ModelUnavailableError(f"not with {KEY}")

    with pytest.raises(ModelUnavailableError, match=r"^not with \[key\]$"):
        ask(Masked(Closed([]), KEY))
