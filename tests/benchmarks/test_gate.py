import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.suite import gate
from benchmarks.suite.ratios import read_ratios
from sher_rl.envs.threads import cores

MEASURED = """
import time

def test_{name}(benchmark):
    benchmark.group = "{name}"
    benchmark.pedantic(time.sleep, (0.001,), rounds=3)
    benchmark.extra_info.update(subject="ours", rivals={{"rival": {rival}}})
"""


def entry(group: str, subject: str, median: float, test: str = "", **rivals: float) -> dict:
    info = {"subject": subject, "rivals": rivals}
    return {"group": group, "stats": {"median": median}, "extra_info": info, "fullname": test}


def measured_for_real(folder: Path, name: str, rival: float) -> str:
    """A benchmark of a millisecond, whose rival takes so many seconds; as pytest calls it."""
    file = folder / f"test_{name}.py"
    file.write_text(MEASURED.format(name=name, rival=rival))
    return f"{file}::test_{name}"


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    entries = [
        entry("update", "ours", 0.002),
        entry("update", "autograd", 0.006),
        entry("collect", "ours", 0.1, gym=0.3),
    ]
    path = tmp_path / "bench.json"
    path.write_text(json.dumps({"benchmarks": entries}))
    return path


def test_ratios_are_to_each_rival_of_a_group(bench: Path) -> None:
    assert {ratio.name: ratio.value for ratio in read_ratios(bench)} == pytest.approx(
        {"update | autograd": 3.0, "collect | gym": 3.0}
    )


def test_what_is_as_stored_passes(
    bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(gate, "STORED", tmp_path / "stored")
    gate.main(bench, store=False)
    assert "nothing was compared" in capsys.readouterr().out
    gate.main(bench, store=True)
    gate.main(bench, store=False)
    assert "all ratios are at least 0.7" in capsys.readouterr().out


def test_a_ratio_that_fell_is_measured_again_and_then_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    """Both fall in the first run; in the second, a real one, one of them is four times as fast as its rival."""
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # with it pytest-benchmark measures nothing
    entries = [
        entry("noisy", "ours", 0.001, measured_for_real(tmp_path, "noisy", 0.004), rival=0.001),
        entry("slower", "ours", 0.001, measured_for_real(tmp_path, "slower", 0.0001), rival=0.001),
        entry("steady", "ours", 0.001, "is not run again", rival=0.003),
    ]
    bench, file = tmp_path / "bench.json", tmp_path / "stored.json"
    bench.write_text(json.dumps({"benchmarks": entries}))
    file.write_text(json.dumps({"noisy | rival": 3.0, "slower | rival": 3.0, "steady | rival": 3.0}))
    with pytest.raises(SystemExit) as failed:
        gate.compare(bench, file)
    header, *sentences = str(failed.value).splitlines()
    assert header == "slower than 0.7 of the stored ratio (stored.json):"
    assert [sentence.split(":")[0] for sentence in sentences] == ["slower | rival"]
    assert "noisy | rival: 1x, stored 3x, asked for 2.1x" in capfd.readouterr().out


def test_a_small_ratio_has_three_digits(tmp_path: Path) -> None:
    bench = tmp_path / "bench.json"
    bench.write_text(json.dumps({"benchmarks": [entry("update", "ours", 1.0, rival=0.0012345)]}))
    assert gate.read(bench) == {"update | rival": 0.00123}


def test_a_ratio_that_is_gone_fails(bench: Path, tmp_path: Path) -> None:
    file = tmp_path / "stored.json"
    file.write_text(json.dumps({"gone | rival": 2.0}))
    with pytest.raises(SystemExit, match=r"gone \| rival: not measured, stored 2x"):
        gate.compare(bench, file)


def test_ratios_of_another_kind_of_processor_are_not_compared(
    bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(gate, "STORED", tmp_path / "stored")
    gate.main(bench, store=True)
    monkeypatch.setattr(gate, "processor_kind", lambda: "another")
    bench.write_text(bench.read_text().replace("0.006", "0.001"))
    gate.main(bench, store=False)
    assert "no ratios are stored for another; nothing was compared" in capsys.readouterr().out


def test_of_several_runs_the_lowest_ratio_is_kept(bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "STORED", tmp_path / "stored")
    first = bench.read_text()
    for rival in ("0.006", "0.005", "0.008"):
        bench.write_text(first.replace("0.006", rival))
        gate.main(bench, store=True)
    [file] = (tmp_path / "stored").iterdir()
    assert json.loads(file.read_text())["update | autograd"] == 2.5


def test_a_processor_can_be_taken_for_a_smaller_one() -> None:
    code = "from benchmarks.suite.gate import processor_kind; print(processor_kind())"
    limited = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "PYTHONPATH": str(gate.STORED.parents[2])}
    result = subprocess.run([sys.executable, "-c", code], env=limited, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == f"avx2-{cores()}"
