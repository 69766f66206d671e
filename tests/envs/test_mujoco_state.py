import io

import pytest
import torch

from sher_rl import TASKS, make_env


def through_a_file(state: dict) -> dict:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def play(env, state, steps: int, seed: int) -> list:
    """Random actions; environments whose episode ends are reset, as a collector does."""
    generator = torch.Generator().manual_seed(seed)
    seen = []
    for _ in range(steps):
        action = 2 * torch.rand(env.action_spec.shape, generator=generator) - 1
        step, state = env.step_and_maybe_reset(state.set("action", action))
        seen.append(step.clone())
    return seen


@pytest.mark.parametrize("env_id", TASKS)
def test_an_environment_goes_on_in_mid_episode_to_the_bit(env_id: str) -> None:
    one = make_env(env_id, 2, seed=5, num_threads=2, max_episode_steps=15)
    other = make_env(env_id, 2, seed=900, num_threads=1, max_episode_steps=15)
    state = one.reset()
    play(one, state, 7, seed=1)
    carried = one._buffer.clone().exclude("reward")
    saved = through_a_file(one.get_state())
    expected = play(one, carried.clone(), 30, seed=2)
    play(other, other.reset(), 3, seed=3)
    other.set_state(saved)
    seen = play(other, carried.clone(), 30, seed=2)
    assert all((a == b).all() for a, b in zip(expected, seen, strict=True))
    assert sum(step["next", "done"].sum().item() for step in seen) == 4  # resets are in it
    for env in (one, other):
        env.close()


def test_environments_apart_in_their_episodes_and_partial_steps() -> None:
    one, other = (make_env("FetchPickAndPlace-v4", 3, seed=5, max_episode_steps=9) for _ in range(2))
    play(one, one.reset(), 4, seed=1)
    mask = torch.tensor([[False], [True], [False]])
    state = one.reset(one._buffer.clone().exclude("reward").set("_reset", mask))
    other.set_state(through_a_file(one.get_state()))
    a = play(one, state.clone(), 20, seed=2)
    b = play(other, state.clone(), 20, seed=2)
    assert all((x == y).all() for x, y in zip(a, b, strict=True))
    assert [x["next", "done"].flatten().tolist() for x in a][4] == [True, False, True]
    mask = torch.tensor([True, False, True])
    for env in (one, other):
        env.step(env._buffer.clone().exclude("reward").set("action", torch.ones(3, 4)).set("_step", mask))
    assert (one._buffer == other._buffer).all()


def test_seeds_and_warnings_are_part_of_it() -> None:
    one, other = (make_env("HandReach-v3", 2, seed=seed) for seed in (3, 700))
    one.reset()
    one.set_seed(8)
    one._sims[1].data.warning.number[2] = 4
    other.set_state(through_a_file(one.get_state()))
    assert other.warnings == one.warnings != {}
    for _ in range(2):  # the new seed first, then what its generator draws
        assert torch.equal(one.reset()["desired_goal"], other.reset()["desired_goal"])


def test_a_state_of_another_kind_is_refused() -> None:
    env = make_env("FetchReach-v4", 2)
    for other in (make_env("FetchReach-v4", 3), make_env("FetchPush-v4", 2)):
        with pytest.raises(ValueError, match="does not fit the task"):
            env.set_state(other.get_state())
