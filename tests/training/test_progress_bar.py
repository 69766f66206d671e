import os
import pty
import re
import sys

import pytest
import torch

from sher_rl.training.interval import Interval
from sher_rl.training.progress_bar import ProgressBar


@pytest.fixture
def interval() -> Interval:
    interval = Interval()
    interval.successes.append(torch.tensor([1.0, 0.0]))
    interval.add({"alpha": torch.tensor(0.06), "entropy": torch.tensor(-1.5)})
    return interval


def test_a_terminal_shows_what_the_run_is_at(
    interval: Interval, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    bar = ProgressBar(1_000)
    bar.start_at(400)
    bar.tested(0.75, interval, 400)
    bar.advance(100)
    bar.show(interval)
    bar.note("a line of its own")
    bar.close()
    shown = capsys.readouterr()
    assert "500/1.00k" in shown.err
    for words in ("train=0.50", "test=0.75", "α=0.06", "H=-1.5"):
        assert words in shown.err
    assert "a line of its own" in shown.out


def test_a_log_gets_a_line_for_each_evaluation_and_nothing_drawn_over(
    interval: Interval, capsys: pytest.CaptureFixture
) -> None:
    bar = ProgressBar(1_000)
    bar.advance(500)
    bar.show(interval)
    bar.tested(0.75, interval, 500)
    bar.note("a line of its own")
    bar.close()
    shown = capsys.readouterr()
    assert shown.err == ""
    line, note = shown.out.splitlines()
    assert re.fullmatch(r"500 of 1,000 frames: upd/s \d+, train 0\.50, test 0\.75, α 0\.06, H -1\.5", line)
    assert note == "a line of its own"


def test_quiet_is_silent_but_for_warnings(
    interval: Interval, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    bar = ProgressBar(1_000, quiet=True)
    bar.advance(500)
    bar.show(interval)
    bar.tested(0.75, interval, 500)
    bar.note("a line of its own")
    bar.warn("a warning")
    bar.close()
    assert capsys.readouterr() == ("a warning\n", "")


def test_it_goes_on_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, program = pty.openpty()
    streams = {name: os.fdopen(os.dup(program), "w", encoding="utf-8") for name in ("stdout", "stderr")}
    for name, stream in streams.items():
        monkeypatch.setattr(sys, name, stream)
    bar = ProgressBar(1_000)
    os.close(terminal)
    for _ in range(3):
        bar.advance(100)
        bar.show(Interval())
        bar.note("a line of its own")
    bar.close()
    for stream in streams.values():
        stream.close()
