import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
import tyro
from helpers.small import RECIPES, load_recipe, small_config

from sher_rl import Config, UsageError
from sher_rl.training.config import RunConfig, parse


def test_algorithmic_numbers_have_no_defaults() -> None:
    defaults = {f.name for f in dataclasses.fields(Config) if f.default is not dataclasses.MISSING}
    where = {"out_dir", "run_name", "resume", "device", "logger", "checkpoint_minutes", "train_eval_episodes"}
    assert defaults == {"seed", "compile", "sampler", *where}


def test_every_field_is_a_flag(tmp_path: Path) -> None:
    default = small_config(tmp_path)
    args = "--alpha 0.1 --target-entropy auto --hidden 8 9 --seed 3 --out-dir x --run-name y --num-envs 5".split()
    config = tyro.cli(Config, default=default, args=args)
    assert (config.alpha, config.target_entropy, config.hidden, config.num_envs) == (0.1, "auto", (8, 9), 5)
    assert (config.seed, config.out_dir, config.run_name) == (3, Path("x"), "y")


def test_saved_and_loaded_config_are_equal(tmp_path: Path) -> None:
    for changes in ({}, {"target_entropy": "auto", "run_name": None}, {"target_entropy": -2.5, "resume": tmp_path}):
        config = small_config(tmp_path, **changes)
        config.save(tmp_path / "config.json")
        assert Config.load(tmp_path / "config.json") == config


def test_what_all_methods_share_is_read_from_any_run(tmp_path: Path) -> None:
    config = load_recipe("her").published("FetchSlide-v4")
    for each in (dataclasses.replace(config, seed=3), small_config(tmp_path, seed=3)):
        each.save(tmp_path / "config.json")
        shared = RunConfig.load(tmp_path / "config.json")
        assert (shared.env_id, shared.test_seed) == (each.env_id, 350_000)


def test_a_run_from_before_a_setting_is_read(tmp_path: Path) -> None:
    values = small_config(tmp_path, seed=3).values()
    del values["train_eval_episodes"], values["logger"]
    (tmp_path / "config.json").write_text(json.dumps(values))
    assert RunConfig.load(tmp_path / "config.json").test_seed == 350_000


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"env_id": "FetchReach-v4"}', "\x00"])
def test_a_broken_config_file_gets_one_sentence(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UsageError, match="is no configuration of a run"):
        Config.load(tmp_path / "config.json")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"total_frames": 0}, "total_frames is 0; use a number above 0"),
        ({"actor_lr": -1e-3}, "actor_lr is -0.001"),
        ({"critic_lr": float("nan")}, "critic_lr is nan"),
        ({"random_frames": -1}, "random_frames is -1"),
        ({"random_action": 1.5}, "random_action is 1.5; use a number from 0 to 1"),
        ({"polyak": -0.1}, "polyak is -0.1"),
        ({"hidden": ()}, "hidden is ()"),
        ({"hidden": (16, 0)}, r"hidden is \(16, 0\)"),
        ({"batch_size": 2_000}, "batch_size 2000 exceeds buffer_size 1000"),
        ({"frames_per_batch": 1_000}, r"frames_per_batch 1000 and num_envs \d+ do not fit buffer_size 1000; make it"),
        ({"run_name": "../elsewhere"}, "run_name is '../elsewhere'"),
        ({"device": "cuda:99"}, "device 'cuda:99' cannot be used"),
        ({"device": "toaster"}, "device 'toaster' cannot be used"),
    ],
)
def test_wrong_values_get_one_sentence(changes: dict, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=sentence.replace("()", r"\(\)") if sentence == "hidden is ()" else sentence):
        small_config(tmp_path, **changes)


@pytest.mark.parametrize(
    ("env_id", "task"),
    [
        ("FetchPickAndPlace-v4", "fetch_pick_and_place"),
        ("HandManipulateEgg-v1", "hand_egg"),
        ("HandReach-v3", "hand_reach"),
        ("my_tasks:room/push2D-v0", "push2_d"),
    ],
)
def test_task_names(env_id: str, task: str, tmp_path: Path) -> None:
    assert small_config(tmp_path, env_id=env_id).task == task


def test_test_seeds_are_never_training_seeds(tmp_path: Path) -> None:
    configs = [small_config(tmp_path, seed=seed) for seed in range(3)]
    bases = sorted(base for config in configs for base in (config.train_seed, config.test_seed))
    assert bases == [0, 50_000, 100_000, 150_000, 200_000, 250_000]


def test_resume_keeps_everything_but_the_length(tmp_path: Path) -> None:
    saved = small_config(tmp_path, alpha=0.3)
    saved.save(tmp_path / "config.json")
    default, resume = small_config(tmp_path / "elsewhere", total_frames=900), ["--resume", str(tmp_path)]
    assert parse(default, resume) == dataclasses.replace(saved, resume=tmp_path)
    flags = [*resume, "--total-frames", "500", "--alpha", "0.3"]
    assert parse(default, flags) == dataclasses.replace(saved, total_frames=500, resume=tmp_path)
    with pytest.raises(UsageError, match=r"goes on as it began; leave out --seed, --out-dir, --alpha\."):
        parse(default, [*resume, "--alpha", "0.02", "--seed", "3", "--out-dir", str(default.out_dir)])
    for changes in ({"env_id": "FetchPush-v4"}, {"method": "her"}):
        with pytest.raises(UsageError, match="is a run of"):
            parse(dataclasses.replace(default, **changes), resume)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ("--alhpa 0.1", "Unrecognized options"),
        ("--alpha minus", "could not convert"),
        ("--alpha -1", "alpha is -1.0"),
        ("--gamma 1", "gamma is 1.0"),
        ("--k -2", "k is -2.0"),
        ("--num-envs 0", "num_envs is 0"),
        ("--env-id FetchReach-v1", "use 'FetchReach-v4'"),
        ("--env-id CartPole-v1", "no goal environment"),
        ("--env-id Nonsense-v0", "unknown to gymnasium"),
        ("--batch-size 9000000", "exceeds buffer_size"),
        ("--out-dir /proc/nowhere", "cannot be written"),
        ("--resume /nonexistent", "is no configuration of a run"),
    ],
)
def test_a_recipe_answers_wrong_flags_by_a_sentence_and_leaves_nothing(
    flags: str, sentence: str, tmp_path: Path
) -> None:
    out = [] if "--out-dir" in flags else ["--out-dir", str(tmp_path / "runs")]
    reach = next(path for path in RECIPES if path.stem == "sher_fetch_reach")
    command = [sys.executable, str(reach), *flags.split(), *out]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    words = " ".join((result.stdout + result.stderr).replace("│", " ").split())
    assert result.returncode != 0
    assert sentence in words
    assert "Traceback" not in words
    assert not any(tmp_path.iterdir())
