"""SHER on FetchReach-v4: move the gripper to a point.

python recipes/sher_fetch_reach.py --seed 1 --total-frames 5000
python -m sher_rl.play runs/RUN --episodes 20
"""

import sher

import sher_rl

CONFIG = sher_rl.Config(
    env_id="FetchReach-v4",
    method="sher",
    total_frames=10_000,
    num_envs=8,
    frames_per_batch=400,  # 8 episodes
    updates_per_batch=40,  # about 25 samples learned per step
    random_frames=400,
    random_action=0.2,
    buffer_size=1_000_000,
    batch_size=256,
    k=4,
    hidden=(256, 256, 256),
    actor_lr=1e-3,
    critic_lr=1e-3,
    alpha=0.02,  # at most 0.055 a step, of a step cost of 1
    target_entropy=None,
    gamma=0.98,  # 1 - 1/T, with T = 50
    polyak=0.95,
    clip="hard",
    actor_q="q1",
    eval_frames=2_000,
    eval_episodes=100,
    compile=False,  # over before a compiler would pay
)


if __name__ == "__main__":
    sher_rl.cli(sher.main, CONFIG)
