#!/usr/bin/env python3
"""An example of `stepflow.script`: steps within steps and side by side, figures, a summary."""

import asyncio
import random
import time
from pathlib import Path

from stepflow.script import artifact, metric, progress, skip, step, summary, warning

ROWS = 200


def main() -> None:
    with step("Load", description="Read what came in over night"):
        for row in range(0, ROWS + 1, 20):
            progress(row, ROWS, "rows")
            time.sleep(0.05)
        metric("rows", ROWS)

    with step("Train", stop_on_error=True):
        train()

    report(asyncio.run(check()))
    skip("Publish", "this is only an example")


def train() -> None:
    chance = random.Random(1)
    with step("Prepare"):
        time.sleep(0.3)
    with step("Fit"):
        for epoch in range(1, 11):
            metric("loss", round(1 / epoch + chance.random() / 20, 4), step=epoch)
            progress(epoch, 10, "epochs")
            time.sleep(0.08)
    warning("the last epochs hardly helped", title="Plateau")


@step("Check")
async def check() -> "dict[str, float]":
    regions = ["north", "south", "east"]
    return dict(await asyncio.gather(*(check_region(region) for region in regions)))


async def check_region(region: str) -> "tuple[str, float]":
    began = time.monotonic()
    with step(f"Check {region}"):
        await asyncio.sleep(0.3 + len(region) / 10)
    return region, time.monotonic() - began


@step("Report")
def report(took: "dict[str, float]") -> None:
    rows = "\n".join(f"| {region} | {seconds:.2f} s |" for region, seconds in took.items())
    summary(f"## Checks\n\n| region | took |\n|---|---|\n{rows}")
    Path("checks.csv").write_text("".join(f"{r},{s:.2f}\n" for r, s in took.items()))
    artifact("checks.csv", "What each check took")


if __name__ == "__main__":
    main()
