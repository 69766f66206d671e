"""Sphinx: ``make docs`` builds ``docs/_build/html``."""

import sys
from importlib.metadata import version as installed
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from inventories import mapping  # noqa: E402

project = "sher_rl"
author = "the sher_rl developers"
release = installed("sher-rl")
copyright = "the sher_rl developers, MIT licence"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",
    "sphinx_copybutton",
    "reference",  # of this folder
]
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
intersphinx_mapping = mapping(HERE / "_build" / "inventories")

html_theme = "furo"
html_title = f"sher_rl {release}"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True

add_module_names = False
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "signature"
maximum_signature_line_length = 88
python_use_unqualified_type_names = True

nitpicky = True  # a reference to a name of ours that is not documented is an error
NO_PAGE = r"sher_rl\..*\.(SavedPolicy|FlatNetworks|Rewriter|DensitySampler|AnyConfig)"
"""Types in signatures that have no entry of their own."""
nitpick_ignore_regex = [("py:.*", r"(?!sher_rl).*"), ("py:class", NO_PAGE)]
