"""HTTP probes at services that answer badly."""

import socket
import threading

import pytest

from iotistic_agent.adapters.probes import asker
from iotistic_contract.planning.containers import Container, EngineState
from iotistic_contract.probes import HttpProbe, Probe


def asked(*parts: bytes, expected: int | None = None, patience: int = 30) -> str | None:
    """What a probe says of a service that sends these parts, a moment apart; its end is ours."""
    over = threading.Event()

    def answer() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(4096)
            for part in parts:
                connection.sendall(part)
                if len(parts) > 1 and over.wait(0.1):
                    return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer)
        thread.start()
        http = HttpProbe(path="/", port=listening.getsockname()[1], expected_status=expected)
        container = Container(
            id="1",
            name="one",
            service_id="one",
            config_hash="a",
            image_id="i",
            state=EngineState.RUNNING,
            address="127.0.0.1",
        )
        said = asker(None)(container, Probe(http=http, timeout_seconds=patience))
        over.set()
        thread.join(10)
    return said


@pytest.mark.parametrize(
    ("answer", "expected", "said"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", None, None),
        (b"HTTP/1.0 399\r\n\r\n", None, None),
        (b"HTTP/1.1 503 No\r\n\r\n", 503, None),
        (b"HTTP/1.1 404 No\r\n\r\n", None, "answers 404"),
        (b"HTTP/1.1 200 OK\r\n\r\n", 204, "answers 200"),
        (b"220 mail.example.org\r\n", None, "no HTTP answer"),
        (b"x" * 5000, None, "no HTTP answer"),
        (b"", None, "no HTTP answer"),
    ],
)
def test_the_first_line_tells(answer: bytes, expected: int | None, said: str | None) -> None:
    found = asked(answer, expected=expected)
    assert (found is None) if said is None else (found is not None and found.endswith(said))


def test_an_answer_that_drips_has_no_more_time_than_another() -> None:
    found = asked(*[b"H"] * 600, patience=1)
    assert found is not None
    assert found.endswith("timed out")


def test_what_comes_after_the_first_line_keeps_nobody_waiting() -> None:
    assert asked(b"HTTP/1.1 200 OK\r\n", *[b"X: a\r\n"] * 600, patience=1) is None
