import pytest

from sher_rl.functional.stability import delta_s


def test_delta_s() -> None:
    assert delta_s(0.9, 0.6) == delta_s(0.6, 0.9) == pytest.approx(0.3)
