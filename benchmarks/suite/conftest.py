"""The threads of benchmarks wait as those of the recipes do."""

from benchmarks.recipes import load

load("openmp")  # before torch
