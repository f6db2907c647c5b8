"""A client of the control interface of a daemon."""

import http.client
import json
import os
import re
import socket
import subprocess
import sys

import openapi_check
from netns import check

NOBODY = 65534


class Connection(http.client.HTTPConnection):
    """HTTP over a UNIX socket."""

    def __init__(self, path, timeout=20):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def ask(path, method, target, body=None, timeout=20, description=None):
    """(status, document) of a request over the socket at path. body is sent as JSON; the answer
    must conform to description, an openapi_check.Description."""
    connection = Connection(path, timeout)
    try:
        connection.request(method, target, body=None if body is None else json.dumps(body))
    except BrokenPipeError:
        pass  # a body that is too long is not read; the answer has been sent
    answer = connection.getresponse()
    document = json.loads(answer.read())
    connection.close()
    wanted = "application/json" if answer.status == 200 else "application/problem+json"
    kind = answer.getheader("Content-Type")
    check(kind == wanted, "%s %s: %s", method, target, answer.getheaders())
    if description:
        description.answer(method, target, body, answer.status, kind, document)
    return answer.status, document


def wrong_requests(path, description, put):
    """Requests that must be refused: with an unknown argument, with a method that the path lacks,
    to unknown paths, and with a body too long for target put."""
    def asked(method, target, body=None):
        return ask(path, method, target, body, description=description)
    for template in description.paths:
        target = re.sub("{.*?}", "0123456789abcdef", template)
        for method in ("GET", "PUT", "POST", "DELETE"):
            is_served = method.lower() in description.paths[template]
            status, problem = asked(method, target + "?colour=blue")
            check(status == (400 if is_served else 405), "%s %s: %d %s", method, target, status,
                  problem)
    check(asked("GET", "/v1/weather")[0] == 404, "weather")
    check(asked("PUT", "/v1/log-levels/weather", {"level": "info"})[0] == 404, "no subsystem")
    check(asked("PUT", put, {"why": "x" * 65536})[0] == 413, "a long body")


def others_are_refused(path, target, description):
    """A PUT by user nobody is refused by the mode of the socket, and by the user id if that was
    changed.

    The caller is root."""
    check(os.stat(path).st_mode & 0o777 == 0o600, "mode %o", os.stat(path).st_mode & 0o777)
    script = ("import os,socket\nos.setgroups([]); os.setgid(%d); os.setuid(%d)\n"
              "s = socket.socket(socket.AF_UNIX); s.connect(%r)\n"
              "s.sendall(b'PUT %s HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')\n"
              "print(s.recv(4096).decode())" % (NOBODY, NOBODY, path, target))
    os.chmod(os.path.dirname(path), 0o755)
    for mode, want in ((0o600, "PermissionError"), (0o666, "HTTP/1.1 403 ")):
        os.chmod(path, mode)
        got = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                             check=False, timeout=20)
        check(want in got.stdout + got.stderr, "mode %o: %s %s", mode, got.stdout, got.stderr)
        if want == "HTTP/1.1 403 ":
            description.answer("PUT", target, None, 403, openapi_check.PROBLEM,
                               json.loads(got.stdout.split("\n\n", 1)[1]))
    os.chmod(path, 0o600)
