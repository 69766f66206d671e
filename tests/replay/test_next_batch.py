"""Goals chosen in one thread, for the batch that the same thread reads next."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import torch

from sher_rl.replay.next_batch import NextBatchGoals
from sher_rl.replay.strategies import GoalChoice

INDEX = torch.tensor([3, 1, 4])
CHOICE = GoalChoice(torch.ones(3, dtype=torch.bool), INDEX + 1, torch.ones(3, dtype=torch.long), None, None)


def test_a_choice_is_taken_once_and_by_its_rows():
    goals = NextBatchGoals()
    for index, expected in ((INDEX, CHOICE), (INDEX.flip(0), None), (INDEX[:2], None), (None, None)):
        goals.put(INDEX, CHOICE)
        assert goals.take(index) is expected
        assert goals.take(INDEX) is None


def test_threads_do_not_see_each_others():
    goals = NextBatchGoals()
    goals.put(INDEX, CHOICE)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(goals.take, INDEX).result() is None
    assert goals.take(INDEX) is CHOICE


def test_copies_are_empty():
    goals = NextBatchGoals()
    goals.put(INDEX, CHOICE)
    for other in (copy.deepcopy(goals), pickle.loads(pickle.dumps(goals))):
        assert other.take(INDEX) is None
    assert goals.take(INDEX) is CHOICE
