"""Imported before torch: its threads wait for each other without keeping a core busy.

Two threads of GNU's OpenMP, which torch brings, spin at the end of each product until both have come. Where another
process has one of the cores, the other thread is not running, and the spinning takes the time it would run in. With
few spins before a thread sleeps, products beside a busy process are several times as fast, and alone as fast as ever.
Results are the same. ``GOMP_SPINCOUNT`` in the environment comes first.
"""

import os

os.environ.setdefault("GOMP_SPINCOUNT", "1000")
