#!/usr/bin/python3
"""kill -9 at random instants under live calls of every kind and a storm of requests: no allocation is
lost and none comes back, nothing is delivered to the wrong client, ports and quotas add up, and no
permission outlives its deadline. Every fifth process is killed again while it takes over, another fifth
while clients without their connections come back; every fifth time it is a planned restart.

  t-kill-storm.py [--full] [--calls N] [--kills N] [--kinds A,B...] [--seed N] [--no-storm]

--full, or AVEDGE_KILL_STORM=full: 1,000 calls and 200 kills, some ten minutes.
"""
# timeout: 400
# slow: a minute of kills

import argparse
import os
import random
import signal
import tempfile
import time

import lib  # adds ../lib to the path
import call_model
import fdstore
import netns
import relay
from netns import check

INSIDE, OUTSIDE, OUTSIDE6 = "127.0.1.1", "127.0.2.1", "fd7a:1::1"
PEER, PEER6 = "127.0.3.1", "fd7a:1::2"
OPTIONS = {
    "inside": [INSIDE], "outside": [OUTSIDE, OUTSIDE6], "workers": 2,
    "allow": [PEER, PEER6, "127.0.9.0/24"], "extra": ["mobility = true"],
    "settings": {"limits": relay.NO_LIMITS["limits"] + ["stranger_rate = 0"],
                 "relay": ["peer_connections_per_user = 0"]},
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true",
                        default=os.environ.get("AVEDGE_KILL_STORM") == "full")
    parser.add_argument("--calls", type=int)
    parser.add_argument("--kills", type=int)
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--kinds", default=",".join(call_model.KINDS))
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--no-storm", action="store_true")
    parser.add_argument("--store-max", type=int, default=fdstore.STORE_MAX)
    args = parser.parse_args()
    args.calls = args.calls or (1000 if args.full else 100)
    args.kills = args.kills or (200 if args.full else 30)
    return args


class Storm:
    def __init__(self, server, args):
        self.server, self.args, self.service = server, args, server.service
        self.model = call_model.Model(server, PEER, PEER6, rate=1 if args.full else 2,
                                      renew_s=60 if args.full else 15,
                                      storm_pause_s=0.5 if args.full else 0.05)
        self.model.is_serving = lambda: self.service.life.ready is not None
        self.kills = self.restarts = self.again = self.hasty = 0
        self.taken_up = []

    def begin(self):
        args = self.args
        kinds = call_model.some_of_each(args.calls, args.kinds.split(","))
        kinds["witness"] = 5
        self.model.add(kinds)
        if not args.no_storm:
            self.model.storm(max(20, args.calls // 5), "tcp" in args.kinds)
        self.model.settle()

    def end(self, seconds, sig):
        """End the process after that time, in the middle of whatever there is then."""
        before = len(self.service.lives)
        self.service.kill_after(seconds, sig)
        self.model.run(until=lambda: len(self.service.lives) > before, what="the next process")
        self.model.killed(self.service.lives[-2].ended)

    def one(self, number):
        """A kill or a restart, perhaps a second kill meanwhile; then everything is looked at."""
        model = self.model
        if number % 8 == 7:
            # A relay that never lives for a second waits before it starts again.
            model.run(max(1.1 - (time.monotonic() - self.service.life.started), 0))
        planned = number % 5 == 4
        self.end(random.uniform(0.05, 0.35), signal.SIGUSR2 if planned else signal.SIGKILL)
        self.restarts, self.kills = self.restarts + planned, self.kills + (not planned)
        if number % 5 == 2:
            # It may be ready by then, too.
            self.end(random.uniform(0, 0.02), signal.SIGKILL)
            self.again += 1
        if number % 5 == 3:
            # While clients come back whose connections did not survive.
            model.run(until=model.is_serving, what="the next process is not ready")
            self.end(random.uniform(0, 0.3), signal.SIGKILL)
            self.hasty += 1
        model.run(until=model.is_serving, what="the next process is not ready")
        model.give_up(0.3)
        model.probe()
        listed = model.audit()
        self.taken_up.append(self.service.life.gap_ms)
        check(len(self.service.lives) ==
              1 + self.kills + self.restarts + self.again + self.hasty,
              "%d processes after %d kills, %d restarts, %d kills while taking over and %d soon after",
              len(self.service.lives), self.kills, self.restarts, self.again, self.hasty)
        return listed

    def run(self):
        self.begin()
        until = time.monotonic() + self.args.seconds
        for number in range(self.args.kills):
            listed = self.one(number)
            if self.args.full and number % 10 == 9:
                print("%d: %d allocations; %s" % (number + 1, listed, self.model.summary()),
                      flush=True)
            if not self.args.full and time.monotonic() > until:
                break
        self.model.close()
        calls = len(self.model.calls) * len(self.service.lives)
        check(len(self.model.given_up) <= calls // 1000 + 2, "%d streams given up: %s",
              len(self.model.given_up), self.model.given_up[:5])


def main():
    args = arguments()
    netns.begin()
    netns.add_addresses(OUTSIDE6, PEER6)
    random.seed(args.seed)
    with tempfile.TemporaryDirectory(prefix="avedge-") as directory:
        server = fdstore.RelayService(directory, store_max=args.store_max, **OPTIONS).start()
        storm = Storm(server, args)
        try:
            storm.run()
        except BaseException:
            print("seed %d, after %d kills, %d restarts; %s" % (
                args.seed, storm.kills, storm.restarts, storm.model.summary()))
            server.stop()
            print("--- end of the relay's log\n" + server.log()[-3000:])
            raise
        wrong = server.stop()
        check(not wrong, "%s", "; ".join(wrong[:5]))
    gaps = sorted(storm.taken_up)
    print("%d kills, %d more while taking over, %d soon after, %d restarts; ready after %d ms, at most %d ms; %s" % (
        storm.kills, storm.again, storm.hasty, storm.restarts, gaps[len(gaps) // 2], gaps[-1],
        storm.model.summary()))


if __name__ == "__main__":
    main()
