"""One relay on loopback in its own network namespace, for Python tests."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time

import relay

MARK = "AVEDGE_TEST_NAMESPACE"


def enter_namespace():
    """Restart this program in a new network namespace; exit with 77 if not permitted."""
    if MARK in os.environ:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        # The ports of clients must not look like those of the relay.
        subprocess.run(["sysctl", "-qw", "net.ipv4.ip_local_port_range=20000 49999"],
                       check=True)
        return
    how = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    if subprocess.run(how + ["true"], check=False, capture_output=True).returncode != 0:
        print("network namespaces are not permitted here")
        sys.exit(77)
    os.environ[MARK] = "1"
    os.execvp(how[0], how + [sys.executable] + sys.argv)


def begin():
    """Exit with 77 unless the relay is built; then enter the namespace."""
    reason = relay.unavailable()
    if reason:
        print(reason)
        sys.exit(77)
    # AddressSanitizer keeps freed memory: little enough not to look like a leak.
    os.environ["ASAN_OPTIONS"] = "quarantine_size_mb=1:thread_local_quarantine_size_kb=64:" + \
        os.environ.get("ASAN_OPTIONS", "detect_leaks=1")
    enter_namespace()


def add_addresses(*addresses):
    """IPv6 addresses of this host, on the loopback interface; it has all of 127.0.0.0/8 already."""
    for address in addresses:
        subprocess.run(["ip", "address", "add", address + "/128", "dev", "lo", "nodad"],
                       check=True)


@contextlib.contextmanager
def running(**options):
    """A relay with a temporary directory; leaving the block stops it, and fails the test if it
    did not exit cleanly."""
    with tempfile.TemporaryDirectory(prefix="avedge-") as directory:
        server = relay.Relay(directory, **options).start()
        try:
            yield server
        except BaseException:
            server.stop()
            print("--- end of the relay's log\n" + server.log()[-3000:])
            raise
        wrong = server.stop()
        if wrong:
            sys.exit("\n".join(["FAIL:"] + wrong))


def relay_sockets():
    """The number of UDP sockets bound to relay ports in this namespace."""
    out = subprocess.run(["ss", "-Huan"], check=True, capture_output=True, text=True).stdout
    ports = (line.split()[3].rsplit(":", 1)[1] for line in out.splitlines())
    return sum(50000 <= int(port) <= 59999 for port in ports)


def descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


class Stopwatch:
    """Measures time without that in which the process or this thread waited for a CPU: time
    limits judge the relay, not the machine."""

    def __init__(self, pid):
        self.pid = pid
        self.begun, self.waited = time.monotonic(), self._waited()

    def _waited(self):
        paths = ["/proc/thread-self/schedstat"]
        paths += ["/proc/%d/task/%s/schedstat" % (self.pid, task)
                  for task in os.listdir("/proc/%d/task" % self.pid)]
        total = 0
        for path in paths:
            with open(path, encoding="ascii") as stat:
                total += int(stat.read().split()[1])
        return total / 1e9

    def seconds(self):
        return time.monotonic() - self.begun - (self._waited() - self.waited)


def check(condition, text, *values):
    if not condition:
        raise SystemExit("FAIL: " + text % values)
