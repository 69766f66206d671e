import signal
import threading
from collections.abc import Iterator

import pytest

from sher_rl.envs.threads import ThreadPool, uninterrupted


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("rows", [0, 1, 3, 100])
def test_each_row_once(size, rows):
    pool = ThreadPool(size)
    done = []
    for _ in range(3):
        pool.for_each(range(rows), done.append)
    assert sorted(done) == sorted(3 * list(range(rows)))
    pool.close()


def test_rows_run_at_the_same_time():
    pool = ThreadPool(3)
    barrier = threading.Barrier(3)
    pool.for_each(range(3), lambda row: barrier.wait(timeout=10))
    pool.close()


@pytest.mark.parametrize("bad", [0, 7])
def test_an_error_comes_out_and_the_pool_goes_on(bad):
    pool = ThreadPool(3)
    done = []

    def work(row):
        if row == bad:
            raise KeyError(row)

    with pytest.raises(KeyError, match=str(bad)):
        pool.for_each(range(8), work)
    pool.for_each(range(8), done.append)
    assert sorted(done) == list(range(8))
    pool.close()
    pool.close()


@pytest.fixture
def _ctrl_c_raises() -> Iterator[None]:
    """Also where these tests run in the background, which ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_ctrl_c_raises")
@pytest.mark.parametrize("presses", [1, 3])
def test_a_block_is_finished_first(presses: int) -> None:
    done = []

    @uninterrupted()
    def work() -> None:
        for _ in range(presses):
            signal.raise_signal(signal.SIGINT)
        done.append(1)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == [1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_each_is_heeded_where_the_first_does_not_raise() -> None:
    heeded = []
    before = signal.signal(signal.SIGINT, lambda number, _: heeded.append(number))
    try:
        with uninterrupted():
            for _ in range(2):
                signal.raise_signal(signal.SIGINT)
            assert heeded == []
        assert heeded == [signal.SIGINT] * 2
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_ctrl_c_raises")
def test_without_ctrl_c_and_in_other_threads_nothing_changes() -> None:
    seen = []

    def work() -> None:
        with uninterrupted():
            seen.append(signal.getsignal(signal.SIGINT))

    with uninterrupted():
        pass
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]


@pytest.mark.usefixtures("_ctrl_c_raises")
def test_a_process_that_ignores_ctrl_c_goes_on_ignoring_it() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with uninterrupted():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
