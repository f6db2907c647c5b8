"""The Debian packages of this tree, for the tests of what is installed.

Built once into the build folder, and again only after a source file has changed. Needs no root.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.abspath(os.path.join(HERE, "..", "..", ".."))
BUILD = os.environ.get("RELAY_BUILD_DIR") or TOP
FOLDER = os.path.join(BUILD, "debian-package")


class CannotBuild(Exception):
    """Why not, in one sentence: a tool is missing."""


def _sources():
    """What the release would hold, as paths below TOP."""
    if os.path.exists(os.path.join(TOP, ".git")) and shutil.which("git"):
        listed = subprocess.run(
            ["git", "-c", "safe.directory=*", "-C", TOP, "ls-files", "-z", "-co",
             "--exclude-standard"], check=True, capture_output=True).stdout.decode()
        names = [n for n in listed.split("\0") if n]
    else:
        names = []
        for folder, folders, files in os.walk(TOP):
            folders[:] = [d for d in folders if d != os.path.basename(FOLDER) and
                          not os.path.exists(os.path.join(folder, d, "config.status"))]
            names += [os.path.relpath(os.path.join(folder, f), TOP) for f in files]
    return sorted(n for n in names if os.path.isfile(os.path.join(TOP, n)))


def _fingerprint(names):
    total = hashlib.sha256()
    for name in names:
        with open(os.path.join(TOP, name), "rb") as source:
            total.update(name.encode() + b"\0" + hashlib.sha256(source.read()).digest())
    return total.hexdigest()


def _copy(names, to):
    for name in names:
        target = os.path.join(to, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy2(os.path.join(TOP, name), target)


def copy_source(to):
    """The source tree without anything built."""
    _copy(_sources(), to)


def _build(log):
    environment = dict(os.environ, DEB_BUILD_OPTIONS="nocheck parallel=%d" % os.cpu_count())
    if shutil.which("ccache"):
        environment["PATH"] = "/usr/lib/ccache:" + environment["PATH"]
    result = subprocess.run(
        ["dpkg-buildpackage", "--build=binary", "-us", "-uc", "--root-command=fakeroot"],
        cwd=os.path.join(FOLDER, "source"), env=environment, stdout=log,
        stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=900, check=False)
    return result.returncode


def packages():
    """{name: path} of the built packages, and the path of their .changes file as "changes".

    One builds them, whoever else comes meanwhile waits."""
    for tool in ("dpkg-buildpackage", "dh", "fakeroot"):
        if not shutil.which(tool):
            raise CannotBuild("%s is not installed" % tool)
    lock = os.open(BUILD, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _packages()
    finally:
        os.close(lock)


def _packages():
    names = _sources()
    stamp = os.path.join(FOLDER, "stamp")
    wanted = _fingerprint(names)
    try:
        with open(stamp, encoding="ascii") as file:
            fresh = file.read() == wanted
    except OSError:
        fresh = False
    if not fresh:
        shutil.rmtree(FOLDER, ignore_errors=True)
        _copy(names, os.path.join(FOLDER, "source"))
        with open(os.path.join(FOLDER, "log"), "wb") as log:
            status = _build(log)
        if status != 0:
            with open(os.path.join(FOLDER, "log"), encoding="utf-8", errors="replace") as log:
                print("".join(log.readlines()[-40:]))
            raise SystemExit("dpkg-buildpackage failed with status %d" % status)
        with open(stamp, "w", encoding="ascii") as file:
            file.write(wanted)
    found = {}
    for name in os.listdir(FOLDER):
        if name.endswith(".deb"):
            found[name.split("_")[0]] = os.path.join(FOLDER, name)
        elif name.endswith(".changes"):
            found["changes"] = os.path.join(FOLDER, name)
    return found
