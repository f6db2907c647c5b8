#!/usr/bin/python3
# slow: boots a container and installs packages
"""The package's own tests as Debian runs them: autopkgtest installs these package files with apt
in a booted container and runs the tests in debian/tests/control.
"""

import os
import shutil
import sys

import lib  # adds ../lib to the path
import deb
import machine as machines


def skip(reason):
    print(reason)
    sys.exit(77)


def autopkgtest(machine, packages):
    machine.run("mkdir", "/avedge-test/packages")
    for name in ("avedge", "avedge-tools"):
        machine.put(packages[name], "/avedge-test/packages/" + os.path.basename(packages[name]))
    deb.copy_source(machine.path("/avedge-test/source"))
    return machine.run("bash", "-c", "cd /avedge-test && autopkgtest --no-built-binaries "
                       "packages/*.deb ./source/ -- null", check=False, timeout=150)


def main():
    reason = machines.unavailable()
    if reason or not shutil.which("autopkgtest"):
        skip(reason or "autopkgtest is not installed")
    try:
        packages = deb.packages()
    except deb.CannotBuild as why:
        skip(why)
    try:
        with machines.Machine() as machine:
            result = autopkgtest(machine, packages)
    except machines.CannotBoot as why:
        skip(why)
    ran = [line for line in result.stdout.splitlines()
           if line.startswith(("relayed-call ", "service "))]
    print(result.stdout if result.returncode not in (0, 2) else "\n".join(sorted(set(ran))))
    # 2: a test was skipped; the null runner cannot isolate a machine.
    if result.returncode not in (0, 2) or not any(line.split() == ["relayed-call", "PASS"]
                                                   for line in ran):
        raise SystemExit("FAIL: autopkgtest ended with status %d" % result.returncode)
    print("autopkgtest: the installed package makes a relayed call")


if __name__ == "__main__":
    main()
