import dataclasses
import time

import pytest
from helpers.small import REACH, load_recipe

from sher_rl.training.run_name import LONGEST, run_name, timed


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "fetch_reach-sher-s0"),
        ({"seed": 3, "num_threads": 1, "total_frames": 9, "quiet": True}, "fetch_reach-sher-s3"),
        ({"alpha": 0.1, "hidden": (8, 9)}, "fetch_reach-sher-hidden=8x9-alpha=0.1-s0"),
        ({"target_entropy": "auto"}, "fetch_reach-sher-target_entropy=auto-s0"),
    ],
)
def test_a_name_carries_what_is_other_than_in_the_recipe(changes: dict, name: str) -> None:
    assert run_name(dataclasses.replace(REACH.CONFIG, **changes), REACH.CONFIG) == name


def test_without_a_default_nothing_is_other() -> None:
    assert run_name(dataclasses.replace(REACH.CONFIG, alpha=0.5)) == "fetch_reach-sher-s0"


def test_a_name_fits_into_a_file_system() -> None:
    changed = dataclasses.replace(REACH.CONFIG, hidden=(123,) * 200, seed=12)
    name = run_name(changed, REACH.CONFIG)
    assert len(name) <= LONGEST + 5
    assert name.endswith("-s12")


def test_recipes_of_other_methods_are_named_by_their_method() -> None:
    default = load_recipe("her").published("FetchReach-v4")
    assert run_name(dataclasses.replace(default, k=8), default) == "fetch_reach-her-k=8-s0"


def test_the_time_follows() -> None:
    assert timed("a-s1").startswith(f"a-s1-{time.strftime('%Y')}")
