"""How a command line ends when something cannot work."""

from __future__ import annotations

import sys
from collections.abc import Callable

from sher_rl.errors import UsageError
from sher_rl.untrusted import one_line


def exit_with_sentence(main: Callable[[], object]) -> None:
    """Call ``main``; wrong input and files out of reach end the process with one sentence, not a traceback.

    Raises:
        SystemExit: with the sentence of a ``UsageError``, ``ImportError``, ``OSError`` or ``FloatingPointError``.
    """
    try:
        main()
    except (UsageError, ImportError, OSError, FloatingPointError) as error:
        sys.exit(f"error: {one_line(str(error))}")
