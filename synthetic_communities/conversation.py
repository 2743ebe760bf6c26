"""Conversations between two people: taking turns, and what both remember of it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .cast.occasion import Occasion
from .domain.outcome import Outcome
from .domain.pairing import Conversation
from .domain.remark import Remark
from .engine.plan import TurnPlace
from .persona import ChatEntry, Persona


async def speak_turn(
    people: Mapping[str, Persona], place: TurnPlace, said: Sequence[Remark], occasion: Occasion
) -> Outcome[Remark]:
    """Let whose turn it is speak."""
    speaker, listener = place.conversation.turns[place.number]
    return await people[speaker].speak(said, listener, people[listener].name, occasion)


def enter_conversation(
    people: Mapping[str, Persona], who: str, conversation: Conversation, said: Sequence[Remark]
) -> None:
    """Make a conversation part of what one of the two knows, if anything was said in it."""
    if said:
        peer = people[conversation.second if who == conversation.first else conversation.first]
        people[who].chats.append(ChatEntry(peer.id, peer.name, messages(said)))


def messages(said: Iterable[Remark]) -> list[dict[str, Any]]:
    """Return what was said as `{speaker_id, message}` mappings."""
    return [vars(_Message(remark)) for remark in said]


def close_conversation(
    people: Mapping[str, Persona], conversation: Conversation, said: Sequence[Remark]
) -> dict[str, Any]:
    """Let both remember a conversation, and return it as scripts see it."""
    participants = [conversation.first, conversation.second]
    for who in participants:
        enter_conversation(people, who, conversation, said)
    return {"participants": participants, "num_rounds": conversation.rounds, "conversation": messages(said)}


class _Message:
    """A remark whose `vars` are a message: of those the keys are stored once for all, and communities hold millions."""

    def __init__(self, remark: Remark) -> None:
        self.speaker_id = remark.speaker_id
        self.message = remark
