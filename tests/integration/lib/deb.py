"""The Debian packages of this tree, for tests of the installed programs.

Built into the build directory, again only if a source file has changed. Needs no root.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.abspath(os.path.join(HERE, "..", "..", ".."))
BUILD = os.environ.get("RELAY_BUILD_DIR") or TOP
DIRECTORY = os.path.join(BUILD, "debian-package")


class CannotBuild(Exception):
    """The tool that is missing, in one sentence."""


def _sources():
    """The files of a release, as paths below TOP."""
    if os.path.exists(os.path.join(TOP, ".git")) and shutil.which("git"):
        listed = subprocess.run(
            ["git", "-c", "safe.directory=*", "-C", TOP, "ls-files", "-z", "-co",
             "--exclude-standard"], check=True, capture_output=True).stdout.decode()
        names = [n for n in listed.split("\0") if n]
    else:
        names = []
        for directory, directories, files in os.walk(TOP):
            directories[:] = [d for d in directories if d != os.path.basename(DIRECTORY) and
                          not os.path.exists(os.path.join(directory, d, "config.status"))]
            names += [os.path.relpath(os.path.join(directory, f), TOP) for f in files]
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
    """Copy the source tree without built files."""
    _copy(_sources(), to)


def _build(log):
    environment = dict(os.environ, DEB_BUILD_OPTIONS="nocheck parallel=%d" % os.cpu_count())
    if shutil.which("ccache"):
        environment["PATH"] = "/usr/lib/ccache:" + environment["PATH"]
    result = subprocess.run(
        ["dpkg-buildpackage", "--build=binary", "-us", "-uc", "--root-command=fakeroot"],
        cwd=os.path.join(DIRECTORY, "source"), env=environment, stdout=log,
        stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=900, check=False)
    return result.returncode


def packages():
    """{name: path} of the built packages, and the path of their .changes file as "changes".

    Concurrent callers wait for the one that builds."""
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
    stamp = os.path.join(DIRECTORY, "stamp")
    wanted = _fingerprint(names)
    try:
        with open(stamp, encoding="ascii") as file:
            fresh = file.read() == wanted
    except OSError:
        fresh = False
    if not fresh:
        shutil.rmtree(DIRECTORY, ignore_errors=True)
        _copy(names, os.path.join(DIRECTORY, "source"))
        with open(os.path.join(DIRECTORY, "log"), "wb") as log:
            status = _build(log)
        if status != 0:
            with open(os.path.join(DIRECTORY, "log"), encoding="utf-8", errors="replace") as log:
                print("".join(log.readlines()[-40:]))
            raise SystemExit("dpkg-buildpackage failed with status %d" % status)
        with open(stamp, "w", encoding="ascii") as file:
            file.write(wanted)
    found = {}
    for name in os.listdir(DIRECTORY):
        if name.endswith(".deb"):
            found[name.split("_")[0]] = os.path.join(DIRECTORY, name)
        elif name.endswith(".changes"):
            found["changes"] = os.path.join(DIRECTORY, name)
    return found
