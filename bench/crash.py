"""T11: is anything lost that was acknowledged, and how much is delivered twice?

The server is killed under full load, again and again, on one data folder; publishers and receivers
keep books. Cuts of power are tried on the store alone: a disk that keeps any sectors of what was
not synced tears the end of the write-ahead log, which a kill never does.
"""

import asyncio
import random
import secrets
import statistics
import tempfile
from pathlib import Path

from bench.bars import BARS
from bench.model import Result, WrongDeliveryError, judge
from tests.crash import campaign
from tests.crash.campaign import Outcome
from tests.crash.power_campaign import Cut, cut_power

KILLS, CUTS = 100, 100


def measure(rounds: int, seconds: float) -> list[Result]:
    """One campaign of each kind: `rounds` and `seconds` change nothing."""
    seed = secrets.randbelow(1 << 31)
    with tempfile.TemporaryDirectory() as folder:
        outcome = campaign.run(kills=KILLS, seed=seed, folder=Path(folder), say=lambda _: None)
    return judge_campaigns(outcome, asyncio.run(_cuts(seed)), seed)


async def _cuts(seed: int) -> list[Cut]:
    chance = random.Random(seed)  # noqa: S311 - repeatable is what it has to be
    cuts = []
    for _ in range(CUTS):
        with tempfile.TemporaryDirectory() as folder:
            cuts.append(await cut_power(Path(folder), chance))
    return cuts


def judge_campaigns(outcome: Outcome, cuts: list[Cut], seed: int) -> list[Result]:
    """What was lost by kills and cuts together, and the kill with the most duplicates.

    Raises:
        WrongDeliveryError: a promise was broken that no bar counts, of order or filters, say.
    """
    lost = outcome.lost + sum(cut.lost for cut in cuts)
    worst = max(outcome.duplicates, key=lambda each: each.found / each.allowed)
    broken = [problem for cut in cuts for problem in cut.problems] + outcome.problems
    if broken and not lost and worst.found <= worst.allowed:
        raise WrongDeliveryError(f"seed {seed}: {broken[:5]}")
    promised = sum(cut.promised for cut in cuts)
    kept = (
        f"Of {outcome.acknowledged:,} acknowledged events and messages over "
        f"{len(outcome.duplicates)} kills, and of {promised:,} commits before {len(cuts)} power "
        f"cuts, each of which tore what was not synced. One campaign, seed {seed}."
    )
    usual = statistics.median(each.found / each.allowed for each in outcome.duplicates)
    found = sum(each.found for each in outcome.duplicates)
    repeated = (
        f"The worst kill. The median is {usual:.2f} of what is allowed; {found:,} duplicates in "
        "all."
    )
    columns = {"allowed": [worst.allowed], "duplicates": [float(worst.found)]}
    return [
        judge(BARS["T11 lost"], {"lost": [float(lost)]}, lambda of: of["lost"], kept),
        judge(
            BARS["T11 duplicates"], columns, lambda of: of["duplicates"] / of["allowed"], repeated
        ),
    ]
