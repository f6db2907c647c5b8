"""Mobility with TURN (RFC 8016) for turnclient.py."""

import os

import turnclient as t

MOBILITY_TICKET = 0x8030


class Client(t.Client):
    """A TURN client that asks for a ticket, and takes over from another one with it."""
    ticket = None

    def _keep_ticket(self, reply):
        self.ticket = reply.get(MOBILITY_TICKET)
        if not self.ticket:
            raise ValueError("no ticket in %r" % reply)
        return reply

    def allocate(self, *attrs):
        return self._keep_ticket(super().allocate((MOBILITY_TICKET, b""), *attrs))

    def come(self, old, *attrs):
        """A Refresh with the ticket of old; returns the response, success or not."""
        reply = self.request(t.REFRESH, ((MOBILITY_TICKET, old.ticket),) + attrs)
        if reply.cls == t.SUCCESS and reply.number(t.LIFETIME):
            self._keep_ticket(reply)
            self.relayed = old.relayed
        return reply

    def again(self, old, txid=None):
        """The same as bytes, to be sent more than once."""
        if self.nonce is None:
            self.challenge()
        return self.signed(t.REFRESH, [(MOBILITY_TICKET, old.ticket)], txid or os.urandom(12))
