"""A parent that treats its child as systemd 252 treats a service with a descriptor store.

The child gets NOTIFY_SOCKET, and with READY=1 it is up. What it sends with FDSTORE=1 is kept (FDNAME=,
FDPOLL=0; the same open file once; at most FileDescriptorStoreMax=; out on EPOLLHUP or EPOLLERR or by
FDSTOREREMOVE=1), and the next process gets it from descriptor 3 on, with LISTEN_FDS, LISTEN_PID and
LISTEN_FDNAMES: newest first. However a process ends, the next one starts at once, unless stop() ended it
(Restart=always, RestartSec=0, no start limit). t-fdstore compares this with a real systemd.

	service = fdstore.Service(relay.program("mediarelayd"), "-c", path, directory=d).start()
	service.kill()                      # SIGKILL; returns when the next process is ready
	service.restart()                   # SIGUSR2, as RestartKillSignal= does; the same
	service.stop()                      # SIGTERM, and the store is emptied
	service.lives[-1].gap_ms            # from the death of the one before to READY=1

RelayService is relay.Relay in such a parent. As a program, for use by hand and by shell tests:

	fdstore.py [--store-max N] [--directory D] COMMAND...
	                    a line on stdin is a command: kill, restart, stop, list; answers are JSON
"""

import argparse
import array
import collections
import ctypes
import fcntl
import json
import os
import random
import resource
import select
import signal
import socket
import struct
import sys
import threading
import time
import uuid

import relay

STORE_MAX = 1 << 20
SCM_MAX_FD = 253
MESSAGE_MAX = 4096	# NOTIFY_BUFFER_MAX of systemd; longer ones are ignored
NAME_MAX = 255
READY_S = 60
SYS_KCMP = {"x86_64": 312, "aarch64": 272}.get(os.uname().machine)
KCMP_FILE = 0
# Variables of the test that the child may see; systemd passes on none.
KEEP = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS")

_libc = ctypes.CDLL(None, use_errno=True)


def same_file(one, other):
    """Do both descriptors refer to one open file description?"""
    return _libc.syscall(SYS_KCMP, os.getpid(), os.getpid(), KCMP_FILE, one, other) == 0


def is_name(text):
    """fdname_is_valid() of systemd"""
    return len(text) <= NAME_MAX and all(" " <= c < "\x7f" and c != ":" for c in text)


Entry = collections.namedtuple("Entry", "fd name key")


class Store:
    """Descriptors under names, newest last here."""

    def __init__(self, most, low, poll):
        self.most, self.low, self.poll = most, low, poll
        self.entries = collections.OrderedDict()	# by descriptor
        self.same = collections.defaultdict(set)	# descriptors by device and inode
        self.full = self.twice = self.hung_up = self.removed = 0

    def put(self, fd, name, polled):
        """Takes the descriptor, whatever becomes of it. In the order of service_add_fd_store()."""
        if len(self.entries) >= self.most:
            self.full += 1
            os.close(fd)
            return False
        stat = os.fstat(fd)
        key = (stat.st_dev, stat.st_ino)
        if any(same_file(fd, other) for other in self.same[key]):
            self.twice += 1
            os.close(fd)
            return True
        # Out of the way of the numbers that a child gets.
        kept = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, self.low)
        os.close(fd)
        if polled:
            try:
                self.poll.register(kept, 0)
            except PermissionError:
                pass	# what cannot be polled is kept without
        self.entries[kept] = Entry(kept, name, key)
        self.same[key].add(kept)
        return True

    def drop(self, fd):
        entry = self.entries.pop(fd)
        self.same[entry.key].discard(fd)
        if not self.same[entry.key]:
            del self.same[entry.key]
        try:
            self.poll.unregister(fd)
        except OSError:
            pass	# was not polled
        os.close(fd)

    def hang_up(self, fd):
        self.hung_up += 1
        self.drop(fd)

    def remove(self, name):
        for entry in [e for e in self.entries.values() if e.name == name]:
            self.removed += 1
            self.drop(entry.fd)

    def clear(self):
        for fd in list(self.entries):
            self.drop(fd)

    def listed(self):
        """Entries in the order in which a process gets them."""
        return list(reversed(self.entries.values()))

    def names(self):
        return collections.Counter(entry.name for entry in self.entries.values())


class Life:
    """One process. Times are monotonic seconds, None until it happens."""

    def __init__(self, died_before):
        self.died_before = died_before	# when the one before it ended
        self.started = time.monotonic()
        self.ready = self.ended = self.status = self.pid = None
        self.given = 0
        self.said = ""	# its last STATUS=

    @property
    def gap_ms(self):
        return None if None in (self.ready, self.died_before) else \
            1000 * (self.ready - self.died_before)


class Died(Exception):
    """The service ended where it should not have, or is not ready in time."""


class Service:
    """A command with a store. nofile: its RLIMIT_NOFILE; env: more variables; prefix: a command that
    runs the command, with the same process id; cpu: to run on."""

    def __init__(self, *command, directory, store_max=STORE_MAX, nofile=None, env=None, prefix=(),
                 watchdog_s=None, log="service.log", restarts=True):
        self.command, self.directory, self.env = list(command), directory, env or {}
        self.prefix, self.nofile, self.watchdog_s = list(prefix), nofile, watchdog_s
        self.restarts = restarts
        self.log_path = os.path.join(directory, log)
        self.lives, self.barriers = [], 0
        self.ignored = collections.Counter()	# messages, by reason
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.child_nofile = nofile or soft
        self.poll = select.epoll()
        self.store = Store(store_max, min(hard // 2, 1 << 17), self.poll)
        self.notify_path = os.path.join(directory, "notify")
        self.notify = self._notify_socket()
        self.wake_r, self.wake_w = os.pipe()
        os.set_blocking(self.wake_r, False)
        for fd in (self.notify.fileno(), self.wake_r):
            self.poll.register(fd, select.EPOLLIN)
        self.changed = threading.Condition()
        self.pidfd = None
        self.wanted = False
        self.calls = collections.deque()	# what other threads want done
        self.thread = None

    def _notify_socket(self):
        if os.path.exists(self.notify_path):
            os.unlink(self.notify_path)
        if os.environ.get("AVEDGE_TEST_NAMESPACE"):
            # As systemd sets it; a namespace has the 10 of the kernel.
            try:
                with open("/proc/sys/net/unix/max_dgram_qlen", "w", encoding="ascii") as file:
                    file.write("512")
            except OSError:
                pass
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        sock.bind(self.notify_path)
        os.chmod(self.notify_path, 0o777)
        return sock

    # --- from any thread -----------------------------------------------------------------

    def start(self, wait=True):
        """Returns itself once READY=1 came; Died if it ends before."""
        if self.thread is None:
            self.thread = threading.Thread(target=self._loop, name="fdstore", daemon=True)
            self.thread.start()
        before = len(self.lives)
        self._call(self._begin)
        if wait:
            self._until(lambda: len(self.lives) > before and self._settled(), "did not start")
            if self.lives[-1].ready is None:
                raise Died("ended with status %s before READY=1:\n%s"
                           % (self.lives[-1].status, self.log()[-3000:]))
        return self

    @property
    def life(self):
        return self.lives[-1]

    @property
    def pid(self):
        return self.life.pid

    def kill(self, sig=signal.SIGKILL, wait=True):
        """Send the signal to the running process; then wait until the next one is ready, and return its
        Life."""
        before = len(self.lives)
        os.kill(self.pid, sig)
        return self.next_life(before) if wait else None

    def kill_after(self, seconds, sig=signal.SIGKILL):
        """The same from another process, which does not wait for what this one does: at any moment."""
        pid = os.posix_spawn("/bin/sh", ["sh", "-c", "sleep %.6f; kill -%d %d" % (
            seconds, sig, self.pid)], {"PATH": "/usr/bin:/bin"})
        threading.Thread(target=os.waitpid, args=(pid, 0), daemon=True).start()

    def next_life(self, before, timeout=READY_S):
        """The Life after that many, once it is ready."""
        self._until(lambda: len(self.lives) > before and self.life.ready is not None,
                    "is not ready again", timeout)
        return self.life

    def restart(self, wait=True):
        """systemctl restart"""
        return self.kill(signal.SIGUSR2, wait)

    def stop(self):
        """systemctl stop: SIGTERM, and the store is emptied. Its exit status, or minus the signal."""
        def end():
            self.wanted = False
            if self.pidfd is not None:
                os.kill(self.pid, signal.SIGTERM)
        self._call(end)
        try:
            self._until(lambda: self.pidfd is None, "does not stop", relay.STOP_S)
        except Died:
            os.kill(self.pid, signal.SIGKILL)
            self._until(lambda: self.pidfd is None, "does not die")
            return None
        self._call(self.store.clear)
        return self.life.status

    def close(self):
        """End everything; for the end of a test, however it ends."""
        if self.thread is None:
            return
        def end():
            self.wanted = False
            if self.pidfd is not None:
                os.kill(self.pid, signal.SIGKILL)
        self._call(end)
        self._until(lambda: self.pidfd is None, "does not die")
        self._call(None)
        self.thread.join()
        self.thread = None
        self.store.clear()
        self.poll.close()
        self.notify.close()
        os.close(self.wake_r)
        os.close(self.wake_w)

    def put(self, fd, name, polled=False):
        """Put a descriptor into the store in the service's name, for what a service itself would not store.
        It is duplicated."""
        self._call(lambda: self.store.put(os.dup(fd), name, polled))

    def remove(self, name):
        self._call(lambda: self.store.remove(name))

    def rewrite(self, change):
        """For hostile parents: change(name, descriptor) is called for each one in the store, which it borrows,
        and returns None, or a list of (name, new descriptor) in its place, which are taken over."""
        def run():
            for entry in list(self.store.entries.values()):
                instead = change(entry.name, entry.fd)
                if instead is not None:
                    self.store.drop(entry.fd)
                for name, fd in instead or ():
                    self.store.put(fd, name, False)
        self._call(run)

    def die(self, sig=signal.SIGKILL):
        """Kill the process, and start none until start()."""
        def end():
            self.wanted = False
            if self.pidfd is not None:
                os.kill(self.pid, sig)
        self._call(end)
        self._until(lambda: self.pidfd is None, "does not die")

    def names(self):
        """How many descriptors there are of each name."""
        return self._call(self.store.names)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def _call(self, function):
        """Have the loop's thread run it, after the messages that have arrived; its result. None ends the
        thread."""
        done, result = threading.Event(), []
        self.calls.append((function, done, result))
        os.write(self.wake_w, b"x")
        if not done.wait(READY_S):
            raise Died("the parent does not answer")
        if result and isinstance(result[0], BaseException):
            raise result[0]
        return result[0] if result else None

    def _settled(self):
        return self.life.ready is not None or self.life.ended is not None

    def _until(self, condition, text, timeout=READY_S):
        with self.changed:
            if not self.changed.wait_for(condition, timeout):
                raise Died("the service %s:\n%s" % (text, self.log()[-3000:]))

    # --- the loop's thread ---------------------------------------------------------------

    def _environment(self):
        env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
               "LANG": "C.UTF-8", "NOTIFY_SOCKET": self.notify_path,
               "INVOCATION_ID": uuid.uuid4().hex}
        env.update((name, os.environ[name]) for name in KEEP if name in os.environ)
        if self.watchdog_s:
            env["WATCHDOG_USEC"] = str(int(self.watchdog_s * 1e6))
        env.update(self.env)
        return env

    def _begin(self):
        """Start a process."""
        self.wanted = True
        life = Life(self.lives[-1].ended if self.lives else None)
        entries, env = self.store.listed(), self._environment()
        # Only the process itself knows its id.
        script = 'ulimit -n %d; ' % self.child_nofile
        if entries:
            env["LISTEN_FDS"] = str(len(entries))
            env["LISTEN_FDNAMES"] = ":".join(e.name for e in entries)
            script += 'export LISTEN_PID=$$; '
        if self.watchdog_s:
            script += 'export WATCHDOG_PID=$$; '
        log = os.open(self.log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        # Files of this process must not be where those of the child go.
        files = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, self.store.low) for fd in (null, log)]
        actions = [(os.POSIX_SPAWN_DUP2, files[0], 0), (os.POSIX_SPAWN_DUP2, files[1], 1),
                   (os.POSIX_SPAWN_DUP2, files[1], 2)]
        actions += [(os.POSIX_SPAWN_DUP2, entry.fd, 3 + i) for i, entry in enumerate(entries)]
        life.given = len(entries)
        life.pid = os.posix_spawn("/bin/sh", ["sh", "-c", script + 'exec "$@"', "sh", *self.prefix,
                                              *self.command], env, file_actions=actions,
                                  setsigmask=(), setsigdef=range(1, 32))
        self.pidfd = os.pidfd_open(life.pid)
        self.poll.register(self.pidfd, select.EPOLLIN)
        for fd in (log, null, *files):
            os.close(fd)
        with self.changed:
            self.lives.append(life)
            self.changed.notify_all()

    def _ended(self):
        _, status = os.waitpid(self.pid, 0)
        life = self.life
        life.ended, life.status = time.monotonic(), os.waitstatus_to_exitcode(status)
        self.poll.unregister(self.pidfd)
        os.close(self.pidfd)
        # What it said before it died counts.
        self._messages()
        self.pidfd = None
        if self.wanted and self.restarts:
            self._begin()
        else:
            with self.changed:
                self.changed.notify_all()

    def _messages(self):
        while True:
            try:
                data, extra, flags, _ = self.notify.recvmsg(
                    MESSAGE_MAX, socket.CMSG_SPACE(4 * 3 * SCM_MAX_FD) + socket.CMSG_SPACE(12),
                    socket.MSG_CMSG_CLOEXEC | socket.MSG_TRUNC)
            except BlockingIOError:
                return
            fds, sender = array.array("i"), None
            for level, kind, value in extra:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    fds.frombytes(value[:len(value) - len(value) % 4])
                elif (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
                    sender = struct.unpack("3i", value)[0]
            why = "sender" if sender != self.pid else \
                "truncated" if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC) else None
            if why:
                self.ignored[why] += 1
                for fd in fds:
                    os.close(fd)
            else:
                self._message(data, list(fds))

    def _message(self, data, fds):
        lines = data.decode(errors="replace").split("\n")
        values = dict(reversed([line.partition("=")[::2] for line in lines]))
        name = values.get("FDNAME")
        if "BARRIER=1" in lines:
            self.barriers += 1
        elif "FDSTOREREMOVE=1" in lines:
            if name and is_name(name):
                self.store.remove(name)
            else:
                self.ignored["name"] += 1
        elif "FDSTORE=1" in lines:
            if name is not None and not is_name(name):
                self.ignored["name"] += 1
                name = None
            # systemd takes them out of a hash table.
            random.shuffle(fds)
            for fd in fds:
                self.store.put(fd, name if name is not None else "stored",
                               "FDPOLL=0" not in lines)
            fds = []
        for fd in fds:
            os.close(fd)
        self.life.said = values.get("STATUS", self.life.said)
        if "READY=1" in lines and self.life.ready is None:
            with self.changed:
                self.life.ready = time.monotonic()
                self.changed.notify_all()

    def _loop(self):
        while True:
            # In systemd's order of priority: messages, then children, then the rest.
            events = dict(self.poll.poll())
            if self.notify.fileno() in events:
                self._messages()
            if self.pidfd in events:
                self._ended()
            for fd in events:
                if fd in self.store.entries:
                    self.store.hang_up(fd)
            if self.wake_r in events:
                os.read(self.wake_r, 4096)
            while self.calls:
                function, done, result = self.calls.popleft()
                if function is None:
                    done.set()
                    return
                self._messages()
                try:
                    result.append(function())
                except Exception as error:  # for the thread that asked  # pylint: disable=broad-except
                    result.append(error)
                done.set()


class RelayService(relay.Relay):
    """relay.Relay as a service with a descriptor store. kill() and restart() return the next Life."""

    def __init__(self, directory, store_max=STORE_MAX, nofile=None, watchdog_s=None, **options):
        super().__init__(directory, **options)
        self.service_options = {"store_max": store_max, "nofile": nofile, "watchdog_s": watchdog_s}
        self.service = None

    def write_config(self):
        hidden = self.service, self.service_options
        del self.service, self.service_options
        try:
            super().write_config()
        finally:
            self.service, self.service_options = hidden

    def start(self, command=None):
        """command: in place of the built one."""
        self.write_config()
        env = {"ASAN_OPTIONS": os.environ.get(
            "ASAN_OPTIONS", "detect_leaks=1:abort_on_error=0") + ":exitcode=99",
               "UBSAN_OPTIONS": os.environ.get("UBSAN_OPTIONS", "print_stacktrace=1"),
               "TSAN_OPTIONS": os.environ.get("TSAN_OPTIONS", "") + ":exitcode=99"}
        self.service = Service(*(command or self.command()), directory=self.directory,
                               log="relay.log", env=env, **self.service_options)
        try:
            self.service.start()
        except Died:
            self.service.close()
            raise
        return self

    def __enter__(self):
        """with server: it is stopped at the end, when nothing may be wrong; after a failure its log is shown."""
        return self if self.service else self.start()

    def __exit__(self, failed, *_):
        if failed:
            print("--- end of the relay's log\n" + self.log()[-3000:], flush=True)
        wrong = self.stop()
        if wrong and not failed:
            raise SystemExit("FAIL: " + "; ".join(wrong[:5]))

    def kill(self, sig=signal.SIGKILL, wait=True):
        return self.service.kill(sig, wait)

    def restart(self, wait=True):
        return self.service.restart(wait)

    def pid(self):
        return self.service.pid

    def alive(self):
        return self.service.pidfd is not None

    def stop(self):
        """As Relay.stop(); every process before the last one must have ended by a signal of the test or with
        status 0."""
        wrong = []
        if self.service.thread is None:
            return wrong
        status = self.service.stop()
        if status is None:
            wrong.append("the relay did not stop within %d s of SIGTERM" % relay.STOP_S)
        elif status != 0:
            wrong.append("the relay exited with status %d" % status)
        wrong += ["process %d of %d ended with status %d" % (i, len(self.service.lives), life.status)
                  for i, life in enumerate(self.service.lives[:-1], 1)
                  if life.status not in (0, -signal.SIGKILL)]
        wrong += ["log: " + line for line in self.log().splitlines() if relay.REPORT.search(line)]
        self.service.close()
        return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store-max", type=int, default=STORE_MAX)
    parser.add_argument("--directory", default=".")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    service = Service(*args.command, directory=args.directory, store_max=args.store_max)

    def answer(**more):
        life = service.life
        print(json.dumps({"pid": life.pid, "lives": len(service.lives), "given": life.given,
                          "gap_ms": life.gap_ms, **more}), flush=True)
    try:
        service.start()
        answer()
        for line in sys.stdin:
            word = line.strip()
            if word == "kill":
                service.kill()
                answer()
            elif word == "restart":
                service.restart()
                answer()
            elif word == "list":
                answer(store=dict(service.names()))
            elif word == "stop":
                break
        answer(status=service.stop())
    finally:
        service.close()


if __name__ == "__main__":
    main()
