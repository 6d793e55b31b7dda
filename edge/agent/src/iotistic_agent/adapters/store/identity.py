"""Who the device is, and what it registered as."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from iotistic_agent.adapters.store.database import Database
from iotistic_agent.adapters.store.sealing import Sealer
from iotistic_agent.adapters.store.sync import Sync
from iotistic_agent.faults import StoreFault
from iotistic_agent.registration import FIRST_TLS_KEY, Registration
from iotistic_contract.codec import decode, encode, parse_time
from iotistic_contract.provisioning import MqttAccess

__all__ = ["Identity"]

_COLUMNS = (
    "registration",
    "customerId",
    "deviceApiKey",
    "provisioningKeyId",
    "apiEndpoint",
    "apiTlsConfig",
    "targetStateUrl",
    "mqttBrokerConfig",
    "orderPublicKeys",
)
_WORDS = (
    "tls_key",
    "order_keys_seq",
    "credentials_etag",
    "vpn",
    "api_key_since",
    "certificate_since",
)


class Identity:
    """The one row of ``device``, and the words of ``renewal`` that belong to a registration.

    API key, broker password and VPN profile are sealed.
    """

    def __init__(self, database: Database, sync: Sync, sealer: Sealer) -> None:
        self._database = database
        self._sync = sync
        self._sealer = sealer

    def uuid(self, wanted: str | None, new_uuid: Callable[[], str]) -> str:
        """Return the device's uuid: the stored one, else ``wanted``, else a new one.

        StoreFault when the stored one isn't ``wanted``: a device never changes who it is.
        """
        row = self._database.row("SELECT uuid FROM device")
        if row is None:
            row = (wanted or new_uuid(),)
            with self._database.transaction():
                self._database.run("INSERT INTO device (id, uuid) VALUES (1, ?)", *row)
        if wanted is not None and row[0] != wanted:
            raise StoreFault(f"this state is of device {row[0]}, not of DEVICE_UUID {wanted}")
        return str(row[0])

    def registration(self) -> Registration | None:
        """Return what the device registered as; None before, and when its key doesn't open."""
        row = self._database.row(
            f"SELECT uuid, {', '.join(_COLUMNS)} FROM device"  # noqa: S608 -- constants
            " WHERE registration IS NOT NULL"
        )
        if row is None:
            return None
        words, api_key = self._words(), self._opened(row[3], "deviceApiKey")
        mqtt = self._mqtt(json.loads(row[8]))
        if api_key is None or mqtt is None:
            return None
        vpn = self._opened(words.get("vpn"), "vpn")
        return Registration(
            uuid=row[0],
            registration=row[1],
            customer_id=row[2],
            api_key=api_key,
            key_id=row[4],
            endpoint=row[5],
            ca_cert=json.loads(row[6]).get("caCert"),
            target_state_url=row[7],
            mqtt=mqtt,
            order_public_keys=tuple(json.loads(row[9])),
            tls_key=words.get("tls_key", FIRST_TLS_KEY),
            order_keys_seq=int(words.get("order_keys_seq", "0")),
            vpn=None if vpn is None else json.loads(vpn),
            credentials_etag=words.get("credentials_etag"),
        )

    def credentials_etag(self) -> str | None:
        """Return the ETag of the credentials that were taken last."""
        return self._words().get("credentials_etag")

    def since(self, what: str) -> datetime | None:
        """Return since when ``api_key`` or ``certificate`` is in use."""
        text = self._words().get(f"{what}_since")
        if text is None:
            row = self._database.row("SELECT registeredAt FROM device")
            text = None if row is None else row[0]
        return None if text is None else parse_time(text)

    def register(self, registration: Registration) -> None:
        """Keep a new registration; marks of reports and the poll's ETag begin anew with it.

        All that was about to follow parts of the old one is forgotten.
        """
        with self._database.transaction():
            self._database.run("DELETE FROM renewal")
            self._database.run("DELETE FROM credentials")
            self._write(registration)
            self._database.run("UPDATE device SET registeredAt = ?", self._database.now())
            self._sync.forget_etag()

    def renew_key(self, registration: Registration, at: datetime) -> None:
        """Keep the API key that was used for the first time; the old one is gone."""
        with self._database.transaction():
            self._write(registration)
            self._forget("pending_api_key", "pending_announced")
            self._word("api_key_since", self._database.text(at))

    def renew_certificate(self, registration: Registration, at: datetime) -> None:
        """Keep the certificate that the broker took, and the name of its key."""
        with self._database.transaction():
            self._write(registration)
            self._forget("candidate_tls_key", "candidate_certificate", "certificate_refused_at")
            self._word("certificate_since", self._database.text(at))

    def renew_credentials(self, registration: Registration) -> None:
        """Keep credentials that were tested."""
        with self._database.transaction():
            self._write(registration)
            self._database.run("DELETE FROM credentials")

    def forget_registration(self) -> None:
        """Keep uuid and API key alone of what the device registered as.

        What waits for the cloud was for that registration's, and goes to no other one.
        """
        gone = ", ".join(f"{name} = NULL" for name in _COLUMNS if name != "deviceApiKey")
        with self._database.transaction():
            self._database.run(f"UPDATE device SET {gone}, registeredAt = NULL")  # noqa: S608
            for table in ("renewal", "credentials", "outbox", "set_aside"):
                self._database.run(f"DELETE FROM {table}")  # noqa: S608 -- our own names
            self._sync.forget_etag()

    def seal_all(self) -> None:
        """Seal what an earlier agent kept in clear."""
        row = self._database.row("SELECT deviceApiKey FROM device WHERE registration IS NOT NULL")
        if row is None or self._sealer.is_sealed(row[0]):
            return
        registration = self.registration()
        if registration is not None:
            with self._database.transaction():
                self._write(registration)

    def _write(self, registration: Registration) -> None:
        mqtt = encode(registration.mqtt)
        if mqtt.get("password") is not None:
            mqtt["password"] = self._sealer.seal(mqtt["password"], "mqttPassword")
        columns = ", ".join(f"{name} = ?" for name in _COLUMNS)
        self._database.run(
            f"UPDATE device SET {columns} WHERE id = 1",  # noqa: S608 -- constants
            registration.registration,
            registration.customer_id,
            self._sealer.seal(registration.api_key, "deviceApiKey"),
            registration.key_id,
            registration.endpoint,
            json.dumps({"caCert": registration.ca_cert}),
            registration.target_state_url,
            json.dumps(mqtt),
            json.dumps(list(registration.order_public_keys)),
        )
        vpn = registration.vpn
        self._word("vpn", None if vpn is None else self._sealer.seal(json.dumps(vpn), "vpn"))
        self._word("tls_key", registration.tls_key)
        self._word("order_keys_seq", str(registration.order_keys_seq))
        self._word("credentials_etag", registration.credentials_etag)

    def _mqtt(self, stored: Mapping[str, Any]) -> MqttAccess | None:
        if stored.get("password") is None:
            return decode(MqttAccess, stored, unknown="keep")
        password = self._opened(stored["password"], "mqttPassword")
        if password is None:
            return None
        return decode(MqttAccess, {**stored, "password": password}, unknown="keep")

    def _opened(self, stored: str | None, context: str) -> str | None:
        return None if stored is None else self._sealer.open(stored, context)

    def _words(self) -> dict[str, str]:
        rows = self._database.rows("SELECT name, value FROM renewal")
        return {name: value for name, value in rows if name in _WORDS}

    def _word(self, name: str, value: str | None) -> None:
        self._forget(name)
        if value is not None:
            self._database.run("INSERT INTO renewal VALUES (?, ?)", name, value)

    def _forget(self, *names: str) -> None:
        for name in names:
            self._database.run("DELETE FROM renewal WHERE name = ?", name)
