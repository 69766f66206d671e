import threading

import pytest

from sher_rl.envs.threads import ThreadPool


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
