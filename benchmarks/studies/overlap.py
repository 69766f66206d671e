"""Would it pay to collect while the learner works? ``python benchmarks/studies/overlap.py [RECIPE]`` gives a bound.

A round of the recipe, one after the other with two threads each, against collecting in a process of its own beside
the updates, which exchange nothing: no overlap that has to hand over weights and transitions can be faster.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch

import sher_rl
from benchmarks.recipes import load
from sher_rl.training.rollouts import Rollouts
from sher_rl.training.run import TRANSITION
from sher_rl.training.updates import minibatches

ROUNDS = 12


def config_of(name: str) -> sher_rl.Config:
    """A recipe's numbers, with a buffer of moderate size and no random actions."""
    return dataclasses.replace(load(name).CONFIG, random_frames=0, buffer_size=100_000)


def collecting(name: str, threads: int) -> Callable[[], Any]:
    """A function that collects a round's frames."""
    config = config_of(name)
    env = sher_rl.make_env(config.env_id, config.num_envs, seed=1, num_threads=threads)
    rollouts = Rollouts(config, env, load("sher").build(config).explorer)
    return lambda: next(rollouts)


def updating(name: str) -> Callable[[], Any]:
    """A function that takes a round's gradient steps."""
    config = config_of(name)
    parts = load("sher").build(config)
    data = next(Rollouts(config, parts.env, parts.explorer)).select(*TRANSITION)
    for _ in range(50):
        parts.buffer.extend(data)

    def update() -> None:
        for batch in minibatches(parts.buffer, config.batch_size, config.updates_per_batch):
            parts.learner.step(batch)

    return update


def seconds(work: Callable[[], Any]) -> float:
    """Time of one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def collector(name: str, threads: int, running: Any, times: Any) -> None:
    """Collect, round after round, while ``running`` is set."""
    torch.set_num_threads(1)
    collect = collecting(name, threads)
    collect()
    times.put(0.0)
    while running.wait(600):
        times.put(seconds(collect))


def beside(name: str, update: Callable[[], Any], env_threads: int, torch_threads: int) -> tuple[float, float]:
    """Median seconds of a round's collecting and updates, at the same time."""
    context = multiprocessing.get_context("spawn")
    running, times = context.Event(), context.Queue()
    process = context.Process(target=collector, args=(name, env_threads, running, times), daemon=True)
    process.start()
    times.get()
    before = torch.get_num_threads()
    torch.set_num_threads(torch_threads)
    update()
    running.set()
    updates = [seconds(update) for _ in range(ROUNDS)]
    rounds = [times.get() for _ in range(times.qsize())]
    process.kill()
    torch.set_num_threads(before)
    return statistics.median(rounds), statistics.median(updates)


def main(name: str = "sher_fetch_push") -> None:
    """Print the seconds of a round, both ways."""
    update, collect = updating(name), collecting(name, 2)
    for work in (update, collect):
        work()
    turns = [(seconds(collect), seconds(update)) for _ in range(ROUNDS)]
    one, other = (statistics.median(column) for column in zip(*turns, strict=True))
    print(f"{name}, in turns: collecting {one:.3f} s, updates {other:.3f} s, together {one + other:.3f} s")
    for env_threads, torch_threads in ((1, 1), (2, 1)):
        first, second = beside(name, update, env_threads, torch_threads)
        print(
            f"at once, {env_threads} environment and {torch_threads} torch threads: {first:.3f} s and {second:.3f} s, "
            f"at best {(one + other) / max(first, second):.2f} times as fast"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
