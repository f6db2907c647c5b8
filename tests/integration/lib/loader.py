"""avedge-offload, and a relay that talks to it (relay/offload/loader_message.h)."""

import array
import os
import signal
import socket
import struct
import subprocess
import time

import relay

OPEN, DEVICES, CLOSE, ANSWER, REFUSED = range(5)
AUTO, TC, XDP, OFF = range(4)
WHY_MAX, DEVICES_MAX, DESCRIPTORS = 256, 32, 5
HEAD = struct.Struct("=IIIII%ds" % WHY_MAX)
DEVICE = struct.Struct("=IBB2x%ds" % WHY_MAX)
LEASE_S = 10
PROGRAM = os.path.join(relay.BUILD, "avedge-offload")


def text(field):
    return field.split(b"\0")[0].decode()


def encode(kind, flows=0, resumed=0, devices=(), version=1):
    return HEAD.pack(version, kind, flows, resumed, len(devices), b"") + \
        b"".join(DEVICE.pack(ifindex, mode, 0, b"") for ifindex, mode in devices)


class Answer:
    def __init__(self, packet, descriptors):
        _, self.kind, self.flows, self.resumed, count, why = HEAD.unpack_from(packet)
        self.why = text(why)
        self.descriptors = descriptors
        self.devices = {}
        for at in range(count):
            ifindex, mode, is_tcx, why = DEVICE.unpack_from(packet, HEAD.size + at * DEVICE.size)
            self.devices[ifindex] = (mode, is_tcx, text(why))

    def drop(self):
        """Close the tables."""
        for fd in self.descriptors:
            os.close(fd)
        self.descriptors = []


class Client:
    """A relay, as far as the loader can see."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.connect(path)  # waits for room in its queue
        self.socket.settimeout(20)

    def send(self, packet, descriptors=()):
        self.socket.sendmsg([packet], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                        array.array("i", descriptors))] if descriptors else [])

    def receive(self):
        """None: the loader has closed the connection."""
        try:
            packet, control, _, _ = self.socket.recvmsg(65536, socket.CMSG_SPACE(4 * 16))
        except ConnectionResetError:  # it has not read all; what it said before comes next
            return self.receive()
        descriptors = array.array("i")
        for level, kind, data in control:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors.frombytes(data)
        return Answer(packet, list(descriptors)) if packet else None

    def ask(self, packet):
        self.send(packet)
        return self.receive()

    def open(self, devices=(), flows=1024, takes_over=False):
        return self.ask(encode(OPEN, flows, int(takes_over), devices))

    def use(self, devices):
        return self.ask(encode(DEVICES, devices=devices))

    def close(self):
        """As a relay that stops; back when the loader has done its part."""
        self.send(encode(CLOSE))
        left = self.receive()
        self.socket.close()
        return left

    def vanish(self):
        self.socket.close()


class Loader:
    def __init__(self, directory, *options):
        self.path = os.path.join(directory, "loader.sock")
        self.log_path = os.path.join(directory, "loader.log")
        self.options = options
        self.process = None

    def start(self):
        with open(self.log_path, "ab") as log:
            begun = log.tell()
            self.process = subprocess.Popen(
                [PROGRAM, "--socket", self.path, "--log-level", "debug", *self.options],
                stderr=log)
        until = time.monotonic() + 30
        while "waiting for a relay" not in self.log()[begun:]:
            if self.process.poll() is not None or time.monotonic() > until:
                raise SystemExit("FAIL: avedge-offload does not start\n" + self.log()[begun:])
            time.sleep(0.02)
        return self

    def stop(self, with_signal=signal.SIGTERM):
        """The exit status."""
        if self.process is None:
            return 0
        self.process.send_signal(with_signal)
        status = self.process.wait(30)
        self.process = None
        return status

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def connect(self):
        return Client(self.path)
