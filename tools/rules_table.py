"""The table of Event Grid's rules, from the files of `tests/conformance`: what is in it?"""

import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

FILES = Path(__file__).parent.parent / "tests/conformance"

# Numbers are never given again: ids contain them.
SECTIONS = {
    2: "Event Grid event schema",
    3: "CloudEvents 1.0",
    4: "Publishing",
    5: "Authenticating publishers",
    6: "Custom input schema and mapping",
    7: "Event domains",
    8: "System topics, and Communication Services as the source",
    10: "Event subscription resource",
    11: "Filters",
    12: "Delivery schema and conversion",
    13: "Webhook endpoint validation",
    14: "Push delivery request and batching",
    15: "Retry",
    16: "Dead letter",
    17: "Delivery properties",
    19: "Authenticating deliveries",
    23: "Limits",
    24: "Metrics and logs",
    25: "Access and network",
    26: "Error texts",
    27: "Contradictions and undefined behaviour",
}


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule, and what stands for it: tests, or the row of the differences that says why not.

    `mark` tells how it is known: D documented, S from the source of an SDK, R recorded from one,
    T third party, ? open. `setting` is the constant that decides where the articles leave it open.
    """

    id: str
    rule: str
    mark: str
    tests: tuple[str, ...] = ()
    setting: str = ""
    difference: str = ""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    rules: tuple[Rule, ...]


def read_section(number: int) -> tuple[Rule, ...]:
    """The rules of one section, in their order."""
    text = (FILES / f"section_{number:02}.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), _File).rules


def page() -> Iterator[str]:
    """The lines of `event-grid-rules.md`."""
    yield "# Rules of Event Grid"
    yield ""
    yield "Generated from the files of `tests/conformance`; `make reference` writes it again."
    yield ""
    yield "Each rule has a test that fails without it, or a row in"
    yield "[Compatibility](../compatibility.md) that says why it is not so here. The marks tell how"
    yield "a rule is known: `D` documented by Microsoft, `S` read from the source of an SDK, `R`"
    yield "recorded from an SDK, `T` told by third parties, `?` left open or contradictory, so that"
    yield "this is a reading."
    for number, title in SECTIONS.items():
        yield ""
        yield f"## {number}. {title}"
        yield ""
        yield "| id | rule | mark | evidence |"
        yield "| --- | --- | --- | --- |"
        for rule in read_section(number):
            yield f"| {rule.id} | {rule.rule} | `{rule.mark}` | {'<br>'.join(_evidence(rule))} |"


def _evidence(rule: Rule) -> Sequence[str]:
    tests = [f"`{each.removeprefix('tests/')}`" for each in rule.tests]
    setting = [f"setting `{rule.setting.removeprefix('switchhook.')}`"] if rule.setting else []
    difference = [f"[differs](../compatibility.md): {rule.difference}"] if rule.difference else []
    return [*tests, *setting, *difference]
