"""Headers of the PROXY protocol, clients that send them, and a balancer of datagrams.

No packaged balancer puts PROXY headers in front of datagrams that are not DNS, so UdpBalancer does:
one socket towards the relay for each client, a header in front of every datagram to the relay, none
expected in front of what comes back, as dnsdist does it.
"""

import ipaddress
import selectors
import socket
import struct
import threading
import time

import turnclient as t

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL, PROXY = 0x20, 0x21
STREAM, DGRAM = 1, 2
CRC32C = 0x03


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def v2(client, server, kind=STREAM, command=PROXY, tlvs=(), checksum=False):
    """client and server: (address, port), of one family; tlvs: (type, bytes)."""
    ips = [ipaddress.ip_address(address) for address, _ in (client, server)]
    family = 1 if ips[0].version == 4 else 2
    body = b"".join(ip.packed for ip in ips) + struct.pack("!HH", client[1], server[1])
    for number, value in tlvs:
        body += struct.pack("!BH", number, len(value)) + value
    at = None
    if checksum:
        at = 16 + len(body) + 3
        body += struct.pack("!BHI", CRC32C, 4, 0)
    header = SIGNATURE + struct.pack("!BBH", command, family << 4 | kind, len(body)) + body
    if at:
        header = header[:at] + struct.pack("!I", crc32c(header)) + header[at + 4:]
    return header


def local():
    return SIGNATURE + struct.pack("!BBH", LOCAL, 0, 0)


def v1(client, server):
    family = "TCP6" if ":" in client[0] else "TCP4"
    return ("PROXY %s %s %s %d %d\r\n" % (family, client[0], server[0], client[1],
                                          server[1])).encode()


def connect(server, source, header=b"", timeout=10.0):
    """A TCP connection from that address with these bytes in front."""
    sock = socket.socket(socket.AF_INET6 if ":" in server[0] else socket.AF_INET)
    sock.settimeout(timeout)
    sock.bind((source, 0))
    sock.connect(server)
    if header:
        sock.sendall(header)
    return sock


def client(server, source, header, transport="tcp", user=None, password=None, timeout=10.0):
    """A TURN client behind a balancer at source."""
    return t.Client(server, transport, user, password, timeout=timeout,
                    sock=connect(server, source, header, timeout))


class UdpBalancer:
    """Takes datagrams at an address, hands them to the relay from another one."""

    def __init__(self, listen, source, relay, headers=True):
        self.relay, self.source, self.headers = relay, source, headers
        self.front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.front.bind(listen)
        self.listen = self.front.getsockname()
        self.backs = {}  # by client
        self.seen = 0    # headers in what the relay sends
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.front, selectors.EVENT_READ)
        self.ended, self.forgets = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def back(self, peer):
        if peer not in self.backs:
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind((self.source, 0))
            sock.connect(self.relay)
            self.backs[peer] = sock
            self.selector.register(sock, selectors.EVENT_READ, peer)
        return self.backs[peer]

    def restart(self):
        """Hand on everything from other ports from now on."""
        self.forgets.set()
        while self.forgets.is_set():
            time.sleep(0.01)

    def forget(self):
        for sock in self.backs.values():
            self.selector.unregister(sock)
            sock.close()
        self.backs = {}

    def run(self):
        while not self.ended.is_set():
            if self.forgets.is_set():
                self.forget()
                self.forgets.clear()
            for key, _ in self.selector.select(0.05):
                try:
                    self.hand_on(key)
                except OSError:
                    pass

    def hand_on(self, key):
        if key.fileobj is not self.front:
            data = key.fileobj.recv(65536)
            self.seen += data.startswith(SIGNATURE)
            self.front.sendto(data, key.data)
            return
        data, peer = self.front.recvfrom(65536)
        header = v2(peer, self.listen, DGRAM, checksum=True) if self.headers else b""
        self.back(peer).send(header + data)

    def close(self):
        self.ended.set()
        self.thread.join()
        self.front.close()
        self.forget()
