"""The one exception of this package."""


class UsageError(ValueError):
    """Something the user gave cannot work: one sentence naming it, what was given and what would work.

    Command lines print the sentence alone; any other exception is a fault of ours and keeps its traceback.

    >>> raise UsageError("alpha is -1.0; use a number of at least 0.")
    Traceback (most recent call last):
    sher_rl.errors.UsageError: alpha is -1.0; use a number of at least 0.
    """
