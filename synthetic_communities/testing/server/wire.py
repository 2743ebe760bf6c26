"""How answers are sent: whole, slowly, in part, or never."""

import asyncio

from aiohttp import web

from .answers import Answer

SLEPT = "x-loopback-slept"
"""The header that tells how long a reply was held back, in seconds; without it, not at all."""

_CHUNK = b" " * 65536


async def send_answer(
    request: web.BaseRequest, answer: Answer, byte_seconds: float, huge_bytes: int
) -> web.StreamResponse:
    """Send `answer` in its manner and return the response; a hanging one ends when it is cancelled."""
    if answer.manner == "whole":
        return web.Response(
            body=answer.body, status=answer.status, headers=answer.headers, content_type=answer.content_type
        )
    if answer.manner == "hang":
        await asyncio.Event().wait()
    if answer.manner == "drop":
        return _close(request, web.Response())
    response = await _begin(request, answer)
    if answer.manner not in ("slow", "huge"):
        await response.write(answer.body[: len(answer.body) // 2])
        return _close(request, response)
    try:
        if answer.manner == "slow":
            await _trickle(response, answer.body, byte_seconds)
        else:
            await _inflate(response, answer.body, huge_bytes)
        await response.write_eof()
    except ConnectionResetError:  # whoever asked has had enough, as it should
        return _close(request, response)
    return response


async def _begin(request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_type = answer.content_type
    if answer.manner != "huge":
        response.content_length = len(answer.body)
    await response.prepare(request)
    return response


async def _trickle(response: web.StreamResponse, body: bytes, byte_seconds: float) -> None:
    for place in range(len(body)):
        await response.write(body[place : place + 1])
        await asyncio.sleep(byte_seconds)


async def _inflate(response: web.StreamResponse, body: bytes, huge_bytes: int) -> None:
    # Space after the first brace is valid JSON, and the size is not told beforehand.
    await response.write(body[:1])
    for written in range(0, huge_bytes, len(_CHUNK)):
        await response.write(_CHUNK[: huge_bytes - written])
    await response.write(body[1:])


def _close(request: web.BaseRequest, response: web.StreamResponse) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.close()
    return response
