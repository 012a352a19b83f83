"""Random networks by the hundred, from the file to QEMU: `make random`.

    python -m tests.oracle.random_models [--count N] [--seed FIRST] [--only SEED] [--jobs 2]

Prints what failed with the seed that makes it again, and what was refused.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.oracle.random_check import Outcome, check
from tests.oracle.random_graphs import random_net
from tests.oracle.random_named import check_named

BOARDS = ("cortex-m4", "cortex-m0")
EVERY = 5
"""Each so many-th network also runs on boards."""
NAMED = 8
"""Each so many-th is a cell by its name."""
MOST_REFUSED = 0.1


def attempt(seed: int, boards: bool = True) -> tuple[int, Outcome | None, str, float]:
    """Seed, outcome or None, what went wrong, seconds."""
    start = time.monotonic()
    choose, notes = random.Random(seed), list[str]()
    chosen = BOARDS if boards and seed % EVERY == 0 else ()
    with tempfile.TemporaryDirectory() as folder:
        try:
            if seed % NAMED == 0:
                outcome = check_named(choose, Path(folder), chosen)
            else:
                net = random_net(choose)
                notes = net.notes
                outcome = check(net, Path(folder), chosen)
        except Exception:
            text = "\n".join([*notes, traceback.format_exc(limit=-4)])
            return seed, None, text, time.monotonic() - start
    return seed, outcome, "", time.monotonic() - start


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args(arguments)
    seeds = range(options.seed, options.seed + options.count)
    if options.only is not None:
        seeds = range(options.only, options.only + 1)
    print(f"seeds {seeds.start} .. {seeds.stop - 1}", flush=True)
    failed, refused, ran = 0, Counter[str](), Counter[str]()
    start = time.monotonic()
    with ProcessPoolExecutor(options.jobs) as pool:
        for seed, outcome, text, seconds in pool.map(attempt, seeds):
            if outcome is None:
                failed += 1
                print(f"--- seed {seed} ({seconds:.1f} s)\n{text}", flush=True)
            elif outcome.refused:
                refused[outcome.refused.split(": ", 1)[-1][:60]] += 1
            else:
                ran.update(outcome.targets)
    print(f"{len(seeds)} networks in {time.monotonic() - start:.0f} s: {failed} failed, ", end="")
    print(f"{refused.total()} refused; exact on {dict(ran)}")
    for text, count in refused.items():
        print(f"  {count} x {text}")
    return 1 if failed or refused.total() > MOST_REFUSED * len(seeds) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
