"""The reference shows what a class is built with, and attributes as their docstrings say."""

from pathlib import Path
from types import ModuleType

import pytest

import sher_rl

pytest.importorskip("sphinx")
DOCS = Path(__file__).parents[2] / "docs"
HIDDEN = "(*args, **kwargs)"


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(DOCS))
    return __import__("reference")


def test_a_loss_shows_its_arguments_and_their_types(reference: ModuleType) -> None:
    shown, _ = reference.arguments_of_class(None, "class", "", sher_rl.MultiGoalDDPGLoss, None, HIDDEN, None)
    assert shown.startswith("(actor_network: ")
    assert "gamma: float" in shown
    assert "self" not in shown


def test_a_protocol_is_built_with_nothing(reference: ModuleType) -> None:
    assert reference.arguments_of_class(None, "class", "", sher_rl.GoalProposal, None, HIDDEN, None) == ("", None)


def test_what_autodoc_reads_itself_stays(reference: ModuleType) -> None:
    kept = reference.arguments_of_class(None, "class", "", sher_rl.GoalDims, None, "(observation: int)", None)
    assert kept == ("(observation: int)", None)
    assert reference.arguments_of_class(None, "function", "", sher_rl.make_env, None, HIDDEN, None) is None


def test_a_colon_in_an_attributes_docstring_makes_no_type(reference: ModuleType) -> None:
    from sphinx.ext.napoleon import Config, GoogleDocstring

    lines = ["Of the observation: what comes to the object."]
    reference.attribute_as_written(None, "attribute", "", None, None, lines)
    shown = str(GoogleDocstring(lines, Config(), None, "attribute", "part", None))
    assert shown.strip() == "..\n\nOf the observation: what comes to the object."


def test_field_numbers_of_a_named_tuple_are_left_out(reference: ModuleType) -> None:
    lines = ["Alias for field number 0"]
    reference.attribute_as_written(None, "attribute", "", None, None, lines)
    assert lines == []


def test_a_default_that_is_a_function_is_readable_python(reference: ModuleType) -> None:
    given = "(on_cycle: Callable = <function nothing>)"
    shown, _ = reference.arguments_of_class(None, "class", "", sher_rl.Parts, None, given, None)
    assert shown == "(on_cycle: Callable = nothing)"


def test_what_the_command_line_makes_of_a_type_is_left_out(reference: ModuleType) -> None:
    given = "(*, env_id: Annotated[str, _ArgConfig(name=None, aliases=('--env',))], seed: int = 0)"
    shown, _ = reference.arguments_of_class(None, "class", "", sher_rl.Config, None, given, None)
    assert shown == "(*, env_id: str, seed: int = 0)"


def test_a_module_without_arguments_is_built_with_nothing(reference: ModuleType) -> None:
    from sher_rl.modules.critics import DotProduct

    assert reference.arguments_of_class(None, "class", "", DotProduct, None, HIDDEN, None) == ("", None)


def test_flags_keep_both_dashes(reference: ModuleType) -> None:
    lines = ["Only --quiet may be given.", "See ``--video``."]
    reference.attribute_as_written(None, "attribute", "", None, None, lines)
    assert lines[2:] == ["Only ``--quiet`` may be given.", "See ``--video``."]
