"""A search for the temperature with Optuna, which stops hopeless runs early: FetchReach, a few minutes.

pip install optuna
python docs/examples/optuna_search.py --trials 10
"""

import argparse
import dataclasses
from collections.abc import Mapping
from pathlib import Path

import optuna

import sher_rl
from sher_rl.cli.recipe_files import load_recipe


def objective(trial: optuna.Trial, frames: int, out_dir: Path) -> float:
    """Train with the temperature of a trial; returns the last test success."""
    config = dataclasses.replace(
        load_recipe("fetch_reach").CONFIG,
        alpha=trial.suggest_float("alpha", 1e-3, 1.0, log=True),
        total_frames=frames,
        eval_frames=800,
        eval_episodes=40,
        out_dir=out_dir,
        run_name=f"trial-{trial.number}",
        quiet=True,
    )
    success = [0.0]

    def on_evaluate(row: Mapping[str, float]) -> None:
        success.append(row["test_success"])
        trial.report(row["test_success"], step=int(row["frames"]))
        if trial.should_prune():
            raise optuna.TrialPruned

    parts = load_recipe("sher").build(config)
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
        on_evaluate=on_evaluate,
    )
    return success[-1]


def main(trials: int = 10, frames: int = 4_000, out_dir: Path = Path("runs/search")) -> optuna.Study:
    """Search; a trial below the median of the earlier ones at the same step is stopped."""
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=0),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=2),
    )
    study.enqueue_trial({"alpha": 0.02})  # the recipe's own
    study.optimize(lambda trial: objective(trial, frames, out_dir), n_trials=trials)
    return study


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10)
    found = main(parser.parse_args().trials)
    print(f"best: alpha {found.best_params['alpha']:.4f}, success {found.best_value:.2f}")
