"""Links from the reference to TorchRL's, torch's and Python's pages, made without a network.

Sphinx takes such links from an inventory that a project publishes. Here one is written of the names that the reference
uses, by their public name and by the module that they are defined in, which is what annotations show.
"""

import pkgutil
import zlib
from pathlib import Path

GENERATED = "generated/{name}.html#{name}"
PAGES = {
    "torchrl": ("https://docs.pytorch.org/rl/stable/", "reference/" + GENERATED),
    "tensordict": ("https://docs.pytorch.org/tensordict/stable/", "reference/" + GENERATED),
    "torch": ("https://docs.pytorch.org/docs/stable/", GENERATED),
    "pathlib": ("https://docs.python.org/3/", "library/pathlib.html#{name}"),
}
"""Where a project's pages are, and which of them a name has."""
NAMES = (
    "torchrl.envs.EnvBase",
    "torchrl.envs.Transform",
    "torchrl.objectives.LossModule",
    "torchrl.collectors.Collector",
    "torchrl.data.ReplayBuffer",
    "torchrl.data.TensorDictReplayBuffer",
    "torchrl.data.Storage",
    "torchrl.data.replay_buffers.Sampler",
    "torchrl.record.loggers.Logger",
    "tensordict.TensorDict",
    "tensordict.TensorDictBase",
    "tensordict.nn.TensorDictModule",
    "tensordict.nn.TensorDictModuleBase",
    "torch.Tensor",
    "torch.Generator",
    "torch.nn.Module",
    "pathlib.Path",
)


def mapping(folder: Path) -> dict[str, tuple[str, str]]:
    """Write an inventory for each project into a folder; returns Sphinx's ``intersphinx_mapping``."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for project, (address, page) in PAGES.items():
        lines = [line for name in NAMES if name.partition(".")[0] == project for line in _lines(name, page)]
        head = f"# Sphinx inventory version 2\n# Project: {project}\n# Version: \n# zlib\n".encode()
        path = folder / f"{project}.inv"
        path.write_bytes(head + zlib.compress("".join(lines).encode()))
        found[project] = (address, str(path))
    return found


def _lines(name: str, page: str) -> list[str]:
    thing = pkgutil.resolve_name(name)
    names = dict.fromkeys((name, f"{thing.__module__}.{thing.__qualname__}"))
    return [f"{each} py:class 1 {page.format(name=name)} -\n" for each in names]
