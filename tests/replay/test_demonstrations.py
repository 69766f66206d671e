"""Minari data sets come back as they went, work in a buffer, and harm nobody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tensordict import TensorDict
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer

from sher_rl import HindsightRelabel, UsageError, goal_reward, load_demonstrations, save_demonstrations

h5py = pytest.importorskip("h5py")
pytest.importorskip("minari")
LENGTHS = (3, 5)


def make_rows() -> TensorDict:
    parts = []
    for number, steps in enumerate(LENGTHS):
        generator = torch.Generator().manual_seed(number)
        observed = {
            key: torch.randn(steps + 1, size, generator=generator)
            for key, size in (("observation", 10), ("achieved_goal", 3), ("desired_goal", 3))
        }
        end = torch.arange(steps).unsqueeze(-1) == steps - 1
        following = {key: value[1:] for key, value in observed.items()}
        following |= {"reward": -(~end).float(), "terminated": torch.zeros_like(end), "truncated": end, "done": end}
        following["is_success"] = end.float()
        rows = {key: value[:-1] for key, value in observed.items()}
        rows |= {key: torch.zeros_like(following[key]) for key in ("terminated", "truncated", "done", "is_success")}
        rows |= {"action": torch.rand(steps, 4, generator=generator), "next": following}
        parts.append(TensorDict({**rows, "collector": {"traj_ids": torch.full((steps,), number)}}, [steps]))
    return torch.cat(parts)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_demonstrations(tmp_path / "set", make_rows(), "FetchReach-v4")
    return tmp_path / "set"


def assert_refused(folder: Path, sentence: str, **options) -> None:
    with pytest.raises(UsageError, match=sentence):
        load_demonstrations(folder, **options)


def test_what_is_saved_is_loaded(folder: Path) -> None:
    rows = make_rows()
    for path in (folder, folder / "data"):
        again = load_demonstrations(path, env_id="FetchReach-v4")
        assert set(again.keys(True, True)) == set(rows.keys(True, True))
        assert (again == rows).all()


def test_minari_loads_it_too(folder: Path) -> None:
    import minari

    dataset = minari.MinariDataset(folder / "data")
    assert dataset.spec.env_spec.id == "FetchReach-v4"
    assert [len(episode.rewards) for episode in dataset.iterate_episodes()] == list(LENGTHS)


def test_the_first_episodes_can_be_asked_for(folder: Path) -> None:
    assert len(load_demonstrations(folder, episodes=1)) == LENGTHS[0]
    assert_refused(folder, r"episodes is 3, and folder '.*' has 2", episodes=3)
    assert_refused(folder, "episodes is 0; use a whole number", episodes=0)


def test_hindsight_stays_within_an_episode(folder: Path) -> None:
    storage = LazyTensorStorage(100)
    relabel = HindsightRelabel(goal_reward("FetchReach-v4"), storage, ratio=1.0)
    buffer = TensorDictReplayBuffer(storage=storage, transform=relabel)
    rows = load_demonstrations(folder)
    buffer.extend(rows)
    batch = buffer.sample(500)
    source = batch["index"] + batch["hindsight", "offset"]
    assert torch.equal(batch["desired_goal"], rows["next", "achieved_goal"][source])
    assert torch.equal(rows["collector", "traj_ids"][source], batch["collector", "traj_ids"])


def test_a_data_set_without_successes_has_none(folder: Path) -> None:
    with h5py.File(folder / "data" / "main_data.hdf5", "a") as file:
        for episode in file.values():
            del episode["infos"]
    assert load_demonstrations(folder).get(("next", "is_success"), None) is None


def test_success_after_the_reset_is_dropped(folder: Path) -> None:
    with h5py.File(folder / "data" / "main_data.hdf5", "a") as file:
        for episode in file.values():
            found = episode["infos"]["is_success"][()]
            del episode["infos"]["is_success"]
            episode["infos"]["success"] = [1.0, *found]
    assert torch.equal(load_demonstrations(folder)["next", "is_success"], make_rows()["next", "is_success"])


def test_another_task_is_refused(folder: Path) -> None:
    assert_refused(folder, "env_id is 'FetchPush-v4', the demonstrations are of 'FetchReach-v4'", env_id="FetchPush-v4")


@pytest.mark.parametrize("name", ["", "nowhere"])
def test_no_data_set_is_refused(name: str, tmp_path: Path) -> None:
    assert_refused(tmp_path / name, "has no Minari data set")


def test_a_folder_that_exists_is_not_written(folder: Path) -> None:
    with pytest.raises(UsageError, match="exists; give a new one"):
        save_demonstrations(folder, make_rows(), "FetchReach-v4")


@pytest.mark.parametrize("change", [{"data_format": "arrow"}, {"data_format": None}])
def test_another_format_is_refused(change: dict, folder: Path) -> None:
    path = folder / "data" / "metadata.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert_refused(folder, "data_format")


def test_nothing_named_in_a_file_is_imported(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "evil.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    path = folder / "data" / "metadata.json"
    metadata = json.loads(path.read_text())
    spec = json.loads(metadata["env_spec"]) | {"id": "evil:Evil-v0", "entry_point": "evil:Evil"}
    del metadata["observation_space"], metadata["action_space"]
    path.write_text(json.dumps(metadata | {"env_spec": json.dumps(spec)}))
    assert len(load_demonstrations(folder)) == sum(LENGTHS)
    assert_refused(folder, "the demonstrations are of 'evil:Evil-v0'", env_id="FetchReach-v4")


@pytest.mark.parametrize("kept", [0, 100, 3000])
def test_a_damaged_file_is_refused(kept: int, folder: Path) -> None:
    path = folder / "data" / "main_data.hdf5"
    path.write_bytes(path.read_bytes()[:kept])
    assert_refused(folder, "holds no sound data set")


def test_damaged_metadata_are_refused(folder: Path) -> None:
    (folder / "data" / "metadata.json").write_text("{")
    assert_refused(folder, "holds no sound data set")


@pytest.mark.parametrize("name", ["main_data.hdf5", "metadata.json"])
def test_a_link_in_place_of_a_file_is_refused(name: str, folder: Path) -> None:
    path = folder / "data" / name
    path.rename(folder / "elsewhere")
    path.symlink_to(folder / "elsewhere")
    assert_refused(folder, "holds no sound data set")


def test_a_data_folder_that_is_a_link_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "data").symlink_to(folder / "data")
    assert_refused(tmp_path / "other", "has no Minari data set")


@pytest.mark.parametrize("kind", ["soft", "external", "raw", "virtual", "huge", "text", "nan", "short", "missing"])
def test_arrays_that_are_not_in_the_file_or_no_numbers_are_refused(kind: str, folder: Path, tmp_path: Path) -> None:
    with h5py.File(folder / "data" / "main_data.hdf5", "a") as file:
        episode = file["episode_1"]
        actions = episode["actions"][()]
        del episode["actions"]
        if kind == "soft":
            episode["actions"] = h5py.SoftLink("/episode_0/actions")
        elif kind == "external":
            episode["actions"] = h5py.ExternalLink("other.hdf5", "/actions")
        elif kind == "raw":
            episode.create_dataset("actions", (5, 4), "f4", external=[(str(tmp_path / "raw"), 0, 80)])
        elif kind == "virtual":
            layout = h5py.VirtualLayout((5, 4), "f4")
            layout[:] = h5py.VirtualSource("other.hdf5", "actions", (5, 4))
            episode.create_virtual_dataset("actions", layout)
        elif kind == "huge":
            episode.create_dataset("actions", (2**40, 4), "f4", chunks=(1, 4))
        elif kind == "text":
            episode["actions"] = ["a", "b", "c", "d", "e"]
        elif kind == "nan":
            episode["actions"] = actions * float("nan")
        elif kind == "short":
            episode["actions"] = actions[:-1]
    assert_refused(folder, "holds no sound data set")
