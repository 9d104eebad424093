import re
from pathlib import Path

import pytest

from documents import ROOT, tracked

PAGES = tracked("*.md")


def headings(page: Path) -> set[str]:
    """The anchors that a forge makes of a page's headings."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        linked = page.parent / name if name else page
        assert linked.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in headings(linked), f"{page.name}: {target}"


def test_every_page_is_linked_from_the_readme_or_a_page_that_is() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        names = re.findall(r"\]\(([^)#\s:]+\.md)", page.read_text())
        linked = {(page.parent / name).resolve() for name in names}
        waiting += linked - reached
    assert set(PAGES) <= reached
