"""What Ollama knows of a model: whether it is there, how far it reads, how it thinks."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from ...errors import ConfigurationError, Problem
from ..failures import CallError, ModelUnavailableError
from ..json_shapes import count, dig
from ..wire.connections import Connections
from ..wire.http_failures import Filtered, read_failure
from ..wire.reaching import reach
from ..wire.server import Server
from .opening import OPENING_SECONDS, no_answer, nobody_listens

_SHORTER = (
    "shorten the prompts (memory_epochs, feed_size, turns_per_question, the world's description) "
    "or take a model with a longer window"
)


@dataclass(frozen=True, slots=True)
class OllamaModel:
    """What Ollama knows of a model.

    Attributes:
        window_tokens: the longest prompt and reply together; None if it does not say.
        thinks_by_level: whether it takes levels of thinking and cannot be told not to think.
    """

    window_tokens: int | None
    thinks_by_level: bool = False


async def look_up_model(connections: Connections, model: str, server: Server) -> OllamaModel:
    """Return what `/api/show` tells of a model.

    Raises:
        ModelUnavailableError: nobody listens, the server's certificate is not believed, or the model is not pulled.
    """
    try:
        async with asyncio.timeout(OPENING_SECONDS):
            asking = connections.post("/api/show", json.dumps({"model": model}).encode("ascii"))
            answer = await reach(server, asking)
        if answer.is_success:
            return parse_model(answer.parse())
    except TimeoutError as error:
        raise no_answer(server) from error
    except CallError as error:
        raise (nobody_listens if error.kind == "connection" else _cannot_tell)(server, error) from error
    failure = read_failure(answer, server, now=0.0)
    raise failure if isinstance(failure, ModelUnavailableError) else _cannot_tell(server, failure)


def _cannot_tell(server: Server, failure: CallError | Filtered) -> ModelUnavailableError:
    told = failure.detail or "nothing"
    return ModelUnavailableError(f"{server.name}: asked about the model, {server.url} says: {told}; is it Ollama?")


def parse_model(body: Any) -> OllamaModel:
    """Return what the parsed body of `/api/show` tells."""
    info = dig(body, "model_info")
    lengths = [count(info, name) for name in info if name.endswith(".context_length")] if isinstance(info, dict) else []
    architecture = dig(info, "general.architecture")
    own = count(info, f"{architecture}.context_length")
    window = own if own is not None else next((length for length in lengths if length), None)
    return OllamaModel(window, thinks_by_level=dig(body, "details", "family") == "gptoss")


def check_window(window_tokens: int | None, known: OllamaModel, name: str) -> None:
    """Return if a window of this size can be had.

    Raises:
        ConfigurationError: it is longer than the model's.
    """
    if window_tokens is None or known.window_tokens is None or window_tokens <= known.window_tokens:
        return
    what = f"{name} reads {known.window_tokens} tokens, and this run needs a window of {window_tokens}"
    raise ConfigurationError([Problem("model", what, _SHORTER)])
