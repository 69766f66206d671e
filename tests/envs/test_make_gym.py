import pytest

from sher_rl import UsageError, make_env


@pytest.mark.parametrize(
    ("env_id", "sentence"),
    [
        ("FetchPush-v1", "use 'FetchPush-v4'"),
        ("FetchReachDense-v2", "use 'FetchReachDense-v4'"),
        ("HandManipulateEgg-v0", "use 'HandManipulateEgg-v1'"),
        ("HandReach-v0", "use 'HandReach-v3'"),
        ("Pendulum-v1", "no goal environment"),
        ("NoSuchTask-v3", "unknown to gymnasium"),
        ("not an id", "unknown to gymnasium"),
    ],
)
def test_wrong_ids_get_one_sentence(env_id: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        make_env(env_id)


def test_a_mujoco_that_is_too_new_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mujoco.__version__", "3.12.0")
    with pytest.raises(ImportError, match=r"mujoco 3\.12\.0 is installed.*pip install 'mujoco>=3\.3,<3\.12'"):
        make_env("FetchReach-v4")
