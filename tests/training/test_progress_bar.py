import os
import pty
import sys

import pytest
import torch

from sher_rl.training.interval import Interval
from sher_rl.training.progress_bar import ProgressBar


def test_it_shows_what_the_run_is_at(capsys: pytest.CaptureFixture) -> None:
    bar = ProgressBar(1_000)
    bar.start_at(400)
    interval = Interval()
    interval.successes.append(torch.tensor([1.0, 0.0]))
    interval.add({"alpha": torch.tensor(0.06), "entropy": torch.tensor(-1.5)})
    bar.tested(0.75)
    bar.advance(100)
    bar.show(interval)
    bar.note("a line of its own")
    bar.close()
    shown = capsys.readouterr()
    assert "500/1.00k" in shown.err
    for words in ("train=0.50", "test=0.75", "α=0.06", "H=-1.5"):
        assert words in shown.err
    assert "a line of its own" in shown.out


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
