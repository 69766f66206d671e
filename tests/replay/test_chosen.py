"""Goals chosen in one thread, for the batch that the same thread reads next."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import torch

from sher_rl.replay.chosen import GoalHandover
from sher_rl.replay.strategies import GoalChoice

INDEX = torch.tensor([3, 1, 4])
CHOICE = GoalChoice(torch.ones(3, dtype=torch.bool), INDEX + 1, torch.ones(3, dtype=torch.long), None, None)


def test_a_choice_is_taken_once_and_by_its_rows():
    handover = GoalHandover()
    for index, expected in ((INDEX, CHOICE), (INDEX.flip(0), None), (INDEX[:2], None), (None, None)):
        handover.put(INDEX, CHOICE)
        assert handover.take(index) is expected
        assert handover.take(INDEX) is None


def test_threads_do_not_see_each_others():
    handover = GoalHandover()
    handover.put(INDEX, CHOICE)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(handover.take, INDEX).result() is None
    assert handover.take(INDEX) is CHOICE


def test_copies_are_empty():
    handover = GoalHandover()
    handover.put(INDEX, CHOICE)
    for other in (copy.deepcopy(handover), pickle.loads(pickle.dumps(handover))):
        assert other.take(INDEX) is None
    assert handover.take(INDEX) is CHOICE
