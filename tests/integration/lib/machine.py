"""A booted Debian for tests of the service: systemd in a container (systemd-nspawn) on an overlay
of this host's root. Writes go to memory and are lost afterwards. It has its own loopback interface
and no other.

Needs root and systemd-nspawn; unavailable() says what is missing.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

# Other units that this host starts at boot do not concern the test.
WANTED_UNITS = {"dbus.service", "dbus.socket", "systemd-logind.service"}
BOOT_S = 40


def unavailable():
    """Why no container can be started here, or None."""
    if os.geteuid() != 0:
        return "needs root"
    if not shutil.which("systemd-nspawn"):
        return "systemd-nspawn is not installed (systemd-container)"
    if not os.path.exists("/lib/systemd/systemd"):
        return "systemd is not installed"
    with open("/proc/filesystems", encoding="ascii") as file:
        if "overlay" not in file.read().split():
            return "the kernel has no overlay file system"
    return None


class CannotBoot(Exception):
    """Why no container can be started here, in one line. Nothing was installed in it yet."""


def _mount(*args):
    result = subprocess.run(["mount", *args], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise CannotBoot("cannot mount: " + (result.stderr.splitlines() or ["no reason"])[0])


class Machine:
    """with Machine() as machine: booted inside the block, removed afterwards in any case.

    may_load_bpf: its processes may have CAP_BPF and CAP_PERFMON, as on a host; else not, as in most containers.

    Raises CannotBoot if that is impossible.
    """

    def __init__(self, may_load_bpf=False):
        self.options = ["--capability=CAP_BPF,CAP_PERFMON", "--system-call-filter=bpf"] if may_load_bpf else []
        self.name = "avedge-%d" % os.getpid()
        self.directory = tempfile.mkdtemp(prefix="avedge-machine-")
        self.root = os.path.join(self.directory, "root")
        self.console = os.path.join(self.directory, "console")
        self.nspawn = None
        self.leader = None
        self.mounted = []

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        try:
            self._mount()
            self._prepare()
            self._boot()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if self.nspawn is not None and self.nspawn.poll() is None:
            # Its init ends with it, and with that every process in the container.
            self.nspawn.terminate()
            try:
                self.nspawn.wait(10)
            except subprocess.TimeoutExpired:
                if self.leader:
                    os.kill(self.leader, signal.SIGKILL)
                self.nspawn.kill()
                self.nspawn.wait()
        for path in reversed(self.mounted):
            subprocess.run(["umount", "--lazy", path], check=False)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _mount(self):
        memory = os.path.join(self.directory, "memory")
        for directory in (memory, self.root):
            os.mkdir(directory)
        # The writable layer of an overlay needs a separate file system.
        _mount("-t", "tmpfs", "-o", "size=1g,mode=0755", self.name, memory)
        self.mounted.append(memory)
        upper, work = (os.path.join(memory, name) for name in ("upper", "work"))
        os.mkdir(upper)
        os.mkdir(work)
        _mount("-t", "overlay", self.name, "-o",
               "lowerdir=/,upperdir=%s,workdir=%s" % (upper, work), self.root)
        self.mounted.append(self.root)

    def _prepare(self):
        system = os.path.join(self.root, "etc/systemd/system")
        for name in os.listdir(system):
            path = os.path.join(system, name)
            if name.endswith(".wants"):
                for unit in os.listdir(path):
                    if unit not in WANTED_UNITS:
                        os.unlink(os.path.join(path, unit))
        # The file keeps maintainer scripts from starting services.
        policy = os.path.join(self.root, "usr/sbin/policy-rc.d")
        if os.path.exists(policy):
            os.unlink(policy)
        # Files of an installation from source would hide those of the package.
        for directory in ("usr/local/bin", "usr/local/sbin"):
            for name in ("mediarelayd", "mrasd", "avedgectl", "avedge-load", "avedge-offload"):
                path = os.path.join(self.root, directory, name)
                if os.path.lexists(path):
                    os.unlink(path)
        shutil.rmtree(os.path.join(self.root, "etc/avedge"), ignore_errors=True)
        os.mkdir(os.path.join(self.root, "avedge-test"))  # for files of the test

    def _boot(self):
        with open(self.console, "wb") as console:
            self.nspawn = subprocess.Popen(
                ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot",
                 "--directory=" + self.root, "--private-network", "--machine=" + self.name,
                 "--kill-signal=SIGRTMIN+4", "--console=pipe", *self.options],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        until = time.monotonic() + BOOT_S
        while time.monotonic() < until and self.nspawn.poll() is None:
            self.leader = self.leader or self._child()
            if self.leader and self.run("systemctl", "is-system-running", "--wait",
                                        check=False).stdout.strip() in ("running", "degraded"):
                return
            time.sleep(0.2)
        with open(self.console, encoding="utf-8", errors="replace") as console:
            last = console.read().strip().splitlines() or ["no output"]
        raise CannotBoot("systemd-nspawn cannot boot here: " + last[-1].strip())

    def _child(self):
        path = "/proc/%d/task/%d/children" % (self.nspawn.pid, self.nspawn.pid)
        with open(path, encoding="ascii") as children:
            pids = children.read().split()
        return int(pids[0]) if pids else None

    def command(self, *args):
        """The command line that runs args as root in the container."""
        return ["nsenter", "--target", str(self.leader), "--all", "env", "-i",
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "TERM=dumb", "LANG=C.UTF-8",
                *args]

    def run(self, *args, check=True, timeout=60, **kw):
        """Run it to completion; stdout of the result includes standard error."""
        kw.setdefault("stdout", subprocess.PIPE)
        result = subprocess.run(self.command(*args), stderr=subprocess.STDOUT, text=True,
                                stdin=subprocess.DEVNULL, timeout=timeout, check=False, **kw)
        if check and result.returncode != 0:
            print(result.stdout)
            raise SystemExit("FAIL: status %d of: %s" % (result.returncode, " ".join(args)))
        return result

    def out(self, *args, **kw):
        return self.run(*args, **kw).stdout.strip()

    def start(self, *args):
        """Run it in the background; a Popen whose stdout is text."""
        return subprocess.Popen(self.command(*args), stdin=subprocess.DEVNULL, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def path(self, inside):
        return self.root + inside

    def put(self, source, inside):
        """Copy a file or directory into it."""
        if os.path.isdir(source):
            shutil.copytree(source, self.path(inside))
        else:
            shutil.copy2(source, self.path(inside))

    def write(self, inside, text, mode=0o644):
        os.makedirs(os.path.dirname(self.path(inside)), exist_ok=True)
        with open(self.path(inside), "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(self.path(inside), mode)

    def read(self, inside):
        with open(self.path(inside), encoding="utf-8") as file:
            return file.read()
