from importlib import import_module
from pathlib import Path

from guide_blocks import BLOCKS, Block

MODULES = sorted(path.stem for path in Path(__file__).parent.glob("test_*.py"))


def typed() -> set[Block]:
    """The blocks that the tests of this folder take."""
    found = set()
    for module in map(import_module, MODULES):
        for test in vars(module).values():
            for mark in getattr(test, "pytestmark", ()):
                if mark.name == "parametrize" and mark.args[0] == "block":
                    found |= set(mark.args[1])
    return found


def test_every_block_of_the_guide_is_taken_by_a_test() -> None:
    assert len(BLOCKS) > 40
    assert [block.title for block in BLOCKS if block not in typed()] == []
