import subprocess
import sys

import pytest

from sher_rl import UsageError
from sher_rl.training.remote import cluster


def test_without_ray_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(UsageError, match="ray is not installed, and --ray needs it; pip install ray"),
        cluster.cluster("local", cpus=1),
    ):
        pass


def test_the_package_works_where_ray_is_not_installed() -> None:
    code = "import sys; sys.modules['ray'] = None; import sher_rl; sher_rl.train_on_ray; print('imported')"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert output.stdout.strip() == "imported"


@pytest.mark.slow
def test_an_address_where_nothing_is() -> None:
    pytest.importorskip("ray")
    with (
        pytest.raises(UsageError, match=r"ray is '127\.0\.0\.1:1', which cannot be joined"),
        cluster.cluster("127.0.0.1:1", cpus=1),
    ):
        pass
