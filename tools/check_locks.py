"""Do the locks hold every dependency that is declared, with hashes, and no index address?

An address would tie everyone to one index; a requirement that the lock does not meet means that
`make lock` was forgotten.
"""

import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
NPM = ROOT / "tests/compat/js"
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;]+)", re.MULTILINE)


def main() -> int:
    """Print what is wrong with the locks; answer the exit code."""
    problems = [*python_problems(ROOT), *npm_problems(NPM)]
    for problem in problems:
        print(problem)
    if problems:
        print("`make lock` writes the locks again.")
    return 1 if problems else 0


def python_problems(folder: Path) -> Iterator[str]:
    """What is wrong with the locks of requirements."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())
    groups = dict(project["dependency-groups"])
    node, bench = groups.pop("node"), groups.pop("bench")
    runtime = project["project"]["dependencies"]
    development = [*runtime, *(each for group in groups.values() for each in group)]
    yield from lock_problems(folder / "requirements.lock", runtime)
    yield from lock_problems(folder / "requirements-dev.lock", development)
    yield from lock_problems(folder / "requirements-node.lock", node)
    yield from lock_problems(folder / "requirements-bench.lock", bench)


def lock_problems(lock: Path, declared: list[str]) -> Iterator[str]:
    """What is wrong with one lock, given the requirements that it must meet."""
    text = lock.read_text()
    if "://" in text:
        yield f"{lock.name} contains an address"
    pins: dict[str, list[str]] = {}
    for name, version in PINNED.findall(text):
        pins.setdefault(canonicalize_name(name), []).append(version)
    for requirement in map(Requirement, declared):
        versions = pins.get(canonicalize_name(requirement.name), [])
        if not any(requirement.specifier.contains(version) for version in versions):
            yield f"{lock.name} does not meet {requirement}"


def npm_problems(folder: Path) -> Iterator[str]:
    """What is wrong with npm's lock."""
    declared: dict[str, Any] = json.loads((folder / "package.json").read_text())
    locked: dict[str, Any] = json.loads((folder / "package-lock.json").read_text())["packages"]
    if locked[""].get("dependencies") != declared["dependencies"]:
        yield "package-lock.json was made of another package.json"
    for path, package in locked.items():
        if "resolved" in package:
            yield f"package-lock.json contains the address of {path}"
        if path and "integrity" not in package:
            yield f"package-lock.json has no hash of {path}"


if __name__ == "__main__":
    sys.exit(main())
