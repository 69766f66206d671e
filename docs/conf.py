"""Sphinx: ``make docs`` builds ``docs/_build/html``."""

from importlib.metadata import version as installed

project, author, release = "sher_rl", "the sher_rl developers", installed("sher-rl")
copyright = "the sher_rl developers, MIT licence"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"sher_rl {release}"

add_module_names = False
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "none"  # shapes and dtypes say more, and the arguments' descriptions have them

nitpicky = True  # a reference to a name of ours that is not documented is an error
nitpick_ignore_regex = [("py:.*", r"(?!sher_rl).*")]
