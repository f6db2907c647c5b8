#!/usr/bin/python3
"""The control interface of a running relay: access, one allocation in full, termination by id, user
and key, a drain during a call, reloads with a valid and an invalid file, log levels, records for a
client that reads and one that does not, 5,000 allocations in bounded time.

Uses HTTP over the socket, like a script. All responses conform to docs/control-mediarelayd.json,
and every operation it describes is used."""

import collections
import os
import re
import socket
import sys
import threading
import time

import lib  # adds ../lib to the path
import netns
import control
import openapi_check
import proxy_header
import turnclient_mobility
import turnclient_ms
import turnclient_tcp
import relay
import turnclient
from netns import check
from control_caller import (INSIDE, PEER, Follower, Peer, allocate_code, ask, caller, get, ids,
                            in_force, is_line, records, rewrite, selected, talks, until)
from load_clients import LoadClients

OUTSIDE = ("127.0.2.1", "::1")
BALANCER = "127.0.4.1"
MANY = 5000
KEPT = 4096   # records in memory
FOLLOWERS = 16
ROWS = []


def row(function):
    ROWS.append(function)
    return function


# --- access ----------------------------------------------------------------------------------

@row
def others_are_refused(server):
    """By the mode of the socket, and by their user id if that was changed."""
    if os.geteuid() != 0:
        print("not root: nobody else to be")
        return
    control.others_are_refused(server.path("relay.sock"), "/v1/drain", server.description)
    check(get(server, "/v1/drain") is None, "and yet it drains")


# --- allocations ------------------------------------------------------------------------------

@row
def one_allocation_in_full(server):
    peer, client = Peer(), caller(server, "carol")
    client.channel_bind(0x4000, peer.address)
    for _ in range(20):
        check(talks(client, peer), "no call")
    one = get(server, "/v1/allocations/" + ids(server, "?user=carol")[0])
    check((one["side"], one["transport"], one["relay_transport"], one["dialect"]) ==
          ("inside", "udp", "udp", "ietf"), "%s", one)
    check(one["relayed"] == "%s:%d" % client.relayed, "%s", one["relayed"])
    check(one["front"] == "%s:3478" % INSIDE, "%s", one["front"])
    check(one["client"] == "%s:%d" % client.sock.getsockname(), "%s", one["client"])
    check(one["to_peer"] == {"packets": 20, "bytes": 160}, "%s", one["to_peer"])
    check([p["peer"] for p in one["permission_list"]] == [PEER], "%s", one)
    check([(c["number"], c["peer"]) for c in one["channel_list"]] ==
          [(0x4000, "%s:%d" % peer.address)], "%s", one["channel_list"])
    check(0 < one["channel_list"][0]["expires_in_ms"] <= 600000, "%s", one["channel_list"])
    check(0 < one["expires_in_ms"] <= 1000 * one["lifetime_s"], "%s", one)
    check(one["ends_in_ms"] is None and one["credential_expires"] > one["created"], "%s", one)
    check(one["rate"]["to_client_pps"] == 20, "%s", one["rate"])
    until(lambda: get(server, "/v1/allocations/" + one["id"])["rate"]["to_peer_bps"] == 0,
          "a rate of the last second", 5)
    check(ids(server, "?peer=127.0.3.0/24") == [one["id"]], "not found by its peer")
    client.refresh(0)


@row
def an_end_by_id_ends_one_call(server):
    first, second = caller(server), caller(server, transport="tcp")
    by_transport = {r["transport"]: r["id"]
                    for r in get(server, "/v1/allocations")["allocations"]}
    status, answer = ask(server, "DELETE", "/v1/allocations/" + by_transport["udp"])
    check((status, answer) == (200, {"ended": 1}), "%d %s", status, answer)
    status, answer = ask(server, "DELETE", "/v1/allocations/" + by_transport["udp"])
    check(status == 404, "a second time: %d %s", status, answer)
    try:
        first.refresh()
        check(False, "the first one is still there")
    except turnclient.TurnError as error:
        check(error.code == 437, "refresh of one that was ended: %s", error)
    second.refresh()
    record = records(server)[-1]
    check((record["allocation_id"], record["reason"], record["user"]) ==
          (by_transport["udp"], "killed", "alice"), "%s", record)
    second.refresh(0)


@row
def an_end_by_user_or_key_ends_all(server):
    calls = [caller(server, user) for user in ("alice", "bob", "alice", "bob", "bob")]
    check(ask(server, "DELETE", "/v1/allocations?user=bob") == (200, {"ended": 3}), "bob")
    check([r["user"] for r in get(server, "/v1/allocations")["allocations"]] ==
          ["alice", "alice"], "somebody else's ended")
    check(ask(server, "DELETE", "/v1/allocations?key_id=k2") == (200, {"ended": 0}), "k2")
    check(ask(server, "DELETE", "/v1/allocations?key_id=k1") == (200, {"ended": 2}), "k1")
    check(ask(server, "DELETE", "/v1/allocations")[0] == 400, "all at once")
    for client in calls:
        client.close()


@row
def thousands_are_listed_in_bounded_time(server):
    """5,000 allocations during a call: neither delays the other."""
    peer, call = Peer(), caller(server, "carol")
    call.channel_bind(0x4000, peer.address)
    load_clients = LoadClients((INSIDE, 3478), *server.credential("load"))
    members = load_clients.grow(MANY)
    refused = load_clients.run(members, lambda m: m.allocate())
    check(not refused, "%d refused", len(refused))
    waits, stop = [], threading.Event()

    def speak():
        while not stop.is_set():
            start = time.monotonic()
            if not talks(call, peer):
                return
            waits.append(time.monotonic() - start)
            time.sleep(0.002)

    speaker = threading.Thread(target=speak)
    speaker.start()
    times = []
    for query in ("", "?sort=rate&limit=10", "?user=carol", "?sort=age"):
        start = time.monotonic()
        _, listed = control.ask(server.path("relay.sock"), "GET", "/v1/allocations" + query)
        times.append(time.monotonic() - start)
        check(listed["total"] == (1 if "carol" in query else MANY + 1), "%s: %d", query,
              listed["total"])
    limits = get(server, "/v1/limits")
    users = {u["user"]: u["allocations"] for u in limits["users"]}
    check(users == {"load": MANY, "carol": 1}, "%s", users)
    stop.set()
    speaker.join()
    check(max(times) < 5, "an answer took %.1f s", max(times))
    check(len(waits) > 20 and max(waits) < 1, "%d round trips, the longest %.3f s", len(waits),
          max(waits))
    check(ask(server, "DELETE", "/v1/allocations?user=load") == (200, {"ended": MANY}), "")
    check(talks(call, peer), "the call did not survive")
    load_clients.close()
    call.refresh(0)
    print("listed %d in %.0f ms at most; a call's slowest round trip %.1f ms"
          % (MANY, 1000 * max(times), 1000 * max(waits)))


# --- the kernel plane --------------------------------------------------------------------------

@row
def the_kernel_plane_is_told(server):
    """There is none on loopback; it can be turned all the same."""
    plane = get(server, "/v1/offload")
    check((plane["state"], plane["on"], plane["flows_max"]) == ("off", False, 0) and
          "Ethernet device" in plane["why"], "%s", plane)
    status, off = ask(server, "PUT", "/v1/offload", {"on": False})
    check((status, off["state"]) == (200, "turned off"), "%d %s", status, off)
    check(get(server, "/v1/status")["offload"]["state"] == "turned off", "the status")
    status, on = ask(server, "PUT", "/v1/offload", {"on": True})
    check((status, on["state"]) == (200, "off"), "%d %s", status, on)
    for body in ({}, {"on": 1}, {"on": True, "more": 1}):
        check(ask(server, "PUT", "/v1/offload", body)[0] == 400, "%s is taken", body)


# --- drain and reload -------------------------------------------------------------------------

@row
def an_upgrade_is_judged(server):
    """Nothing keeps descriptors here, so a restart would end the call."""
    call = caller(server)
    status, upgrade = ask(server, "GET", "/v1/upgrade")
    check((status, upgrade["allocations"], upgrade["lost"], upgrade["error"]) ==
          (200, 1, 1, None), "%d %s", status, upgrade)
    check(upgrade["lost_by"], "lost for no reason: %s", upgrade)
    rewrite(server, 'software = "one"', 'sofware = "one"')
    error = get(server, "/v1/upgrade")["error"]
    check("sofware" in error, "a wrong file: %s", error)
    rewrite(server, 'sofware = "one"', 'software = "one"')
    call.refresh(0)


@row
def a_drain_refuses_newcomers_and_keeps_calls(server):
    peer, call = Peer(), caller(server)
    call.channel_bind(0x4000, peer.address)
    status, drain = ask(server, "PUT", "/v1/drain", {})
    check((status, drain["remaining"], drain["began_with"], drain["deadline"]) ==
          (200, 1, 1, None), "%d %s", status, drain)
    check(get(server, "/v1/status")["state"] == "draining", "the state")
    check(allocate_code(server) == 486, "a newcomer was not refused with 486")
    call.refresh()
    check(talks(call, peer), "the call did not go on")
    check(ask(server, "DELETE", "/v1/drain") == (200, None), "undrain")
    check(allocate_code(server) == 0, "refused after the drain")

    ask(server, "PUT", "/v1/drain", {"deadline_s": 3600})
    call.refresh(0)
    until(lambda: "no allocation is left" in server.log(), "the log says that it is done", 5)
    check(get(server, "/v1/drain")["remaining"] == 0, "remaining")
    ask(server, "DELETE", "/v1/drain")


@row
def the_deadline_of_a_drain_ends_calls(server):
    call = caller(server)
    ask(server, "PUT", "/v1/drain", {"deadline_s": 1})
    until(lambda: not ids(server), "the deadline ends the call", 5)
    check(records(server)[-1]["reason"] == "drained", "%s", records(server)[-1])
    check(ask(server, "DELETE", "/v1/drain") == (200, None), "undrain")
    check(ask(server, "PUT", "/v1/drain", {"deadline_s": -1})[0] == 400, "minus a second")
    call.close()


@row
def reloads_apply_or_change_nothing(server):
    peer, call = Peer(), caller(server)
    call.channel_bind(0x4000, peer.address)
    status, answer = ask(server, "POST", "/v1/reload")
    check((status, answer["result"], answer["changes"]) == (200, "unchanged", []), "%s", answer)
    rewrite(server, 'software = "one"', 'software = "two"')
    status, answer = ask(server, "POST", "/v1/reload")
    check((status, answer["result"]) == (200, "applied"), "%d %s", status, answer)
    check([(c["key"], c["effect"]) for c in answer["changes"]] == [("software", "applied")],
          "%s", answer)
    check(in_force(server, "software").strip('"') == "two", "%s", in_force(server, "software"))

    generation = get(server, "/v1/status")["generation"]
    rewrite(server, 'software = "two"', 'sofware = "three"')
    status, problem = ask(server, "POST", "/v1/reload")
    check(status == 422, "%d %s", status, problem)
    check(re.search(r"relay\.conf:\d+:\d+: .*sofware.*;", problem["detail"]), "%s",
          problem["detail"])
    check(in_force(server, "software").strip('"') == "two", "the wrong file was applied")
    after = get(server, "/v1/status")
    check(after["generation"] == generation, "generation %s", after["generation"])
    check((after["reload"]["result"], after["reload"]["error"]) ==
          ("rejected", problem["detail"]), "%s", after["reload"])
    check(talks(call, peer), "the call did not survive")
    rewrite(server, 'sofware = "three"', 'software = "one"')
    check(ask(server, "POST", "/v1/reload")[0] == 200, "the last reload")
    call.refresh(0)


@row
def log_levels_change(server):
    status, levels = ask(server, "PUT", "/v1/log-levels/control", {"level": "debug"})
    check((status, levels["subsystems"]["control"]) == (200, "debug"), "%d %s", status, levels)
    check(levels["subsystems"]["front"] == levels["default"] == "info", "%s", levels)
    check(ask(server, "PUT", "/v1/log-levels/control", {"level": None})[1]["subsystems"]
          ["control"] == "info", "null")
    check(ask(server, "PUT", "/v1/log-levels/weather", {"level": "info"})[0] == 404, "weather")


@row
def refusals_for_time_say_by_how_much(server):
    """In the log and in the status; the client gets 401 and the challenge, no more."""
    def allocate(ttl):
        client = turnclient.Client((INSIDE, 3478), "udp", *turnclient.rest_credential(
            server.secret(), "eve", ttl))
        reply = client.request(turnclient.ALLOCATE, (turnclient.UDP_TRANSPORT,))
        if reply.code is None:
            client.refresh(0)
        return reply

    check(get(server, "/v1/status")["credential_refused"] is None, "before the first")
    ask(server, "PUT", "/v1/log-levels/front", {"level": "debug"})
    reply = allocate(-75)
    ask(server, "PUT", "/v1/log-levels/front", {"level": None})
    refused = get(server, "/v1/status")["credential_refused"]
    check(reply.code == 401 and b"75" not in reply.get(turnclient.ERROR_CODE), "%r", reply)
    check(refused["reason"] == "expired" and 75 <= refused["by_s"] <= 80, "%s", refused)
    check(re.search("Allocate: 401 expired 7[5-9]s ago", server.log()), "%s", server.log()[-500:])
    check(allocate(-50).code is None, "50 s is within clock_skew")
    shown = relay.run(relay.program("avedgectl"), "status", "--socket",
                      server.path("relay.sock")).stdout
    check(re.search("^refused +.*, a credential expired 7[5-9]s before$", shown, re.M), "%s",
          shown)


@row
def debug_level_logs_error_responses(server):
    """Not at other levels, and at most a hundred lines per second."""
    def allocate(transport, password=None):
        name, good = server.credential("dora")
        client = turnclient.Client((INSIDE, 3478 if transport == "udp" else 443), transport,
                                   name, password or good)
        reply = client.request(turnclient.ALLOCATE, (turnclient.UDP_TRANSPORT,))
        if reply.code is None:
            client.refresh(0)
        return "%s:%d over %s: Allocate: " % (client.sock.getsockname() + (transport,))

    quiet = allocate("udp")
    ask(server, "PUT", "/v1/log-levels/front", {"level": "debug"})
    good, bad, tcp = allocate("udp"), allocate("udp", "wrong"), allocate("tcp")
    flood = turnclient.Client((INSIDE, 3478))
    deadline = time.monotonic() + 20
    while "more than 100 lines in this second" not in server.log() and time.monotonic() < deadline:
        for _ in range(500):
            flood.binding()
    ask(server, "PUT", "/v1/log-levels/front", {"level": None})
    after, log = allocate("udp"), server.log()
    check(quiet not in log and after not in log, "answers at level info")
    check(good + "401" in log and good + "success" in log, "no %s", good)
    check(tcp + "success" in log, "no %s", tcp)
    check(bad + "401 bad-mac" in log, "no reason in\n%s",
          [line for line in log.splitlines() if bad in line])
    check("more than 100 lines in this second" in log, "no limit")


@row
def status_has_what_its_page_says(server):
    status = get(server, "/v1/status")
    check(status["pid"] == server.pid(), "%s", status["pid"])
    check(len(status["per_worker"]) == status["workers"], "%s", status["per_worker"])
    check([(k["id"], k["state"]) for k in status["keys"]] == [("k1", "signs")], "%s",
          status["keys"])
    check(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", status["tls_not_after"]), "%s",
          status["tls_not_after"])
    fronts = {(p["protocol"], p["port"]) for p in get(server, "/v1/ports")["ports"]}
    check({("udp", 3478), ("tcp", 443)} <= fronts, "%s", fronts)


# --- records ----------------------------------------------------------------------------------

@row
def records_are_selected(server):
    """A user may be named as issued or as shown."""
    began = int(time.time())
    for name in ("jos\u00e9 b", "jos\u00e9 b", "wilma"):
        call = caller(server, name)
        call.refresh(0)
    shown = r"jos\xc3\xa9\x20b"
    deadline = time.monotonic() + 10
    while len(selected(server, "?user=wilma")) < 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    for query, want in (("?user=jos%C3%A9%20b", 2), ("?user=" + shown.replace("\\", "%5C"), 2),
                        ("?user=jos%%C3%%A9%%20b&since=%d&limit=1" % began, 1),
                        ("?user=nobody", 0)):
        lines = selected(server, query)
        check(len(lines) == want and all(r["user"] == shown for r in lines), "%s: %s", query,
              lines)


@row
def records_tell_what_the_call_was(server):
    peer, call = Peer(), caller(server, "carol")
    call.channel_bind(0x4000, peer.address)
    for _ in range(3):
        talks(call, peer)
    call.refresh(0)
    record = records(server)[-1]
    wanted = {"record": "allocation", "user": "carol", "key_id": "k1", "side": "inside",
              "relayed": "%s:%d" % call.relayed, "packets_to_peer": 3, "bytes_to_peer": 24,
              "packets_to_client": 3, "bytes_to_client": 24, "permissions": 1, "channels": 1,
              "reason": "released"}
    check({k: record[k] for k in wanted} == wanted, "%s", record)
    check("ALLOCATION_ID=" + record["allocation_id"] in server.log(), "not in the log")


@row
def short_allocations_share_a_record(server):
    load_clients = LoadClients((INSIDE, 3478), *server.credential("churn"))
    refused = load_clients.run(load_clients.grow(1), lambda m: m.cycle(30))
    check(not refused, "refused: %s", list(refused.values()))
    load_clients.close()

    def stand_for():
        return [r.get("allocations", 1) for r in records(server) if r["user"] == "churn"]
    until(lambda: sum(stand_for()) == 30, "records of all")
    check(len(stand_for()) < 30, "none is summed up: %s", stand_for())


@row
def followers_that_do_not_read_cost_nothing(server):
    """Two followers, one that reads and one that does not, while 12,000 allocations end: both
    learn of each, or how many they lost, and the second finds the newest when it reads again."""
    until(lambda: not ids(server), "a clean start")
    reader, stuck = Follower(server), Follower(server)
    total, seen = 12000, collections.Counter()
    marks = records(server)

    def read():
        while sum(seen.values()) < len(marks) + total:
            line = reader.line()
            seen["lost" if "lost" in line else "read"] += line.get("lost", 1)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    load_clients = LoadClients((INSIDE, 3478), *server.credential("load"))
    members = load_clients.grow(300)
    start = time.monotonic()
    peer = Peer()
    refused = load_clients.run(members, lambda m: m.calls(total // 300, peer.address))
    took = time.monotonic() - start
    check(not refused, "%d refused", len(refused))
    thread.join(30)
    check(not thread.is_alive(), "the reader got %s of %d", dict(seen), len(marks) + total)
    check(get(server, "/v1/status")["state"] == "serving", "no answer beside them")

    kept, lost = 0, 0
    while kept + lost < len(marks) + total:
        line = stuck.line()
        kept, lost = kept + ("lost" not in line), lost + line.get("lost", 0)
        if "lost" in line:
            is_line(server, line, "?follow=1")
    check(lost > 0, "12,000 records fit into a socket that nobody reads")
    reader.close()
    stuck.close()
    load_clients.close()
    check(kept >= KEPT, "the newest %d are not there, only %d", KEPT, kept)
    print("%d ends in %.1f s beside a stuck follower, which lost %d of %d records; the other %d"
          % (total, took, lost, kept + lost, seen["lost"]))


# --- the other operations ---------------------------------------------------------------------

@row
def a_client_that_moves(server):
    """Members that only mobile allocations have."""
    pair = server.credential()
    old, new = (turnclient_mobility.Client((OUTSIDE[0], 3478), "udp", *pair) for _ in range(2))
    old.allocate()
    check(new.come(old).cls == turnclient.SUCCESS, "refused")
    where = "/v1/allocations/" + ids(server, "?transport=udp&dialect=ietf")[0]
    one = get(server, where)
    check(one["mobile"] and one["client"] == "%s:%d" % old.local, "%s", one["client"])
    check(one["moving_to"] == "%s:%d" % new.local and one["moving_over"] == "udp", "%s", one)
    new.send_to((PEER, 9), b"here it is")
    until(lambda: get(server, where)["moves"] == 1, "the move")
    new.refresh(0)
    until(lambda: records(server)[-1].get("moves") == 1, "the record")
    old.close()
    new.close()


@row
def a_client_behind_a_balancer_in_a_user_group(server):
    """Members that only such allocations have."""
    who, front = ("127.0.5.1", 40001), (OUTSIDE[0], 443)
    client = proxy_header.client(front, BALANCER, proxy_header.v2(who, front), "tcp",
                                 *server.credential("gateway-1"))
    client.allocate()
    listed = get(server, "/v1/allocations?client=" + who[0])["allocations"]
    check(len(listed) == 1, "its client is not %s: %s", who[0], listed)
    one = get(server, "/v1/allocations/" + listed[0]["id"])
    for document in (listed[0], one):
        check((document["client"], document["via"]) ==
              ("%s:%d" % who, "%s:%d" % client.sock.getsockname()), "%s", document)
    check(one["user_group"] == "gateways", "%s", one["user_group"])
    client.refresh(0)
    client.close()

    direct = caller(server)
    one = get(server, "/v1/allocations/" + ids(server, "?user=alice")[0])
    check((one["via"], one["user_group"]) == (None, None), "%s", one)
    direct.refresh(0)
    direct.close()


@row
def data_connections_of_a_tcp_allocation(server):
    """Members that only they have (RFC 6062)."""
    client = turnclient_tcp.Control((INSIDE, 443), "tcp", *server.credential())
    client.allocate_tcp()
    path = "/v1/allocations/" + ids(server, "?relay_transport=tcp&dialect=ietf")[0]
    with socket.create_server((PEER, 0)) as listener:
        number = client.connect(listener.getsockname())
        peer = listener.accept()[0]
        with peer:
            wanted = {"peer": "%s:%d" % listener.getsockname(), "direction": "outgoing",
                      "state": "pending", "to_peer_bytes": 0, "to_client_bytes": 0}
            check(get(server, path)["peer_connection_list"] == [wanted], "%s",
                  get(server, path)["peer_connection_list"])
            data = client.bind(number)
            data.send(b"to the peer")
            check(peer.recv(64) == b"to the peer", "the peer got something else")
            peer.sendall(b"back")
            check(data.recv(4) == b"back", "the client got something else")
            wanted.update(state="bound", to_peer_bytes=11, to_client_bytes=4)
            until(lambda: get(server, path)["peer_connection_list"] == [wanted], wanted)
            data.close()
    client.refresh(0)
    client.close()


@row
def a_change_that_waits_for_a_restart(server):
    def channels():
        keys = get(server, "/v1/configuration")["keys"]
        return {k["key"]: (k["value"], k["pending"]) for k in keys}["limits.channels"]

    before = channels()
    check(before[1] is None, "%s waits", before)
    rewrite(server, "stranger_rate = 0", "stranger_rate = 0\n\tchannels = 100")
    status, answer = ask(server, "POST", "/v1/reload")
    check((status, [(c["key"], c["effect"]) for c in answer["changes"]]) ==
          (200, [("limits.channels", "restart")]), "%d %s", status, answer)
    check(channels() == (before[0], "100"), "%s, before %s", channels(), before)
    rewrite(server, "\n\tchannels = 100", "")
    check(ask(server, "POST", "/v1/reload")[0] == 200, "the file of before")
    check(channels() == before, "%s, before %s", channels(), before)


@row
def the_microsoft_dialect_and_both_families(server):
    """Members that only such allocations have; then their key is removed."""
    with open(server.path("keys"), encoding="ascii") as keys:
        text = keys.read()
    with open(server.path("keys"), "w", encoding="ascii") as keys:
        keys.write(text.strip() + " 2020-01-01T00:00:00Z 2099-01-01T00:00:00Z\n")
    check(ask(server, "POST", "/v1/reload")[0] == 200, "keys with bounds")
    check(get(server, "/v1/status")["keys"][0]["not_after"] == "2099-01-01T00:00:00Z", "keys")
    pair, peer = server.credential(form="mras"), Peer()
    dual = turnclient_ms.Client((INSIDE, 3478), "udp", *pair, version=4)
    dual.allocate()
    dual.send(peer.address, b"is permitted by it")
    dual.activate(peer.address)
    one = get(server, "/v1/allocations/" + ids(server, "?relay_transport=udp&key_id=k1")[0])
    check(one["dialect"] == "ms" and one["active_destination"] == "%s:%d" % peer.address, "%s",
          one)
    check(one["second_relayed"].startswith("[::1]:"), "%s", one["second_relayed"])
    check(0 < one["ends_in_ms"] < 1000 * 86400 * 366 * 100, "%s", one["ends_in_ms"])
    dual.release()
    until(lambda: records(server)[-1].get("second_relayed") == one["second_relayed"],
          "the record")

    with socket.create_server((PEER, 0)) as listener:
        stream = turnclient_ms.Client((INSIDE, 443), "tcp", *pair)
        stream.allocate()
        stream.send(listener.getsockname(), b"is permitted by it")
        stream.activate(listener.getsockname())
        one = get(server, "/v1/allocations/" + ids(server, "?relay_transport=tcp")[0])
        check([p["peer"] for p in one["peer_connection_list"]] ==
              ["%s:%d" % listener.getsockname()], "%s", one["peer_connection_list"])
        stream.release()
    for client in (dual, stream):
        client.close()
    with open(server.path("keys"), "w", encoding="ascii") as keys:
        keys.write(text)
    check(ask(server, "POST", "/v1/reload")[0] == 200, "the keys of before")


@row
def what_is_asked_wrongly(server):
    control.wrong_requests(server.path("relay.sock"), server.description, "/v1/drain")


@row
def filters_and_followers(server):
    client = caller(server)
    client.permit((PEER, 7))
    own = client.sock.getsockname()[0]
    for query in ("user=alice", "side=inside", "dialect=ietf", "transport=udp", "key_id=k1",
                  "relay_transport=udp", "client=" + own, "peer=" + PEER, "sort=bytes", "limit=1"):
        check(len(ids(server, "?" + query)) == 1, "nothing for %s", query)
    client.refresh(0)
    get(server, "/v1/counters")
    get(server, "/v1/log-levels")
    followers = []
    try:
        while len(followers) < FOLLOWERS:
            followers.append(Follower(server))
    except SystemExit:
        pass  # the end of those of another row was not noticed yet
    check(ask(server, "GET", "/v1/records?follow=1")[0] == 503, "one more may follow")
    for follower in followers:
        follower.close()


@row
def a_relay_stops_with_followers_connected(server):
    """The last row: the caller stops the relay and expects a clean exit."""
    server.followers = []

    def one_more():
        """Wait: the relay notices a little later that earlier followers have left."""
        try:
            server.followers.append(Follower(server))
        except SystemExit:
            return False
        return True

    until(one_more, "a follower")
    until(one_more, "another follower")


def main():
    netns.begin()
    reason = openapi_check.unavailable()
    if reason:
        print(reason)
        sys.exit(77)
    with netns.running(inside=[INSIDE], outside=OUTSIDE, allow=["127.0.0.0/8"],
                       extra=['software = "one"', "mobility = true",
                              'user_group gateways { users = {"gateway-*"} dscp_peers = ef }'],
                       side_lines={"outside": ["balancers = {%s}" % BALANCER]},
                       settings={"limits": relay.NO_LIMITS["limits"] + ["stranger_rate = 0"],
                                 "ms": ["version = 4", "ipv6 = true"]}) as server:
        server.description = openapi_check.Description("control-mediarelayd.json")
        for test in ROWS:
            print("--- " + test.__name__, flush=True)
            test(server)
        seen = server.description.everything_was_seen(
            # Credentials with a quota: t-gateway. Reservations: t-ms-bandwidth. After a restart:
            # t-taken-up.
            # Devices of the kernel plane: t-offload-turn.
            but=["/OffloadDevices/", "/properties/quota_", "/reservation_expires_in_ms$", "/TakenUp/",
                 "/taken_up$", "/restarts$", "/NextRestart/properties/way$"] +
            (["= 403$"] if os.geteuid() != 0 else []))
    print("%d rows of the control interface; %s" % (len(ROWS), seen))


if __name__ == "__main__":
    main()
