import math

import numpy as np

from sher_rl.functional.goal_motion import along_line, on_circle


def test_a_line() -> None:
    goal = along_line(np.array([1.3, 0.7, 0.5]), np.array([0.011, 0.0, -0.1]))
    assert goal.tolist() == [1.311, 0.7, 0.4]


def test_a_circle_begins_on_the_y_axis_and_turns_towards_the_x_axis() -> None:
    centre = np.array([0.8, 0.5, 0.5])
    places = [on_circle(centre, 0.1, angle) for angle in (0.0, math.pi / 2, math.pi, 3 * math.pi / 2)]
    expected = [[0.8, 0.6, 0.5], [0.9, 0.5, 0.5], [0.8, 0.4, 0.5], [0.7, 0.5, 0.5]]
    assert np.allclose(places, expected, atol=1e-15)
    assert np.allclose(on_circle(centre, 0.1, math.pi / 6), [0.85, 0.5 + 0.1 * math.sqrt(3) / 2, 0.5])
