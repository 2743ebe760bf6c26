"""Simulates a community of personas who watch candidates debate, update their beliefs, talk, post, react and vote.

from synthetic_communities import Config, GameEngine

result = GameEngine.from_config(Config.bundled()).run()
print(result.summary())
"""

from .config import Config
from .game_engine import GameEngine
from .report.result import SimulationResult, load_run
from .rerunning import replay_run, resume_run, verify_run

__all__ = ["Config", "GameEngine", "SimulationResult", "load_run", "replay_run", "resume_run", "verify_run"]
