"""Marks chosen anew for prompts in another arrangement: from how often each beginning does come again there."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate

from ...llm.caching.policy import choose_marks, find_anthropic_terms
from ...testing.server.caching import Block
from ...testing.server.prompt import Prompt
from .arrangements import Arrangement
from .calls import NotedCall


def a_format_per_act(calls: Sequence[NotedCall]) -> Arrangement:
    """Return the arrangement in which every act of a run has a form of reply of its own.

    Args:
        calls: of the whole run.
    """
    return marked_anew(calls, lambda call: replace(call.prompt, beginning=f"{call.act}\n{call.prompt.beginning}"))


def marked_anew(calls: Sequence[NotedCall], arrange: Callable[[NotedCall], Prompt]) -> Arrangement:
    """Return an arrangement with marks as the policy sets them, for five minutes.

    The policy is told how often each beginning did come again, where in a run it is told what is expected.

    Args:
        calls: of the whole run.
        arrange: what stands in the place of a call's prompt; its marks do not matter.
    """
    seen = Counter(key for call in calls for key in _list_beginnings(arrange(call)))

    def mark(call: NotedCall) -> Iterator[Prompt]:
        """Yield the prompt of a call, with marks by how often each of its beginnings comes again."""
        prompt = arrange(call)
        reuse = [seen[key] - 1 for key in _list_beginnings(prompt)]
        yield replace(prompt, blocks=_mark(prompt.model, prompt.blocks, reuse))

    return mark


def _list_beginnings(prompt: Prompt) -> Iterator[int]:
    """Yield a key for every beginning, the shortest first."""
    texts = (hash((prompt.beginning, block.text)) for block in prompt.blocks)
    yield from accumulate(texts, lambda before, text: hash((before, text)))


def _mark(model: str, blocks: Sequence[Block], reuse: Sequence[int]) -> tuple[Block, ...]:
    marks = choose_marks([len(block.text) for block in blocks], reuse, 0.0, find_anthropic_terms(model))
    lives = {mark.text: mark.life for mark in marks}
    return tuple(Block(block.text, lives.get(place)) for place, block in enumerate(blocks))
