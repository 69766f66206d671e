import signal
import threading

import pytest

from sher_rl.training.signals import noted_signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_is_noted_and_the_second_acts(number: signal.Signals) -> None:
    acted = []
    before = signal.signal(number, lambda *_: acted.append(number))
    try:
        with noted_signals() as noted:
            signal.raise_signal(number)
            assert (noted, acted) == ([number], [])
            signal.raise_signal(number)
            assert (noted, acted) == ([number], [number])
        signal.raise_signal(number)
        assert acted == [number, number]
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
