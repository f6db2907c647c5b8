#!/usr/bin/python3
"""One aioice agent of a relayed call; two of them make the call.

  aioice_agent.py DIR ROLE TRANSPORT HOST PORT USER PASSWORD COUNT

ROLE is controlling or controlled, TRANSPORT udp, tcp or tls. The agents exchange their
descriptions as files in DIR. Each sends COUNT messages of 160 and COUNT of 1200 bytes and must
receive as many. TLS certificates are verified with $SSL_CERT_FILE.
"""

import asyncio
import json
import os
import sys

import aioice

SIZES = (160, 1200)


def body(number, size):
    return number.to_bytes(4, "big") + bytes((number * 31 + i) & 255 for i in range(size - 4))


async def other_file(path):
    while not os.path.exists(path):
        await asyncio.sleep(0.02)
    with open(path, encoding="utf-8") as text:
        return text.read()


def leave_file(path, text):
    with open(path + ".new", "w", encoding="utf-8") as out:
        out.write(text)
    os.rename(path + ".new", path)


async def send_all(ice, count):
    for size in SIZES:
        for number in range(count):
            await ice.send(body(number, size))
            await asyncio.sleep(0.002)


async def receive_all(ice, count):
    missing = {(number, size) for number in range(count) for size in SIZES}
    while missing:
        data = await ice.recv()
        number, size = int.from_bytes(data[:4], "big"), len(data)
        if data != body(number, size):
            raise ValueError("message %d of %d bytes is damaged" % (number, size))
        missing.discard((number, size))


async def call(directory, role, transport, host, port, user, password, count):
    other = "controlled" if role == "controlling" else "controlling"
    ice = aioice.Connection(
        ice_controlling=role == "controlling", turn_server=(host, int(port)),
        turn_username=user, turn_password=password, turn_ssl=transport == "tls",
        turn_transport="udp" if transport == "udp" else "tcp", use_ipv6=False,
        transport_policy=aioice.TransportPolicy.RELAY)
    await ice.gather_candidates()
    leave_file(os.path.join(directory, role), json.dumps({
        "user": ice.local_username, "password": ice.local_password,
        "candidates": [c.to_sdp() for c in ice.local_candidates]}))
    description = json.loads(await other_file(os.path.join(directory, other)))
    ice.remote_username, ice.remote_password = description["user"], description["password"]
    for line in description["candidates"]:
        await ice.add_remote_candidate(aioice.Candidate.from_sdp(line))
    await ice.add_remote_candidate(None)
    await ice.connect()
    await asyncio.gather(send_all(ice, count), receive_all(ice, count))
    for candidate in ice.local_candidates + ice.remote_candidates:
        print(candidate.type, candidate.host, candidate.port)
    leave_file(os.path.join(directory, role + ".done"), "")
    await other_file(os.path.join(directory, other + ".done"))
    await ice.close()


async def main(directory, role, transport, host, port, user, password, count):
    await asyncio.wait_for(
        call(directory, role, transport, host, port, user, password, int(count)), 30)

if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
