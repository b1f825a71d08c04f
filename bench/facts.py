"""On which machine, and with which programs, was measured?"""

import datetime
import os
import platform
import subprocess
import tempfile
from pathlib import Path

import apsw
import psutil

from bench.machine import tool


def facts() -> dict[str, str]:
    """What a reader must know to compare figures, by what it is."""
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "file system": _file_system(Path(tempfile.gettempdir())),
        "Python": platform.python_version(),
        "SQLite": apsw.sqlite_lib_version(),
        "nginx": _version("nginx", "nginx-light").rpartition("/")[2],
        "wrk": _version("wrk", "wrk").split()[1].rpartition("/")[2],
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next(
        (line.split(":", 1)[1].strip() for line in lines if "model name" in line), "unknown"
    )


def _file_system(folder: Path) -> str:
    """The kind of file system that holds a folder."""
    holding = [
        each
        for each in psutil.disk_partitions(all=True)
        if folder.resolve().is_relative_to(each.mountpoint)
    ]
    return str(max(holding, key=lambda each: len(each.mountpoint)).fstype) if holding else "unknown"


def _version(name: str, package: str) -> str:
    """The first line in which a program says which version it is."""
    command = [tool(name, package), "-v"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return (done.stdout + done.stderr).splitlines()[0]
