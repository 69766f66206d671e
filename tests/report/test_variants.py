from hypothesis import given
from hypothesis import strategies as st

from sher_rl.report.variants import NO_NUMBERS, changes, in_file_names, in_legends, numbers, varied
from sher_rl.training.config import Config, HerConfig, RunConfig

VALUES = st.dictionaries(st.sampled_from("abc"), st.integers(0, 2))


def test_what_is_no_number_is_a_field() -> None:
    fields = {*RunConfig.__dataclass_fields__, *Config.__dataclass_fields__, *HerConfig.__dataclass_fields__}
    assert fields >= NO_NUMBERS


@given(VALUES, VALUES)
def test_changes_take_the_default_to_the_values(values: dict, default: dict) -> None:
    changed = changes(values, default)
    assert {name: value for name, value in (default | changed).items() if name in values} == values
    assert all(default.get(name) != value for name, value in changed.items())


@given(st.lists(VALUES, min_size=1))
def test_what_varies_is_not_the_same_everywhere(configs: list[dict]) -> None:
    names = {name for config in configs for name in config}
    assert set(varied(configs)) == {name for name in names if len({config.get(name) for config in configs}) > 1}


def test_words() -> None:
    values = numbers({"alpha": 0.02, "hidden": (8, 9), "target_entropy": None, "seed": 3, "gamma": 0.98})
    assert in_file_names(values) == "alpha=0.02-hidden=8x9-target_entropy=none-gamma=0.98"
    assert in_legends(values) == "α = 0.02, hidden = 8, 9, target entropy = none, γ = 0.98"
