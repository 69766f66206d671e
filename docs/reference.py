"""Repairs of the reference: arguments that TorchRL's metaclasses hide, and what Sphinx makes of attributes."""

import re
from typing import Any

from sphinx.application import Sphinx
from sphinx.util.inspect import signature, stringify_signature
from torch.nn import Module

from sher_rl.training.config import RunConfig

HIDDEN = ("(*args, **kwargs)", "(*args: Any, **kwargs: Any)")
BEFORE_NAPOLEON = 400
"""Napoleon's own priority is Sphinx's default, 500."""
FUNCTION = re.compile(r"<function (\w+)>")
ANNOTATED = re.compile(r"Annotated\[(\w+), .*?\)\]")
FLAG = re.compile(r"(?<!\w)(--[a-z-]+)")
PYTHONS_OWN = ("Alias for field number", "Built-in immutable sequence")
"""How docstrings begin that a named tuple's fields, and tuples, have from Python."""
EMPTY_COMMENT = ".."
"""Shows nothing; napoleon takes the words before a colon for a type in the first line alone."""


def arguments_of_class(
    app: Any, what: str, name: str, thing: Any, options: Any, arguments: str | None, returned: str | None
) -> tuple[str, None] | None:
    """Arguments of ``__init__`` with their types, or none for a protocol; for ``autodoc-process-signature``.

    A default that is a function stands there by its name, since Sphinx reads signatures as Python, and a type without
    what the command line makes of it.
    """
    if what != "class" or arguments is None:
        return None
    if arguments not in HIDDEN:
        return ANNOTATED.sub(r"\1", FUNCTION.sub(r"\1", arguments)), None
    if getattr(thing, "_is_protocol", False) or thing.__init__ is Module.__init__:
        return "", None
    built = signature(thing.__init__, bound_method=True)
    return stringify_signature(built, show_return_annotation=False, unqualified_typehints=True), None


def attribute_as_written(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Keep a colon from making a type of the words before it, and show flags as code, without Python's own texts."""
    if what not in {"attribute", "data", "property"} or not lines:
        return
    if lines[0].startswith(PYTHONS_OWN):
        lines.clear()
    else:
        lines[:] = [EMPTY_COMMENT, "", *map(with_flags_as_code, lines)]


def with_flags_as_code(line: str) -> str:
    """Mark the flags of a line that has no markup, lest their two dashes become one."""
    return line if "`" in line else FLAG.sub(r"``\1``", line)


def setup(app: Sphinx) -> None:
    """Make the repairs part of a build."""
    RunConfig.__annotations__["env_id"] = "str"
    app.connect("autodoc-process-signature", arguments_of_class)
    app.connect("autodoc-process-docstring", attribute_as_written, priority=BEFORE_NAPOLEON)
