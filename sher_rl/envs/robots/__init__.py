"""What a batched environment asks of a robot, and the two robots of the tasks."""

from sher_rl.envs.robots.fetch import Fetch
from sher_rl.envs.robots.hand import Hand
from sher_rl.envs.robots.robot import Robot

__all__ = ["Fetch", "Hand", "Robot"]
