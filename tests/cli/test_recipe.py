import dataclasses
from pathlib import Path

import pytest
import tyro
from helpers.forked import python
from helpers.small import REACH, small_config

from sher_rl import Config, UsageError
from sher_rl.cli.recipe import parse
from sher_rl.training.config_file import save_config


def test_every_field_is_a_flag(tmp_path: Path) -> None:
    default = small_config(tmp_path)
    args = "--alpha 0.1 --target-entropy auto --hidden 8 9 --seed 3 --out-dir x --run-name y --num-envs 5".split()
    config = tyro.cli(Config, default=default, args=args)
    assert (config.alpha, config.target_entropy, config.hidden, config.num_envs) == (0.1, "auto", (8, 9), 5)
    assert (config.seed, config.out_dir, config.run_name) == (3, Path("x"), "y")


def test_the_environment_may_be_a_variant_of_the_task(tmp_path: Path) -> None:
    default = small_config(tmp_path)
    assert parse(default, ["--env", "FetchReachDense-v4"]).env_id == "FetchReachDense-v4"
    own = small_config(tmp_path, env_id="my_tasks:Puck-v0")
    assert parse(own, ["--env", "my_tasks:Puck-v1"]).env_id == "my_tasks:Puck-v1"
    with pytest.raises(UsageError, match="is another task than this recipe's, 'my_tasks:Puck-v0'"):
        parse(own, ["--env", "FetchPush-v4"])


def test_the_name_of_a_run_carries_the_flags_that_were_changed(tmp_path: Path) -> None:
    default = small_config(tmp_path, run_name=None)
    assert parse(default, ["--alpha", "0.1", "--seed", "2"]).run_name.startswith("fetch_reach-sher-alpha=0.1-s2-20")
    assert parse(default, ["--alpha", "0.1", "--run-name", "mine"]).run_name == "mine"


def test_a_run_is_resumed_more_quietly_or_with_films(tmp_path: Path) -> None:
    save_config(small_config(tmp_path), tmp_path / "config.json")
    config = parse(small_config(tmp_path), ["--resume", str(tmp_path), "--quiet", "--video"])
    assert (config.quiet, config.video) == (True, True)


def test_resume_keeps_everything_but_the_length(tmp_path: Path) -> None:
    saved = small_config(tmp_path, alpha=0.3)
    save_config(saved, tmp_path / "config.json")
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
        ("--env-id CartPole-v1", "is another task than this recipe's, 'FetchReach-v4'"),
        (
            "--env FetchPush-v4",
            "use the recipe of that task, or of a method, as in sher-rl train sher --env Fetch",
        ),
        ("--batch-size 9000000", "exceeds buffer_size"),
        ("--out-dir /proc/nowhere", "cannot be written"),
        ("--resume /nonexistent", "is no configuration of a run"),
    ],
)
def test_a_recipe_answers_wrong_flags_by_a_sentence_and_leaves_nothing(
    flags: str, sentence: str, tmp_path: Path
) -> None:
    out = [] if "--out-dir" in flags else ["--out-dir", str(tmp_path / "runs")]
    result = python(REACH.__file__, *flags.split(), *out, cwd=tmp_path)
    words = " ".join((result.stdout + result.stderr).replace("│", " ").split())
    assert result.returncode != 0
    assert sentence in words
    assert "Traceback" not in words
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("logger", ["wandb", "mlflow", "trackio"])
def test_a_logger_that_writes_elsewhere_is_not_started_by_a_file_alone(logger: str, tmp_path: Path) -> None:
    default = small_config(tmp_path)
    save_config(dataclasses.replace(default, logger=logger), tmp_path / "config.json")
    resume = ["--resume", str(tmp_path)]
    with pytest.raises(UsageError, match=f"was logged by {logger}, .* add --logger {logger}"):
        parse(default, resume)
    assert parse(default, [*resume, "--logger", logger]).logger == logger
    save_config(dataclasses.replace(default, logger="tensorboard"), tmp_path / "config.json")
    assert parse(default, resume).logger == "tensorboard"


def test_a_task_of_ones_own_is_resumed_by_the_module_that_the_command_names(tmp_path: Path) -> None:
    own = small_config(tmp_path, env_id="my_tasks:Puck-v0")
    save_config(own, tmp_path / "config.json")
    assert parse(own, ["--resume", str(tmp_path)]).env_id == "my_tasks:Puck-v0"
    with pytest.raises(UsageError, match=r"is a run of env_id 'Puck-v0', this recipe's is 'FetchReach-v4'"):
        parse(small_config(tmp_path), ["--resume", str(tmp_path)])
