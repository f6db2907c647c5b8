#!/usr/bin/python3
"""What a new process takes up from the one before, and what it does not: ids, ages and figures go on and so
does the record; ids are found on other workers; what the settings in force now do not allow is lost by
name, in the log, in counters and in a record each, and nothing else is."""

import http.client
import os
import re
import socket
import tempfile
import time

import lib  # adds ../lib to the path
import control
import fdstore
import netns
import openapi_check
import relay
import turnclient
import turnclient_ms
from netns import check
from control_caller import INSIDE, PEER, Peer, ask, caller, get, ids, records, talks, until

OUTSIDE, FURTHER = "127.0.2.1", "127.0.2.2"
MORE_UDP = 3479
DENIED = "127.0.3.9"
TOLD = re.compile(r"taken up: (\d+) allocations of generation (\d+)(?:, (\d+) lost \(([^)]*)\))?, gap (\d+) ms")
SAVED_S = 1.5	# after which what packets have moved is in the state file
ROWS = []


def row(function):
    ROWS.append(function)
    return function


def configure(server):
    """The file as the next process reads it."""
    description = server.__dict__.pop("description")
    server.write_config()
    server.description = description


def told(server):
    """(taken up, {reason: lost}) of the last start; all but the first one say so, once they serve."""
    until(lambda: len(TOLD.findall(server.log())) == len(server.service.lives) - 1, "nothing is told")
    taken, _, lost, reasons, _ = TOLD.findall(server.log())[-1]
    by_reason = {name: int(count) for count, name in
                 (text.split() for text in reasons.split(", ") if text)}
    check(sum(by_reason.values()) == int(lost or 0), "%s of %s", by_reason, lost)
    return int(taken), by_reason


def restores(server):
    return {name: count for name, count in get(server, "/v1/counters")["restores"].items() if count}


def record_of(server, one):
    return next((r for r in records(server) if r.get("allocation_id") == one), None)


def code_of(call):
    try:
        call()
    except turnclient.TurnError as error:
        return error.code
    return 0


@row
def ids_ages_figures_and_the_record_go_on(server):
    peer, client = Peer(), caller(server, "carol")
    client.channel_bind(0x4000, peer.address)
    for _ in range(5):
        check(talks(client, peer), "no call")
    before = get(server, "/v1/allocations/" + ids(server)[0])
    time.sleep(SAVED_S)
    server.kill()
    after = get(server, "/v1/allocations/" + before["id"])
    created = [time.mktime(time.strptime(one["created"], "%Y-%m-%dT%H:%M:%SZ")) for one in (before, after)]
    check(abs(created[0] - created[1]) <= 1, "created %s, then %s", before["created"], after["created"])
    for name in ("id", "user", "key_id", "client", "relayed", "to_peer", "lifetime_s"):
        check(after[name] == before[name], "%s: %s, not %s", name, after[name], before[name])
    check((before["restarts"], after["restarts"]) == (0, 1), "%s", after)
    check(talks(client, peer), "no call after the kill")
    client.refresh()
    server.restart()
    check(talks(client, peer), "no call after the restart")
    taken, lost = told(server)
    check((taken, lost) == (1, {}), "%s %s", taken, lost)
    check(restores(server) == {"taken-up": 1}, "%s", restores(server))
    client.refresh(0)
    until(lambda: record_of(server, before["id"]), "no record")
    record = record_of(server, before["id"])
    check(record["reason"] == "released" and record["packets_to_peer"] == 7, "%s", record)
    check(record["duration_ms"] >= 1000 * SAVED_S, "%s", record)
    check(record["restarts"] == 2, "a kill and a restart: %s", record)


@row
def status_tells_it(server):
    client = caller(server)
    server.kill()
    status = get(server, "/v1/status")
    taken = status["taken_up"]
    check(taken["allocations"] == 1 and taken["lost"] == 0, "%s", taken)
    check(status["allocations"] == 1, "%s", status["allocations"])
    client.refresh(0)


@row
def an_id_is_found_on_another_worker(server):
    """With one worker in place of two, half of the ids name no worker any more."""
    clients = [caller(server, "user%d" % i) for i in range(12)]
    before = set(ids(server))
    server.workers = 1
    configure(server)
    server.restart()
    check(set(ids(server)) == before, "other allocations")
    for one in before:
        check(get(server, "/v1/allocations/" + one)["id"] == one, "%s is not found", one)
    newer = caller(server, "newer")
    check(len(set(ids(server)) - before) == 1, "an id came twice")
    server.workers = 2
    configure(server)
    server.kill()
    check(code_of(newer.refresh) == 0, "the new one is gone")
    for one in before:
        check(ask(server, "DELETE", "/v1/allocations/" + one) == (200, {"ended": 1}), "%s", one)
    check([code_of(client.refresh) for client in clients] == [437] * 12, "still there")
    newer.refresh(0)


def ms_caller(server):
    client = turnclient_ms.Client((INSIDE, 3478), "udp", *server.credential("mallory", form="mras"))
    client.allocate()
    return client


@row
def what_the_settings_do_not_allow_is_lost_by_name(server):
    """Of seven allocations four are lost; of one a peer."""
    peer = Peer()
    kept, denied, revoked = (caller(server, user) for user in ("kept", "denied", "revoked"))
    for client in (kept, denied):
        client.channel_bind(0x4000, peer.address)
    denied.permit((DENIED, 7))
    name, password = server.credential("front")
    front = turnclient.Client((INSIDE, MORE_UDP), "udp", name, password)
    front.allocate()
    ms_caller(server)
    stream = caller(server, "stream", "tcp")
    further = caller(server, "further")
    while further.relayed[0] != FURTHER:
        further.refresh(0)
        further = caller(server, "further")
    for client in (kept, denied, revoked, front, stream):
        while client.relayed[0] == FURTHER:	# random
            client.refresh(0)
            client.allocate()
            if client in (kept, denied):
                client.channel_bind(0x4000, peer.address)
            if client is denied:
                client.permit((DENIED, 7))
    before = {r["user"]: r["id"] for r in get(server, "/v1/allocations")["allocations"]}
    ms_id = next(r["id"] for r in get(server, "/v1/allocations")["allocations"] if r["dialect"] == "ms")
    ms_relayed = get(server, "/v1/allocations/" + ms_id)["relayed"]

    with open(server.path("revoked"), "w", encoding="ascii") as out:
        out.write("revoked\n")
    hidden = server.extra, server.more_udp, server.settings, server.outside
    server.extra = [*server.extra, 'revoked_users = "%s"' % server.path("revoked")]
    server.more_udp = ()
    server.outside = [OUTSIDE]
    server.settings = {**server.settings, "ms": ["enabled = false"],
                       "peers": ['deny = "%s"' % DENIED]}
    configure(server)
    want = {"revoked": 1, "no-front": 1, "no-address": 1, "dialect": 1}
    said = get(server, "/v1/upgrade")
    check({r["reason"]: r["allocations"] for r in said["lost_by"]} == want and said["lost"] == 4,
          "not what the restart will lose: %s", said)
    server.kill()
    taken, lost = told(server)
    check((taken, lost) == (3, want), "%s %s", taken, lost)
    check(restores(server) == {**want, "taken-up": 3}, "%s", restores(server))
    status = get(server, "/v1/status")["taken_up"]
    check((status["allocations"], status["lost"]) == (3, 4), "%s", status)

    reasons = {"revoked": "revoked", "front": "lost", "further": "lost"}
    until(lambda: all(record_of(server, before[user]) for user in reasons), "no records")
    for user, reason in reasons.items():
        record = record_of(server, before[user])
        check((record["reason"], record["user"]) == (reason, user), "%s: %s", user, record)
    check(record_of(server, ms_id)["relayed"] == ms_relayed, "%s", record_of(server, ms_id))
    logged = [line for line in server.log().splitlines() if before["front"] in line]
    check(len(logged) == 1 and "lost" in logged[0], "%s", logged)

    check(talks(kept, peer) and talks(denied, peer), "no call")
    one = get(server, "/v1/allocations/" + before["denied"])
    check([p["peer"] for p in one["permission_list"]] == [PEER], "%s", one["permission_list"])
    check(code_of(revoked.refresh) == 401, "the revoked one")
    stream.refresh(0)
    kept.refresh(0)
    denied.refresh(0)
    check(ids(server) == [], "%s", ids(server))
    server.extra, server.more_udp, server.settings, server.outside = hidden
    configure(server)
    server.kill()
    check(told(server) == (0, {}), "%s", told(server))


def ids_or_none(server):
    """A process that is about to be killed may refuse the connection, or break it."""
    try:
        return sorted(ids(server))
    except (OSError, http.client.HTTPException):
        return None


@row
def a_killed_start_changes_nothing(server):
    """However early or late the new process is killed: the next one takes up the same."""
    clients = [caller(server, "user%d" % i) for i in range(20)]
    before = sorted(ids(server))
    for wait_ms in range(0, 40, 3):
        lives = len(server.service.lives)
        server.kill(wait=False)
        time.sleep(wait_ms / 1000)
        try:
            os.kill(server.pid(), 9)
        except (OSError, TypeError):
            pass	# between two
        server.service.next_life(lives)
        until(lambda: ids_or_none(server) == before, "%d ms: other allocations" % wait_ms)
    for client in clients:
        client.refresh(0)
    check(ids(server) == [], "%s", ids(server))


def main():
    netns.begin()
    with tempfile.TemporaryDirectory(prefix="avedge-") as directory:
        server = fdstore.RelayService(
            directory, inside=[INSIDE], outside=[OUTSIDE, FURTHER], allow=["127.0.3.0/24"],
            workers=2, more_udp=(MORE_UDP,), extra=["mobility = true"],
            settings={"log": ["records = true"]})
        server.start()
        server.description = openapi_check.Description("control-mediarelayd.json")
        with server:
            for step in ROWS:
                print(step.__name__, flush=True)
                step(server)


if __name__ == "__main__":
    main()
