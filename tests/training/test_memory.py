import os
import resource
from pathlib import Path

import pytest
from helpers.small import small_run

from sher_rl import UsageError
from sher_rl.training.memory import check_memory, machine_memory

PHYSICAL = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def groups(root: Path, own: str, limits: dict[str, str]) -> Path:
    """A machine whose process is in the control groups ``own``, some of which have limits."""
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc" / "self" / "cgroup").write_text(own)
    for name, text in limits.items():
        path = root / "sys" / "fs" / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("own", "limits", "least"),
    [
        ("0::/\n", {"memory.max": "3000\n"}, 3000),
        ("0::/\n", {"memory.max": "max\n"}, PHYSICAL),
        ("0::/job/step\n", {"job/memory.max": "2000\n", "job/step/memory.max": "max\n"}, 2000),
        ("0::/job/step\n", {"job/memory.max": "2000\n", "job/step/memory.max": "1000\n"}, 1000),
        ("9:cpu:/\n4:memory:/docker/12ab\n0::/\n", {"memory/memory.limit_in_bytes": "5000\n"}, 5000),
        ("4:hugetlb,memory:/a\n", {"memory/a/memory.limit_in_bytes": f"{2**63 - 4096}\n"}, PHYSICAL),
        ("4:memory:/a\n", {"memory/a/memory.limit_in_bytes": "4000\n"}, 4000),
        ("0::/job\n", {}, PHYSICAL),
    ],
)
def test_memory_is_the_machines_or_its_groups(own: str, limits: dict[str, str], least: int, tmp_path: Path) -> None:
    assert machine_memory(groups(tmp_path, own, limits)) == least


def test_without_groups_it_is_the_machines(tmp_path: Path) -> None:
    assert machine_memory(tmp_path) == PHYSICAL
    assert 0 < machine_memory() <= PHYSICAL


def test_a_buffer_that_fits_passes_and_one_that_does_not_is_refused_with_its_size() -> None:
    check_memory(1_000, 100)
    most = machine_memory() // 100
    check_memory(most // 2, 100)
    with pytest.raises(UsageError) as refusal:
        check_memory(10**12, 100)
    size = f"buffer_size 1,000,000,000,000 takes 100,000.0 GB of memory, and there are {machine_memory() / 1e9:,.1f}"
    assert str(refusal.value) == f"{size}; use at most {most:,}."


def test_what_the_process_may_not_allocate_is_refused() -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (1, before[1]))
    try:
        with pytest.raises(UsageError, match=r"takes 2\.0 GB of memory, which this process cannot have; use a smaller"):
            check_memory(10_000_000, 200)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.parametrize("sampler", ["uniform", "per"])
@pytest.mark.parametrize("size", [10**11, 10**21])
def test_a_run_with_a_buffer_larger_than_the_machine_writes_nothing(sampler: str, size: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"buffer_size 1[0,]+ takes [\d,.]+ GB of memory, and there are"):
        small_run(tmp_path, buffer_size=size, sampler=sampler)
    assert not any(tmp_path.iterdir())
