"""The fenced blocks of the deployment guide, by the heading above them."""

import re
from typing import Any, NamedTuple

import pytest

from documents import ROOT

GUIDE = ROOT / "docs/migration-deployment-guide.md"


class Block(NamedTuple):
    """`number` counts the blocks below one heading."""

    title: str
    number: int
    language: str
    text: str


def read(text: str) -> list[Block]:
    blocks: list[Block] = []
    title = ""
    for heading, language, content in re.findall(
        r"^#+ ([^\n]+)$|^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL
    ):
        if heading:
            title = heading
        else:
            number = sum(block.title == title for block in blocks)
            blocks.append(Block(title, number, language, content))
    return blocks


BLOCKS = read(GUIDE.read_text())


def block(title: str) -> Block:
    (found,) = (one for one in BLOCKS if one.title == title)
    return found


def types(title: str) -> Any:
    """Marks the test that types the block below this heading, and gives it as `block`."""
    return pytest.mark.parametrize("block", [block(title)], ids=[title])
