#!/usr/bin/python3
"""The Debian packages as files: lintian finds no errors, each package has its files and no file is
in two, dependencies are declared, and the installed programs make a call.

t-service tests the installed packages.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

import lib  # adds ../lib to the path
import deb

# What an administrator needs, by package; there may be more.
HOLDS = {
    "avedge": [
        "/lib/systemd/system/avedge-offload.service",
        "/lib/systemd/system/avedge-offload.socket",
        "/lib/systemd/system/avedge.target",
        "/lib/systemd/system/mediarelayd.service",
        "/lib/systemd/system/mrasd.service",
        "/usr/lib/sysusers.d/avedge.conf",
        "/usr/lib/tmpfiles.d/avedge.conf",
        "/usr/sbin/avedge-offload",
        "/usr/sbin/mediarelayd",
        "/usr/sbin/mrasd",
        "/usr/share/bash-completion/completions/avedge-offload",
        "/usr/share/bash-completion/completions/mediarelayd",
        "/usr/share/fish/vendor_completions.d/mediarelayd.fish",
        "/usr/share/doc/avedge/README.Debian",
        "/usr/share/doc/avedge/examples/mediarelayd.conf",
        "/usr/share/doc/avedge/examples/mrasd.conf",
        "/usr/share/man/man5/mediarelayd.conf.5.gz",
        "/usr/share/man/man5/mrasd.conf.5.gz",
        "/usr/share/man/man8/avedge-offload.8.gz",
        "/usr/share/man/man8/mediarelayd.8.gz",
        "/usr/share/man/man8/mrasd.8.gz",
    ],
    "avedge-tools": [
        "/usr/bin/avedge-load",
        "/usr/bin/avedgectl",
        "/usr/share/bash-completion/completions/avedgectl",
        "/usr/share/fish/vendor_completions.d/avedgectl.fish",
        "/usr/share/zsh/vendor-completions/_avedge",
        "/usr/share/zsh/vendor-completions/_avedgectl",
        "/usr/share/man/man1/avedge-load.1.gz",
        "/usr/share/man/man1/avedgectl.1.gz",
    ],
    "avedge-dbgsym": [],
    "avedge-tools-dbgsym": [],
}
# Nothing may be installed there: it belongs to the administrator, or is lost at boot.
FORBIDDEN = re.compile(r"/(etc|run|var|tmp|usr/local|home|root)/.")


def out(*args, **kw):
    return subprocess.run(args, check=True, capture_output=True, text=True, timeout=120,
                          **kw).stdout


def check(claim, text):
    if not claim:
        raise SystemExit("FAIL: " + text)


def files(path):
    """{name: mode} of what a package installs, without directories."""
    rows = [line.split(None, 5) for line in out("dpkg-deb", "--contents", path).splitlines()]
    for row in rows:
        check(row[1] == "root/root", "%s belongs to %s" % (row[5], row[1]))
    return {row[5][1:]: row[0] for row in rows if not row[0].startswith("d")}


def check_contents(packages):
    owner = {}
    for name, wanted in HOLDS.items():
        check(name in packages, "no package " + name)
        holds = files(packages[name])
        for path in wanted:
            check(path in holds, "%s lacks %s" % (name, path))
        for path, mode in holds.items():
            check(path not in owner, "%s is in %s and %s" % (path, owner.get(path), name))
            owner[path] = name
            check(not FORBIDDEN.match(path), "%s installs %s" % (name, path))
            check(not re.search("[sStT]", mode[1:]), "%s has mode %s" % (path, mode))
            program = re.match("/usr/s?bin/", path)
            check(mode == ("-rwxr-xr-x" if program else "-rw-r--r--") or mode[0] == "l",
                  "%s has mode %s" % (path, mode))
    return len(owner)


def check_dependencies(packages):
    """Libraries as linked; the tools come with the daemons, whose reload command they are."""
    for name, wanted in (("avedge", ["avedge-tools (=", "libbpf1", "libmicrohttpd12", "libsystemd0",
                                     "systemd | systemd-standalone-sysusers"]),
                         ("avedge-tools", ["libcurl4", "libjansson4"])):
        depends = out("dpkg-deb", "--field", packages[name], "Depends")
        for word in wanted:
            check(word in depends, "%s does not depend on %s: %s" % (name, word, depends))


def check_examples(directory):
    """They are complete except for site-specific values, and name the group avedge."""
    for name in ("mediarelayd", "mrasd"):
        path = os.path.join(directory, "usr/share/doc/avedge/examples", name + ".conf")
        with open(path, encoding="ascii") as file:
            text = file.read()
        check('\n\tgroup = "avedge"\n' in text, path + " does not name the group")
        shown = subprocess.run([os.path.join(directory, "usr/sbin", name), "-c", path, "--check"],
                               capture_output=True, text=True, timeout=30, check=False)
        check("unknown" not in shown.stderr.lower(), shown.stderr)


def check_units(directory):
    """The sandbox settings of the unit files."""
    system = os.path.join(directory, "lib/systemd/system")
    for unit, most in (("mediarelayd", 2.0), ("mrasd", 1.5), ("avedge-offload", 1.5)):
        last = out("systemd-analyze", "security", "--offline=true", "--no-pager",
                   os.path.join(system, unit + ".service")).splitlines()[-1]
        score = float(re.search(r": ([0-9.]+) ", last).group(1))
        print("%s: exposure %.1f, at most %.1f" % (unit, score, most))
        check(score <= most, last)


def source_package(directory):
    """The source package in that directory; what dput would be given besides the others."""
    deb.copy_source(os.path.join(directory, "avedge"))
    out("dpkg-source", "--build", "avedge", cwd=directory)
    return [os.path.join(directory, name) for name in os.listdir(directory)
            if name.endswith(".dsc")][0]


def check_lintian(packages, source):
    """No error and no warning; -i explains its tags."""
    result = subprocess.run(["lintian", "--allow-root", "-EvI", "--pedantic", "--fail-on",
                             "error,warning", packages["changes"], source],
                            capture_output=True,
                            text=True, timeout=150, check=False)
    remarks = [line for line in result.stdout.splitlines() if re.match("[EWIP]: ", line)]
    print("\n".join(remarks))
    check(result.returncode == 0, result.stdout[-3000:] + result.stderr[-1000:])
    return len(remarks)


def check_call(directory):
    """The test that is part of the package."""
    path = ":".join(os.path.join(directory, part) for part in ("usr/bin", "usr/sbin"))
    result = subprocess.run([os.path.join(deb.TOP, "debian/tests/relayed-call")], text=True,
                            env=dict(os.environ, PATH=path + ":" + os.environ["PATH"]),
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
                            check=False)
    check(result.returncode == 0, result.stdout)


def main():
    try:
        packages = deb.packages()
    except deb.CannotBuild as why:
        print(why)
        sys.exit(77)
    count = check_contents(packages)
    check_dependencies(packages)
    with tempfile.TemporaryDirectory(prefix="avedge-package-") as directory:
        for name in ("avedge", "avedge-tools"):
            out("dpkg-deb", "--extract", packages[name], directory)
        check_examples(directory)
        if shutil.which("systemd-analyze"):
            check_units(directory)
        check_call(directory)
    if not shutil.which("lintian"):
        print("%d files in 4 packages; lintian is not installed" % count)
        return
    with tempfile.TemporaryDirectory(prefix="avedge-source-") as directory:
        remarks = check_lintian(packages, source_package(directory))
    print("%d files in 4 packages; lintian: no error, no warning, %d remarks" % (count, remarks))


if __name__ == "__main__":
    main()
