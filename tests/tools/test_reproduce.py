import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.small import load_recipe

from sher_rl import UsageError
from sher_rl.cli.pausing import processes
from sher_rl.cli.recipe import parse
from sher_rl.cli.scheduler import Runner, run_all
from sher_rl.report.progress_csv import read_progress
from sher_rl.training.config import RunConfig
from sher_rl.training.lock import run_lock

TOOL = Path(__file__).parents[2] / "tools" / "reproduce.py"
REPRODUCE = load_recipe("reproduce", TOOL.parent)


def args(tmp_path: Path, **changes) -> object:
    folders = {"out_dir": tmp_path / "runs", "results": tmp_path / "results"}
    return REPRODUCE.Args(**{"tasks": ("fetch_reach",), "seeds": (0,), **folders, **changes})


def start(tmp_path: Path, *flags: str) -> subprocess.Popen:
    folders = ["--out-dir", str(tmp_path / "runs"), "--results", str(tmp_path / "results")]
    command = [sys.executable, str(TOOL), *flags, *folders]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def kept(config: RunConfig) -> float:
    """Share of the target networks that a gradient step keeps; HER's move once in a round."""
    return config.polyak ** (1 / config.updates_per_batch) if config.method == "her" else config.polyak


def test_the_plan_is_the_papers_figures_and_table() -> None:
    jobs = REPRODUCE.plan(REPRODUCE.Args())
    assert len(jobs) == len({job.name for job in jobs}) == 5 * (8 * 3 + 3 + 4)
    names = {job.name for job in jobs}
    assert {"hand_egg-cher-s4", "fetch_slide-sher-s0", "fetch_slide-sher-a0.05-s2", "fetch_push-her-parts-s1"} <= names
    frames = {(job.config.task, job.config.total_frames) for job in jobs if not set(job.flags) - {"--alpha"}}
    assert len(frames) == 8
    assert len(REPRODUCE.plan(REPRODUCE.Args(methods=("her",), alphas=(), ablation=False, seeds=(0,)))) == 8
    assert len(REPRODUCE.plan(REPRODUCE.Args(methods=(), ablation=False, seeds=(0,)))) == 3


@pytest.mark.parametrize(
    "name", ["fetch_push-her-parts", "fetch_push-sher-bare", "hand_egg-her-parts", "hand_egg-sher-bare"]
)
def test_runs_of_the_ablation_are_recipes_with_other_numbers(name: str, tmp_path: Path) -> None:
    [job] = [
        job for job in REPRODUCE.plan(args(tmp_path, tasks=REPRODUCE.TASKS, seeds=(3,))) if job.name == f"{name}-s3"
    ]
    numbers = [*job.recipe()[1:], *job.numbers()]
    if job.method == "her":
        config = parse(load_recipe("her").published(job.config.env_id), numbers[2:])
        like = job.config
    else:
        config = parse(job.config, numbers)
        like = load_recipe("her").published(job.config.env_id)
    assert (config.method, config.seed, config.total_frames) == (job.method, 3, min(1_000_000, job.config.total_frames))
    same = ("gamma", "batch_size", "random_action")
    assert [getattr(config, field) for field in same] == [getattr(like, field) for field in same]
    assert kept(config) == pytest.approx(kept(like), abs=1e-4)
    pace = config.updates_per_batch * config.batch_size / config.frames_per_batch
    assert pace == like.updates_per_batch * like.batch_size / like.frames_per_batch


def test_commands_are_the_recipes_own(tmp_path: Path) -> None:
    jobs = {job.name: job for job in REPRODUCE.plan(args(tmp_path, tasks=("fetch_slide", "hand_pen"), frames=900))}
    command = " ".join(jobs["fetch_slide-sher-a0.05-s0"].command()[1:])
    assert command.endswith(
        f"recipes/sher_fetch_slide.py --total-frames 900 --seed 0 --alpha 0.05 "
        f"--out-dir {tmp_path}/runs --run-name fetch_slide-sher-a0.05-s0"
    )
    job = jobs["hand_pen-cher-s0"]
    job.folder.mkdir(parents=True)
    (job.folder / "config.json").write_text("{}")
    command = " ".join(job.command()[1:])
    assert command.endswith(f"cher.py --env HandManipulatePen-v1 --total-frames 900 --resume {job.folder}")


@pytest.mark.parametrize("method", ["her", "cher"])
def test_baselines_are_tested_at_the_steps_of_sher(method: str, tmp_path: Path) -> None:
    plan = REPRODUCE.plan(args(tmp_path, tasks=REPRODUCE.TASKS, methods=(method,), alphas=(), ablation=False))
    for job in plan:
        published = load_recipe(method).published(job.config.env_id)
        assert parse(published, job.numbers()).eval_frames == job.config.eval_frames


def test_what_recipes_print_goes_through_no_link(tmp_path: Path) -> None:
    [job] = REPRODUCE.plan(args(tmp_path, methods=("her",)))
    job.args.out_dir.mkdir()
    (tmp_path / "mine").write_text("mine")
    (job.args.out_dir / f"{job.name}.log").symlink_to(tmp_path / "mine")
    with pytest.raises(OSError, match=rf"{job.name}\.log"):
        Runner().run(job)
    assert (tmp_path / "mine").read_text() == "mine"


def test_the_dry_run_prints_time_disk_and_state_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    results = TOOL.parents[1] / "docs" / "results"
    jobs = REPRODUCE.plan(args(tmp_path, results=results, seeds=(0, 99)))
    REPRODUCE.main(args(tmp_path, results=results, seeds=(0, 99), dry_run=True))
    *lines, last = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [job.name for job in jobs]
    assert [line.split()[-1] for line in lines] == ["finished"] * 3 + ["new"] * 3
    assert last.startswith("3 of 6 runs to do: 0.0")
    REPRODUCE.main(args(tmp_path, dry_run=True))
    assert "unknown for 3" in capsys.readouterr().out
    assert not any(tmp_path.iterdir())


def test_the_estimate_is_seconds_a_frame_of_results_and_bytes_a_row(tmp_path: Path) -> None:
    [job] = REPRODUCE.plan(args(tmp_path, methods=("her",), frames=5_000))
    assert job.seconds() is None
    job.csv.parent.mkdir()
    header = "frames,updates,seconds,train_success,test_success,train_episodes,test_episodes"
    for seed, seconds in enumerate((40, 60, 500)):
        csv = job.csv.with_name(f"fetch_reach-her-s{seed + 1}.csv")
        csv.write_text(f"{header}\n1000,1,{seconds},0,0,1,1\n")
    assert job.seconds() == 300
    assert 150 * 5_000 < job.disk() / 2 < 170 * 5_000  # a row of FetchReach has 37 floats and some marks


def test_failures_are_listed_and_two_never_share_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    jobs = REPRODUCE.plan(args(tmp_path, methods=("sher", "her"), frames=400))
    jobs[0].folder.mkdir(parents=True)
    (jobs[0].folder / "config.json").write_text("{}")
    jobs[1].folder.mkdir()
    with run_lock(jobs[1].folder):
        assert run_all(jobs, 2) == 1
    output = capsys.readouterr().out
    assert "0 of 2 runs finished, 2 failed" in output
    assert f"fetch_reach-her-s0: run folder '{jobs[1].folder}' is in use by another process; wait" in output
    assert "fetch_reach-sher-s0: exit code 1: error: " in output
    assert not (tmp_path / "results").exists()
    assert not (jobs[1].folder / "config.json").exists()


def test_a_stopped_plan_goes_on_and_a_finished_one_has_nothing_to_do(tmp_path: Path) -> None:
    flags = "--tasks fetch_reach --methods sher --seeds 0 1 --frames 1600 --jobs 2".split()
    logs = [tmp_path / "runs" / f"fetch_reach-sher-s{seed}.log" for seed in (0, 1)]
    process = start(tmp_path, *flags)
    while process.poll() is None and not all(log.exists() and "buffer: " in log.read_text() for log in logs):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    output = process.communicate(timeout=120)[0]
    assert process.returncode == 128 + signal.SIGTERM, output
    stopped = [int(path.name) for path in tmp_path.glob("runs/*/checkpoints/[0-9]*")]
    assert len(stopped) == 2
    assert min(stopped) < 1_600  # on a busy machine the other may be done

    process = start(tmp_path, *flags)
    output = process.communicate(timeout=180)[0]
    assert process.returncode == 0, output
    assert "resume" in output
    assert "2 of 2 runs finished, 0 failed" in output
    for seed in (0, 1):
        result = tmp_path / "results" / f"fetch_reach-sher-s{seed}.csv"
        assert [row["frames"] for row in read_progress(result)] == [1_600]
        made_by = json.loads(result.with_suffix(".json").read_text())
        assert made_by["config"]["seed"] == seed
        assert made_by["versions"]["torchrl"]
        assert made_by["config"]["total_frames"] == 1_600
        assert made_by["command"] == f"python recipes/sher_fetch_reach.py --total-frames 1600 --seed {seed}"
    jobs = REPRODUCE.plan(args(tmp_path, methods=("sher",), seeds=(0, 1), frames=1_600))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert run_all(jobs, 1) == 0
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}


@pytest.mark.slow
def test_a_paused_plan_ends_with_the_rows_of_one_that_was_not(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    flags = "--tasks fetch_reach --methods sher --seeds 0 --frames 4000".split()
    plain, paused = (tmp_path / name for name in ("plain", "paused"))
    first = start(plain, *flags)
    assert first.wait(timeout=900) == 0, first.stdout.read()
    second = start(paused, *flags)
    rows = paused / "runs" / "fetch_reach-sher-s0" / "progress.csv"
    wait_for(rows.exists, second)

    REPRODUCE.main(args(paused, pause=True))
    assert capsys.readouterr().out == "paused: fetch_reach-sher-s0\n"
    own = processes(paused / "runs")
    [run] = [process for process in own if int(fields(process)[1]) == second.pid]
    used = [cpu_seconds(process) for process in own]
    of_the_plan = cpu_seconds(second.pid)
    written = rows.read_bytes()
    time.sleep(10)
    assert [cpu_seconds(process) for process in own] == used
    assert cpu_seconds(second.pid) - of_the_plan < 0.5  # it looks twice a second whether a run has ended
    assert rows.read_bytes() == written
    assert second.poll() is None
    began = time.time() - (time.clock_gettime(time.CLOCK_BOOTTIME) - started(run))
    REPRODUCE.main(args(paused, go_on=True))
    assert capsys.readouterr().out == "going on: fetch_reach-sher-s0\n"
    assert second.wait(timeout=900) == 0, second.stdout.read()

    whole, other = (read_progress(folder / "results" / "fetch_reach-sher-s0.csv") for folder in (paused, plain))
    assert [row["frames"] for row in whole] == [2_000, 4_000]
    for row, same in zip(whole, other, strict=True):
        np.testing.assert_equal(row | {"seconds": 0}, same | {"seconds": 0})
    assert rows.stat().st_mtime - began - whole[-1]["seconds"] > 10  # the ten of the pause, and those it took to ask


@pytest.mark.slow
def test_a_paused_plan_can_be_stopped(tmp_path: Path) -> None:
    process = start(tmp_path, *"--tasks fetch_reach --methods her --seeds 0 --frames 5000".split())
    log = tmp_path / "runs" / "fetch_reach-her-s0.log"
    wait_for(lambda: log.exists() and "buffer: " in log.read_text(), process)
    REPRODUCE.main(args(tmp_path, pause=True))
    process.send_signal(signal.SIGTERM)
    output = process.communicate(timeout=900)[0]
    assert process.returncode == 128 + signal.SIGTERM, output
    assert list(tmp_path.glob("runs/*/checkpoints/[0-9]*"))


def wait_for(condition: Callable[[], bool], process: subprocess.Popen) -> None:
    while process.poll() is None and not condition():
        time.sleep(0.05)
    assert process.poll() is None, process.stdout.read()


def fields(process: int) -> list[str]:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()


def cpu_seconds(process: int) -> float:
    return sum(map(int, fields(process)[11:13])) / os.sysconf("SC_CLK_TCK")


def started(process: int) -> float:
    return int(fields(process)[19]) / os.sysconf("SC_CLK_TCK")


def test_a_csv_is_committed_with_its_json_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    csv = tmp_path / "results" / "fetch_reach-her-s0.csv"
    csv.parent.mkdir()
    header = "frames,updates,seconds,train_success,test_success,train_episodes,test_episodes"
    csv.write_text(f"{header}\n1000,1,2,0,0.25,1,1\n")
    csv.with_suffix(".json").write_text("{}\n")
    REPRODUCE.commit(csv)
    assert "fetch_reach-her-s0: not committed: fatal: not a git repository" in capsys.readouterr().out

    git = ["git", "-C", str(tmp_path), "-c", "init.defaultBranch=main"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    for name, value in (("user.name", "A"), ("user.email", "a@b.c"), ("commit.gpgsign", "false")):
        subprocess.run([*git, "config", name, value], check=True)
    (tmp_path / "other").write_text("staged, and left alone\n")
    subprocess.run([*git, "add", "other"], check=True)
    REPRODUCE.commit(csv)
    shown = subprocess.run([*git, "show", "--format=%s", "--name-only"], capture_output=True, text=True, check=True)
    assert shown.stdout.split("\n\n") == [
        "fetch_reach-her-s0: 0.25 after 1,000 steps",
        "results/fetch_reach-her-s0.csv\nresults/fetch_reach-her-s0.json\n",
    ]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"pause": True, "go_on": True}, "pause and go_on are both given"),
        ({"jobs": 0}, "jobs is 0"),
        ({"frames": 0}, "total_frames is 0"),
        ({"seeds": (-1,)}, "seed is -1"),
    ],
)
def test_wrong_numbers_get_one_sentence(values: dict, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=sentence):
        REPRODUCE.main(args(tmp_path, **values))
