"""Equations as pure tensor functions, one function an equation."""
