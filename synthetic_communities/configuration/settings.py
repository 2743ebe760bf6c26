"""The table of settings: what each one means, its unit and its range."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from ..llm.choice import OFFLINE

SCHEDULES = ("dependencies", "phases")
"""What an act waits for: for what it builds on and nothing else, or for everybody to have ended the step before."""

PROMPT_CACHES = ("auto", "none")
"""Whether providers are told to keep the beginnings of prompts, where that pays, or not."""

Kind = Literal["whole number", "number", "true or false", "text", "file", "list", "mapping"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a configuration; its default stands in `config.Config`.

    Attributes:
        name: as written in the file and in `Config`.
        kind: what kind of value it takes.
        meaning: what it does, in one sentence without a full stop.
        unit: what a number counts or measures; empty if it counts nothing.
        low: the smallest number it takes; None: no bound.
        high: the largest number it takes; None: no bound.
        low_excluded: True if `low` itself is too small.
        absent: what `None` means, in words; empty: `None` is no value for it.
        models_only: True if only language models take it.
        most_characters: how long a text may be, which then is one line of what prints; None: any text.
        choices: the texts it takes; empty: any.
    """

    name: str
    kind: Kind
    meaning: str = field(kw_only=True)
    unit: str = field(default="", kw_only=True)
    low: float | None = field(default=None, kw_only=True)
    high: float | None = field(default=None, kw_only=True)
    low_excluded: bool = field(default=False, kw_only=True)
    absent: str = field(default="", kw_only=True)
    models_only: bool = field(default=False, kw_only=True)
    most_characters: int | None = field(default=None, kw_only=True)
    choices: tuple[str, ...] = field(default=(), kw_only=True)

    @property
    def range(self) -> str:
        """The values it takes, in words: `whole number, 1 or more`."""
        if self.most_characters is not None:
            return f"{self.kind}, one line of at most {self.most_characters} characters"
        if self.choices:
            return " or ".join(self.choices)
        if self.low is None:
            return self.kind
        if self.high is not None:
            return f"{self.kind}, {self.low:g} to {self.high:g}"
        return f"{self.kind}, {f'more than {self.low:g}' if self.low_excluded else f'{self.low:g} or more'}"

    @property
    def wanted(self) -> str:
        """The same with its article, to follow the word `write`."""
        return self.range if self.choices or self.kind == "true or false" else f"a {self.range}"

    def covers(self, number: float) -> bool:
        """Say whether the number lies in the range."""
        if number != number or abs(number) == math.inf:
            return False
        above = self.low is None or (number > self.low if self.low_excluded else number >= self.low)
        return above and (self.high is None or number <= self.high)


SETTINGS = (
    Setting("population_size", "whole number", low=0, unit="people", meaning="how many people are drawn from the file"),
    Setting("questions_per_topic", "whole number", low=0, unit="questions", meaning="questions per topic and epoch"),
    Setting(
        "turns_per_question", "whole number", low=1, unit="turns", meaning="times each candidate speaks to a question"
    ),
    Setting("num_epochs", "whole number", low=1, unit="epochs", meaning="rounds of debate, conversation and posts"),
    Setting("random_seed", "whole number", meaning="what all chance in the run is drawn from"),
    Setting(
        "post_probability", "number", low=0, high=1, unit="share", meaning="chance that a person posts in an epoch"
    ),
    Setting(
        "reaction_probability",
        "number",
        low=0,
        high=1,
        unit="share",
        meaning="chance that a person considers reacting to a post it is shown",
    ),
    Setting("num_rounds_mean", "whole number", low=1, unit="rounds", meaning="middle length of a conversation"),
    Setting(
        "num_rounds_variance",
        "whole number",
        low=0,
        unit="rounds",
        meaning="half-range (no variance): lengths are drawn evenly from the middle plus or minus this, at least 1",
    ),
    Setting(
        "max_change_percentage",
        "number",
        low=0,
        high=1,
        unit="share",
        meaning="how far one update may move a stance, as a share of the axis (no percentage): 0.5 is 1.0 of its 2.0",
    ),
    Setting("max_concurrent", "whole number", low=1, unit="acts", meaning="how many acts may be under way at once"),
    Setting("population_file", "file", meaning="the people, one JSON mapping a line"),
    Setting("world_file", "file", absent="none", meaning="a text file that is read into `world_story`"),
    Setting("topics", "list", absent="none: there is no debate", meaning="what is debated, in this order"),
    Setting("candidates", "list", absent="none: nobody is voted for", meaning="who debates and stands for election"),
    Setting("world_story", "text", absent="none: nothing is told", meaning="what everybody knows of the world"),
    Setting("model", "text", absent=OFFLINE, meaning="who thinks for the people"),
    Setting("candidate_model", "text", absent="the same as `model`", meaning="who thinks for candidates and mediator"),
    Setting("base_url", "text", absent="the provider's own", models_only=True, meaning="address of the model's server"),
    Setting(
        "api_key_env",
        "text",
        absent="the provider's usual one",
        models_only=True,
        meaning="name of the environment variable that holds the key",
    ),
    Setting(
        "temperature",
        "number",
        low=0,
        high=2,
        unit="temperature",
        absent="the model's own",
        models_only=True,
        meaning="how freely a model chooses its words",
    ),
    Setting("effort", "text", absent="the model's own", models_only=True, meaning="how hard a model is to think"),
    Setting("feed_size", "whole number", low=0, unit="posts", meaning="posts a person is shown at most in an epoch"),
    Setting(
        "memory_epochs",
        "whole number",
        low=0,
        unit="epochs",
        meaning="epochs a person remembers word for word when voting",
    ),
    Setting("opening_opinions", "true or false", meaning="whether everyone states an opinion before the first debate"),
    Setting(
        "call_timeout_seconds",
        "number",
        low=0,
        low_excluded=True,
        unit="seconds",
        absent="no limit; calls of models 120 s, of local servers 600 s",
        meaning="how long one act may take before it has failed",
    ),
    Setting(
        "name",
        "text",
        absent="none: tables and lists go without",
        most_characters=80,
        meaning="what the scenario is called in tables and lists; no mind is told",
    ),
    Setting(
        "requests_per_minute",
        "number",
        low=0,
        low_excluded=True,
        unit="requests",
        absent="what the server turns out to take",
        models_only=True,
        meaning="how many calls a minute each model may be asked",
    ),
    Setting(
        "tokens_per_minute",
        "number",
        low=0,
        low_excluded=True,
        unit="tokens",
        absent="what the server turns out to take",
        models_only=True,
        meaning="how many tokens a minute, of prompts and replies together, each model may be asked",
    ),
    Setting(
        "replicate",
        "whole number",
        low=0,
        meaning="number of the repetition: each has its own chance, over the same people and opening opinions",
    ),
    Setting("resample_people", "true or false", meaning="whether each repetition draws its own people"),
    Setting(
        "schedule",
        "text",
        choices=SCHEDULES,
        meaning="what an act waits for: what it builds on, or everybody's step before; changes no result",
    ),
    Setting(
        "feed_candidates",
        "whole number",
        low=1,
        unit="posts",
        meaning="posts scored for one feed at most, `feed_size` if that is more",
    ),
    Setting(
        "max_reply_bytes",
        "whole number",
        low=100_000,
        unit="bytes",
        absent="1,000,000",
        models_only=True,
        meaning="how much of one reply is read; a longer one has failed",
    ),
    Setting(
        "api_key_command",
        "text",
        absent="none: the key is in a variable",
        models_only=True,
        meaning="command whose first line of output is the key",
    ),
    Setting(
        "max_cost_usd",
        "number",
        low=0,
        unit="US dollars",
        absent="no limit",
        models_only=True,
        meaning="what all calls of a run may cost, of replicates each",
    ),
    Setting(
        "max_tokens",
        "whole number",
        low=0,
        unit="tokens",
        absent="no limit",
        models_only=True,
        meaning="tokens of all prompts and replies of a run (of replicates each), those of caches included",
    ),
    Setting(
        "max_calls",
        "whole number",
        low=0,
        unit="calls",
        absent="no limit",
        models_only=True,
        meaning="calls of models in a run, of replicates in each, every try counted",
    ),
    Setting(
        "deadline_seconds",
        "number",
        low=0,
        unit="seconds",
        absent="no limit",
        meaning="time after which a run makes no more calls",
    ),
    Setting(
        "max_failures",
        "number",
        low=0,
        high=1,
        unit="share",
        meaning="share of a step's acts, or of all, that may come to nothing before the run is stopped; at 1 any may",
    ),
    Setting(
        "prices",
        "mapping",
        absent="those listed",
        models_only=True,
        meaning="what models cost, in US dollars per million tokens",
    ),
    Setting(
        "prompt_cache",
        "text",
        choices=PROMPT_CACHES,
        meaning="whether providers keep the beginnings of prompts where that pays, or none does; changes no result",
    ),
)
"""Every setting, in the order of `config.Config`."""

SETTINGS_BY_NAME = {setting.name: setting for setting in SETTINGS}
"""The same, by name."""
