from pathlib import Path
from subprocess import CompletedProcess

import pytest
from helpers.forked import python
from helpers.small import FLAGS
from hypothesis import given
from hypothesis import strategies as st

from sher_rl import UsageError
from sher_rl.cli.sweep import Args, axes, combinations, main, plan
from sher_rl.report.progress_csv import read_progress

WORDS = st.text(alphabet="ab1.", min_size=1, max_size=3)
FLAG = st.text(alphabet="xyz", min_size=1, max_size=3).map("--{}".format)


def sweep(*args: str) -> CompletedProcess:
    return python("-m", "sher_rl", "sweep", *args)


@given(st.dictionaries(FLAG, st.lists(WORDS, max_size=3), max_size=4))
def test_axes_are_the_command_line_and_combinations_their_product(choices: dict[str, list[str]]) -> None:
    found = axes([word for flag, values in choices.items() for word in (flag, *values)])
    assert found == {flag: [[value] for value in values] or [[]] for flag, values in choices.items()}
    lines = list(combinations(found))
    count = 1
    for values in choices.values():
        count *= max(len(values), 1)
    assert len(lines) == count
    assert all(line[0] == next(iter(choices)) for line in lines if choices)


def test_names_carry_what_is_swept_and_no_time(tmp_path: Path) -> None:
    jobs = plan("fetch_reach", axes(["--alpha", "0.01", "0.02", "--seed", "0", "1"]), tmp_path)
    names = [
        "fetch_reach-sher-alpha=0.01-s0",
        "fetch_reach-sher-alpha=0.01-s1",
        "fetch_reach-sher-s0",
        "fetch_reach-sher-s1",
    ]
    assert [job.name for job in jobs] == names  # 0.02 is the recipe's own
    assert jobs[0].command()[2:] == [
        *("--alpha", "0.01", "--seed", "0", "--out-dir", str(tmp_path), "--run-name", names[0]),
    ]


def test_a_method_is_swept_over_tasks(tmp_path: Path) -> None:
    jobs = plan("her", axes(["--env", "FetchReach-v4", "HandReach-v3", "--hidden", "8", "9"]), tmp_path)
    assert [(job.config.task, job.config.hidden) for job in jobs] == [("fetch_reach", (8, 9)), ("hand_reach", (8, 9))]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["0.1"], "follows no flag"),
        (["--alpha", "1", "--alpha", "2"], "--alpha is given twice"),
        (["--alpha", "0.1", "0.10"], "two runs are called"),
        (["--env", "FetchPush-v4"], "is another task than this recipe's"),
    ],
)
def test_wrong_use_gets_one_sentence_before_anything_runs(words: list[str], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=sentence):
        plan("fetch_reach", axes(words), tmp_path)
    assert not any(tmp_path.iterdir())


def test_the_dry_run_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "runs"
    assert main("fetch_reach", Args(out_dir=out, dry_run=True), axes(["--seed", "0", "1"])) == 0
    assert [line.split(": ")[:2] for line in capsys.readouterr().out.splitlines()] == [
        ["fetch_reach-sher-s0", "new"],
        ["fetch_reach-sher-s1", "new"],
    ]
    with pytest.raises(UsageError, match="--resume is for one run"):
        main("fetch_reach", Args(out_dir=out), axes(["--resume", "x"]))
    assert not out.exists()


def test_two_values_and_two_seeds_are_one_table_and_one_picture(tmp_path: Path) -> None:
    flags = ["fetch_reach", *FLAGS, "--no-compile", "--alpha", "0.01", "0.03", "--seed", "0", "1", "--jobs", "2"]
    flags += ["--eval-episodes", "1", "--train-eval-episodes", "0", "--out-dir", str(tmp_path)]
    flags = [flag for flag in flags if not flag.startswith("--eval-episodes=")]
    first = sweep(*flags)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "4 of 4 runs finished, 0 failed" in first.stdout
    rows = [line for line in first.stdout.splitlines() if line.startswith("| FetchReach |")]
    assert [row.split("|")[2:5] for row in rows] == [[f" SHER, α = {a} ", " 2 ", " 0, 1 "] for a in (0.01, 0.03)]
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    longer = sweep(*[flag for flag in flags if not flag.startswith("--total-frames")], "--total-frames", "600")
    assert longer.returncode == 0, longer.stdout + longer.stderr
    assert longer.stdout.count(": resume") == 4
    frames = {read_progress(path)[-1]["frames"] for path in tmp_path.glob("*/progress.csv")}
    assert frames == {600}
    again = sweep(*[flag for flag in flags if not flag.startswith("--total-frames")], "--total-frames", "600")
    assert "resume" not in again.stdout
    assert "4 of 4 runs finished" in again.stdout


def test_help_says_how_values_are_given() -> None:
    result = sweep("--help")
    assert result.returncode == 0
    assert "--seed 0 1 2 --jobs 2" in " ".join(result.stdout.split())
