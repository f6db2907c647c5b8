"""Clients that allocate, bind, permit, refresh and delete all the time, and know what must be there."""

import collections
import random
import struct
import time

import turnclient as t
from call_client import CHANNEL, Client, Task
from call_records import Lost, open_record

QUEUE_S = 10	# that a request may lie in a queue while no relay runs


class Stormer:
    """One 5-tuple that asks all the time. state: "absent", "present" or "undecided"."""
    PEERS = 4

    def __init__(self, model, number, user, transport):
        self.model, self.number, self.user = model, number, user
        self.state, self.doing = "absent", None
        self.permitted = {}	# peer address -> when it was last surely permitted, at the latest
        self.channels = {}	# number -> peer
        self.asked = collections.Counter()
        self.rests = False
        self.client = Client(model, transport, "ietf", user, self)
        self.task = Task(model, self.run(), self)

    def __str__(self):
        return "storm client %d (%s, %s, %s, relayed %s)" % (
            self.number, self.client.local, self.state, self.doing, self.client.relayed)

    def failed(self, error):
        self.model.lost.append(str(error))

    def client_closed(self, client, error):
        self.failed(Lost("%s: the relay closed its connection: %s" % (self, error)))

    def data(self, client, origin, data):
        self.model.wrong_delivery("%s got data of %s: %s" % (self, origin, open_record(data)))

    def peer(self):
        # Nobody is there: permissions only.
        return "127.0.9.%d" % random.randint(1, self.PEERS), 9

    def run(self):
        while True:
            while self.rests:
                yield from self.model.sleep(0.02)
            if self.state == "undecided":
                yield from self.decide()
            elif self.state == "absent":
                yield from self.allocate()
            else:
                yield from random.choice((self.refresh, self.permit, self.bind, self.permit,
                                          self.bind, self.delete))()
            self.doing = None
            yield from self.model.sleep(self.model.storm_pause_s * random.random())

    def begin(self, what):
        self.doing = what
        self.asked[what] += 1

    def allocate(self):
        self.begin("allocate")
        self.permitted, self.channels = {}, {}
        reply = yield from self.client.ask(t.ALLOCATE, t.UDP_TRANSPORT)
        if reply.code == 437:	# it was made, and the answer to this one is not repeated
            self.model.answers_lost.append("%s: %r" % (self, reply))
            self.state = "undecided"
            return
        if reply.cls != t.SUCCESS:
            raise Lost("%s: Allocate: %r %s" % (self, reply, reply.get(t.ERROR_CODE)))
        self.client.relayed = [reply.address(t.XOR_RELAYED_ADDRESS)]
        self.model.ever_relayed.append(self.client.relayed[0])
        self.state = "present"

    def must(self, reply):
        if reply.code == 437:
            raise Lost("%s: its allocation is gone: %r" % (self, reply))
        if reply.cls != t.SUCCESS:
            raise Lost("%s: %r %s" % (self, reply, reply.get(t.ERROR_CODE)))

    def refresh(self):
        self.begin("refresh")
        self.must((yield from self.client.ask(t.REFRESH, t.u32(t.LIFETIME, 700))))

    def permit(self):
        self.begin("permit")
        peer = self.peer()
        # From now on it may be there; known to be from the answer on.
        self.permitted.setdefault(peer[0], None)
        self.must((yield from self.client.ask(t.CREATE_PERMISSION, peer=[peer])))
        self.permitted[peer[0]] = time.monotonic()

    def bind(self):
        self.begin("bind")
        peer = self.peer()
        number = CHANNEL + int(peer[0].rsplit(".", 1)[1])
        self.permitted.setdefault(peer[0], None)
        self.channels.setdefault(number, False)
        self.must((yield from self.client.ask(
            t.CHANNEL_BIND, (t.CHANNEL_NUMBER, struct.pack("!HH", number, 0)), peer=[peer])))
        self.permitted[peer[0]] = time.monotonic()
        self.channels[number] = True

    def delete(self):
        self.begin("delete")
        reply = yield from self.client.ask(t.REFRESH, t.u32(t.LIFETIME, 0))
        if reply.code != 437:	# which a repetition gets
            self.must(reply)
        self.state = "absent"

    def decide(self):
        """A client that gave its request up looks whether it has an allocation."""
        self.begin("decide")
        reply = yield from self.client.ask(t.REFRESH, t.u32(t.LIFETIME, 0))
        if reply.code != 437:
            self.must(reply)
        self.state = "absent"

    def give_up(self):
        """Forget the request in flight, if there is one: the model does not know what came of it."""
        if not self.client.pending or self.doing is None:
            return False
        self.client.abandon()
        if self.doing in ("allocate", "delete", "decide"):
            self.state = "undecided"
        self.doing = None
        self.task.done = True
        self.model.tasks -= 1
        self.task = Task(self.model, self.run(), self)
        return True

    def close(self):
        self.client.close()
