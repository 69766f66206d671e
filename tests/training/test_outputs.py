"""What whoever looks on is told of a run, and what is called as it goes."""

import json
import os
from pathlib import Path

import pytest
import torch
from helpers.small import load_recipe, small_config, small_run
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import sher_rl
from sher_rl import UsageError
from sher_rl.report.progress_csv import read_progress
from sher_rl.training.film import renders

FAST = {"eval_episodes": 1, "train_eval_episodes": 0}


def train(config: sher_rl.Config, **more) -> Path:
    parts = load_recipe("sher").build(config)
    names = ("env", "policy", "explorer", "normalizer", "relabel", "buffer", "learner", "on_cycle")
    return sher_rl.train(config, **{name: getattr(parts, name) for name in names}, **more)


def test_each_evaluation_calls_back_with_its_row(tmp_path: Path) -> None:
    rows = []
    run = train(small_config(tmp_path), on_evaluate=rows.append)
    assert [row["frames"] for row in rows] == [200, 400]
    written = read_progress(run / "progress.csv")
    for name in ("test_success", "updates", "test_episodes"):
        assert [row[name] for row in rows] == [row[name] for row in written]


def test_what_the_callback_raises_ends_the_run_and_its_folder_is_free(tmp_path: Path) -> None:
    def stop(row: object) -> None:
        raise KeyError("enough")

    config = small_config(tmp_path, **FAST)
    with pytest.raises(KeyError, match="enough"):
        train(config, on_evaluate=stop)
    assert len(read_progress(tmp_path / "run" / "progress.csv")) == 1
    small_run(tmp_path, resume=tmp_path / "run", **FAST)
    assert [row["frames"] for row in read_progress(tmp_path / "run" / "progress.csv")] == [200, 400]


@pytest.mark.parametrize(("asked", "said"), [(30, "total_frames 30 becomes 100, in whole batches of 100"), (100, "")])
def test_a_run_that_is_longer_than_was_asked_for_says_so(
    asked: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    run = small_run(tmp_path, total_frames=asked, **FAST)
    assert read_progress(run / "progress.csv")[-1]["frames"] == 100
    output = capsys.readouterr().out
    assert said in output
    assert ("becomes" in output) == bool(said)


def test_quiet_shows_nothing(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    run = small_run(tmp_path, total_frames=100, quiet=True, **FAST)
    shown = capsys.readouterr()
    assert "frames" not in shown.out + shown.err
    assert (run / "curve.png").exists()


def test_num_threads_are_those_of_torch_and_of_all_environments(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    try:
        config = small_config(tmp_path, total_frames=100, num_envs=4, num_threads=3, **FAST)
        assert load_recipe("sher").build(config).env._pool._size == 3
        train(config)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    with pytest.raises(UsageError, match="num_threads is 0"):
        small_config(tmp_path, num_threads=0)


def test_a_run_films_its_first_test_episode_at_each_evaluation(tmp_path: Path) -> None:
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    if not (renders("egl") or renders("osmesa")):
        pytest.skip("nothing renders here")
    run = small_run(tmp_path, video=True, logger="tensorboard", **FAST)
    films = sorted(run.glob("videos/*"))
    assert [path.name for path in films] == ["200.mp4", "400.mp4"]
    assert imageio_ffmpeg.count_frames_and_secs(str(films[0])) == (50, 2.0)
    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Images("test_episode")] == [200, 400]


def test_films_that_cannot_be_are_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUJOCO_GL", "broken")
    with pytest.raises(UsageError, match="nothing renders here"):
        small_run(tmp_path / "runs", video=True)
    assert not (tmp_path / "runs").exists()
    assert os.environ["MUJOCO_GL"] == "broken"


def test_an_older_runs_configuration_is_read(tmp_path: Path) -> None:
    run = small_run(tmp_path, total_frames=200, **FAST)
    config = json.loads((run / "config.json").read_text())
    for name in ("logger_project", "logger_entity", "video", "quiet", "num_threads"):
        del config[name]
    (run / "config.json").write_text(json.dumps(config))
    small_run(tmp_path, resume=run, **FAST)
    assert read_progress(run / "progress.csv")[-1]["frames"] == 400
