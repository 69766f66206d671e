"""Gradient steps of losses."""
