#!/usr/bin/python3
"""The requirements that a client can observe, one by one, against a running relay.

Runs in its own network namespace with loopback only. Prints one line per row; a failed row of
level M (MUST) or D (our own decision) fails the run. Rows that would take minutes are unit tests
with a simulated clock. Arguments name rows to run (T-285, attack-12, a prefix).

  -v    print rows that pass as well        -t udp|tcp|tls    one transport only
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import traceback

import lib  # adds ../lib to the path
from checklist import base
from checklist import messages, auth, turn, data, outside  # each adds its rows
import netns
import relay

LIMITS = ["allocations_per_user = %d" % base.USER_QUOTA, "allocations_per_prefix = 0",
          "greeting = 5s", "authentication = 10s"]
ADDRESSES = (base.INSIDE6, base.OUTSIDE6, base.PEER6, "2002:7f00:1::1", "2001:0:1::1")


def set_up_addresses():
    for addr in ADDRESSES:
        subprocess.run(["ip", "-6", "addr", "add", addr + "/128", "dev", "lo", "nodad"],
                       check=True)


def run_row(row, transport):
    """(verdict, what went wrong) of one row over one transport."""
    bench = base.Bench(transport)
    try:
        row.check(bench)
        return "ok", ""
    except base.Skip as skip:
        return "skip", str(skip)
    except Exception as err:		# a row fails by whatever it raises
        where = traceback.extract_tb(err.__traceback__)
        lines = [f.lineno for f in where if os.sep + "checklist" + os.sep in f.filename]
        return "FAIL", "%s: %s (lines %s)" % (type(err).__name__, err, lines)
    finally:
        bench.close()


def report(name, level, verdict, summary, why, verbose):
    if verdict != "ok" or verbose:
        print("%-12s %-4s %s%s" % (name, verdict, summary, "\n\t" + why if why else ""),
              flush=True)


def run_rows(args):
    """The number of rows per verdict, failures also per level."""
    count = {"ok": 0, "skip": 0, "FAIL": 0}
    failed = {}
    for row in base.ROWS:
        if args.rows and not any(row.ident == r or row.ident.startswith(r) for r in args.rows):
            continue
        for transport in row.over:
            if args.transport and transport != args.transport:
                continue
            verdict, why = run_row(row, transport)
            count[verdict] += 1
            if verdict == "FAIL":
                failed.setdefault(row.level, []).append(row.name(transport))
            report(row.name(transport), row.level, verdict, row.summary, why, args.verbose)
    texts = {"T-011": "padding is zero in every answer", "T-020": "every error is well formed",
             "T-069": "every answer ends with integrity, then fingerprint",
             "T-088": "success tells no realm, nonce or user name",
             "T-112": "algorithms are listed exactly when the nonce says so"}
    for ident, complaints in base.OBSERVER.complaints.items():
        verdict = "FAIL" if complaints else "ok"
        count[verdict] += 1
        if complaints:
            failed.setdefault("M", []).append(ident)
        report(ident + "*", "M", verdict, texts[ident], "; ".join(complaints[:3]), args.verbose)
    return count, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("-t", "--transport", choices=base.ALL)
    parser.add_argument("rows", nargs="*")
    args = parser.parse_args()

    netns.begin()
    set_up_addresses()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="avedge-checklist-") as directory:
        server = relay.Relay(directory, inside=[base.INSIDE, base.INSIDE6],
                             outside=[base.OUTSIDE, base.OUTSIDE6],
                             allow=["127.0.0.0/8", "fd77:9::3/128"],
                             settings={"limits": LIMITS}).start()
        for user in ("alice", "bob", "carol"):
            base.Bench.credentials[user] = server.credential(user)
        base.Bench.secret, base.Bench.cafile = server.secret(), server.path("ca.pem")
        base.Bench.relay_pid = server.pid()
        try:
            count, failed = run_rows(args)
        finally:
            wrong = server.stop()
            if wrong:
                print("\n".join(wrong + ["--- the relay's log", server.log()[-3000:]]))
    print("%d ok, %d failed, %d not applicable; MUST-level failures: %d (%.0f s)" % (
        count["ok"], count["FAIL"], count["skip"], len(failed.get("M", [])),
        time.monotonic() - started))
    for level, names in sorted(failed.items()):
        print("failed at level %s: %s" % (level, " ".join(names)))
    return 1 if wrong or failed.get("M") or failed.get("D") else 0


if __name__ == "__main__":
    sys.exit(main())
