"""fake_daemon - mediarelayd and mrasd as docs/control-api.md describes them, without any relaying.

A server on a UNIX socket with a state that a test sets and reads; it remembers requests.
"""
import http.server
import json
import re
import socketserver
import threading
import time
import urllib.parse

NAMES = ("user", "side", "dialect", "transport", "relay_transport", "client", "peer", "key_id",
         "sort", "limit")


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 16

    def get_request(self):
        connection, _ = super().get_request()
        return connection, ("local", 0)

    def handle_error(self, request, client_address):
        pass                    # a client that goes away is none


def allocation(number, **more):
    row = {"id": "%016x" % (0xabc0000000000000 + number), "user": "user%d" % number,
           "key_id": "k1", "side": "inside", "transport": "udp", "relay_transport": "udp",
           "dialect": "ietf", "client": "10.0.0.9:%d" % (4000 + number),
           "relayed": "192.0.2.1:%d" % (50000 + number),
           "relayed_local": "192.0.2.1:%d" % (50000 + number), "age_ms": 61999 + 1000 * number,
           "expires_in_ms": 500000, "permissions": 2, "channels": 1, "peer_connections": 0,
           "to_peer": {"packets": 3, "bytes": 480}, "to_client": {"packets": 1, "bytes": 160},
           "rate": {"to_peer_bps": 0, "to_peer_pps": 0, "to_client_bps": 0,
                    "to_client_pps": 0}}
    row.update(more)
    return row


class Refusal(Exception):
    def __init__(self, status, detail):
        super().__init__(detail)
        self.status, self.detail = status, detail


class Daemon:
    """What both daemons have."""

    def __init__(self, path):
        self.path = path
        self.requests = []
        self.reload = {"result": "unchanged", "generation": 1, "changes": [],
                       "restart_pending": []}
        self.restart_pending = []
        self.levels = {"default": "info", "subsystems": {"control": "info", "relay": "info"}}
        self.keys = [{"key": "realm", "value": "lab", "default": "edge", "set": True,
                      "reload": True,
                      "doc": "realm of the credentials"},
                     {"key": "workers", "value": "0", "default": "0", "set": False,
                      "reload": False,
                      "doc": "worker threads"}]
        self.raw = {}           # path -> (status, bytes), before all else
        daemon = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                daemon.handle(self)

            do_GET = do_PUT = do_POST = do_DELETE = handle_any

            def log_message(self, *args):
                pass

        self.server = Server(path, Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    # HTTP

    def handle(self, http):
        url = urllib.parse.urlsplit(http.path)
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        length = int(http.headers.get("Content-Length") or 0)
        text = http.rfile.read(length)
        body = json.loads(text) if text else None
        self.requests.append((http.command, http.path, body))
        if url.path in self.raw:
            status, answer = self.raw[url.path]
            self.send(http, status, answer)
            return
        parts = [urllib.parse.unquote(part) for part in url.path.split("/")[2:]]
        try:
            stream = self.stream(http.command, parts, query)
            if stream is not None:
                self.send_lines(http, stream)
                return
            document = self.answer(http.command, parts, query, body)
            self.send(http, 200, json.dumps(document).encode())
        except Refusal as refusal:
            self.send(http, refusal.status, json.dumps({
                "type": "about:blank", "title": "Refused", "status": refusal.status,
                "detail": refusal.detail}).encode())

    def send(self, http, status, body):
        http.send_response_only(status)
        http.send_header("Server", self.NAME)
        http.send_header("Content-Length", str(len(body)))
        http.end_headers()
        http.wfile.write(body)

    def send_lines(self, http, lines):
        http.send_response_only(200)
        http.send_header("Server", self.NAME)
        http.send_header("Connection", "close")
        http.end_headers()
        for line in lines:
            http.wfile.write(json.dumps(line).encode() + b"\n")
            http.wfile.flush()
        http.close_connection = True

    def stream(self, method, parts, query):
        return None

    def answer(self, method, parts, query, body):
        if method == "POST" and parts == ["reload"]:
            if isinstance(self.reload, str):
                raise Refusal(422, self.reload)
            return self.reload
        if parts == ["log-levels"]:
            return self.levels
        if method == "PUT" and parts[:1] == ["log-levels"]:
            if parts[1] == "default":
                self.levels["default"] = body["level"]
            elif parts[1] in self.levels["subsystems"]:
                self.levels["subsystems"][parts[1]] = body["level"] or self.levels["default"]
            else:
                raise Refusal(404, "there is no subsystem \"%s\"" % parts[1])
            return self.levels
        if parts == ["configuration"]:
            return {"file": "/etc/avedge/x.conf", "keys": self.keys}
        raise Refusal(404, "no such thing")


class Relay(Daemon):
    NAME = "mediarelayd"
    UPGRADE = {"allocations": 10, "lost": 0, "lost_by": [], "noticed_by": [],
               "data_connections": 0, "next": {}, "error": None}

    def __init__(self, path):
        self.allocations = []
        self.drain = None
        self.drain_goes = 0     # allocations that end with every look at the status
        self.records = []
        self.follow = None      # an iterator of records that come later
        self.counters = {"drops": {"policy": 5, "limited": 0},
                         "to_peer": {"inside": {"packets": 10, "bytes": 1000}},
                         "to_client": {"inside": {"packets": 20, "bytes": 2000}}}
        self.grow = lambda counters: None
        self.limits = {"limits": [], "users": [], "prefixes": []}
        self.upgrade = dict(self.UPGRADE)
        self.offload = {"state": "on", "why": None, "missed": False,
                        "sides": {"inside": "auto", "outside": "tc"},
                        "socket": "/run/avedge-offload/socket",
                        "devices": [{"name": "eth0", "program": "tcx", "why": None},
                                    {"name": "wg0", "program": None, "why": "not an Ethernet device"}],
                        "flows": 12, "flows_max": 131072, "hops": 7, "packets": 4711,
                        "passed_up": [{"reason": "control", "packets": 3, "text": "STUN"},
                                      {"reason": "no-way", "packets": 0, "text": "no way"}]}
        self.ports = []
        self.status = {
            "version": "9.9", "pid": 7, "uptime_s": 90061, "realm": "example.org",
            "tls_not_after": None, "workers": 2, "limits": {"channels": 64}, "reload": None,
            "per_worker": [{"number": n, "cpu_s": 0.5} for n in range(2)], "generation": 1,
            "keys": [{"id": "k1", "not_before": None, "not_after": None, "state": "signs"}],
            "ports": [{"address": "10.0.0.1", "public": "192.0.2.1", "protocol": "udp",
                       "first": 50000, "last": 59999, "size": 10000, "used": 3, "resting": 1}]}
        super().__init__(path)

    def stream(self, method, parts, query):
        if parts != ["records"]:
            return None
        if query.get("follow") == "1" and self.follow is not None:
            return (line for source in (self.records, self.follow) for line in source)
        return self.records

    def status_now(self):
        if self.drain and self.drain_goes:
            del self.allocations[:self.drain_goes]
        if self.drain:
            self.drain["remaining"] = len(self.allocations)
        return dict(self.status, allocations=len(self.allocations), drain=self.drain,
                    offload=self.offload,
                    state="draining" if self.drain else "serving")

    def rows(self, query):
        for name in query:
            if name not in NAMES:
                raise Refusal(400, "there is no parameter \"%s\"" % name)
        rows = [row for row in self.allocations
                if all(row.get(name) == value for name, value in query.items()
                       if name not in ("sort", "limit", "client", "peer"))]
        if query.get("sort") == "user":
            rows.sort(key=lambda row: row["user"])
        return rows

    def end(self, test):
        ended = sum(map(test, self.allocations))
        self.allocations = [row for row in self.allocations if not test(row)]
        return {"ended": ended}

    def one(self, ident):
        for row in self.allocations:
            if row["id"] == ident:
                return row
        raise Refusal(404, "there is no allocation %s" % ident)

    def answer(self, method, parts, query, body):
        what = (method, *parts[:1], len(parts))
        if what == ("GET", "status", 1):
            return self.status_now()
        if what == ("GET", "ports", 1):
            return {"ports": self.ports}
        if what == ("GET", "allocations", 1):
            rows = self.rows(query)
            limit = int(query.get("limit", len(rows)))
            return {"allocations": rows[:limit], "total": len(rows)}
        if what == ("GET", "allocations", 2):
            return dict(self.one(parts[1]), created="2026-01-31T00:00:00Z", lifetime_s=600,
                        front="10.0.0.1:3478", stream_type="unknown", active_destination=None,
                        permission_list=[{"peer": "198.51.100.7", "expires_in_ms": 240000}],
                        channel_list=[{"number": 0x4000, "peer": "198.51.100.7:9",
                                       "expires_in_ms": None, "plane": "sockets",
                                       "plane_why": "idle", "plane_text": "it has little traffic"}],
                        peer_connection_list=[{"peer": "198.51.100.7:9", "state": "open"}])
        if what == ("DELETE", "allocations", 2):
            self.one(parts[1])
            return self.end(lambda row: row["id"] == parts[1])
        if what == ("DELETE", "allocations", 1) and len(query) == 1:
            (name, value), = query.items()
            return self.end(lambda row: row[name] == value)
        if what == ("PUT", "drain", 1):
            self.drain = {"since": "2026-01-31T00:00:00Z", "deadline": None,
                          "remaining": len(self.allocations),
                          "began_with": len(self.allocations)}
            if body and body.get("deadline_s"):
                self.drain["deadline"] = time.strftime(
                    "%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + body["deadline_s"]))
            return self.drain
        if what == ("DELETE", "drain", 1):
            self.drain = None
            return None
        if what == ("GET", "counters", 1):
            self.grow(self.counters)
            return self.counters
        if what == ("GET", "upgrade", 1):
            return self.upgrade
        if what == ("GET", "limits", 1):
            return self.limits
        if what == ("PUT", "offload", 1):
            self.offload["state"] = "on" if body["on"] else "turned off"
            self.offload["why"] = None if body["on"] else "turned off; turn it on again"
        if what[1:] == ("offload", 1):
            return self.offload
        return super().answer(method, parts, query, body)


class Issuer(Daemon):
    NAME = "mrasd"

    def __init__(self, path):
        self.file_end = "2097-01-01T00:00:00Z"
        self.relays = [{"location": "intranet", "side": "inside", "address": "10.0.0.1",
                        "draining": False},
                       {"location": "intranet", "side": "inside", "address": "10.0.0.2",
                        "draining": False},
                       {"location": "internet", "side": "outside", "address": "192.0.2.1",
                        "draining": False}]
        super().__init__(path)

    def set_drain(self, address, drain, force):
        for relay in self.relays:
            if relay["address"] != address:
                continue
            others = [other for other in self.relays if other is not relay and
                      other["location"] == relay["location"] and not other["draining"]]
            if drain and not others and not force:
                raise Refusal(409, "%s is the last relay of %s" % (address, relay["location"]))
            relay["draining"] = drain
            return {"relays": self.relays}
        raise Refusal(404, "there is no relay %s" % address)

    def answer(self, method, parts, query, body):
        if method == "GET" and parts == ["status"]:
            return {"version": "9.9", "pid": 8, "uptime_s": 61,
                    "restart_pending": self.restart_pending, "relays": self.relays,
                    "connections": {"open": 2, "handshake": 0, "accepted": 5,
                                    "refused_by": {"no_certificate": 1}},
                    "credentials": {"issued": 7, "refused": 1, "refused_by": {"rate": 1},
                                    "issued_by": {"mras": {"sip": 3}, "rest": {"http": 4}}},
                    "files": [{"key": "keys", "path": "/k", "about": "k2"},
                              {"key": "tls.certificate", "path": "/c.pem", "count": 1,
                               "about": "CN=x", "not_after": self.file_end}],
                    "keys": [{"id": "k2", "not_before": "2027-01-01T00:00:00Z",
                              "not_after": None, "state": "future"}], "generation": 3,
                    "reload": {"at": "2026-01-01T00:00:00Z", "result": "rejected",
                               "error": "c:1: wrong"}}
        if method == "GET" and parts == ["relays"]:
            return {"relays": self.relays}
        if len(parts) == 3 and parts[0] == "relays" and parts[2] == "drain":
            if method not in ("PUT", "DELETE"):
                raise Refusal(405, "PUT and DELETE")
            return self.set_drain(parts[1], method == "PUT", bool(body and body.get("force")))
        return super().answer(method, parts, query, body)
