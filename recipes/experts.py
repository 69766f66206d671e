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


def slide(observation: Tensor, desired_goal: Tensor) -> Tensor:
    """Go behind the puck, descend until touching it, and strike once, so that it stops at the goal."""
    gripper, puck = observation[:, :3], observation[:, 3:6]
    speed = flat(observation[:, 14:17] + observation[:, 20:23])
    wanted = stopping_speed(flat(desired_goal - puck))
    way = F.normalize(wanted, dim=-1)
    ahead = flat(puck - gripper)
    along = (ahead * way).sum(-1, keepdim=True)
    behind = (along > TOUCHING - 0.01) & (length(ahead - along * way) < 0.01)
    height = (gripper - puck)[:, 2:]
    low = height < 0.015
    start = puck - 0.08 * way
    place = torch.where(behind, start, start + UP)
    place = torch.where(~behind & (height < 0.03), gripper + UP, place)
    place = torch.where(behind & low, gripper + 2 * (along - TOUCHING) * way + ahead - along * way, place)
    nothing = torch.zeros_like(along)
    action = toward(gripper, place, nothing)
    strike = torch.cat(((length(wanted) - STRIKE[0]) / STRIKE[1] * way, nothing), -1).clamp(-1, 1)
    action = torch.where(behind & low & (along < TOUCHING + 0.002), strike, action)
    at_rest = length(speed) < 0.001
    near = length(flat(desired_goal - puck)) < 0.02
    return torch.where(at_rest & ~near, action, 0.0)


def stopping_speed(way: Tensor) -> Tensor:
    """Speed, in metres a step, from which the puck stops after a way ``(B, 3)``.

    Friction slows the two diagonals of the table apart, each by the same amount a step.
    """
    diagonal = torch.stack((way[:, 0] + way[:, 1], way[:, 0] - way[:, 1]), -1) / 2**0.5
    speed = diagonal.sign() * (2 * FRICTION * diagonal.abs()).sqrt()
    return torch.stack((speed.sum(-1), speed[:, 0] - speed[:, 1], 0 * speed[:, 0]), -1) / 2**0.5


FRICTION = 0.0011
TOUCHING = 0.045
STRIKE = (-0.002, 0.0385)
