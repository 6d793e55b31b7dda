"""The API of a registry (OCI distribution specification 1.1): manifests, blobs, tokens."""

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from urllib.parse import urlencode, urljoin, urlsplit

from iotistic_agent.adapters.registry_http import NoTls, RegistryHttp, chunks_of, document_of
from iotistic_agent.faults import (
    PullDenied,
    PullFault,
    PullMissing,
    RegistryUnavailable,
    WrongDigest,
)
from iotistic_agent.images.challenges import Bearer, asks_for_basic, bearer_challenge
from iotistic_agent.images.credentials import Login
from iotistic_agent.images.manifests import ACCEPTED, MAX_DOCUMENT, digest_of_bytes
from iotistic_agent.images.places import Place, may_be_plain
from iotistic_agent.images.progress import Stop
from iotistic_contract.codec import parse_json
from iotistic_contract.errors import ContractFault

__all__ = ["Document", "Registry"]

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_LATER = frozenset({408, 425, 429})
_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)", re.ASCII)
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Document:
    """A manifest or index as it came, with the digest that it has."""

    digest: str
    media_type: str
    content: bytes


class Registry:
    """One place during one pull. Credentials go to it alone, and to where it has tokens made."""

    def __init__(
        self,
        place: Place,
        http: RegistryHttp,
        stop: Stop,
        login: Login | None,
        insecure: frozenset[str],
    ) -> None:
        self.place = place
        self._http = http
        self._stop = stop
        self._login = login
        self._insecure = insecure
        self._scheme: str | None = None
        self._authorization: str | None = None

    def manifest(self, repository: str, reference: str) -> Document:
        """Return what a tag or digest names; WrongDigest when it isn't what the digest says."""
        with ExitStack() as stack:
            path = f"/v2/{repository}/manifests/{reference}"
            answer = self._get(stack, repository, path, {"Accept": ACCEPTED})
            self._check(answer, f"{repository}{'@' if ':' in reference else ':'}{reference}")
            content = document_of(answer, self._stop, MAX_DOCUMENT)
            media_type = answer.headers.get("Content-Type", "")
        if ":" not in reference:
            return Document(digest_of_bytes(content), media_type, content)
        found = digest_of_bytes(content)
        if found != reference:
            raise WrongDigest(f"{self.place.host} sent {found} for the manifest {reference}")
        return Document(found, media_type, content)

    @contextmanager
    def blob(
        self, repository: str, digest: str, offset: int
    ) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Give where in the blob the answer begins (``offset``, or 0), and its bytes."""
        path = f"/v2/{repository}/blobs/{digest}"
        with ExitStack() as stack:
            wanted = {"Range": f"bytes={offset}-"} if offset else {}
            answer = self._get(stack, repository, path, wanted)
            if answer.status == 416 and offset:
                answer = self._get(stack, repository, path, {})
            self._check(answer, digest)
            yield _beginning(answer, offset), chunks_of(answer, self._stop)

    def _get(
        self, stack: ExitStack, repository: str, path: str, headers: Mapping[str, str]
    ) -> HTTPResponse:
        """Send a request by the first scheme that the place speaks, with credentials if asked."""
        if self.place.mirrors is not None:
            path = f"{path}?{urlencode({'ns': self.place.mirrors})}"
        answer, own = self._first_scheme(stack, path, headers)
        if answer.status == 401 and own:
            challenge = answer.headers.get("WWW-Authenticate", "")
            self._authorization = self._answer_to(challenge, repository)
            answer, _ = self._first_scheme(stack, path, headers)
        return answer

    def _first_scheme(
        self, stack: ExitStack, path: str, headers: Mapping[str, str]
    ) -> tuple[HTTPResponse, bool]:
        if self._scheme is not None:
            return self._followed(stack, f"{self._scheme}://{self.place.host}{path}", headers)
        for scheme in self.place.schemes[:-1]:
            try:
                answer = self._followed(stack, f"{scheme}://{self.place.host}{path}", headers)
            except NoTls:
                continue
            self._scheme = scheme
            return answer
        self._scheme = self.place.schemes[-1]
        return self._followed(stack, f"{self._scheme}://{self.place.host}{path}", headers)

    def _followed(
        self, stack: ExitStack, url: str, headers: Mapping[str, str]
    ) -> tuple[HTTPResponse, bool]:
        """Return the answer after redirects, and whether it is this place's own."""
        origin = _origin(url)
        for _ in range(_MOST_REDIRECTS):
            own = _origin(url) == origin
            sent = dict(headers)
            if own and self._authorization:
                sent["Authorization"] = self._authorization
            answer = stack.enter_context(self._http.get(url, sent))
            if answer.status not in _REDIRECTS:
                return answer, own
            url = self._redirected(url, answer.headers.get("Location", ""))
        raise PullFault(f"{self.place.host} redirects more than {_MOST_REDIRECTS} times")

    def _redirected(self, url: str, location: str) -> str:
        target = urljoin(url, location)
        self._check_scheme(target, "redirects to")
        return target

    def _check_scheme(self, url: str, does: str) -> None:
        scheme, host = _origin(url)
        if scheme == "https" or (scheme == "http" and may_be_plain(host, self._insecure)):
            return
        raise PullFault(
            f"{self.place.host} {does} {scheme}://{host}, which isn't https;"
            " REGISTRY_INSECURE may name that host"
        )

    def _answer_to(self, challenge: str, repository: str) -> str:
        """Return the header that a 401 asks for."""
        bearer = bearer_challenge(challenge)
        if bearer is not None:
            return f"Bearer {self._token(bearer, f'repository:{repository}:pull')}"
        if asks_for_basic(challenge) and self._login is not None:
            return self._login.basic
        raise self._denied(401)

    def _token(self, bearer: Bearer, scope: str) -> str:
        """Have a token made where the registry says, with its login when there is one."""
        url = bearer.url(scope)
        self._check_scheme(url, "has tokens made at")
        headers = {} if self._login is None else {"Authorization": self._login.basic}
        with self._http.get(url, headers) as answer:
            content = document_of(answer, self._stop, MAX_DOCUMENT)
            if answer.status in (400, 401, 403):
                raise self._denied(answer.status)
            if answer.status != 200:
                raise RegistryUnavailable(f"{_origin(url)[1]} answers {answer.status} for a token")
        try:
            known = parse_json(content)
        except ContractFault:
            known = None
        found = known.get("token") or known.get("access_token") if isinstance(known, dict) else None
        if not isinstance(found, str) or not _TOKEN.fullmatch(found):
            raise RegistryUnavailable(f"{_origin(url)[1]} gives no token")
        return found

    def _check(self, answer: HTTPResponse, what: str) -> None:
        """Raise what the answer's status means."""
        status, host = answer.status, self.place.host
        if status in (200, 206):
            return
        if status in (401, 403):
            raise self._denied(status)
        if status == 404:
            raise PullMissing(f"{host} has no {what}")
        if status in _LATER or status >= 500:
            raise RegistryUnavailable(f"{host} answers {status}: not now")
        raise PullFault(f"{host} answers {status} for {what}")

    def _denied(self, status: int) -> PullDenied:
        told = (
            "needs credentials: put them into REGISTRY_AUTH_FILE"
            if self._login is None
            else f"doesn't let {self._login.user} have it: look into REGISTRY_AUTH_FILE"
        )
        return PullDenied(f"{self.place.host} answers {status}; it {told}")


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def _beginning(answer: HTTPResponse, offset: int) -> int:
    """Return where in the blob the body begins."""
    if answer.status != 206:
        return 0
    found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    if found is None or int(found[1]) != offset:
        raise PullFault("the registry sends another part of the blob than was asked for")
    return offset
