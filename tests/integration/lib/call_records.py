"""What calls send: numbered records that name their sender and receiver, signed; and who takes them."""

import hashlib
import os
import struct
import time


KEY = os.urandom(16)
RECORD = struct.Struct("!4sIIQ")	# magic, sender, receiver, number
MAGIC = b"AVcm"
RECORD_LEN = RECORD.size + 8


def sign(sender, receiver, number):
    head = RECORD.pack(MAGIC, sender, receiver, number)
    return head + hashlib.blake2s(head, key=KEY, digest_size=8).digest()


def open_record(data):
    """(sender, receiver, number), or None if it is none of ours."""
    if len(data) != RECORD_LEN or data[:4] != MAGIC:
        return None
    head = data[:RECORD.size]
    if hashlib.blake2s(head, key=KEY, digest_size=8).digest() != data[RECORD.size:]:
        return None
    return RECORD.unpack(head)[1:]


class Lost(Exception):
    """What must go on has ended."""


class Receiver:
    """One end of one direction: counts what arrives and knows what may."""

    def __init__(self, model, call, name, sender, receiver):
        self.model, self.call, self.name = model, call, name
        self.sender, self.receiver = sender, receiver
        self.highest, self.got, self.twice, self.last = -1, 0, 0, None
        self.buffer = b""	# of a stream
        self.expected = 0

    def _here(self, data):
        record = open_record(data)
        if record is None or record[:2] != (self.sender, self.receiver):
            self.model.wrong_delivery("%s of %s got %s, not one from %d to %d" % (
                self.name, self.call, record or data[:40], self.sender, self.receiver))
            return None
        now = time.monotonic()
        if self.last is not None and self.last <= self.model.killed_at < now:
            self.model.gaps.append(now - self.model.killed_at)
        self.last = now
        self.got += 1
        return record[2]

    def datagram(self, data):
        number = self._here(data)
        if number is None:
            return
        if number <= self.highest:
            self.twice += 1
        self.highest = max(number, self.highest)

    def stream(self, data):
        """Bytes of a stream must come complete and in order."""
        self.buffer += data
        while len(self.buffer) >= RECORD_LEN:
            piece, self.buffer = self.buffer[:RECORD_LEN], self.buffer[RECORD_LEN:]
            number = self._here(piece)
            if number is not None and number != self.expected:
                self.model.wrong_delivery("%s of %s got record %d of its stream, not %d" % (
                    self.name, self.call, number, self.expected))
            self.expected = (self.expected if number is None else number) + 1

    def new_stream(self):
        self.buffer, self.expected = b"", 0
