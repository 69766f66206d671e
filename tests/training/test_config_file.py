import dataclasses
import json
from pathlib import Path

import pytest
from helpers.small import load_recipe, small_config

from sher_rl import Config, UsageError
from sher_rl.training.config import RunConfig
from sher_rl.training.config_file import config_values, load_config, save_config


def test_saved_and_loaded_config_are_equal(tmp_path: Path) -> None:
    for changes in ({}, {"target_entropy": "auto", "run_name": None}, {"target_entropy": -2.5}):
        config = small_config(tmp_path, **changes)
        save_config(config, tmp_path / "config.json")
        assert load_config(Config, tmp_path / "config.json") == config


def test_a_file_names_no_module_and_no_run_to_resume(tmp_path: Path) -> None:
    own = small_config(tmp_path, env_id="my_tasks:Puck-v0", resume=tmp_path)
    save_config(own, tmp_path / "config.json")
    assert load_config(Config, tmp_path / "config.json") == dataclasses.replace(own, env_id="Puck-v0", resume=None)


def test_what_all_methods_share_is_read_from_any_run(tmp_path: Path) -> None:
    config = load_recipe("her").published("FetchSlide-v4")
    for each in (dataclasses.replace(config, seed=3), small_config(tmp_path, seed=3)):
        save_config(each, tmp_path / "config.json")
        shared = load_config(RunConfig, tmp_path / "config.json")
        assert (shared.env_id, shared.test_seed) == (each.env_id, 350_000)


def test_a_run_from_before_a_setting_is_read(tmp_path: Path) -> None:
    values = config_values(small_config(tmp_path, seed=3))
    del values["train_eval_episodes"], values["logger"]
    (tmp_path / "config.json").write_text(json.dumps(values))
    assert load_config(RunConfig, tmp_path / "config.json").test_seed == 350_000


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"env_id": "FetchReach-v4"}', "\x00"])
def test_a_broken_config_file_gets_one_sentence(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UsageError, match="is no configuration of a run"):
        load_config(Config, tmp_path / "config.json")
