"""`check --probe`: asking a model each act once, and saying what came of it."""

import json
import sys
from pathlib import Path

from ..errors import ConfigurationError, SyntheticCommunitiesError
from ..forecast.probe import Probe, describe_act
from ..game_engine import GameEngine
from ..llm.choice import OFFLINE
from ..llm.naming import parse_model_name
from .checking import describe_check, describe_run, run_as_data
from .program import STOPPED, print_text, say, say_failure
from .running import DONE, FAILED


def probe_config(
    engine: GameEngine, config: Path, *, as_data: bool, replicates: int = 1, resample: bool = False
) -> int:
    """Probe, print what came of it and what a run will take by that, and return the exit status.

    That is 1 if a reply cannot be used, 4 if a limit was reached and what came before it can be.

    Args:
        engine: ready to run.
        config: the file it was made from.
        as_data: whether to print one JSON mapping, and nothing else on stdout.
        replicates: how many runs it is to be.
        resample: whether each of them draws its own people.

    Raises:
        ConfigurationError: the model cannot be asked with these settings.
    """
    try:
        probe = _ask(engine)
    except SyntheticCommunitiesError as error:
        if as_data:
            print_text(f"{json.dumps({'config': str(config), 'probe': None, 'error': str(error)})}\n")
        if isinstance(error, ConfigurationError):
            raise
        say_failure("the probe", error)
        return FAILED
    forecast = engine.forecast(probe.assumed(), replicates=replicates, resample=resample)
    if as_data:
        told = {"config": str(config), **run_as_data(engine, forecast), "probe": probe.as_data(), "error": None}
        print_text(f"{json.dumps(told)}\n")
    else:
        print_text(f"{describe_check(config, engine, forecast)}\n\n{probe}\n\n{describe_run(engine, forecast)}\n")
    return DONE if probe.is_sound else STOPPED if probe.is_limited else FAILED


def _ask(engine: GameEngine) -> Probe:
    if engine.missing_keys:
        engine.ask_for_key()
    models = dict.fromkeys((engine.expected_model(), engine.config.candidate_model or OFFLINE))
    if named := " and ".join(str(parse_model_name(name)) for name in models if name != OFFLINE):
        say(f"Asking {named} each act once; this takes a while.")
    is_watched = sys.stderr is not None and sys.stderr.isatty()
    return engine.probe(lambda act: say(describe_act(act)) if is_watched else None)
