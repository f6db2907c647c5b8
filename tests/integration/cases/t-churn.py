#!/usr/bin/python3
"""One credential that makes and releases allocations in a loop: the rate is limited on a default
configuration, and what it does fills neither the log nor the records.
"""

import json
import re
import subprocess
import tempfile
import time

import lib  # adds ../lib to the path
import control
import netns
import relay
import turnclient as t
from load_clients import LIFETIME_0, TRANSPORT, LoadClients
from netns import check

INSIDE, OUTSIDE = "127.0.1.1", "127.0.2.1"
CLIENTS, CYCLES = 200, 200
RATE, BURST = 100, 5000		# the defaults
# Of records within five seconds: ten alone, and a sum.
RECORDS, RECORDS_S = 11, 5


class Churn:
    def __init__(self):
        self.made, self.reasons, self.codes = 0, set(), set()

    def cycles(self, member, times=CYCLES):
        """Refusals are counted, and the next try follows at once."""
        for _ in range(times):
            try:
                yield from member.ask(t.ALLOCATE, TRANSPORT)
            except t.TurnError as error:
                self.codes.add(error.code)
                self.reasons.add(t.Msg(error.reply.raw).get(t.ERROR_CODE)[4:].decode())
                continue
            self.made += 1
            yield from member.ask(t.REFRESH, LIFETIME_0)


def records(server):
    out = subprocess.run([relay.program("avedgectl"), "records", "--json", "--socket",
                          server.path("relay.sock")], check=True, capture_output=True, text=True,
                         timeout=30).stdout
    return [json.loads(line) for line in out.splitlines()]


def get(server, path):
    return control.ask(server.path("relay.sock"), "GET", path)[1]


def run(server):
    """How many allocations alice made, and how many records of them there were before the end."""
    churn = Churn()
    clients = LoadClients((INSIDE, 3478), *server.credential("alice"))
    clients.grow(CLIENTS)
    start = time.monotonic()
    refused = clients.run(clients.members, churn.cycles)
    took = time.monotonic() - start
    check(not refused, "refused for another reason: %s", list(refused.values())[:1])

    most = BURST + RATE * took + 2
    check(BURST <= churn.made <= most, "%d allocations in %.1f s", churn.made, took)
    check(churn.codes == {486} and
          churn.reasons == {"Allocation Quota Reached: too many new allocations of the user"},
          "refused with %s, %s", churn.codes, churn.reasons)
    # A refusal that was sent again is counted twice.
    counted = get(server, "/v1/counters")["refusals"]["rate"]
    check(0 <= counted - (CLIENTS * CYCLES - churn.made) <= clients.resent,
          "%d refusals counted, %d made", counted, churn.made)
    limits = {row["name"]: row["limit"] for row in get(server, "/v1/limits")["limits"]}
    check(limits["limits.allocation_rate_per_user"] == RATE and
          limits["limits.allocation_burst_per_user"] == BURST, "limits: %s", limits)

    # Another user is not affected.
    with_bob = t.Client((INSIDE, 3478), "udp", *server.credential("bob"))
    with_bob.allocate()
    with_bob.refresh(0)
    # Nor is she for long.
    again = Churn()
    time.sleep(1)
    clients.run(clients.members[:1], lambda m: again.cycles(m, 20))
    check(again.made == 20, "%d of 20 after a second", again.made)

    made = churn.made + again.made
    for _ in range(100):
        rows = [row for row in records(server) if row["user"] == "alice"]
        stood_for = sum(row.get("allocations", 1) for row in rows)
        if stood_for == made:
            break
        time.sleep(0.1)
    check(stood_for == made, "records of %d allocations, %d were made", stood_for, made)
    took = time.monotonic() - start
    check(len(rows) <= RECORDS * (took / RECORDS_S + 1), "%d records in %.1f s", len(rows),
          took)
    sums = [row for row in rows if "allocations" in row]
    check(sums and all(row["record"] == "allocations" and row["reason"] == "released" and
                       "allocation_id" not in row for row in sums), "sums: %s", sums[:2])

    # These are not due yet when the relay stops.
    last = Churn()
    time.sleep(1)
    clients.run(clients.members[:1], lambda m: last.cycles(m, 50))
    check(last.made == 50, "%d of 50 after another second", last.made)
    clients.close()
    with_bob.close()
    return made + last.made, len(rows)


def main():
    netns.begin()
    with tempfile.TemporaryDirectory(prefix="avedge-") as directory:
        server = relay.Relay(directory, inside=[INSIDE], outside=[OUTSIDE], workers=2,
                             defaults=True).start()
        try:
            made, rows = run(server)
        finally:
            wrong = server.stop()
        check(not wrong, "%s", "; ".join(wrong))
        # What was summed up when the relay stopped is in the log, too.
        logged = [line for line in server.log().splitlines() if " USER=alice " in line]
        stood_for = sum(int(n.group(1)) if (n := re.search(r" ALLOCATIONS=(\d+)", line)) else 1
                        for line in logged)
        check(stood_for == made, "%d allocations in the log, %d were made", stood_for, made)
    print("%d of %d cycles, %d records" % (made, CLIENTS * CYCLES, rows))


if __name__ == "__main__":
    main()
