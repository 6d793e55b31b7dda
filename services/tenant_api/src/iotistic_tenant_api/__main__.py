"""`python -m iotistic_tenant_api`."""

import sys

from iotistic_tenant_api.cli import main

sys.exit(main())
