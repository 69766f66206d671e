import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.suite import gate
from benchmarks.suite.ratios import read_ratios
from sher_rl.envs.threads import cores


def entry(group: str, subject: str, median: float, **rivals: float) -> dict:
    return {"group": group, "stats": {"median": median}, "extra_info": {"subject": subject, "rivals": rivals}}


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


def test_a_ratio_that_fell_fails_and_is_named(
    bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(gate, "STORED", tmp_path / "stored")
    gate.main(bench, store=False)
    assert "nothing was compared" in capsys.readouterr().out
    gate.main(bench, store=True)
    gate.main(bench, store=False)
    assert "all ratios are at least 0.7" in capsys.readouterr().out
    bench.write_text(bench.read_text().replace("0.006", "0.004"))
    with pytest.raises(SystemExit, match=r"update \| autograd: 2\.00x, stored 3\.00x, asked for 2\.10x"):
        gate.main(bench, store=False)


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
