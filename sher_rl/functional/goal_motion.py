"""Where a goal that moves is next (Fang et al., ICLR 2019; the environments of mengf1/DHER)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Point = NDArray[Any]
"""A position in metres, ``(3,)`` float64."""


def along_line(goal: Point, velocity: Point) -> Point:
    """The goal after a step along a straight line.

    Args:
        goal: where it is.
        velocity: metres a step.

    >>> along_line(np.array([1.0, 2.0, 0.5]), np.array([0.25, 0.0, 0.0]))
    array([1.25, 2.  , 0.5 ])
    """
    return goal + velocity


def on_circle(centre: Point, radius: float, angle: float) -> Point:
    """The goal on a level circle.

    Args:
        centre: of the circle; the goal is as high.
        radius: in metres.
        angle: in radians from the y axis towards the x axis.

    >>> on_circle(np.array([1.0, 2.0, 0.5]), 0.5, 0.0)
    array([1. , 2.5, 0.5])
    """
    return centre + radius * np.array([math.sin(angle), math.cos(angle), 0.0])
