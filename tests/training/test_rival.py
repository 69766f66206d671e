"""A rival that trains beside an agent: as many steps, in the same checkpoints, to the bit."""

import dataclasses
from pathlib import Path

import pytest
import torch
from helpers.same_run import AWKWARD, assert_same_run
from helpers.small import SMALL, load_recipe

from sher_rl import CerConfig, Rival

CER = load_recipe("cer")
NUMBERS = SMALL | {"compile": False, "run_name": "run", "num_threads": 1}


def config_of(out_dir: Path, env_id: str = "FetchPush-v4", **changes) -> CerConfig:
    return dataclasses.replace(CER.published(env_id), **(NUMBERS | {"out_dir": out_dir} | changes))


def test_it_keeps_step_with_the_first_agent(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    parts = CER.build(config)
    rival = parts.on_cycle
    assert isinstance(rival, Rival)
    rival(200)  # the first call comes after the random frames
    assert (rival.frames, len(rival.parts.buffer), rival.parts.learner.steps) == (200, 200, 3)
    rival(300)
    assert (rival.frames, len(rival.parts.buffer), rival.parts.learner.steps) == (300, 300, 6)
    assert rival.parts.normalizer.observation.count == 300
    rival.close()
    parts.env.close()


def test_the_agents_share_no_weights_and_no_environments(tmp_path: Path) -> None:
    parts = CER.build(config_of(tmp_path))
    rivals = parts.on_cycle.parts
    weights = [{p.data_ptr() for p in each.learner.loss.parameters()} for each in (parts, rivals)]
    assert not weights[0] & weights[1]
    assert not torch.equal(parts.env.reset()["desired_goal"], rivals.env.reset()["desired_goal"])


@pytest.mark.parametrize(
    ("env_id", "starts"), [("FetchPush-v4", "apart"), ("FetchPush-v4", "visited"), ("PointMaze_UMaze-v3", "apart")]
)
def test_both_resume_to_the_bit(env_id: str, starts: str, tmp_path: Path) -> None:
    numbers = {key: value for key, value in AWKWARD.items() if key != "target_entropy"}
    numbers |= {"train_eval_episodes": 0, "rival_starts": starts}
    for folder, frames in (("whole", (612,)), ("part", (102, 306, 612))):
        for total in frames:
            resume = tmp_path / folder / "run" if total != frames[0] else None
            changes = numbers | {"total_frames": total, "resume": resume}
            CER.main(config_of(tmp_path / folder, env_id, **changes))
    assert_same_run(tmp_path / "whole" / "run", tmp_path / "part" / "run")


def test_rows_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    small = config_of(tmp_path, total_frames=200)
    CER.main(small)
    rival = CER.build(small).on_cycle
    rival(200)
    state = rival.state_dict()
    other = CER.build(dataclasses.replace(small, buffer_size=150)).on_cycle
    with pytest.raises(ValueError, match="200 rows are not for this storage of 150"):
        other.load_state_dict(state)
