# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""How a CA comes to be: made beside its folder, whole, then renamed into place."""

import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography import x509

from ansible_collections.iotistic.platform.plugins.module_utils._contract.ids import short_id

from .authority import Authority, Clock, load, new_serial, utc_now
from .certificates import CaForm, Validity, authority_certificate, distinguished_name, pem
from .clock_skew import CLOCK_SKEW
from .constraints import Scope, tenant_scope
from .errors import AuthorityExists, PkiFault
from .files import exclusive, sync_folder, write_atomic
from .index import Index
from .keys import KeyKind, PrivateKey, new_key, write_private

__all__ = ["Tenant", "create_platform", "create_root", "create_tenant"]

_ROOT_LIFE, _PLATFORM_LIFE, _TENANT_LIFE = (timedelta(days=365 * years) for years in (24, 18, 12))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """Whom a tenant CA belongs to and where its servers answer."""

    customer_id: str
    base_domain: str
    addresses: tuple[str, ...] = ()

    @property
    def scope(self) -> Scope:
        """What its CA may certify."""
        return tenant_scope(short_id(self.customer_id), self.base_domain, self.addresses)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Birth:
    """Everything that a new CA is made from."""

    form: CaForm
    key: PrivateKey
    life: timedelta
    clock: Clock
    issuer: Authority | None = None
    passphrase: bytes | None = None

    def signed_by(self, issuer: Authority | None) -> x509.Certificate:
        """Return the key's certificate from `issuer`, entered in its index; None means itself."""
        name, signer = (
            (self.form.subject, self.key)
            if issuer is None
            else (issuer.certificate.subject, issuer.key)
        )
        while True:
            certificate = authority_certificate(
                self.form, self.key.public_key(), self._validity(issuer), name, signer
            )
            if issuer is None or issuer.record(certificate, "authority", None):
                return certificate

    def _validity(self, issuer: Authority | None) -> Validity:
        now = self.clock().replace(microsecond=0)
        first, last = now - CLOCK_SKEW, now + self.life
        if issuer is not None:
            first = max(first, issuer.certificate.not_valid_before_utc)
            last = min(last, issuer.certificate.not_valid_after_utc)
        return Validity(serial=new_serial(), not_before=first, not_after=last)


def create_root(
    folder: Path, name: str, *, passphrase: bytes | None = None, clock: Clock = utc_now
) -> Authority:
    """Return a new root in `folder`, its key encrypted when there is a passphrase."""
    form = CaForm(subject=distinguished_name(f"{name} root CA", name), path_length=2)
    return _create(folder, _birth(form, _ROOT_LIFE, clock=clock, passphrase=passphrase))


def create_platform(folder: Path, root: Authority, name: str) -> Authority:
    """Return a new platform CA in `folder`, signed by `root`."""
    form = CaForm(subject=distinguished_name(f"{name} platform CA", name), path_length=1)
    return _create(folder, _birth(form, _PLATFORM_LIFE, clock=root.clock, issuer=root))


def create_tenant(folder: Path, platform: Authority, tenant: Tenant) -> Authority:
    """Return a new tenant CA in `folder`: both forms, constrained to its names and addresses."""
    subject = distinguished_name(f"{short_id(tenant.customer_id)} tenant CA", tenant.customer_id)
    form = CaForm(subject=subject, path_length=0, scope=tenant.scope)
    return _create(folder, _birth(form, _TENANT_LIFE, clock=platform.clock, issuer=platform))


def _birth(
    form: CaForm,
    life: timedelta,
    *,
    clock: Clock,
    issuer: Authority | None = None,
    passphrase: bytes | None = None,
) -> _Birth:
    return _Birth(
        form=form,
        key=new_key(KeyKind.P256),
        life=life,
        clock=clock,
        issuer=issuer,
        passphrase=passphrase,
    )


def _create(folder: Path, birth: _Birth) -> Authority:
    """Make the whole folder under another name and rename it; AuthorityExists when one is there.

    What a killed run left under the other name, a key among it, is erased first.
    """
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = folder.parent / f".{folder.name}.new"
    with exclusive(folder.parent):
        if folder.exists() and any(folder.iterdir()):
            raise AuthorityExists("folder", f"{folder} isn't empty: a CA is never overwritten")
        shutil.rmtree(beside, ignore_errors=True)
        try:
            beside.mkdir(mode=0o700)
            _fill(beside, birth)
            beside.rename(folder)
        except OSError as error:
            raise PkiFault("folder", f"can't make {folder}: {error.strerror}") from None
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        sync_folder(folder.parent)
    return load(folder, birth.passphrase, birth.clock)


def _fill(folder: Path, birth: _Birth) -> None:
    """Key, certificates, chain and first CRL."""
    certificate = birth.signed_by(birth.issuer)
    own = [certificate]
    write_private(folder / "ca.key", birth.key, birth.passphrase)
    write_atomic(folder / "ca.pem", pem(certificate))
    above = birth.issuer.chain if birth.issuer is not None and birth.issuer.anchor is None else ()
    write_atomic(folder / "chain.pem", pem([certificate, *above]))
    if birth.form.scope is not None:
        own.append(birth.signed_by(None))
        write_atomic(folder / "tenant-ca.pem", pem(own[-1]))
    Index.create(folder / "index.sqlite").close()
    with load(folder, birth.passphrase, birth.clock) as authority:
        for form in own:
            if form.issuer == form.subject:
                authority.record(form, "authority", None)
        authority.write_crl()
