"""Names of the columns, and data that lack one."""

from __future__ import annotations

import pytest
import torch
from helpers.episodes import drawn, episode, make_buffer, reward_fn

from sher_rl import UsageError


def test_nested_and_renamed_keys():
    data = episode(6).rename_key_("desired_goal", ("agent", "goal")).rename_key_("achieved_goal", ("agent", "at"))
    inner = data["next"].rename_key_("desired_goal", ("agent", "goal")).rename_key_("achieved_goal", ("agent", "at"))
    data["next"] = (
        inner.rename_key_("reward", ("agent", "reward")).rename_key_("done", "over").rename_key_("truncated", "cut")
    )
    keys = {"achieved_goal_key": ("agent", "at"), "desired_goal_key": ("agent", "goal"), "done_key": "over"}
    buffer = make_buffer(50, strategy="final", ratio=1.0, reward_key=("agent", "reward"), truncated_key="cut", **keys)
    buffer.extend(data)
    batch = drawn(buffer, 3).reshape(-1)
    assert (batch["agent", "goal"] == torch.tensor([0.0, 6.0])).all()
    assert (batch["next", "agent", "reward"] == reward_fn(batch["next", "agent", "at"], batch["agent", "goal"])).all()


@pytest.mark.parametrize("mode", ["read", "write"])
def test_a_write_of_nothing_is_refused(mode):
    with pytest.raises(UsageError, match="no transitions"):
        make_buffer(20, mode=mode).extend(episode(8)[:0])


@pytest.mark.parametrize("mode", ["read", "write"])
@pytest.mark.parametrize("key", ["desired_goal", ("next", "achieved_goal"), ("next", "reward"), ("next", "done")])
def test_missing_keys_are_named(mode, key):
    with pytest.raises(UsageError) as error:
        make_buffer(10, mode=mode).extend(episode(5).exclude(key))
    assert str(key) in str(error.value)
    assert ("compact_obs" in str(error.value)) == (key == ("next", "achieved_goal"))
