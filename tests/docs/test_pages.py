"""Pages fit a phone and a reader: short lines of code, alternative texts, small films, a short README."""

import re
from pathlib import Path

import pytest

from sher_rl import load_policy, pretrained

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *(page for page in sorted(ROOT.glob("docs/**/*.md")) if "_build" not in page.parts)]


def test_the_readme_has_at_most_80_lines_before_its_reference() -> None:
    assert README.partition("\n## Reference\n")[0].count("\n") <= 80


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_code_has_at_most_88_columns_and_pictures_have_words(page: Path) -> None:
    text = page.read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert [line for block in blocks for line in block.splitlines() if len(line) > 88] == []
    assert all(len(words) > 20 for words in re.findall(r"!\[(.*?)\]\(", text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_that_are_there(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
        assert (page.parent / link).exists(), link


def test_every_pretrained_policy_has_a_film_and_a_card() -> None:
    page = (ROOT / "docs" / "gallery.md").read_text()
    for path in pretrained("FetchPush").parents[1].glob("*/policy.pt"):
        task = path.parent.name.partition("-")[0]
        film = ROOT / "docs" / "gallery" / f"{task}.gif"
        assert film.stat().st_size < 2_000_000
        card = page.partition(f"\n## {task}\n")[2].partition("\n## ")[0]
        assert load_policy(path).env_id in card
        for fact in ("| task |", "| trained |", "| success |", "| limits |"):
            assert fact in card
