"""MuJoCo, imported before TorchRL is, with any value of ``MUJOCO_GL``, although only films need a backend.

- A backend that is not there makes the import fail, and with it TorchRL's. Films say what is wrong with it.
- OSMesa brings a copy of LLVM, beside which Triton's cannot be loaded any more: the process ends without a word. So
  Triton, which torch imports in any case, comes first.
"""

import os
from contextlib import suppress

if os.environ.get("MUJOCO_GL", "").lower() == "osmesa":
    with suppress(ImportError):  # torch for processors alone has no Triton
        import triton  # noqa: F401

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
