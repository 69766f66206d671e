"""A second agent that trains beside the first."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from sher_rl.checkpoint.rows import load_rows, rows_state
from sher_rl.training.config import RunConfig
from sher_rl.training.finite import check_finite
from sher_rl.training.parts import Parts
from sher_rl.training.replay import Replay
from sher_rl.training.rollouts import Rollouts
from sher_rl.training.run import TRANSITION
from sher_rl.training.samplers import OnCycle, nothing
from sher_rl.training.threads import RoundThreads, round_threads
from sher_rl.training.updates import gradient_steps


class Rival:
    """A second agent with environments, buffer and learner of its own: for the ``on_cycle`` of the first's run.

    After each round of updates of the first it collects as many steps as that has, and then learns as much. It is part
    of the run's checkpoints, and not evaluated.

    Args:
        config: the run's, for sizes of batches and rounds; its ``total_frames`` are those of one agent.
        parts: the rival's own; their ``on_cycle`` is called, too.
        first: the first agent's own ``on_cycle``, called before the rival acts; what it keeps is not saved.

    Raises:
        FloatingPointError: when called, NaN or Inf was collected or computed; it is in a file of ``config.out_dir``.

    >>> import dataclasses
    >>> from sher_rl.cli.recipe_files import load_recipe
    >>> config = dataclasses.replace(load_recipe("fetch_reach").CONFIG, compile=False)
    >>> rival = Rival(config, load_recipe("sher").build(config))
    >>> rival.frames
    0
    """

    def __init__(self, config: RunConfig, parts: Parts, first: OnCycle = nothing) -> None:
        self.config = config
        self.first = first
        self.parts = parts
        self.frames = 0
        self.rollouts = Rollouts(config, parts.env, parts.explorer)
        self.replay = Replay(parts)
        parts.normalizer.update_on_write = False

    def __call__(self, frames: int) -> None:
        """Catch up with ``frames``, and take the gradient steps of a round."""
        self.first(frames)
        while self.frames < frames:
            self._collect()
        with self._threads.round():
            for _ in gradient_steps(self.config, self.parts.buffer, self.parts.learner, self.config.out_dir):
                pass
        self.parts.on_cycle(self.frames)

    @cached_property
    def _threads(self) -> RoundThreads:
        """Made in the first round, when torch has the run's number of threads."""
        return round_threads(self.config, self.parts.learner)

    def _collect(self) -> None:
        data = next(self.rollouts)
        where = f"the rival's batch after frame {self.frames:,}"
        check_finite(data, self.config.out_dir, "environment {0}, step {1} of " + where)
        self.parts.normalizer.update(self.replay.write(data.select(*TRANSITION)))
        self.frames += data.numel()

    def close(self) -> None:
        """Close the environments."""
        self.rollouts.close()

    def state_dict(self) -> dict[str, Any]:
        """All that it goes on from, the rows of its buffer included."""
        return {
            "rows": rows_state(self.parts.buffer.storage),
            "components": {name: part.state_dict() for name, part in self._components().items()},
            "frames": self.frames,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from :meth:`state_dict`, before the first batch."""
        load_rows(self.parts.buffer.storage, state["rows"])
        for name, part in self._components().items():
            part.load_state_dict(state["components"][name])
        self.frames = int(state["frames"])

    def _components(self) -> dict[str, Any]:
        parts = self.parts
        return {
            "buffer": self.replay.state,
            "loss": parts.learner.loss,
            "learner": parts.learner,
            "normalizer": parts.normalizer,
            "rollouts": self.rollouts,
        }
