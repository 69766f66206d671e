"""SHER on HandReach-v3: bring five fingertips to five points.

python recipes/sher_hand_reach.py --seed 1 --total-frames 5000
python -m sher_rl.play runs/RUN --episodes 20
"""

import sher

import sher_rl

CONFIG = sher_rl.Config(
    env_id="HandReach-v3",
    method="sher",
    total_frames=300_000,
    num_envs=16,
    frames_per_batch=800,  # 16 episodes
    updates_per_batch=320,  # 0.4 a step, as in HER's baselines; about 100 samples learned per step
    random_frames=1_600,
    random_action=0.2,
    buffer_size=1_000_000,
    batch_size=256,  # as in the Fetch recipes
    k=4,
    hidden=(256, 256, 256),
    actor_lr=3e-4,  # with 1e-3 a policy this sharp comes and goes from one evaluation to the next
    critic_lr=3e-4,
    alpha=0.001,  # fifteen numbers within a centimetre take a sharp policy, whose entropy is far below 0
    target_entropy=None,
    gamma=0.96,  # half the published horizon, 1 / (1 - γ), as in the Fetch recipes
    polyak=0.995,
    clip="hard",
    goal_noise=0.002,  # fingers meet to 5 to 9 mm of 10; hindsight alone has only goals that were met exactly
    actor_q="q1",
    policy_ema=0.9,  # about ten rounds: success of the policy itself swings from one to the next
    eval_frames=25_000,
    eval_episodes=100,
)


if __name__ == "__main__":
    sher_rl.cli(sher.main, CONFIG)
