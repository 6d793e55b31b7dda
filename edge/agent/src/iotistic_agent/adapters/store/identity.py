"""Who the device is, and what it registered as."""

import json
from collections.abc import Callable

from iotistic_agent.adapters.store.database import Database
from iotistic_agent.adapters.store.sync import Sync
from iotistic_agent.faults import StoreFault
from iotistic_agent.registration import Registration
from iotistic_contract.codec import decode, encode
from iotistic_contract.provisioning import MqttAccess

__all__ = ["Identity"]


class Identity:
    """The one row of ``device``."""

    def __init__(self, database: Database, sync: Sync) -> None:
        self._database = database
        self._sync = sync

    def uuid(self, wanted: str | None, new_uuid: Callable[[], str]) -> str:
        """Return the device's uuid: the stored one, else ``wanted``, else a new one.

        StoreFault when the stored one isn't ``wanted``: a device never changes who it is.
        """
        row = self._database.row("SELECT uuid FROM device")
        if row is None:
            row = (wanted or new_uuid(),)
            self._database.run("INSERT INTO device (id, uuid) VALUES (1, ?)", *row)
        if wanted is not None and row[0] != wanted:
            raise StoreFault(f"this state is of device {row[0]}, not of DEVICE_UUID {wanted}")
        return str(row[0])

    def registration(self) -> Registration | None:
        """Return what the device registered as, None before."""
        row = self._database.row(
            "SELECT uuid, registration, customerId, deviceApiKey, provisioningKeyId, apiEndpoint,"
            " apiTlsConfig, targetStateUrl, mqttBrokerConfig, orderPublicKeys"
            " FROM device WHERE registration IS NOT NULL"
        )
        if row is None:
            return None
        return Registration(
            uuid=row[0],
            registration=row[1],
            customer_id=row[2],
            api_key=row[3],
            key_id=row[4],
            endpoint=row[5],
            ca_cert=json.loads(row[6]).get("caCert"),
            target_state_url=row[7],
            mqtt=decode(MqttAccess, json.loads(row[8]), unknown="keep"),
            order_public_keys=tuple(json.loads(row[9])),
        )

    def register(self, registration: Registration) -> None:
        """Keep a new registration; marks of reports and the poll's ETag begin anew with it."""
        with self._database.transaction():
            self._database.run(
                "UPDATE device SET registration = ?, customerId = ?, deviceApiKey = ?,"
                " provisioningKeyId = ?, apiEndpoint = ?, apiTlsConfig = ?, targetStateUrl = ?,"
                " mqttBrokerConfig = ?, orderPublicKeys = ?, registeredAt = ? WHERE id = 1",
                registration.registration,
                registration.customer_id,
                registration.api_key,
                registration.key_id,
                registration.endpoint,
                json.dumps({"caCert": registration.ca_cert}),
                registration.target_state_url,
                json.dumps(encode(registration.mqtt)),
                json.dumps(list(registration.order_public_keys)),
                self._database.now(),
            )
            self._sync.forget_etag()
