"""The critics of a policy, in a file beside it."""

from pathlib import Path

import pytest
import torch
from tensordict.nn import TensorDictModule

from sher_rl import GoalDims, UsageError, make_networks, make_policy
from sher_rl.modules.critics_file import CRITICS_FORMAT, load_critics, save_critics
from sher_rl.modules.norms import GoalNorm, ObservationNorm
from sher_rl.modules.policy_file import save_policy
from sher_rl.modules.tensor_file import checksum

CRITICS = {"value_network_params.bias": torch.tensor([1.5, -2.0]), "qvalue_network_params.weight": torch.ones(2, 3)}


def new_policy() -> TensorDictModule:
    return make_policy(ObservationNorm(10), GoalNorm(3), make_networks(GoalDims(10, 3, 4), (8,))[0])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A policy with its critics."""
    save_policy(tmp_path / "policy.pt", new_policy(), "FetchReach-v4")
    save_critics(tmp_path, CRITICS)
    return tmp_path


@pytest.mark.parametrize("name", ["", "policy.pt"])
def test_critics_come_back_as_they_were(name: str, folder: Path) -> None:
    critics = load_critics(folder / name)
    assert list(critics) == list(CRITICS)
    assert all(torch.equal(critics[key], value) for key, value in CRITICS.items())
    assert {path.name for path in folder.iterdir()} == {"policy.pt", "critics.pt"}


def test_where_there_is_no_file_there_are_no_critics(folder: Path) -> None:
    (folder / "critics.pt").unlink()
    assert load_critics(folder) == {}


def test_a_policy_that_was_written_later_has_no_part_in_them(folder: Path) -> None:
    """As after a crash between the two files."""
    save_policy(folder / "policy.pt", new_policy(), "FetchReach-v4")
    with pytest.raises(UsageError, match=r"critics of another policy than 'policy\.pt'; take both files from one run"):
        load_critics(folder)


@pytest.mark.parametrize("content", [b"", b"no tensors", [1], {"format": CRITICS_FORMAT}])
def test_a_file_of_something_else_gets_one_sentence(content: object, folder: Path) -> None:
    if isinstance(content, bytes):
        (folder / "critics.pt").write_bytes(content)
    else:
        torch.save(content, folder / "critics.pt")
    with pytest.raises(UsageError, match="holds no critics that save_critics wrote"):
        load_critics(folder)


def test_a_changed_weight_is_noticed(folder: Path) -> None:
    saved = torch.load(folder / "critics.pt", weights_only=True)
    saved["state_dict"]["value_network_params.bias"][0] = 0
    torch.save(saved, folder / "critics.pt")
    with pytest.raises(UsageError, match="its values do not match their checksum"):
        load_critics(folder)


def test_another_format_is_named(folder: Path) -> None:
    saved = torch.load(folder / "critics.pt", weights_only=True) | {"format": "sher_rl.critics/2"}
    torch.save(saved | {"sha256": checksum(saved)}, folder / "critics.pt")
    with pytest.raises(UsageError, match=r"format 'sher_rl\.critics/2'; this version reads sher_rl\.critics/1"):
        load_critics(folder)
