"""The paper's claims as a section of its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sher_rl.report.claims import (
    FAILS,
    HOLDS,
    Finding,
    alike,
    compared_tasks,
    delta,
    last_success,
    order,
    overall,
    speed,
)
from sher_rl.report.runs import TITLES, Run


def claims_section(runs: Sequence[Run], temperatures: Mapping[str, list[Run]]) -> str:
    """Markdown: of each claim a sentence that says whether it holds, and a line for each task that was compared.

    Args:
        runs: of the three methods.
        temperatures: runs of Figure 5 by what their temperature is called, in the order that the paper gives them.
    """
    tasks = compared_tasks(runs)
    eight = len(TITLES)
    steps = order(temperatures)
    claims = (
        ("SHER converges faster than HER and CHER on all eight tasks", eight, [speed(task) for task in tasks]),
        ("SHER ends with a better success than HER and CHER", eight, [last_success(task) for task in tasks]),
        ("SHER has a smaller δS than HER and CHER on seven of eight tasks", 7, [delta(task) for task in tasks]),
        ("SHER performs very similarly across random seeds", eight, alike(runs)),
    )
    parts = [_claim(words, found, needed, eight, "tasks") for words, needed, found in claims]
    ranking = ", then ".join(temperatures)
    return "\n\n".join([*parts, _claim(f"On FetchSlide {ranking} end best", steps, 2, 2, "comparisons")])


def _claim(words: str, findings: Sequence[Finding], needed: int, total: int, things: str) -> str:
    """A claim, its verdict, in how many of ``total`` things it holds, and a line for each that was compared."""
    verdicts = [each.verdict for each in findings]
    holds, fails = verdicts.count(HOLDS), verdicts.count(FAILS)
    head = f"**{words}: {overall(verdicts, needed, total)}.**"
    left = total - holds - fails
    counts = f"It holds in {holds} of {total} {things}, does not hold in {fails}, and is not shown in {left}."
    lines = [f"- {each.subject}: {each.verdict}. {each.numbers}." for each in findings]
    return "\n".join([head, counts, *([""] if lines else []), *lines])
