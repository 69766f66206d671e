"""How far policies turn an object toward the task's goals, and toward waypoints on the way, from the same starts.

python benchmarks/studies/waypoints.py runs/RUN... --angles 0.4 0.8 1.2

Where the angle that is left with waypoints is smaller, the policy can do more than its goals make it do, and training
should explore toward waypoints.
"""

import argparse

import torch
from tensordict.nn import TensorDictModuleBase
from torchrl.envs import EnvBase

from sher_rl import load_policy, make_env, toward_waypoints
from sher_rl.functional.poses import pose_errors
from sher_rl.tasks import get_task
from sher_rl.training.threads import one_torch_thread

SEED = 900_000


def ends(env: EnvBase, policy: TensorDictModuleBase, free_spin: bool) -> str:
    """What is left of one episode in each environment, where the goals are the task's own."""
    env.set_seed(SEED)
    with one_torch_thread(), torch.no_grad():
        last = env.rollout(1_000, policy)[:, -1]["next"]
    distance, angle = pose_errors(last["achieved_goal"], last["desired_goal"], free_spin=free_spin)
    success = last["is_success"].float().mean()
    return f"angle {angle.mean():.2f}, distance {distance.mean():.3f} m, success {success:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", help="run folders, or policy files")
    parser.add_argument("--angles", type=float, nargs="+", default=[0.4, 0.8, 1.2])
    parser.add_argument("--episodes", type=int, default=100)
    args = parser.parse_args()
    for run in args.runs:
        policy = load_policy(run)
        env = make_env(policy.env_id, args.episodes)
        free_spin = get_task(policy.env_id).goal.free_spin
        print(run, f"the goals: {ends(env, policy, free_spin)}", sep="\n  ")
        for angle in args.angles:
            toward = toward_waypoints(policy, angle=angle, share=1.0)
            print(f"  waypoints {angle} away: {ends(env, toward, free_spin)}")
        env.close()


if __name__ == "__main__":
    main()
