"""SHER on FetchSlide-v4: strike a puck so that it stops at a point out of reach.

python recipes/sher_fetch_slide.py --seed 1 --total-frames 5000
python -m sher_rl.play runs/RUN --episodes 20
"""

import sher

import sher_rl

CONFIG = sher_rl.Config(
    env_id="FetchSlide-v4",
    method="sher",
    total_frames=900_000,
    num_envs=16,
    frames_per_batch=800,  # 16 episodes
    updates_per_batch=320,  # 0.4 a step, as in HER's baselines; about 100 samples learned per step
    random_frames=1_600,
    random_action=0.2,
    buffer_size=1_000_000,
    batch_size=256,  # the same samples in batches of 2048 took half as many steps again on FetchPush
    k=4,
    hidden=(256, 256, 256),
    actor_lr=1e-3,
    critic_lr=1e-3,
    alpha=0.05,  # the paper's best of three; at most 0.14 a step, of a step cost of 1
    target_entropy=None,
    gamma=0.96,  # half the published horizon, 1 / (1 - γ): Q settles sooner
    polyak=0.995,
    clip="hard",
    actor_q="q1",
    policy_ema=0.9,  # about ten rounds: success of the policy itself swings from one to the next
    eval_frames=20_000,
    eval_episodes=100,
)


if __name__ == "__main__":
    sher_rl.cli(sher.main, CONFIG)
