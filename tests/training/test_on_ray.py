"""Runs on a real cluster of processes; each takes half a minute, so all are slow."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.same_run import AWKWARD, assert_same_run
from helpers.small import FLAGS, REACH, load_recipe, small_config, small_run

import sher_rl
from sher_rl import UsageError
from sher_rl.report.progress_csv import read_progress
from sher_rl.training.remote.cluster import ActorDied

pytest.importorskip("ray")
pytestmark = pytest.mark.slow
SEEDED = ("torch_cpu", "numpy")  # Python's own draws name temporary files
TWO = {"ray": "local", "actors": 2, "num_threads": 1, "compile": False, "total_frames": 2000}
TWO_FLAGS = ["--ray=local", "--actors=2", "--num-threads=1", "--no-compile", "--total-frames=2000"]


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in one process."""
    return small_run(tmp_path_factory.mktemp("local"), **AWKWARD, num_threads=1)


def test_a_run_of_one_actor_equals_one_without_a_cluster(local: Path, tmp_path: Path) -> None:
    assert_same_run(small_run(tmp_path, **AWKWARD, num_threads=1, ray="local"), local, SEEDED)


@pytest.mark.parametrize(("first", "then"), [("local", None), (None, "local")], ids=["to-local", "to-cluster"])
def test_each_resumes_the_other_to_the_bit(first: str | None, then: str | None, local: Path, tmp_path: Path) -> None:
    numbers = AWKWARD | {"num_threads": 1}
    run = small_run(tmp_path, **numbers | {"total_frames": 306, "ray": first})
    small_run(tmp_path, **numbers | {"ray": then, "resume": run})
    assert_same_run(run, local, SEEDED)


def test_two_actors_resume_to_the_bit(tmp_path: Path) -> None:
    numbers = AWKWARD | {"num_envs": 4, "num_threads": 1, "ray": "local", "actors": 2, "total_frames": 624}
    whole = small_run(tmp_path / "whole", **numbers)
    run = small_run(tmp_path / "halves", **numbers | {"total_frames": 312})
    small_run(tmp_path / "halves", **numbers | {"resume": run})
    assert_same_run(run, whole, SEEDED)
    assert {row["policy_age"] for row in read_progress(whole / "progress.csv")} == {
        0.0,
        3.0,
    }  # none before the first updates


def test_a_cluster_of_a_run_is_said_again_to_resume_it(local: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="actors is 2 without a cluster; add --ray local"):
        small_run(tmp_path, actors=2)


def start(out_dir: Path) -> subprocess.Popen:
    command = [sys.executable, REACH.__file__, *FLAGS, *TWO_FLAGS, "--out-dir", str(out_dir), "--run-name", "run"]
    command += ["--checkpoint-minutes=1e-6"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for_rows(run: Path, process: subprocess.Popen) -> None:
    while process.poll() is None and not (run / "progress.csv").exists():
        time.sleep(0.1)


def actors(kind: str, ancestor: int) -> list[int]:
    """Processes of the actors of a class that a run has started."""
    names = {path.parent.name: path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()}
    found = [int(pid) for pid, name in names.items() if name.startswith(f"ray::{kind}".encode())]
    return [pid for pid in found if ancestor in ancestors(pid)]


def ancestors(pid: int) -> list[int]:
    found = []
    while pid > 1:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        found.append(pid)
    return found


def assert_goes_on(out_dir: Path) -> None:
    run = small_run(out_dir, resume=out_dir / "run", hidden=REACH.CONFIG.hidden, checkpoint_minutes=1e-6, **TWO)
    assert read_progress(run / "progress.csv")[-1]["frames"] == 2000


def test_where_a_collector_is_killed_another_one_takes_its_place(tmp_path: Path) -> None:
    process = start(tmp_path)
    wait_for_rows(tmp_path / "run", process)
    os.kill(actors("CollectorActor", process.pid)[1], signal.SIGKILL)
    output, _ = process.communicate()
    assert process.returncode == 0, output
    assert "collector" in output
    assert "another one goes on, with seeds from" in output
    rows = read_progress(tmp_path / "run" / "progress.csv")
    assert rows[-1]["frames"] == 2000
    assert rows[-1]["updates"] == 3 * 20  # as many as without the death


def test_where_the_buffer_is_killed_the_run_stops_and_can_be_resumed(tmp_path: Path) -> None:
    process = start(tmp_path)
    wait_for_rows(tmp_path / "run", process)
    os.kill(actors("ReplayActor", process.pid)[0], signal.SIGKILL)
    output, _ = process.communicate()
    assert process.returncode == 1
    assert f"go on with --resume {tmp_path}/run." in output.splitlines()[-1]
    assert_goes_on(tmp_path)


def test_where_the_learner_is_killed_nothing_stays_and_the_run_can_be_resumed(tmp_path: Path) -> None:
    process = start(tmp_path)
    wait_for_rows(tmp_path / "run", process)
    left = actors("CollectorActor", process.pid)
    process.kill()
    process.wait()
    end = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in left) and time.monotonic() < end:
        time.sleep(0.5)
    assert not any(Path(f"/proc/{pid}").exists() for pid in left)
    assert_goes_on(tmp_path)


def test_a_node_that_leaves_takes_its_collector_with_it_and_the_run_goes_on(tmp_path: Path) -> None:
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 3})
    leaving = nodes.add_node(num_cpus=1)
    seen = []

    def leave(row: dict) -> None:
        seen.append(row["frames"])
        if len(seen) == 1:
            nodes.remove_node(leaving, allow_graceful=False)
            nodes.add_node(num_cpus=1)

    config = small_config(tmp_path, **TWO | {"ray": nodes.address})
    try:
        run = sher_rl.train_on_ray(config, load_recipe("sher").build, on_evaluate=leave)
    finally:
        nodes.shutdown()
    assert read_progress(run / "progress.csv")[-1]["frames"] == 2000


def fails_elsewhere(config: sher_rl.Config) -> sher_rl.Parts:
    """As a machine without something that the learner's has."""
    if os.getpid() != int(os.environ.get("LEARNER", "0")):
        raise RuntimeError("no such task here")
    return load_recipe("sher").build(config)


def test_actors_that_cannot_start_end_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEARNER", str(os.getpid()))
    with pytest.raises(ActorDied, match="died"):
        sher_rl.train_on_ray(small_config(tmp_path, **TWO), fails_elsewhere)
