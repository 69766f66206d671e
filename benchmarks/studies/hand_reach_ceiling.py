"""Which goals of HandReach can be met at all: a controller that knows the model tries each of them.

python benchmarks/studies/hand_reach_ceiling.py --goals 100
python benchmarks/studies/hand_reach_ceiling.py --goals 100 --steps 150

The controller moves the fingertips straight to the goal: damped least squares on the Jacobian of the tips in the
actuators' positions, at each step of an ordinary episode. A goal counts as met at the last step, as in tests. For each
goal the best of nine settings counts, so the figures are what is possible at least.
"""

import argparse
import itertools
from collections import defaultdict

import gymnasium
import mujoco
import numpy as np
from numpy.typing import NDArray

from sher_rl import make_gym

TIPS = ("robot0:S_fftip", "robot0:S_mftip", "robot0:S_rftip", "robot0:S_lftip", "robot0:S_thtip")
FINGERS = ("index", "middle", "ring", "little")
SETTINGS = tuple(itertools.product((0.1, 0.2, 0.5), (1e-5, 1e-4, 1e-3)))
"""Gains and dampings that are tried."""
MET = 0.01
SEED = 900_000

Array = NDArray[np.float64]


def tips_jacobian(model: mujoco.MjModel, data: mujoco.MjData) -> Array:
    """Derivative of the fifteen coordinates in the positions that the actuators hold, ``(15, actuators)``."""
    rows = []
    for name in TIPS:
        jacobian = np.zeros((3, model.nv))
        mujoco.mj_jacSite(model, data, jacobian, None, model.site(name).id)
        rows.append(jacobian)
    moment = np.zeros((model.nu, model.nv))
    mujoco.mju_sparse2dense(moment, data.actuator_moment, data.moment_rownnz, data.moment_rowadr, data.moment_colind)
    return np.concatenate(rows) @ np.linalg.pinv(moment)


def toward(model: mujoco.MjModel, data: mujoco.MjData, error: Array, gain: float, damping: float) -> Array:
    """Controls that bring the tips nearer by ``gain`` times the error, within the actuators' range."""
    jacobian = tips_jacobian(model, data)
    square = jacobian @ jacobian.T + damping * np.eye(len(error))
    change = jacobian.T @ np.linalg.solve(square, error)
    low, high = model.actuator_ctrlrange.T
    return np.clip(data.ctrl + gain * change, low, high)


def as_action(model: mujoco.MjModel, control: Array) -> NDArray[np.float32]:
    """The action that sets these controls: -1 to 1 spans an actuator's range."""
    low, high = model.actuator_ctrlrange.T
    return ((control - (low + high) / 2) / ((high - low) / 2)).astype(np.float32)


def last_distance(env: gymnasium.Env, seed: int, steps: int, *setting: float) -> float:
    """Distance from the goal, in metres, at the end of an episode under the controller."""
    state, _ = env.reset(seed=seed)
    inner = env.unwrapped
    for _ in range(steps):
        error = state["desired_goal"] - state["achieved_goal"]
        state, *_ = env.step(as_action(inner.model, toward(inner.model, inner.data, error, *setting)))
    return float(np.linalg.norm(state["desired_goal"] - state["achieved_goal"]))


def kind_of_goal(env: gymnasium.Env, seed: int) -> str:
    """The finger that has to meet the thumb, or ``rest`` where the goal is the hand as it is."""
    state, _ = env.reset(seed=seed)
    moved = np.linalg.norm((state["desired_goal"] - env.unwrapped.initial_goal).reshape(5, 3), axis=1)
    return FINGERS[int(moved[:4].argmax())] if moved.max() > MET else "rest"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--goals", type=int, default=100)
    parser.add_argument("--steps", type=int, default=50, help="steps of an episode; the task has 50")
    args = parser.parse_args()
    env = make_gym("HandReach-v3", max_episode_steps=args.steps)
    distances: dict[str, list[float]] = defaultdict(list)
    for seed in range(SEED, SEED + args.goals):
        best = min(last_distance(env, seed, args.steps, *setting) for setting in SETTINGS)
        distances[kind_of_goal(env, seed)].append(best)
    for kind, found in sorted(distances.items()):
        met = np.mean(np.array(found) < MET)
        print(f"{kind}: {met:.2f} of {len(found)} goals met, median {1000 * np.median(found):.1f} mm")
    print(f"all: {np.mean(np.concatenate([*distances.values()]) < MET):.2f}")


if __name__ == "__main__":
    main()
