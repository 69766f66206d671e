import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.forked import python
from helpers.small import small_run

from sher_rl import load_demonstrations
from sher_rl.cli.play import Args, _episodes
from sher_rl.report.progress_csv import read_progress


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_run(tmp_path_factory.mktemp("runs"), seed=2)


def play(*args: str) -> subprocess.CompletedProcess:
    return python("-m", "sher_rl.play", *args)


def test_it_gives_the_success_that_training_reported(run: Path) -> None:
    output = play(str(run), "--episodes", "4").stdout
    reported = read_progress(run / "progress.csv")[-1]["test_success"]
    assert output == f"FetchReach-v4: success {reported:.3f} in 4 deterministic episodes from seed 250000\n"


def test_a_policy_file_alone_will_do(run: Path, tmp_path: Path) -> None:
    (tmp_path / "policy.pt").write_bytes((run / "policy.pt").read_bytes())
    assert "from seed 50000" in play(str(tmp_path / "policy.pt"), "--episodes", "1").stdout


def test_a_task_of_ones_own_is_played_by_the_module_that_the_command_names(run: Path, tmp_path: Path) -> None:
    entry = "gymnasium_robotics.envs.fetch.reach:MujocoFetchReachEnv"
    (tmp_path / "own_task.py").write_text(
        f"import gymnasium\ngymnasium.register('Own-v0', {entry!r}, max_episode_steps=5)\n"
    )
    command = [sys.executable, "-m", "sher_rl.play", str(run), "--episodes", "1", "--env-id", "own_task:Own-v0"]
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert "own_task:Own-v0: success " in result.stdout


@pytest.mark.parametrize(
    ("task", "least"),
    [("FetchReach", 0.95), ("FetchPush-v4", 0.95), ("FetchPickAndPlace", 0.9), ("HandManipulateEgg", 0.7)],
)
def test_pretrained_policies_solve_their_tasks(task: str, least: float) -> None:
    output = play("--pretrained", task).stdout
    assert float(re.search(r"success (\S+) in 100 deterministic episodes", output)[1]) >= least


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["/nonexistent"], "is no file; give a policy.pt"),
        ([], "run is what to play"),
        (["RUN", "--pretrained", "FetchPush"], "run is what to play"),
        (["--pretrained", "FetchFly"], "is not in the package; there are FetchPickAndPlace, FetchPush"),
        (["RUN", "--episodes", "0"], "episodes is 0"),
        (["RUN", "--video", "/nonexistent/out.mp4"], "is in no folder"),
    ],
)
def test_wrong_use_gets_one_sentence(args: list[str], sentence: str, run: Path) -> None:
    result = play(*(str(run) if arg == "RUN" else arg for arg in args))
    assert result.returncode != 0
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr


def test_episodes_are_recorded(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("minari")
    folder = tmp_path / "shown"
    output = play(str(run), "--episodes", "3", "--record", str(folder)).stdout
    assert output == f"{folder}: 3 episodes of FetchReach-v4, 150 steps, from seed 250000\n"
    assert len(load_demonstrations(folder, env_id="FetchReach-v4")) == 150
    again = play(str(run), "--episodes", "3", "--record", str(folder))
    assert again.stderr == f"error: folder {str(folder)!r} exists; give a new one.\n"
    both = play(str(run), "--record", str(tmp_path / "other"), "--video", str(tmp_path / "film.mp4"))
    assert both.stderr == "error: video and record are both given; film and record one after the other.\n"


def test_a_film_has_ten_episodes_unless_the_command_says_otherwise(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    assert _episodes(Args()) == 100
    assert _episodes(Args(video=film)) == 10
    assert _episodes(Args(video=film, episodes=3)) == 3
