import pytest
from helpers.small import RECIPES

from sher_rl import UsageError
from sher_rl.cli.recipe_files import load_recipe, recipe_names, recipe_path, recipes_folder


def test_every_recipe_has_a_short_name() -> None:
    assert recipes_folder() == RECIPES[0].parent
    tasks = {path.stem.removeprefix("sher_") for path in RECIPES}
    methods = {"sher", "relay", "demonstrations", "dher", "goal_gan", "goal_gail", "cer", "her", "cher"}
    assert set(recipe_names()) == methods | tasks
    for path in RECIPES:
        assert recipe_path(path.stem) == recipe_path(path.name) == recipe_path(path.stem[5:]) == path
    assert recipe_path("her").name == "her.py"
    assert recipe_path("sher").name == "sher.py"


@pytest.mark.parametrize("name", ["hand_spoon", "openmp", "experts", "../sher", ""])
def test_other_names_get_one_sentence_with_those_that_are_there(name: str) -> None:
    others = "cer, cher, demonstrations, dher, goal_gail, goal_gan, her, relay, sher, fetch_"
    with pytest.raises(UsageError, match=f"is not there; recipes are {others}"):
        recipe_path(name)


def test_a_recipe_is_a_module_with_numbers_or_with_parts() -> None:
    assert load_recipe("fetch_reach").CONFIG.env_id == "FetchReach-v4"
    assert callable(load_recipe("sher").build)
