"""A goal environment of one's own, trained by SHER: forces push a puck on a table.

python docs/examples/own_task.py --seed 1
python docs/examples/own_task.py --resume runs/RUN --total-frames 20000
"""

import gymnasium
import numpy as np
import torch
from gymnasium.spaces import Box, Dict
from torch import Tensor
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
from torchrl.envs import Compose

import sher_rl

RADIUS = 0.1


class Puck(gymnasium.Env):
    """A puck in the square [-1, 1]², at rest in the middle; goals are random points."""

    def __init__(self) -> None:
        place = Box(-1.0, 1.0, (2,), np.float32)
        self.observation_space = Dict(
            observation=Box(-np.inf, np.inf, (4,), np.float32),
            achieved_goal=place,
            desired_goal=place,
        )
        self.action_space = Box(-1.0, 1.0, (2,), np.float32)  # the policy's bounds

    def reset(
        self,
        *,
        seed: int | None = None,
        options: dict | None = None,
    ) -> tuple[dict, dict]:
        """Put the puck into the middle and draw a goal."""
        super().reset(seed=seed)  # seeds self.np_random
        self.position, self.velocity = np.zeros((2, 2))
        self.goal = self.np_random.uniform(-1.0, 1.0, 2)
        return self._observation(), {}

    def step(self, action: np.ndarray) -> tuple[dict, float, bool, bool, dict]:
        """Let the force act for a step; the goal ends no episode, 30 steps do."""
        self.velocity = 0.7 * self.velocity + 0.06 * np.asarray(action, np.float64)
        self.position = np.clip(self.position + self.velocity, -1.0, 1.0)
        success = bool(np.linalg.norm(self.position - self.goal) < RADIUS)
        info = {"is_success": success}
        return self._observation(), float(success) - 1.0, False, False, info

    def _observation(self) -> dict[str, np.ndarray]:
        state = np.concatenate((self.position, self.velocity))
        values = {
            "observation": state,
            "achieved_goal": self.position,
            "desired_goal": self.goal,
        }
        return {key: value.astype(np.float32) for key, value in values.items()}

    def get_state(self) -> dict[str, np.ndarray]:
        """All that the next step depends on.

        The random generator and the count of steps are saved beside it.
        """
        return {"position": self.position, "velocity": self.velocity, "goal": self.goal}

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        """Go on from what ``get_state`` gave."""
        self.position = state["position"]
        self.velocity = state["velocity"]
        self.goal = state["goal"]


def reward(achieved_goal: Tensor, desired_goal: Tensor) -> Tensor:
    """The same for a batch, ``(B, 2), (B, 2) -> (B, 1)``: 0 at the goal, else -1."""
    way = desired_goal - achieved_goal
    near = torch.linalg.vector_norm(way, dim=-1, keepdim=True) < RADIUS
    return near.float() - 1.0


gymnasium.register("Puck-v0", Puck, max_episode_steps=30)

CONFIG = sher_rl.Config(
    env_id="Puck-v0",
    method="sher",
    total_frames=7_200,
    num_envs=8,
    frames_per_batch=240,  # 8 episodes
    updates_per_batch=40,
    random_frames=480,
    random_action=0.2,
    buffer_size=100_000,
    batch_size=256,
    k=4,
    hidden=(64, 64),
    actor_lr=1e-3,
    critic_lr=1e-3,
    alpha=0.05,  # pays at most 0.05 * 2 * ln 2 = 0.07 a step, of a step cost of 1
    target_entropy=None,
    gamma=0.95,
    polyak=0.95,
    clip="hard",
    actor_q="q1",
    eval_frames=1_200,
    eval_episodes=50,
    compile=False,
)


def build(config: sher_rl.Config) -> sher_rl.Parts:
    """Parts of a run, as in recipes/sher.py, with another backend and reward."""
    torch.manual_seed(config.seed)
    env = sher_rl.make_env(
        config.env_id,
        config.num_envs,
        seed=config.train_seed,
        backend="gym",
    )
    dims = sher_rl.GoalDims.of(env)
    actor, qvalue, value = sher_rl.make_networks(dims, config.hidden)
    storage = LazyTensorStorage(config.buffer_size, device=config.device)
    normalizer = sher_rl.GoalNormalizer(dims)
    policy = sher_rl.make_policy(
        normalizer.observation,
        normalizer.goal,
        actor,
    ).to(config.device)
    explorer = sher_rl.make_explorer(
        policy,
        env,
        random_action=config.random_action,
    ).to(config.device)
    relabel = sher_rl.HindsightRelabel(reward, storage, k=config.k)
    sampler, on_cycle = sher_rl.make_sampler(config, relabel)
    buffer = TensorDictReplayBuffer(
        storage=storage,
        sampler=sampler,
        transform=Compose(relabel, normalizer),
    )
    loss = sher_rl.SoftMultiGoalLoss(
        actor,
        qvalue,
        value,
        alpha=config.alpha,
        gamma=config.gamma,
        clip=config.clip,
        actor_q=config.actor_q,
        target_entropy=config.target_entropy,
    ).to(config.device)
    learner = sher_rl.FusedLearner(
        loss,
        actor_lr=config.actor_lr,
        critic_lr=config.critic_lr,
        polyak=config.polyak,
        dtype=sher_rl.fast_dtype(config.device),
        compile=config.compile,
    )
    return sher_rl.Parts(
        env=env,
        policy=policy,
        explorer=explorer,
        normalizer=normalizer,
        relabel=relabel,
        buffer=buffer,
        learner=learner,
        on_cycle=on_cycle,
    )


def main(config: sher_rl.Config) -> None:
    """Train, and report."""
    parts = build(config)
    sher_rl.train(
        config,
        env=parts.env,
        policy=parts.policy,
        explorer=parts.explorer,
        normalizer=parts.normalizer,
        relabel=parts.relabel,
        buffer=parts.buffer,
        learner=parts.learner,
        on_cycle=parts.on_cycle,
    )


if __name__ == "__main__":
    sher_rl.cli(main, CONFIG)
