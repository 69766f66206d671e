import json
from pathlib import Path

import pytest
from helpers.csv_rows import row, write
from helpers.small import small_config

from sher_rl.report import draw_groups, group_table, read_groups
from sher_rl.report.statistics import iqm_interval, mean_std
from sher_rl.training.config_file import config_values

RESULTS = Path(__file__).parents[2] / "docs" / "results"


def folder(tmp_path: Path, name: str, tests: list[float], **changes) -> Path:
    """A run folder called ``name``, of the FetchReach recipe with ``changes``."""
    path = tmp_path / name
    path.mkdir()
    write(path, "progress", [row(100 * (i + 1), test=test) for i, test in enumerate(tests)])
    (path / "config.json").write_text(json.dumps(config_values(small_config(tmp_path, **changes))))
    return path


def test_seeds_are_one_group_and_other_numbers_another(tmp_path: Path) -> None:
    runs = [folder(tmp_path, f"a{a}s{s}", [0.1 * s, 1.0], alpha=a, seed=s) for a in (0.02, 0.01) for s in (2, 0, 1)]
    runs.append(folder(tmp_path, "own", [0.5], env_id="Puck-v0"))
    groups = read_groups(runs)
    assert [group[:2] for group in groups] == [
        ("FetchReach", "SHER, α = 0.01"),
        ("FetchReach", "SHER, α = 0.02"),
        ("Puck", "SHER"),
    ]
    assert [run.seed for run in groups[0].runs] == [0, 1, 2]


def test_where_files_and_machines_differ_runs_are_one_group(tmp_path: Path) -> None:
    one = folder(tmp_path, "a", [0.5], seed=0)
    other = folder(tmp_path, "b", [0.5], seed=1, run_name="x", total_frames=900, num_threads=1, compile=False)
    config = json.loads((other / "config.json").read_text())
    del config["sampler"]  # as a version without that field wrote it
    (other / "config.json").write_text(json.dumps(config))
    [group] = read_groups([one, other])
    assert len(group.runs) == 2


def test_without_a_configuration_the_name_tells(tmp_path: Path) -> None:
    names = [
        "fetch_slide-sher-s0",
        "fetch_slide-sher-a0.05-s0",
        "fetch_slide-sher-a0.05-s1",
        "mine-s3",
        "mine-s4",
        "x|y",
    ]
    groups = read_groups([write(tmp_path, name, [row(5)]) for name in names])
    assert [(group.title, group.name, len(group.runs)) for group in groups] == [
        ("", "mine", 2),
        ("", "x?y", 1),
        ("FetchSlide", "SHER", 1),
        ("FetchSlide", "SHER, α = 0.05", 2),
    ]


@pytest.mark.parametrize("content", [b"", b"[1]", b'{"env_id": 3, "method": "sher", "seed": 0}', b"[" * 10_000])
def test_a_file_that_is_no_configuration_is_as_none(content: bytes, tmp_path: Path) -> None:
    run = folder(tmp_path, "fetch_push-her-s7", [0.5])
    (run / "config.json").write_bytes(content)
    [group] = read_groups([run])
    assert group[:2] == ("FetchPush", "HER")


def test_the_results_of_this_repository_are_groups() -> None:
    groups = {group[:2]: group.runs for group in read_groups(sorted(RESULTS.glob("*.csv")))}
    assert len(groups["FetchReach", "SHER"]) >= 3
    assert ("FetchSlide", "SHER, α = 0.03") in groups


def test_the_table_has_n_mean_iqm_and_times(tmp_path: Path) -> None:
    runs = [folder(tmp_path, f"s{s}", [0.5, last, last], seed=s) for s, last in enumerate((0.5, 1.0, 0.9))]
    line = group_table(read_groups(runs), 0.9).splitlines()[-1]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[:7] == ["FetchReach", "SHER", "3", "0, 1, 2", "300", "0.80 ± 0.26", "0.80, 0.50 to 1.00"]
    assert cells[7:] == ["not reached, 300, 300", "not reached, 30, 30", "0.200 ± 0.176"]


@pytest.mark.parametrize("summary", [mean_std, iqm_interval])
def test_the_picture_has_a_panel_a_task_and_a_line_a_group(summary, tmp_path: Path, monkeypatch) -> None:
    figures = []
    monkeypatch.setattr("sher_rl.report.curves._save", lambda figure, path, dpi: figures.append(figure))
    runs = [folder(tmp_path, f"{a}-{s}", [0.5, 1.0], alpha=0.01 * a, seed=s) for a in range(1, 7) for s in (0, 1)]
    runs.append(folder(tmp_path, "own", [0.5], env_id="Puck-v0"))
    draw_groups(read_groups(runs), tmp_path / "curve.png", summary, "caption")
    reach, puck = figures[0].axes
    assert (reach.get_title(), puck.get_title()) == ("FetchReach", "Puck")
    legend = [text.get_text() for text in reach.get_legend().get_texts()]
    assert legend[0] == "SHER, α = 0.01 (n = 2)"
    assert len({(line.get_color(), line.get_linestyle()) for line in reach.lines}) == 6
    assert len(puck.lines) == 1
