#!/usr/bin/python3
# timeout: 240
# slow: waits for an allocation to expire
"""Whatever ends an allocation, the end of the relay too, or refuses its peer, ends what the kernel forwards
for it: within a second, while client and peer go on sending. The record says packet by packet what
has arrived."""

import re
import threading
import time

import lib  # adds ../lib to the path
import kernel_plane
import turnclient
from netns import check

PPS = 300
STOPS_S = 1.0
LIFETIME_S = 60


class Ending:
    """Traffic both ways, and in the middle of it something that ends it."""

    def __init__(self, bed, call, end, others=()):
        self.bed, self.call, self.end = bed, call, end
        self.ended_at = None
        self.began = time.monotonic()
        kernel_plane.run([call, *others], 3.0, PPS, meanwhile=self.meanwhile)
        check(self.ended_at is not None, "it was never ended")

    def meanwhile(self):
        """Called between packets."""
        now = time.monotonic()
        if self.ended_at is None:
            if now - self.began > 0.7:
                self.end(self.call)
                self.ended_at = time.monotonic()
            return False
        if now - self.ended_at < STOPS_S:
            return False
        self.call.drain()
        self.after = self.call.arrived()
        return True

    def check_stopped(self, what):
        self.call.settle()
        check(self.call.arrived() == self.after, "%s: %s packets arrived later than %.0f s after it",
              what, tuple(n - m for n, m in zip(self.call.arrived(), self.after)), STOPS_S)


def release(call):
    """Refresh with lifetime 0, while packets arrive."""
    call.client.backlog.clear()
    call.client.refresh(0)
    for late in call.client.backlog:
        if isinstance(late, turnclient.ChannelData):
            call._note(late.data, "client")


def ends(bed, others, name, end, reason, user=None):
    call = bed.call(user=user)
    bed.until_offloaded(call)
    before = bed.forwarded()
    ending = Ending(bed, call, end, others)
    ending.check_stopped(name)
    check(bed.forwarded() - before > 1.2 * 0.7 * PPS, "%s: the kernel had forwarded little of it", name)
    record = bed.record_of(call)
    check(record["reason"] == reason, "%s: the record says %s", name, record["reason"])
    call.check_record(record)
    check(not call.strange, "%s: %s", name, call.strange[:3])
    lost = [call.lost(who) for who in ("c", "p")]
    sent = [call.sent[who] for who in ("c", "p")]
    # All before it came, and nothing after it.
    for who, gone in zip(("c", "p"), lost):
        check(gone == list(range(call.sent[who] - len(gone) + 1, call.sent[who] + 1)),
              "%s: lost %s before the end", name, gone[:10])
    print("%-22s %5d and %5d of %d and %d sent" % (name, *call.arrived(), *sent), flush=True)


def permitted(bed, others):
    """A reload that refuses the peer: the allocation stays, its packets do not."""
    call = bed.call(peer=1)
    bed.until_offloaded(call)

    def deny(_):
        bed.rewrite("peers {\n", 'peers {\n\tdeny = "%s"\n' % kernel_plane.PEERS[1])
        bed.ctl("reload")
    ending = Ending(bed, call, deny, others)
    ending.check_stopped("policy")
    call.client.refresh(0)
    call.check_record(bed.record_of(call))
    print("%-22s %5d and %5d" % ("policy", *call.arrived()), flush=True)


def stopped(bed):
    """SIGTERM, for the relay."""
    call = bed.call()
    bed.until_offloaded(call)
    wrong = []
    stop = threading.Thread(target=lambda: wrong.extend(bed.server.stop()))
    ending = Ending(bed, call, lambda _: stop.start())
    stop.join()
    check(not wrong, "the relay did not stop well: %s", wrong)
    ending.check_stopped("stopped")
    line = re.findall("allocation ended .*RELAYED=%s:%d .*" % call.relayed, bed.server.log())
    check(len(line) == 1 and line[0].endswith("REASON=shutdown"), "in the log: %s", line)
    call.check_record({"%s_%s" % (unit, way): int(re.search("%s_%s=([0-9]+)" % (unit, way.upper()),
                                                           line[0], re.IGNORECASE).group(1))
                       for unit in ("packets", "bytes") for way in ("to_peer", "to_client")})
    bed.until(lambda: all("%s: detached" % device in bed.loader_log() for device in ("in0", "out0")),
              "the loader has detached its programs")
    print("%-22s %5d and %5d" % ("stopped", *call.arrived()), flush=True)


def main():
    kernel_plane.begin()
    began = time.monotonic()
    options = {"settings": {"limits": ["lifetime_default = %ds" % LIFETIME_S]}}
    with kernel_plane.testbed(relay_options=options) as bed:
        revoked = bed.server.path("revoked")
        with open(revoked, "w", encoding="ascii") as out:
            out.write("# nobody\n")
        bed.rewrite("realm = ", 'revoked_users = "%s"\nrealm = ' % revoked)
        bed.ctl("reload")

        expiring = bed.call(lifetime=LIFETIME_S)
        made = time.monotonic()
        bed.until_offloaded(expiring)

        def revoke(_):
            with open(revoked, "a", encoding="ascii") as out:
                out.write("mallory\n")
            bed.ctl("reload")

        others = [expiring]
        ends(bed, others, "released", release, "released")
        ends(bed, others, "killed", lambda _: bed.ctl("kill", "--user", "bob"), "killed", "bob")
        ends(bed, others, "revoked", revoke, "revoked", "mallory")
        permitted(bed, others)

        before_s = LIFETIME_S - (time.monotonic() - made) - 2
        check(before_s > 0, "too slow to see it expire")
        expiring.run(before_s, 50)
        check(not expiring.lost("c") and not expiring.lost("p"), "lost some before it expired")
        expiring.run(3.5, PPS)
        expiring.settle()
        after = expiring.arrived()
        expiring.run(0.5, PPS)
        expiring.settle()
        check(expiring.arrived() == after, "it goes on after its end")
        record = bed.record_of(expiring)
        check(record["reason"] == "expired", "expired: the record says %s", record["reason"])
        check(abs(record["duration_ms"] - 1000 * LIFETIME_S) < 1500, "it lasted %d ms",
              record["duration_ms"])
        expiring.check_record(record)
        bed.until(lambda: bed.flows() == 0, "all flows are gone")
        stopped(bed)
    print("everything that ended stopped within %.0f s, and its record is exact (%.0f s)"
          % (STOPS_S, time.monotonic() - began))


if __name__ == "__main__":
    main()
