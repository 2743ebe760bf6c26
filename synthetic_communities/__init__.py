"""Simulates a community of personas who watch candidates debate, update their beliefs, talk, post, react and vote.

from synthetic_communities import Config, GameEngine

result = GameEngine.from_config(Config.bundled()).run()
print(result.votes)
"""

from .config import Config
from .game_engine import GameEngine

__all__ = ["Config", "GameEngine"]
