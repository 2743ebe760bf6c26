"""What tokens of a model cost."""

from dataclasses import dataclass, field

from ..model import Usage

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Rates:
    """What a million tokens of a call cost, in US dollars.

    Attributes:
        input_usd: of those read at the full price.
        output_usd: of those written, thinking included.
        cache_write_usd: of those written to a cache.
        cache_write_1h_usd: of those written to one that are kept for an hour.
        cache_read_usd: of those read from one.
        above_tokens: for calls whose whole prompt has more tokens than that.
    """

    input_usd: float
    output_usd: float
    cache_write_usd: float = field(kw_only=True)
    cache_write_1h_usd: float = field(kw_only=True)
    cache_read_usd: float = field(kw_only=True)
    above_tokens: int = field(default=-1, kw_only=True)


@dataclass(frozen=True, slots=True)
class Price:
    """What calls of a model cost. A long prompt may cost more a token, so calls are priced one by one.

    Attributes:
        tiers: rates, for ever longer prompts; the first for any.
    """

    tiers: tuple[Rates, ...]

    def cost(self, usage: Usage) -> float | None:
        """Return what one call cost, in US dollars; None if its tokens are not known."""
        prompt = usage.prompt_tokens
        if prompt is None or usage.input_tokens is None or usage.output_tokens is None:
            return None
        rates = next(rates for rates in reversed(self.tiers) if prompt > rates.above_tokens)
        written = usage.cache_write_tokens or 0
        hourly = min(usage.cache_write_1h_tokens or 0, written)
        millionths = (
            usage.input_tokens * rates.input_usd
            + (written - hourly) * rates.cache_write_usd
            + hourly * rates.cache_write_1h_usd
            + (usage.cache_read_tokens or 0) * rates.cache_read_usd
            + usage.output_tokens * rates.output_usd
        )
        return millionths / MILLION
