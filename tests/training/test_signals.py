import signal
import threading
from collections.abc import Iterator

import pytest

from sher_rl.training.signals import INSISTENT, WARNINGS, noted_signals

ALL = (*INSISTENT, *WARNINGS)


@pytest.fixture
def acted() -> Iterator[list[int]]:
    """What signals do where nothing notes them: they are listed."""
    listed: list[int] = []
    before = {number: signal.signal(number, lambda number, _: listed.append(number)) for number in ALL}
    yield listed
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_is_noted_and_the_second_acts(number: signal.Signals, acted: list[int]) -> None:
    with noted_signals() as noted:
        signal.raise_signal(number)
        assert (noted, acted) == ([number], [])
        signal.raise_signal(number)
        assert (noted, acted) == ([number], [number])
    signal.raise_signal(number)
    assert acted == [number, number]


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGXCPU, signal.SIGUSR1])
def test_those_that_come_again_and_again_never_act(number: signal.Signals, acted: list[int]) -> None:
    with noted_signals() as noted:
        for _ in range(3):
            signal.raise_signal(number)
        assert (noted, acted) == ([number] * 3, [])
    signal.raise_signal(number)
    assert acted == []


def test_one_of_each_kind_is_noted(acted: list[int]) -> None:
    with noted_signals() as noted:
        for number in ALL:
            signal.raise_signal(number)
        assert (noted, acted) == ([*ALL], [])


def test_without_a_signal_all_is_as_before(acted: list[int]) -> None:
    with noted_signals():
        pass
    for number in ALL:
        signal.raise_signal(number)
    assert acted == [*ALL]


@pytest.mark.parametrize("number", ALL)
def test_what_is_ignored_stays_ignored(number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with noted_signals() as noted:
            assert signal.getsignal(number) is signal.SIG_IGN
            signal.raise_signal(number)
            assert noted == []
    finally:
        signal.signal(number, before)


def test_other_threads_note_nothing() -> None:
    usual = signal.getsignal(signal.SIGTERM)
    seen = []

    def work() -> None:
        with noted_signals() as noted:
            seen.append((list(noted), signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [([], usual)]
