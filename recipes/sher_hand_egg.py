"""SHER on HandManipulateEgg-v1: turn and move an egg in the hand to a pose.

python recipes/sher_hand_egg.py --seed 1 --total-frames 5000
python -m sher_rl.play runs/RUN --episodes 20
"""

import sher

import sher_rl

CONFIG = sher_rl.Config(
    env_id="HandManipulateEgg-v1",
    method="sher",
    total_frames=5_000_000,
    num_envs=16,
    frames_per_batch=1_600,  # 16 episodes
    updates_per_batch=80,  # 51 samples learned per step, as in HER's baselines; as long as the physics takes
    random_frames=3_200,
    random_action=0.2,
    buffer_size=1_000_000,
    batch_size=1024,
    k=4,
    hidden=(256, 256, 256),
    actor_lr=1e-3,
    critic_lr=1e-3,
    alpha=0.015,  # at most 0.21 a step: 20 dimensions of entropy add up
    target_entropy=None,
    gamma=0.98,  # half the published horizon, 1 / (1 - γ), as in the Fetch recipes
    polyak=0.995,
    clip="soft",  # near the goal entropy lifts Q above 0: a hard clip makes the last ten steps equal
    actor_q="q1",
    policy_ema=0.97,  # about thirty rounds: success of the policy itself swings from one to the next
    symmetric=True,  # an egg that is spun, or whose ends are swapped, is the same to the hand
    waypoint_share=0.5,  # half of the environments: a policy does little toward a rotation that is far away
    waypoint_angle=0.8,  # as far as random play turns the egg
    eval_frames=100_000,
    eval_episodes=100,
)


if __name__ == "__main__":
    sher_rl.cli(sher.main, CONFIG)
