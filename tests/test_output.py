"""What is shown ends nothing: not where letters are missing, nor where the output is gone."""

import io
import os
import pty
import sys
from collections.abc import Callable
from typing import TextIO

import pytest

from sher_rl.output import say, unless_gone


@pytest.mark.parametrize(("encoding", "shown"), [("ascii", rb"mean \u03b4S"), ("utf-8", "mean δS".encode())])
def test_letters_that_an_output_has_not_are_escaped(
    encoding: str, shown: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    say("mean δS")
    assert raw.getvalue() == shown + b"\n"


def pipe_without_reader() -> int:
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def closed_terminal() -> int:
    terminal, program = pty.openpty()
    os.close(terminal)
    return program


def full_disk() -> int:
    return os.open("/dev/full", os.O_WRONLY)


GONE = [pipe_without_reader, closed_terminal, full_disk]


def gone_stream(kind: Callable[[], int]) -> TextIO:
    return os.fdopen(kind(), "w", buffering=1, encoding="utf-8")


@pytest.mark.parametrize("kind", GONE)
def test_a_text_for_an_output_that_is_gone_is_dropped(kind: Callable[[], int], monkeypatch: pytest.MonkeyPatch) -> None:
    stream = gone_stream(kind)
    monkeypatch.setattr(sys, "stdout", stream)
    for _ in range(3):
        say("curve: curve.png")
    stream.close()  # as at the end of the process, whose exit code would be another if this failed


@pytest.mark.parametrize("kind", GONE)
def test_only_what_is_gone_goes_nowhere(
    kind: Callable[[], int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    stream = gone_stream(kind)
    monkeypatch.setattr(sys, "stderr", stream)
    with unless_gone():
        print("a bar", file=sys.stderr)
    print("a bar", file=sys.stderr)
    say("a line")
    assert capsys.readouterr().out == "a line\n"
    stream.close()


def test_other_errors_come_out() -> None:
    with pytest.raises(ZeroDivisionError), unless_gone():
        print(1 / 0)
