"""`python -m switchhook`."""

import sys

from switchhook.cli.main import main

sys.exit(main())
