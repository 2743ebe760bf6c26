"""What an HTTP status means: for this call, for every call, or for the way of asking."""

import json
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthetic_communities.llm.failures import CallError, ModelUnavailableError, WrongSettingsError
from synthetic_communities.llm.json_shapes import count, dig, well_formed
from synthetic_communities.llm.limits.retry_after import parse_retry_after
from synthetic_communities.llm.wire.answers import HttpAnswer
from synthetic_communities.llm.wire.http_failures import Filtered, OptionRefused, read_failure
from synthetic_communities.llm.wire.server import Server

KEY = "sk-secret-0123456789"
SERVER = Server("openai:gpt-x", "https://api.openai.com/v1", key=KEY, key_variable="OPENAI_API_KEY")
OPEN_SERVER = Server("openai-compatible:m", "http://h/v1")
NOW = 1_795_000_000.0

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "code", "message", "type", "detail", "retryDelay"]), inner)
    ),
    max_leaves=8,
)


def answer(status: int, body: Any = None, **headers: str) -> HttpAnswer:
    content = body if isinstance(body, bytes) else json.dumps(body if body is not None else {}).encode()
    return HttpAnswer(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


def error(message: str = "No.", **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, **more}}


def read(
    status: int, body: Any = None, *, server: Server = SERVER, options: tuple[str, ...] = (), **headers: str
) -> Any:
    return read_failure(answer(status, body, **headers), server, now=NOW, options=options)


@pytest.mark.parametrize(
    ("status", "kind", "is_transient"),
    [
        (400, "bad request", False),
        (405, "bad request", False),
        (408, "timeout", True),
        (409, "server error", True),
        (413, "bad request", False),
        (418, "bad request", False),
        (422, "bad request", False),
        (429, "rate limit", True),
        (500, "server error", True),
        (501, "server error", False),
        (502, "server error", True),
        (503, "overloaded", True),
        (504, "server error", True),
        (505, "server error", False),
        (524, "server error", True),
        (529, "overloaded", True),
    ],
)
def test_what_a_status_means_for_the_call(status: int, kind: str, is_transient: bool) -> None:
    failure = read(status, error("What was said."))
    assert isinstance(failure, CallError)
    assert (failure.kind, failure.is_transient, failure.status) == (kind, is_transient, status)
    assert failure.detail == "What was said."


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, error("Incorrect API key provided: sk-se...789"), "the key in OPENAI_API_KEY was refused"),
        (400, [error("API key not valid. Please pass a valid API key.", code=400)], "the key in OPENAI_API_KEY was"),
        (400, error("Bad.", details=[{"reason": "API_KEY_INVALID"}]), "the key in OPENAI_API_KEY was refused"),
        (402, error("Insufficient credits"), "no credit left"),
        (429, error("You exceeded your current quota.", code="insufficient_quota"), "no credit left"),
        (400, error("Your credit balance is too low to access the API."), "no credit left"),
        (403, error("Country not supported"), r"access is denied \(HTTP 403: Country not supported\)"),
        (404, error("The model gpt-x does not exist"), r"does not exist\); check the model's name and base_url"),
        (404, b"<html>", "not found at https://api.openai.com/v1"),
    ],
)
def test_what_stops_the_run_says_what_to_do(status: int, body: Any, words: str) -> None:
    failure = read(status, body)
    assert isinstance(failure, ModelUnavailableError)
    with pytest.raises(ModelUnavailableError, match=words):
        raise failure
    assert str(failure).startswith("openai:gpt-x: ")


@pytest.mark.parametrize(
    ("server", "kind", "words"),
    [
        (
            Server("vllm:m", "http://localhost:8000", is_versioned=True),
            WrongSettingsError,
            "in /v1 for servers of this kind",
        ),
        (Server("vllm:m", "http://localhost:8000/v1", is_versioned=True), WrongSettingsError, "name and base_url"),
        (Server("gemini:m", "https://h/v1beta/openai", is_versioned=True), WrongSettingsError, "name and base_url"),
        (Server("anthropic:m", "https://h"), WrongSettingsError, "check the model's name and base_url"),
        (Server("ollama:m", "http://h", get_command="ollama pull m"), ModelUnavailableError, "type: ollama pull m"),
    ],
)
def test_a_model_that_is_not_there_is_gone_on_with_only_where_it_can_be_got(
    server: Server, kind: type[Exception], words: str
) -> None:
    failure = read(404, error("No."), server=server)
    assert type(failure) is kind
    assert str(failure).endswith(words)


def test_a_server_that_wants_a_key_and_was_sent_none_asks_for_the_variable() -> None:
    assert "set api_key_env to the name" in str(read(401, server=OPEN_SERVER))


def test_a_limit_per_minute_is_no_empty_account_though_it_speaks_of_billing() -> None:
    message = "You exceeded your current quota, please check your plan and billing details."
    retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "36s"}
    failure = read(429, [error(message, status="RESOURCE_EXHAUSTED", details=[retry])])
    assert isinstance(failure, CallError)
    assert (failure.kind, failure.retry_after_seconds) == ("rate limit", 36.0)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, error("Filtered.", code="content_filter")),
        (400, error("Filtered.", innererror={"code": "ResponsibleAIPolicyViolation"})),
        (400, error("The response was filtered due to Azure OpenAI's content management policy.")),
        (400, error("Output blocked by content filtering policy")),
        (400, error("Content Exists Risk")),
        (403, error("Flagged.", metadata={"reasons": ["violence"], "flagged_input": "..."})),
    ],
)
def test_a_filtered_prompt_is_a_refusal_and_no_broken_request(status: int, body: Any) -> None:
    failure = read(status, body)
    assert failure == Filtered(body["error"]["message"])


def test_what_the_prompt_says_about_filters_filters_nothing() -> None:
    fault = {"loc": ["body", "max_tokens"], "msg": "too large", "input": {"messages": "our content policy"}}
    failure = read(422, {"detail": [fault]})
    assert isinstance(failure, CallError)
    assert failure.detail == "['body', 'max_tokens']: too large"


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    ("option", "body"),
    [
        ("response_format", error("'response_format' of type 'json_schema' is not supported")),
        ("response_format", error("Unknown name \"additionalProperties\" at 'generation_config.response_schema'")),
        ("response_format", {"detail": [{"loc": ["body", "response_format"], "msg": "extra"}]}),
        ("response_format", error("failed to parse grammar")),
        ("reasoning_effort", error("Bad.", param="reasoning_effort")),
        ("seed", error("Unknown name: seed")),
        ("chat_template_kwargs", error("chat_template is not supported for Mistral tokenizers")),
        ("max_tokens", error("Use 'max_completion_tokens' instead.")),
        ("think", {"error": '"llama3" does not support thinking'}),
    ],
)
def test_an_option_the_server_names_can_be_left_out_if_it_was_sent(status: int, option: str, body: Any) -> None:
    refused = read(status, body, options=(option,))
    assert isinstance(refused, OptionRefused)
    assert (refused.option, refused.kind, refused.is_transient) == (option, "bad request", False)
    assert not isinstance(read(status, body), OptionRefused)
    assert not isinstance(read(500, body, options=(option,)), OptionRefused)


def test_a_redirect_names_where_it_leads() -> None:
    failure = read(308, location="https://elsewhere.example/v1")
    assert isinstance(failure, ModelUnavailableError)
    assert "redirects to https://elsewhere.example/v1" in str(failure)
    assert "set base_url" in str(failure)


@given(status=st.integers(300, 599), body=JSON, place=st.sampled_from(["message", "whole", "text"]))
def test_any_answer_is_read_and_none_shows_the_key(status: int, body: Any, place: str) -> None:
    bodies = {"message": error(f"your key {KEY} is bad {body}"), "whole": [body, KEY], "text": f"{body} {KEY}".encode()}
    failure = read(status, bodies[place], location=f"https://x/{KEY}", **{"retry-after": str(body)})
    assert isinstance(failure, (CallError, ModelUnavailableError, Filtered))
    assert KEY not in f"{failure!r} {failure} {getattr(failure, 'detail', '')}"


def test_a_server_does_not_show_its_key() -> None:
    assert KEY not in f"{SERVER!r} {SERVER}"


def test_what_a_server_says_is_shortened_and_put_on_one_line() -> None:
    failure = read(500, error("a\n  b " + "c" * 5000))
    assert isinstance(failure, CallError)
    assert failure.detail.startswith("a b ccc")
    assert len(failure.detail) == 300


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "31536000"}, 31_536_000.0),
        ({"retry-after": formatdate(NOW + 60, usegmt=True)}, 60.0),
        ({"retry-after": formatdate(NOW - 60, usegmt=True)}, 0.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:37 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "Sun, 99 Nov 99999 08:49:37 GMT"}, None),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "1"}, 1.0),
        ({}, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert parse_retry_after(headers, None, now=NOW) == seconds


@given(text=st.text(), body=JSON)
def test_any_text_is_a_wait_or_none(text: str, body: Any) -> None:
    seconds = parse_retry_after({"retry-after": text, "retry-after-ms": text}, body, now=NOW)
    assert seconds is None or seconds >= 0


def test_a_wait_in_a_header_goes_before_one_in_the_body() -> None:
    body = [{"error": {"details": [{"retryDelay": "36s"}]}}]
    assert parse_retry_after({}, body, now=NOW) == 36.0
    assert parse_retry_after({"retry-after": "2"}, body, now=NOW) == 2.0


@given(body=JSON)
def test_looking_into_any_json_never_fails(body: Any) -> None:
    assert dig(body, "error", 0, "code", "x", 7) is None or body
    counted = count(body, "error", "code")
    assert counted is None or counted >= 0


@given(st.text(st.characters()))
def test_any_text_can_be_written_to_a_file(text: str) -> None:
    written = well_formed(text)
    written.encode("utf-8")
    assert well_formed(written) == written


def test_an_effort_that_is_refused_is_no_schema() -> None:
    said = "output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'"
    assert not isinstance(read(400, error(said), options=("output_config",)), OptionRefused)
    assert isinstance(read(400, error("output_config.format: not known"), options=("output_config",)), OptionRefused)
