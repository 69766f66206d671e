import pytest

from sher_rl import UsageError
from sher_rl.cli.errors import exit_with_sentence


@pytest.mark.parametrize("kind", [UsageError, ImportError, OSError, FloatingPointError])
def test_what_cannot_work_ends_in_a_sentence(kind: type[Exception]) -> None:
    def main() -> None:
        raise kind("alpha is -1; use 0 or more.")

    with pytest.raises(SystemExit, match=r"^error: alpha is -1; use 0 or more\.$"):
        exit_with_sentence(main)


def test_a_fault_of_ours_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        exit_with_sentence(lambda: 1 / 0)


def test_a_sentence_with_text_from_a_file_stays_one() -> None:
    def main() -> None:
        raise UsageError("'a\n\x1b[2Jb' is no run.")

    with pytest.raises(SystemExit, match=r"^error: 'a\\n\\x1b\[2Jb' is no run\.$"):
        exit_with_sentence(main)
