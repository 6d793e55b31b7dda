"""Refuse what on standard input is no provisioning string; the error never repeats it."""

import sys

from iotistic_contract.errors import ContractError
from iotistic_contract.provisioning import ProvisioningString

try:
    ProvisioningString.parse(sys.stdin.read())
except ContractError as error:
    sys.exit("install: " + str(error))
