"""Proofs by other tools than ours: `make prove`.

    python -m tests.proofs [eva] [cbmc] [lockstep] [--random 13] [--seed 1] [--only NAME]

Eva has to find no alarm in the C of the examples and of random networks; CBMC has to prove each
claim of a helper; numpy and C have to agree at each operand. Ends with 1 where one does not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.proofs import cbmc, eva, lockstep
from tests.proofs.spellings import all_proofs
from tests.proofs.subjects import examples, random_networks

PARTS = ("eva", "cbmc", "lockstep")
NOT_ANALYSED = {
    "commands": "a Fourier transform is bounded by the length of its vectors, not by intervals",
}
"""Models in which Eva leaves alarms, with why; what bounds them is our own proof alone."""


def alarms(options: argparse.Namespace) -> Iterator[str]:
    """Names of models with alarms."""
    print(eva.version(), flush=True)
    for group in (examples(), random_networks(options.random, options.seed)):
        for subject in group:
            if options.only and subject.name != options.only:
                continue
            if subject.name in NOT_ANALYSED and not options.only:
                print(f"  {subject.name}: left out: {NOT_ANALYSED[subject.name]}", flush=True)
                continue
            found = eva.analyse(subject)
            print(f"  {subject.name}: {found.count} alarms, {found.seconds:.0f} s", flush=True)
            for text in found.alarms:
                print(f"    {text}", flush=True)
            if found.count:
                yield subject.name


def open_claims(options: argparse.Namespace) -> Iterator[str]:
    """Names of claims that are not proved."""
    print(cbmc.version(), flush=True)
    for proof in all_proofs():
        if options.only and options.only not in proof.name:
            continue
        verdict = cbmc.proved(proof.source, proof.claim.unwind, overflow=proof.claim.overflow)
        said = "proved" if verdict.holds else "NOT PROVED"
        print(f"  {proof.name}: {said}, {verdict.seconds:.1f} s", flush=True)
        if not verdict.holds:
            print(verdict.said, flush=True)
            yield proof.name


def unequal(options: argparse.Namespace) -> Iterator[str]:
    """Names of helpers that are not the same in numpy and in C."""
    print("numpy and C", flush=True)
    with tempfile.TemporaryDirectory(prefix="lstm-edge-") as temporary:
        yield from lockstep.differing(options.only, Path(temporary))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--random", type=int, default=13)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", metavar="NAME")
    options = parser.parse_args(arguments)
    start, parts = time.monotonic(), options.parts or PARTS
    failed = [
        *(open_claims(options) if "cbmc" in parts else ()),
        *(unequal(options) if "lockstep" in parts else ()),
        *(alarms(options) if "eva" in parts else ()),
    ]
    seconds = time.monotonic() - start
    print(f"{len(failed)} not closed in {seconds:.0f} s" + "".join(f"\n  {n}" for n in failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
