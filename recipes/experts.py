"""Experts written by hand for FetchPush, FetchPickAndPlace and FetchSlide, and demonstrations of theirs.

python recipes/experts.py --env FetchPickAndPlace-v4 --episodes 100
python recipes/experts.py --env FetchPickAndPlace-v4 --episodes 20 --record demonstrations
"""

import torch
from tensordict.nn import TensorDictModule
from torch import Tensor
from torch.nn import functional as F

import sher_rl

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


EXPERTS = {"FetchPush-v4": push, "FetchPickAndPlace-v4": pick_and_place}


def make_expert(env_id: str) -> TensorDictModule:
    """The expert of a task, from ``observation`` and ``desired_goal`` to ``action``."""
    if env_id not in EXPERTS:
        raise sher_rl.UsageError(f"env_id {env_id!r:.80} has no expert here; use {' or '.join(EXPERTS)}.")
    return TensorDictModule(EXPERTS[env_id], ["observation", "desired_goal"], ["action"])
