"""`python -m iotistic_dashboard`."""

import sys

from iotistic_dashboard.cli import main

sys.exit(main())
