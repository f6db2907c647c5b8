"""The control interface of a daemon, as a script uses it."""

import http.client
import json
import os
import socket
import subprocess
import sys

from alone import check

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


def ask(path, method, target, body=None, timeout=20):
    """(status, document) of a request over the socket at path; body: what becomes JSON."""
    connection = Connection(path, timeout)
    connection.request(method, target, body=None if body is None else json.dumps(body))
    answer = connection.getresponse()
    document = json.loads(answer.read())
    connection.close()
    wanted = "application/json" if answer.status == 200 else "application/problem+json"
    check(answer.getheader("Content-Type") == wanted, "%s %s: %s", method, target,
          answer.getheaders())
    return answer.status, document


def others_are_refused(path, target):
    """A PUT by user nobody: by the mode of the socket, and by who asks when that was changed.

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
    os.chmod(path, 0o600)
