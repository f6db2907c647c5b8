"""Clients and peers of many calls in one thread, and a model of what the relay must know about them.

Calls of every kind send numbered media both ways; each payload names its sender and receiver and is
signed, so that one in the wrong place is noticed. The storm allocates, binds, permits, refreshes and
deletes all the time and notes each answer. So the model knows at any moment which allocations must
exist, which must not, and which are undecided because their request has no answer yet. audit() asks the
relay over the control interface, probe() by the wire.

	model = Model(server)                    # a relay.Relay that serves
	model.add({"udp": 10, "tcp": 10}); model.storm(20)
	model.settle()                           # all calls are set up
	model.at(0.5, server.kill); model.run(1) # timers run in the loop
	model.audit()                            # raises SystemExit with what is wrong

It shares no code with the relay; the messages are those of turnclient.py and turnclient_ms.py.
"""

import collections
import heapq
import itertools
import random
import resource
import select
import socket
import ssl
import time

import control
import turnclient as t
import turnclient_tcp as tcp
from call_client import ANSWER_S, Flow, PERMISSION_S, TCP, UDP, User, endpoint
from call_kinds import CLASSES, KINDS, Witness
from call_records import sign
from call_storm import QUEUE_S, Stormer
from netns import check


class Model:
    """rate: datagrams a second and direction of each call; renew_s: how often calls refresh."""

    def __init__(self, server, peer_ip="127.0.3.1", peer_ip6="fd7a:1::2", rate=2, renew_s=20,
                 storm_pause_s=0.05, users=8):
        self.server = server
        self.udp, self.tcp = (server.inside[0], server.udp_port), (server.inside[0],
                                                                   server.tcp_port)
        self.peer_ip, self.peer_ip6 = peer_ip, peer_ip6
        self.rate, self.renew_s, self.storm_pause_s = rate, renew_s, storm_pause_s
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.tls = t.tls_context(server.path("ca.pem"))
        self.tls.check_hostname = False
        self.poll = select.epoll()
        self.flows, self.timers, self.numbers = {}, [], itertools.count()
        self.waiting = set()	# clients with requests in flight
        self.current, self.tasks = None, 0
        self.calls, self.stormers = [], []
        self.users = [User(server, "user%d" % i) for i in range(users)]
        self.lost, self.wrong, self.given_up, self.answers_lost = [], [], [], []
        self.counts = collections.Counter()
        self.ever_relayed = collections.deque(maxlen=2000)
        self.killed_at, self.gaps = float("inf"), []
        self.is_serving = lambda: True
        self.next_call = 0
        self.media = self.rests = False
        stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        stranger.bind(("127.0.8.8", 0))
        self.stranger = Flow(self, stranger, lambda *_: self.wrong_delivery("the stranger hears"))
        self.at(0.1, self._resend)

    # time

    def at(self, seconds, function):
        heapq.heappush(self.timers, (time.monotonic() + seconds, next(self.numbers), function))

    def sleep(self, seconds):
        task = self.current
        self.at(seconds, lambda: task.resume(None))
        yield

    def tls_connection(self):
        """A socket after its handshake, during which everything else goes on."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.settimeout(5)
        until = time.monotonic() + 5
        try:
            sock.connect(self.tcp)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setblocking(False)
            sock = self.tls.wrap_socket(sock, do_handshake_on_connect=False)
            while True:
                try:
                    sock.do_handshake()
                    return sock
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    if time.monotonic() > until:
                        raise TimeoutError("no TLS handshake in 5 s") from None
                yield from self.sleep(0.01)
        except OSError:
            sock.close()
            raise

    def until_serving(self):
        yield from self.sleep(0.02)
        while not self.is_serving():
            yield from self.sleep(0.02)

    def waits(self, client):
        self.waiting.add(client)

    def _resend(self):
        now = time.monotonic()
        for client in list(self.waiting):
            if client.pending:
                client.resend(now)
            else:
                self.waiting.discard(client)
        self.at(0.1, self._resend)

    def run(self, seconds=None, until=None, what="that did not happen"):
        """The loop: for a time, or until a condition holds; then what did not happen is an error."""
        end = time.monotonic() + (ANSWER_S * 2 if seconds is None else seconds)
        while True:
            now = time.monotonic()
            if until is not None and until():
                return
            if now >= end:
                check(until is None, "%s: %s", what, "; ".join(self.lost[:3]))
                return
            while self.timers and self.timers[0][0] <= now:
                heapq.heappop(self.timers)[2]()
            wait = min(end, self.timers[0][0] if self.timers else end) - time.monotonic()
            for fd, events in self.poll.poll(max(wait, 0)):
                if fd in self.flows:
                    self.flows[fd].ready(events)

    # what there is

    def add(self, kinds):
        for kind, count in kinds.items():
            for _ in range(count):
                self.next_call += 1
                call = CLASSES[kind](self, kind, self.next_call,
                                     self.users[self.next_call % len(self.users)])
                self.calls.append(call)
                if self.next_call % 32 == 0:
                    self.run(0.02)

    def storm(self, count, tcp=True):
        """So many clients, every fourth over TCP."""
        for i in range(count):
            self.next_call += 1
            self.stormers.append(Stormer(self, self.next_call, self.users[i % len(self.users)],
                                         TCP if tcp and i % 4 == 3 else UDP))

    def settle(self):
        self.run(until=lambda: self.lost or all(c.ready for c in self.calls),
                 what="calls do not begin")
        self.complain()
        for call in self.calls:
            self.ever_relayed.extend(a for a in call.client.relayed if ":" not in a[0])
        if not self.media:
            self.media = True
            self.at(0, self._media)

    def _media(self, at=0, began=None):
        """A slice of the calls every 10 ms, so that each has its turn `rate` times a second."""
        slices = max(int(100 / self.rate), 1)
        for call in self.calls[at % slices::slices]:
            if call.ready and not call.ended:
                call.tick()
        if at % 4 == 0 and self.ever_relayed:
            self.stranger.send_to(sign(0, 0, at), random.choice(self.ever_relayed))
        began = time.monotonic() if began is None else began
        self.at(max(began + (at + 1) * 0.01 - time.monotonic(), 0),
                lambda: self._media(at + 1, began))

    def killed(self, at):
        """The relay ended then."""
        self.killed_at = at

    def give_up(self, share):
        """So many of the storm's clients drop what they have in flight."""
        self.counts["given up"] += sum(s.give_up() for s in self.stormers
                                       if random.random() < share)

    def wrong_delivery(self, text):
        self.wrong.append(text)

    def complain(self):
        check(not self.wrong, "wrong delivery, %d times: %s", len(self.wrong),
              "; ".join(self.wrong[:3]))
        check(not self.lost, "lost, %d: %s", len(self.lost), "; ".join(self.lost[:3]))

    # checks

    def probe(self, seconds=15):
        """By the wire: media of every call arrives in both directions again."""
        before = {call: call.received() for call in self.calls if not call.ended}

        def silent():
            return [call for call, had in before.items() if not call.ended and (
                not call.ready or any(n <= m for n, m in zip(call.received(), had)))]
        until = time.monotonic() + seconds
        while silent() and not self.wrong and not self.lost:
            self.run(0.05)
            check(time.monotonic() < until, "no media of %d calls: %s; dropped: %s", len(silent()),
                  [(str(c), c.ready, before[c], c.received()) for c in silent()[:5]],
                  {k: n for k, n in self.ask("/v1/counters")["drops"].items() if n})
        self.complain()

    def rest(self):
        """Until nothing of the storm is in flight, and no allocation goes from worker to worker: their
        tables are listed one after the other."""
        self.rests = True
        for stormer in self.stormers:
            stormer.rests = True
        self.run(until=lambda: not any(s.client.pending for s in self.stormers) and
                 not any(getattr(c, "moves", False) for c in self.calls),
                 what="requests without answers")

    def go_on(self):
        self.rests = False
        for stormer in self.stormers:
            stormer.rests = False

    def ask(self, target):
        """A document of the control interface."""
        status, document = control.ask(self.server.path("relay.sock"), "GET", target)
        check(status == 200, "%s: %s", target, document)
        return document

    def audit(self, samples=8):
        """The relay's view against the model. The storm rests meanwhile."""
        self.rest()
        rows = self.ask("/v1/allocations")["allocations"]
        status = self.ask("/v1/status")
        ports = self.ask("/v1/ports")["ports"]
        limits = self.ask("/v1/limits")
        self.complain()
        by_relayed = {(row["relay_transport"], row["relayed"]): row for row in rows}
        check(len(by_relayed) == len(rows), "a relayed address is listed twice")
        by_client = collections.Counter((row["client"], row["transport"]) for row in rows)
        check(all(n == 1 for n in by_client.values()), "a 5-tuple is listed twice")
        check(len({row["id"] for row in rows}) == len(rows), "an id is listed twice")
        known = set()
        for call in self.calls:
            if not call.exists or call.ended:
                continue
            client, relayed = call.listed()
            key = call.relay_transport, relayed[0]
            row = by_relayed.get(key)
            check(row, "%s is not listed", call)
            known.add(key)
            check(client is None or client in (row["client"], row["moving_to"]),
                  "%s: listed of client %s", call, row["client"])
            second = row["second_relayed"]
            check(([second] if second else []) == relayed[1:], "%s: its second address is %s",
                  call, second)
        undecided = 0
        for stormer in self.stormers:
            mine = [row for row in rows if row["client"] == endpoint(stormer.client.local) and
                    (row["transport"] == "udp") == (stormer.client.transport == UDP)]
            check(len(mine) <= 1, "%s is listed %d times", stormer, len(mine))
            if stormer.state == "present":
                check(mine and mine[0]["relayed"] == endpoint(stormer.client.relayed[0]),
                      "%s: listed is %s", stormer, mine)
            elif stormer.state == "absent":
                check(not mine, "%s is listed: %s", stormer, mine)
            undecided += stormer.state == "undecided"
            known.update((row["relay_transport"], row["relayed"]) for row in mine)
        extra = set(by_relayed) - known
        check(not extra, "nobody's allocations: %s", [by_relayed[r] for r in extra])
        self._sums(rows, status, ports, limits)
        with_time = random.sample([s for s in self.stormers if s.state == "present"],
                                  min(samples, sum(s.state == "present" for s in self.stormers)))
        for stormer in with_time:
            self._permissions(stormer, by_relayed)
        for call in self.calls:
            if isinstance(call, Witness) and not call.ended:
                self._witness(call, by_relayed)
        self.counts["undecided"] += undecided
        self.go_on()
        return len(rows)

    def _sums(self, rows, status, ports, limits):
        """Ports, quotas and status say the same as the list."""
        addresses = [(row["relay_transport"], row[key]) for row in rows
                     for key in ("relayed_local", "second_relayed_local") if row[key]]
        check(status["allocations"] == len(rows), "status says %d allocations, listed are %d",
              status["allocations"], len(rows))
        workers = sum(worker["allocations"] for worker in status["per_worker"])
        check(workers == len(rows), "workers have %d, listed are %d", workers, len(rows))
        used = sum(pool["used"] for pool in status["ports"])
        check(used == len(addresses), "%d ports in use for %d relayed addresses", used,
              len(addresses))
        shown = {(row["protocol"], endpoint((row["address"], row["port"]))) for row in ports}
        missing = [a for a in addresses if a not in shown]
        check(not missing, "open ports lack %s", missing[:3])
        users = collections.Counter((row["user"], row["dialect"]) for row in rows)
        for row in limits["users"]:
            have = users[(row["user"], row["dialect"])]
            check(row["allocations"] == have, "quota of %s: %d, listed are %d", row["user"],
                  row["allocations"], have)

    def _permissions(self, stormer, by_relayed):
        row = by_relayed["udp", endpoint(stormer.client.relayed[0])]
        full = self.ask("/v1/allocations/" + row["id"])
        now = time.monotonic()
        listed = {p["peer"]: p["expires_in_ms"] for p in full["permission_list"]}
        for ip, left in listed.items():
            check(ip in stormer.permitted, "%s: %s is permitted", stormer, ip)
            latest = stormer.permitted[ip]
            check(left is not None and left <= PERMISSION_S * 1000, "%s: %s ms", stormer, left)
            if latest is not None and not stormer.client.pending:
                # A request that was sent again, or given up, may have been handled later.
                check(left / 1000 <= latest + PERMISSION_S - now + QUEUE_S,
                      "%s: permission of %s lasts %d ms more, %.1f s after it was made", stormer,
                      ip, left, now - latest)
        for ip, latest in stormer.permitted.items():
            if latest is not None and now < latest + PERMISSION_S - 2:
                check(ip in listed, "%s: %s is not permitted any more", stormer, ip)
        channels = {c["number"] for c in full["channel_list"]}
        for number, sure in stormer.channels.items():
            check(not sure or number in channels, "%s: channel %#x is gone", stormer, number)
        check(channels <= set(stormer.channels), "%s: channels %s", stormer, channels)

    def _witness(self, call, by_relayed):
        """Its permission was never renewed."""
        row = by_relayed["udp", endpoint(call.client.relayed[0])]
        full = self.ask("/v1/allocations/" + row["id"])
        left = [p["expires_in_ms"] / 1000 for p in full["permission_list"]]
        ends_in = call.answered + PERMISSION_S - time.monotonic()
        check(len(left) <= 1 and all(s <= ends_in + 1 for s in left),
              "%s: its permission lasts %s s more, not %.1f", call, left, ends_in)
        check(left or ends_in < 2, "%s: its permission is gone %.1f s early", call, ends_in)

    def close(self):
        for call in self.calls:
            call.close()
        for stormer in self.stormers:
            stormer.close()
        self.stranger.close()
        self.poll.close()

    def summary(self):
        """One line for the end of a test."""
        gaps = sorted(self.gaps) or [0]
        twice = sum(r.twice for c in self.calls for r in c.to_peer + c.to_client)
        asked = sum((s.asked for s in self.stormers), collections.Counter())
        return "%d calls, %d requests of the storm, silence %d ms at the median, %d at the 99th " \
            "percentile, %d datagrams twice; %s" % (
                len(self.calls), sum(asked.values()), 1000 * gaps[len(gaps) // 2],
                1000 * gaps[len(gaps) * 99 // 100], twice,
                ", ".join("%s: %d" % item for item in sorted(self.counts.items())))


def some_of_each(count, kinds=KINDS):
    """{kind: number}, count in all; a few of those that cost connections and much of none."""
    weights = {"udp": 6, "tcp": 4, "ms-udp": 4, "dual": 2, "tcp-out": 2, "tcp-in": 2}
    total = sum(weights.get(kind, 1) for kind in kinds)
    numbers = {kind: max(1, count * weights.get(kind, 1) // total) for kind in kinds}
    numbers[kinds[0]] += count - sum(numbers.values())
    return numbers
