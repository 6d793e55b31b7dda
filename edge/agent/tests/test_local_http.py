"""What the local API takes for a request."""

import asyncio

import pytest

from iotistic_agent.api.http import Problem, read_request


async def read(query: str):
    reader = asyncio.StreamReader()
    reader.feed_data(f"GET /v2/logs?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return await read_request(reader)


async def test_a_query_has_at_most_sixteen_fields():
    fields = [f"f{number}=x" for number in range(17)]
    request = await read("&".join(fields[:16]))
    assert len(request.query) == 16
    with pytest.raises(Problem, match="more than 16 fields") as refused:
        await read("&".join(fields))
    assert refused.value.answer().status == 400
