"""Experts for FetchPush, FetchPickAndPlace, FetchSlide and the Egg, and demonstrations of theirs.

Those of the Fetch tasks are written by hand; the Egg's is the policy that comes with the package.

python recipes/experts.py --env FetchPickAndPlace-v4
python recipes/experts.py --env FetchPickAndPlace-v4 --episodes 20 --record demonstrations
"""

from pathlib import Path
from typing import Annotated

import torch
import tyro
from tensordict.nn import TensorDictModule
from torch import Tensor
from torch.nn import functional as F

import sher_rl
from sher_rl.cli.errors import exit_with_sentence
from sher_rl.cli.play import play

GAIN = 10.0
"""Action per metre: an action of 1 moves the gripper by at most 5 cm a step, and it lags behind."""
UP = torch.tensor([0.0, 0.0, 0.08])
"""From a place on the table to one from which the gripper descends."""


def pick_and_place(observation: Tensor, desired_goal: Tensor) -> Tensor:
    """Go above the box, descend, close the fingers, and carry it to the goal (arXiv:1906.05838's expert)."""
    gripper, box, fingers = observation[:, :3], observation[:, 3:6], observation[:, 9:11]
    away = box - gripper
    beside = length(flat(away)) > 0.02
    around = length(away) < 0.015
    held = around & (fingers.sum(-1, keepdim=True) < 0.055)
    place = torch.where(beside, box + UP, box)
    place = torch.where(held, desired_goal - away, place)
    return toward(gripper, place, torch.where(around, -1.0, 1.0))


def push(observation: Tensor, desired_goal: Tensor) -> Tensor:
    """Go behind the box, seen from the goal, descend, and push as far as the box has to go, from right behind it."""
    gripper, box = observation[:, :3], observation[:, 3:6]
    left = flat(desired_goal - box)
    way = F.normalize(left, dim=-1)
    ahead = flat(box - gripper)
    along = (ahead * way).sum(-1, keepdim=True)
    aside = ahead - along * way
    behind = (along > 0) & (length(aside) < 0.02)
    low = (gripper - box)[:, 2:] < 0.015
    start = box - 0.09 * way
    place = torch.where(behind, start, start + UP)
    place = torch.where(behind & low, gripper + left + aside, place)
    place = torch.where(length(left) < 0.01, gripper, place)
    return toward(gripper, place, torch.zeros_like(along))


def toward(gripper: Tensor, place: Tensor, fingers: Tensor) -> Tensor:
    """Action ``(B, 4)`` that moves the gripper to a place, ``(B, 3)``; ``fingers`` ``(B, 1)``: 1 opens, -1 closes."""
    return torch.cat((GAIN * (place - gripper), fingers), -1).clamp(-1, 1)


def flat(vector: Tensor) -> Tensor:
    """The part of vectors ``(B, 3)`` that lies in the table."""
    return vector * torch.tensor([1.0, 1.0, 0.0])


def length(vector: Tensor) -> Tensor:
    """Lengths ``(B, 1)`` of vectors ``(B, 3)``."""
    return vector.norm(dim=-1, keepdim=True)


def slide(observation: Tensor, desired_goal: Tensor) -> Tensor:
    """Go behind the puck, descend until touching it, and strike once, so that it stops at the goal."""
    gripper, puck = observation[:, :3], observation[:, 3:6]
    moving = length(flat(observation[:, 14:17] + observation[:, 20:23])) > 0.001
    left = flat(desired_goal - puck)
    way, force = strike(left)
    ahead = flat(puck - gripper)
    along = (ahead * way).sum(-1, keepdim=True)
    aside = ahead - along * way
    height = (gripper - puck)[:, 2:]
    behind = (along > TOUCHING - 0.01) & (length(aside) < 0.01)
    low = height < 0.015
    start = puck - RUN_UP * way
    place = torch.where(behind, start, start + UP)
    place = torch.where(~behind & (height < 0.03), gripper + UP, place)
    place = torch.where(behind & low, gripper + 2 * (along - TOUCHING) * way + aside, place)
    nothing = torch.zeros_like(along)
    reach = torch.where(length(left) > FAR, RUN_UP + 0.004, TOUCHING + 0.0015)
    hit = torch.cat((force * way, nothing), -1)
    action = torch.where(behind & low & (along < reach), hit, toward(gripper, place, nothing))
    action = torch.where(moving | (length(left) < 0.03), 0.0, action)
    return torch.where(moving & (length(left) > FAR) & (along < 0.07), hit, action)


def strike(left: Tensor) -> tuple[Tensor, Tensor]:
    """Direction ``(B, 3)`` and size ``(B, 1)`` of the action after which the puck stops a way ``(B, 3)`` further on.

    Least squares over strikes of directions and sizes drawn at random, 255 near ones and 119 with a run-up: the median
    error is 2 cm of the near ones and 5 cm of the others, whose fingers hit the puck at any time of a step.
    """
    far = length(left)
    side = torch.atan2(left[:, 1:2], left[:, :1])
    near = far < FAR
    direction = side * (1.017 + 0.015 * side**2 + 0.119 * far - 0.302 * far**2)
    direction = torch.where(near, direction, side)
    size = 0.066 + 1.647 * far.sqrt() - 0.238 * far + 0.221 * side**2 - 0.393 * side.abs()
    size = torch.where(near, size, 0.527 + 0.72 * far - 0.179 * side**2)
    return torch.cat((direction.cos(), direction.sin(), torch.zeros_like(far)), -1), size.clamp(0, 1)


FAR = 0.42
"""Metres from which on a strike takes a run-up."""
RUN_UP = 0.08
"""Metres behind the puck from which it is."""
TOUCHING = 0.045
"""Metres from the gripper's middle to the puck's where the fingers touch it."""
EXPERTS = {"FetchPush-v4": push, "FetchPickAndPlace-v4": pick_and_place, "FetchSlide-v4": slide}
TRAINED = ("HandManipulateEgg-v1",)


def make_expert(env_id: str) -> TensorDictModule:
    """The expert of a task, from ``observation`` and ``desired_goal`` to ``action``."""
    if env_id in TRAINED:
        return sher_rl.load_policy(sher_rl.pretrained(env_id))
    if env_id not in EXPERTS:
        raise sher_rl.UsageError(f"env_id {env_id!r:.80} has no expert here; use {' or '.join((*EXPERTS, *TRAINED))}.")
    return TensorDictModule(EXPERTS[env_id], ["observation", "desired_goal"], ["action"])


def main(
    env: Annotated[str, tyro.conf.arg(name="env")] = "FetchPickAndPlace-v4",
    episodes: int = 100,
    seed: int = 50_000,
    record: Path | None = None,
) -> None:
    """Count an expert's successes, or record successful episodes of it.

    Args:
        env: task.
        episodes: how many.
        seed: of the first.
        record: new folder for a Minari data set; its episodes are successful ones.
    """
    play(make_expert(env), env, episodes=episodes, seed=seed, record=record, successful=True)


if __name__ == "__main__":
    exit_with_sentence(lambda: tyro.cli(main))
