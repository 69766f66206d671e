import io

import pytest
import torch

from sher_rl import make_env
from sher_rl.envs.make_gym import make_gym
from sher_rl.envs.mazes import is_maze


def through_a_file(state: dict) -> dict:
    file = io.BytesIO()
    torch.save(state, file)
    return torch.load(io.BytesIO(file.getvalue()), weights_only=True)


def play(env, state, steps: int, seed: int) -> list:
    """Random actions; environments whose episode ends are reset, as a collector does."""
    generator = torch.Generator().manual_seed(seed)
    seen = []
    for _ in range(steps):
        action = 2 * torch.rand(env.action_spec.shape, generator=generator) - 1
        step, state = env.step_and_maybe_reset(state.set("action", action.to(env.action_spec.dtype)))
        seen.append(step.clone())
    return seen, state


@pytest.mark.parametrize(
    ("env_id", "options"),
    [
        ("PointMaze_UMaze-v3", {}),
        ("PointMaze_Open_Diverse_G-v3", {"reset_target": True}),
        ("AntMaze_UMaze-v4", {}),
        ("AntMaze_UMaze-v5", {}),
    ],
)
def test_a_maze_goes_on_in_mid_episode_to_the_bit(env_id: str, options: dict) -> None:
    one, other = (make_env(env_id, 2, seed=s, backend="gym", max_episode_steps=12, **options) for s in (5, 900))
    _, state = play(one, one.reset(), 7, seed=1)
    saved = through_a_file(one.get_state())
    expected, _ = play(one, state.clone(), 20, seed=2)
    play(other, other.reset(), 3, seed=3)
    other.set_state(saved)
    seen, _ = play(other, state.clone(), 20, seed=2)
    assert all((a == b).all() for a, b in zip(expected, seen, strict=True))
    assert sum(step["next", "done"].sum().item() for step in seen) == 4  # resets are in it


def test_other_environments_are_no_mazes() -> None:
    assert is_maze(make_gym("AntMaze_UMaze-v5"))
    assert not is_maze(make_gym("FetchReach-v4"))
