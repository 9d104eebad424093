"""The fuzzer of the parser: `make fuzz` lets it look for bytes that break a promise.

What it finds it leaves as `crash-…` in the working directory. Put it into `findings/` as
`WHAT.bin`, where `test_fuzz_findings.py` runs it for ever, and then mend the parser.
"""

import contextlib
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["stepflow.markers", "stepflow.timeline"]):
    import stepflow.timeline  # noqa: F401  (instrumented before anybody else imports it)

sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz.promises import case_of, check
from fuzz.words import WORDS


def main() -> None:
    corpus = Path(sys.argv[1])
    corpus.mkdir(parents=True, exist_ok=True)
    for switches in (0, 1, 16, 17):
        for number in range(len(WORDS)):
            seed = bytes([switches, 0, 1, 99, number, number, 3])
            (corpus / f"word-{switches}-{number}").write_bytes(seed)
    atheris.Setup(sys.argv, lambda data: check(case_of(data)))
    with contextlib.suppress(KeyboardInterrupt):
        atheris.Fuzz()


if __name__ == "__main__":
    main()
