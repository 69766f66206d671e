"""MuJoCo's own thread pool against ours on the bare physics: ``python benchmarks/peers/rollout.py [ENV_ID ...]``.

``mujoco.rollout.Rollout`` steps sixteen environments by one batched step, fed with recorded controls, states
and warm starts; it gives back states but neither site poses nor Jacobians, which observations need.
"""

import sys
import time
from collections.abc import Callable

import mujoco
import numpy as np
from mujoco.rollout import Rollout

from benchmarks.suite.test_collect import THREADS, record, start
from sher_rl import make_env
from sher_rl.envs.native import NativeEnv

FULL = int(mujoco.mjtState.mjSTATE_FULLPHYSICS)


def through_rollout(env: NativeEnv, controls: list[np.ndarray]) -> Callable[[], None]:
    """One batched step after the other by MuJoCo's pool."""
    sims = env._sims
    models = [sim.model for sim in sims]
    workers = [mujoco.MjData(models[0]) for _ in range(THREADS)]
    pool = Rollout(nthread=THREADS)

    def run() -> None:
        state = np.empty((len(sims), mujoco.mj_stateSize(models[0], FULL)))
        for sim, row in zip(sims, state, strict=True):
            mujoco.mj_getState(sim.model, sim.data, row, FULL)
        warmstart = np.stack([sim.data.qacc_warmstart for sim in sims])
        for row in controls:
            held = np.repeat(row[:, None], sims[0].n_substeps, 1)
            states, _ = pool.rollout(
                models,
                workers,
                state,
                held,
                control_spec=env._robot.signature,
                initial_warmstart=warmstart,
                chunk_size=1,
            )
            state = states[:, -1]

    return run


def through_threads(env: NativeEnv, controls: list[np.ndarray]) -> Callable[[], None]:
    """The same by the native environment."""

    def run() -> None:
        for row in controls:
            env._each(lambda i, row=row: env._robot.advance(i, row[i]), range(len(env._sims)))

    return run


def main(env_ids: list[str]) -> None:
    """Interleave the two and print medians."""
    for env_id in env_ids:
        env = make_env(env_id, 16, num_threads=THREADS)
        controls = record(env, None)
        runs = {"Rollout": through_rollout(env, controls), "ThreadPool": through_threads(env, controls)}
        seconds: dict[str, list[float]] = {name: [] for name in runs}
        for name in 7 * list(runs):
            start(env)
            begin = time.perf_counter()
            runs[name]()
            seconds[name].append(time.perf_counter() - begin)
        rates = {name: f"{16 * len(controls) / np.median(times):,.0f} steps/s" for name, times in seconds.items()}
        print(env_id, rates)
        env.close()


if __name__ == "__main__":
    main(sys.argv[1:] or ["FetchPickAndPlace-v4", "HandReach-v3", "HandManipulateEgg-v1"])
