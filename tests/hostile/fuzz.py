"""Run the whole hostile corpus and print a table of figures; exits with 1 unless every bad class is zero.

python -m tests.hostile.fuzz --seed 1 --repeats 3
"""

import argparse
import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Queue

from tests.hostile.case import BAD_CLASSES, Case, Fault, Outcome
from tests.hostile.corpus import all_cases
from tests.hostile.runner import Runner, Verdict

PROGRESS_EVERY = 100


def run_all(cases: Sequence[Case], seed: int, jobs: int, slowness: float) -> Iterator[Verdict]:
    """Run cases on several runners; verdicts come in the order of the cases."""
    runners: Queue[Runner] = Queue()
    opened = [Runner(seed, slowness) for _ in range(jobs)]

    def one(case: Case) -> Verdict:
        runner = runners.get()
        try:
            return runner.run(case)
        except Exception as error:  # of the corpus, not of the product; the other cases go on
            return Verdict(case, Outcome(None), (Fault("traceback", f"the case itself fails: {error!r}"),))
        finally:
            runners.put(runner)

    with ThreadPoolExecutor(jobs) as pool:
        try:
            for runner in opened:
                runners.put(runner.__enter__())
            yield from pool.map(one, cases)
        finally:
            for runner in opened:
                runner.__exit__(None, None, None)


def table(verdicts: Sequence[Verdict]) -> str:
    """Give the figures: cases, how they ended, and each bad class, by kind."""
    columns = ("cases", "refused", "done", *BAD_CLASSES)
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for verdict in verdicts:
        for row in (rows[verdict.case.kind], rows["all"]):
            row["cases"] += 1
            row["done" if verdict.outcome.code == 0 else "refused"] += verdict.outcome.code is not None
            for kind in {fault.kind for fault in verdict.faults}:
                row[kind] += 1
    ordered = [name for name in rows if name != "all"] + ["all"]
    lines = [f"{'':<12}" + "".join(f"{column:>11}" for column in columns)]
    lines += [f"{name:<12}" + "".join(f"{rows[name][column]:>11}" for column in columns) for name in ordered]
    return "\n".join(lines)


def extremes(verdicts: Sequence[Verdict]) -> str:
    """Name the slowest case and the one with the most memory."""
    slow = max(verdicts, key=lambda verdict: verdict.outcome.seconds)
    large = max(verdicts, key=lambda verdict: verdict.outcome.megabytes)
    slowest = f"slowest: {slow.outcome.seconds:.1f} s ({slow.case.name})"
    return f"{slowest}; most memory: {large.outcome.megabytes:.0f} MB ({large.case.name})"


def describe(verdict: Verdict) -> str:
    """Give a case's faults in a few lines."""
    faults = "".join(f"\n    {fault.kind}: {ascii(fault.what)[1:-1]}" for fault in verdict.faults)
    outcome = verdict.outcome
    return f"{verdict.case.name} (code {outcome.code}, {outcome.seconds:.1f} s){faults}"


def main() -> None:
    """Run the corpus."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="decides all random damage")
    parser.add_argument("--repeats", type=int, default=1, help="how often random damage is done")
    parser.add_argument("--only", default="", help="run the cases whose names contain this")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="runners at a time")
    parser.add_argument("--slowness", type=float, default=1.0, help="factor of all time limits")
    options = parser.parse_args()

    cases = [case for case in all_cases(options.repeats, options.seed) if options.only in case.name]
    if not cases:
        sys.exit(f"no case is called {options.only!r}")
    begun = time.monotonic()
    verdicts: list[Verdict] = []
    for verdict in run_all(cases, options.seed, min(options.jobs, len(cases)), options.slowness):
        verdicts.append(verdict)
        if verdict.faults:
            print(describe(verdict), flush=True)
        if len(verdicts) % PROGRESS_EVERY == 0:
            passed = time.monotonic() - begun
            print(f"{len(verdicts)} of {len(cases)} cases, {passed:.0f} s", file=sys.stderr, flush=True)
    print(f"\n{table(verdicts)}")
    print(f"{extremes(verdicts)}\nseed {options.seed}, {options.repeats} repeats, {time.monotonic() - begun:.0f} s")
    if failed := sum(bool(verdict.faults) for verdict in verdicts):
        sys.exit(f"{failed} cases failed")


if __name__ == "__main__":
    main()
