import threading

import pytest

from sher_rl.envs.threads import Crew


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("rows", [0, 1, 3, 100])
def test_each_row_once(size, rows):
    crew, done = Crew(size), []
    for _ in range(3):
        crew.each(done.append, range(rows))
    assert sorted(done) == sorted(3 * list(range(rows)))
    crew.close()


def test_rows_run_at_the_same_time():
    crew, barrier = Crew(3), threading.Barrier(3)
    crew.each(lambda row: barrier.wait(timeout=10), range(3))
    crew.close()


@pytest.mark.parametrize("bad", [0, 7])
def test_an_error_comes_out_and_the_crew_goes_on(bad):
    crew, done = Crew(3), []

    def work(row):
        if row == bad:
            raise KeyError(row)

    with pytest.raises(KeyError, match=str(bad)):
        crew.each(work, range(8))
    crew.each(done.append, range(8))
    assert sorted(done) == list(range(8))
    crew.close()
    crew.close()
