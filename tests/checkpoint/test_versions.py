import torch

from sher_rl.checkpoint.versions import PACKAGES, versions


def test_packages_and_machine_are_told() -> None:
    told = versions()
    assert set(PACKAGES) < set(told)
    assert told["torch"] == torch.__version__.partition("+")[0]
    assert told["torch_threads"] == torch.get_num_threads()
    assert str(told["processor"]).partition(", ")[2].startswith(torch.backends.cpu.get_cpu_capability())
