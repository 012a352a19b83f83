"""Proofs by other tools than ours: `make prove`.

    python -m tests.proofs [eva] [cbmc] [lockstep] [mutants] [--random 13] [--seed 1] [--only NAME]

Eva has to find no alarm in the C of the examples and of random networks; CBMC has to prove each
claim of a helper; numpy and C have to agree at each operand. `mutants` runs if it is asked for: of
each helper that is broken CBMC has to refute a claim. Ends with 1 where one does not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.proofs import cbmc, eva, lockstep, mutants
from tests.proofs.spellings import all_proofs
from tests.proofs.subjects import examples, random_networks
from tests.proofs.word_tables import word_tables

PARTS = ("eva", "cbmc", "lockstep")
ALL_PARTS = (*PARTS, "mutants")


def alarms(options: argparse.Namespace) -> Iterator[str]:
    """Names of models with alarms."""
    print(eva.version(), flush=True)
    for group in (examples(), random_networks(options.random, options.seed)):
        for subject in group:
            if options.only and subject.name != options.only:
                continue
            found = eva.analyse(subject)
            print(
                f"  {subject.name}: {len(found.alarms)} alarms, {found.seconds:.0f} s", flush=True
            )
            for text in found.alarms:
                print(f"    {text}", flush=True)
            if found.alarms:
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
        every = (*lockstep.helpers(), *word_tables())
        chosen = [helper for helper in every if (options.only or "") in helper.name]
        yield from lockstep.differing(chosen, Path(temporary))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", choices=[*ALL_PARTS, []], default=[])
    parser.add_argument("--random", type=int, default=13)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", metavar="NAME")
    options = parser.parse_args(arguments)
    start, parts = time.monotonic(), options.parts or PARTS
    failed = [
        *(open_claims(options) if "cbmc" in parts else ()),
        *(mutants.kept(options.only) if "mutants" in parts else ()),
        *(unequal(options) if "lockstep" in parts else ()),
        *(alarms(options) if "eva" in parts else ()),
    ]
    seconds = time.monotonic() - start
    print(f"{len(failed)} not closed in {seconds:.0f} s" + "".join(f"\n  {n}" for n in failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
