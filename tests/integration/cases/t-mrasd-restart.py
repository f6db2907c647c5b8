#!/usr/bin/python3
# slow: 40 restarts
"""Servers do not notice a restart of mrasd. Four clients ask all the time, over HTTP and SIP, on one connection
and on a new one each time, while mrasd is restarted and killed 20 times each. In a restart that was
planned every request is answered, and connections end between requests only. After a kill, a
request whose connection broke is repeated once, and then answered; connections that are made meanwhile
wait for the next process."""

import os
import random
import sys
import tempfile
import threading
import time

import lib  # adds ../lib to the path
import fdstore
import mras
import netns
import relay
from mras import Client, Refused, http_request, service_request
from mras_bench import INSIDE, LIMITS, OUTSIDE, PORT, RELAYS, SERVERS, make_certificates
from netns import check

RESTARTS = 20
PAUSE_S = 0.02  # of SIP on one connection, which has no word for "this was the last answer"
STORED = "mras.%s.%d" % (INSIDE, PORT)


class Server:
    def __init__(self, directory):
        self.directory, self.address, self.port = directory, INSIDE, PORT


class Asker(threading.Thread):
    """Asks until it is told to stop."""

    def __init__(self, server, sip, keeps):
        super().__init__(daemon=True)
        self.server, self.sip, self.keeps = server, sip, keeps
        self.name = "%s, %s" % ("SIP" if sip else "HTTP",
                                "one connection" if keeps else "a new connection each time")
        self.client = None
        self.over = threading.Event()
        self.answered, self.connections, self.slowest_s = 0, 0, 0.0
        self.repeated = []  # when
        self.wrong = None

    def connect(self):
        self.client = Client(self.server, "trusted", timeout=20)
        self.connections += 1

    def leave(self):
        if self.client is not None:
            self.client.close()
        self.client = None

    def has_ended(self):
        """Has the other side closed, between two requests?"""
        self.client.sock.setblocking(False)
        try:
            return self.client.sock.recv(1) == b""
        except (BlockingIOError, mras.ssl.SSLWantReadError):
            return False
        except (mras.ssl.SSLError, OSError):
            return True
        finally:
            self.client.sock.settimeout(20)

    def ask_once(self):
        if self.client is not None and self.has_ended():
            self.leave()
        if self.client is None:
            self.connect()
        if self.sip:
            self.client.send(service_request()[1])
            first, headers, _ = self.client.response()
            check(first == "SIP/2.0 200 OK", "%s: %s", self.name, first)
            last = False
        else:
            self.client.send(http_request("POST", "/v1/credentials", {"user": "alice"}))
            first, headers, _ = self.client.response()
            check(first.split()[1] in ("200", "201"), "%s: %s", self.name, first)
            last = dict(headers).get("connection") == "close"
        self.answered += 1
        if last or not self.keeps:
            self.leave()

    def ask(self):
        began = time.monotonic()
        try:
            self.ask_once()
        except (Refused, OSError) as why:
            self.repeated.append((time.monotonic(), str(why)))
            self.leave()
            self.ask_once()
        self.slowest_s = max(self.slowest_s, time.monotonic() - began)

    def run(self):
        try:
            while not self.over.is_set():
                self.ask()
                if self.sip and self.keeps:
                    time.sleep(PAUSE_S)
        except BaseException as why:  # of the thread, for main
            self.wrong = why
        self.leave()


def run(service, askers):
    """Restart and kill; returns the gaps of both in milliseconds."""
    gaps = {"restart": [], "kill": []}
    planned = []  # from when to when a planned restart ran
    for _ in range(RESTARTS):
        for how in ("restart", "kill"):
            time.sleep(random.uniform(0.25, 0.5))
            began = time.monotonic()
            life = getattr(service, how)()
            gaps[how].append(life.gap_ms)
            if how == "restart":
                planned.append((began, time.monotonic()))
            check(service.names()[STORED] == 1, "the store has %s", service.names())
            for asker in askers:
                check(asker.wrong is None, "%s: %r", asker.name, asker.wrong)
    return gaps, planned


def main():
    netns.begin()
    reason = mras.unavailable()
    if reason:
        print(reason)
        return 77
    with tempfile.TemporaryDirectory(prefix="avedge-mras-restart-") as directory:
        make_certificates(directory)
        relay.Relay(directory).make_keys()
        mras.write(os.path.join(directory, "mrasd.conf"), mras.config(
            directory, INSIDE, PORT, RELAYS, SERVERS, LIMITS, outside=[OUTSIDE]).encode())
        service = fdstore.Service(relay.program("mrasd"), "-c", os.path.join(directory, "mrasd.conf"),
                                  directory=directory).start()
        try:
            askers = [Asker(Server(directory), sip, keeps)
                      for sip in (False, True) for keeps in (False, True)]
            for asker in askers:
                asker.start()
            gaps, planned = run(service, askers)
            for asker in askers:
                asker.over.set()
            for asker in askers:
                asker.join(30)
                check(not asker.is_alive(), "%s waits for an answer", asker.name)
                check(asker.wrong is None, "%s: %r", asker.name, asker.wrong)
                in_vain = [why for at, why in asker.repeated
                           if any(begin <= at <= end for begin, end in planned)]
                check(not in_vain, "%s: a planned restart broke a request: %s", asker.name, in_vain)
                print("%s: %d answers on %d connections, %d repeated after a kill, the slowest took "
                      "%d ms" % (asker.name, asker.answered, asker.connections, len(asker.repeated),
                                 1000 * asker.slowest_s))
            status = service.stop()
            check(status == 0, "mrasd ended with status %s", status)
            wrong = [life.status for life in service.lives[:-1] if life.status not in (0, -9)]
            check(not wrong, "mrasd ended with %s:\n%s", wrong, service.log()[-2000:])
            check(not relay.REPORT.search(service.log()), "%s", service.log()[-3000:])
        finally:
            service.close()
    for how, times in gaps.items():
        print("%s: %d ms without a process in the middle, %d ms at most"
              % (how, sorted(times)[len(times) // 2], max(times)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
