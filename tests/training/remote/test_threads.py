from pathlib import Path

import pytest
import torch
from helpers.small import small_config

from sher_rl.envs.threads import cores
from sher_rl.training.remote.threads import shared_out, threads_of


@pytest.mark.parametrize(
    ("processors", "collectors", "threads"),
    [
        (2, 1, (2, 2)),
        (64, 1, (64, 64)),
        (2, 2, (1, 1)),
        (4, 2, (1, 1)),
        (16, 4, (3, 3)),
        (64, 4, (3, 15)),
        (64, 16, (15, 3)),
        (64, 62, (1, 1)),
        (64, 100, (1, 1)),
    ],
)
def test_threads_that_are_busy_together_have_a_processor_each(
    processors: int, collectors: int, threads: tuple[int, int]
) -> None:
    assert shared_out(processors, collectors) == threads


@pytest.mark.parametrize("ray", ["local", "10.0.0.1:6379"])
def test_each_process_has_the_threads_that_are_asked_for(ray: str, tmp_path: Path) -> None:
    assert threads_of(small_config(tmp_path, ray=ray, num_threads=3)) == (3, 3)


def test_where_none_are_asked_for_a_cluster_here_has_what_the_machine_has(tmp_path: Path) -> None:
    torch_has = torch.get_num_threads()
    assert threads_of(small_config(tmp_path, ray="local", num_threads=None)) == (min(torch_has, cores()), cores())
    assert threads_of(small_config(tmp_path, ray="10.0.0.1:6379", num_threads=None)) == (torch_has, 1)
