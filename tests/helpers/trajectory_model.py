"""A brute-force model of the trajectories that a ring holds."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import torch
from helpers.episodes import Model
from helpers.trajectories import goals


def slow_energy(number: int, steps: int) -> float:
    path, total, before = goals(number, steps + 1).tolist(), 0.0, 0.0
    for old, new in pairwise(path):
        speed = sum((b - a) ** 2 for a, b in zip(old, new, strict=True)) / 0.04**2
        energy = 9.81 * (new[2] - path[0][2]) + speed / 2
        total, before = total + max(energy - before, 0.0), energy
    return total


class Episodes(Model):
    """Whole episodes, of which the last ``capacity`` rows are alive."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.total, self.lengths = 0, Counter()

    def write(self, dones, ids):
        data = super().write(dones, ids)
        number, step = data["achieved_goal"].long().unbind(-1)
        path = torch.stack(
            [goals(n, s + 2)[-2:] for n, s in zip(number.ravel().tolist(), step.ravel().tolist(), strict=True)]
        )
        data["achieved_goal"], data["next", "achieved_goal"] = path.reshape(*data.shape, 2, 3).unbind(-2)
        data["desired_goal"] = data["next", "desired_goal"] = torch.zeros_like(data["achieved_goal"])
        self.total += data.numel()
        self.lengths.update(number.ravel().tolist())
        return data

    def empty(self) -> None:
        self.rows.clear()
        self.total, self.open = 0, None

    def chances(self, rank: bool) -> dict[int, float]:
        """Probability of each alive slot."""
        alive = Counter(number for number, _ in self.rows)
        score = {number: slow_energy(number, self.lengths[number]) for number in alive}
        if rank:
            order = sorted(set(score.values()))
            score = {number: float(order.index(value)) for number, value in score.items()}
        if not any(score.values()):
            score = dict.fromkeys(score, 1.0)
        row = {number: value ** (1 / 1.01) / self.lengths[number] for number, value in score.items()}
        total = sum(row[number] for number, _ in self.rows)
        first = self.total - len(self.rows)
        return {(first + i) % self.capacity: row[number] / total for i, (number, _) in enumerate(self.rows)}
