"""A customer texts, and the text is a work item in the tracker a moment later.

Starts all it needs and ends with 0 only if there is one work item. The tracker is the Azure DevOps
project of TRACKER_URL, with TRACKER_TOKEN, or without the variables a stand-in.

    python examples/sms_to_work_item/run.py
"""

import contextlib
import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from stage import CODE, CUSTOMER, running_handler, running_switchhook, wait_for  # noqa: E402
from tracker import TOKEN, WorkItems, running_tracker  # noqa: E402

TEXT = "The coffee machine on floor 2 is broken."


def main() -> int:
    """Play it through; answer the process's exit code."""
    with contextlib.ExitStack() as stack:
        work_items: WorkItems | None = None
        if "TRACKER_URL" not in os.environ:
            tracker, work_items = stack.enter_context(running_tracker())
            os.environ |= {"TRACKER_URL": tracker, "TRACKER_TOKEN": TOKEN}
        os.environ["WEBHOOK_CODE"] = CODE
        from handler import find, tag_of  # late: it reads its settings when it is imported

        stage = stack.enter_context(running_switchhook())
        stage.subscribe("to-work-item", stack.enter_context(running_handler(HERE, {})))
        print(f"{CUSTOMER} texts {TEXT!r} to {stage.number}")
        tag = tag_of(stage.text(TEXT))
        found = wait_for(lambda: find(tag) or None) or []
        print(f"work items: {work_items or found}")
        return 0 if len(found) == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
