"""`python -m tests.crash`: a campaign from the command line."""

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

from tests.crash import campaign


def main() -> int:
    """Run a campaign; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash")
    parser.add_argument("--kills", type=int, default=10, metavar="N")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 31), metavar="N")
    options = parser.parse_args()
    print(f"seed {options.seed}")  # noqa: T201 - a command line prints
    with tempfile.TemporaryDirectory(prefix="switchhook-crash-") as folder:
        outcome = campaign.run(
            kills=options.kills,
            seed=options.seed,
            folder=Path(folder),
            say=lambda text: print(text, flush=True),  # noqa: T201 - a command line prints
        )
    for problem in outcome.problems:
        print(f"FAILED: {problem}", file=sys.stderr)  # noqa: T201 - a command line prints
    return 1 if outcome.problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
