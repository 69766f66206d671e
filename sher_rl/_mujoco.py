"""MuJoCo, imported before TorchRL is, where ``MUJOCO_GL`` names a backend that is not there.

Importing MuJoCo fails then, and with it TorchRL, although only films need a backend; they say what is wrong with it.
"""

import os

try:
    import mujoco
except ImportError:
    pass  # absent: there are no environments then, and the rest works
except Exception:  # what a backend raises that is not there
    backend = os.environ.pop("MUJOCO_GL", None)
    if backend is None:
        raise
    import mujoco  # noqa: F401

    os.environ["MUJOCO_GL"] = backend
