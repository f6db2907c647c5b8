#!/usr/bin/python3
"""The TLS of mrasd: old versions and suites are for the servers that the configuration names, a
refused client is told apart in log and metrics, and a certificate may have any number of names."""

import os
import re
import ssl
import subprocess
import sys
import urllib.request

from cryptography.hazmat.primitives.asymmetric import rsa

import lib  # adds ../lib to the path
import mras_bench
from netns import check
from mras import Client, Refused
from mras_bench import INSIDE, PORT, SERVERS, row

OLD, MIDDLE, FAR = "127.0.3.1", "127.0.4.1", "127.0.5.1"  # where clients connect from
METRICS = "127.0.0.1:9469"
LEGACY = dict(SERVERS, **{
    "old.lab.example": ['networks = {"%s/32"}' % OLD, "legacy_tls = true"],
    "middle.lab.example": ['networks = {"%s/32"}' % MIDDLE]})
CBC = "ECDHE-ECDSA-AES128-SHA"
GET = b"GET /v1/relays HTTP/1.1\r\nHost: mras.lab.example\r\nConnection: close\r\n\r\n"
NAMES = ["host%03d.lab.example" % i for i in range(499)]


def text(bench, servers):
    return bench.text(servers=servers).replace('address = ""', 'address = "%s"' % METRICS)


def restarted(bench):
    wrong = bench.mrasd.stop()
    check(not wrong, "%s", wrong)
    bench.mrasd.text = text(bench, LEGACY)
    bench.mrasd.start()


def begin(bench):
    for name in ("old", "middle"):
        bench.ca.issue(name, name, [name + ".lab.example"])
    bench.ca.issue("weak", "old", ["old.lab.example"],
                   key=rsa.generate_private_key(65537, 1024))
    bench.ca.issue("many", "many", NAMES + ["fe01.lab.example"])
    bench.ca.issue("many-others", "many", NAMES)
    bench.ca.issue("huge", "huge", ["host%04d.lab.example" % i for i in range(4000)] +
                   ["fe01.lab.example"])
    restarted(bench)


def reloaded(bench, servers):
    mark = bench.mrasd.mark()
    bench.mrasd.configure(text(bench, servers))
    bench.mrasd.reload()
    check(bench.mrasd.says("reload: done", mark), "%s", bench.mrasd.log()[mark:])


def s_client(bench, *options, source=OLD, certificate="old", cipher="ALL", talk=GET):
    """What openssl s_client prints: (output with the answer, errors)."""
    base = os.path.join(bench.directory, certificate)
    got = subprocess.run(
        ["openssl", "s_client", "-quiet", "-bind", source, "-connect", "%s:%d" % (INSIDE, PORT),
         "-CAfile", bench.ca.path("pem"), "-cert", base + ".pem", "-key", base + ".key",
         "-cipher", cipher + ":@SECLEVEL=0", *options], input=talk, capture_output=True,
        check=False, timeout=10)
    return got.stdout, got.stderr.decode()


# Rows are TLS 1.0, TLS 1.1, and TLS 1.2 with CBC.
OLD_TLS = ((("-tls1",), "ALL"), (("-tls1_1",), "ALL"), (("-tls1_2",), CBC))


@row
def a_server_with_legacy_tls_is_served(bench):
    for options, cipher in OLD_TLS + ((("-tls1_2",), "ALL"), (("-tls1_3",), "ALL")):
        out, errors = s_client(bench, *options, cipher=cipher)
        check(out.startswith(b"HTTP/1.1 200 OK"), "%s %s: %s", options, cipher, errors)


@row
def nobody_else_is_served_with_old_tls(bench):
    for options, cipher in OLD_TLS:
        for source, certificate in ((OLD, "trusted"), (OLD, "untrusted"), (OLD, "middle"),
                                    (MIDDLE, "middle"), (MIDDLE, "old"), (FAR, "trusted"),
                                    (FAR, "old")):
            out, errors = s_client(bench, *options, cipher=cipher, source=source,
                                   certificate=certificate)
            check(b"HTTP" not in out and "alert" in errors, "%s %s, %s from %s: %s %s", options,
                  cipher, certificate, source, out, errors)


@row
def others_at_its_address_are_served_with_new_tls(bench):
    for options in (("-tls1_2",), ("-tls1_3",)):
        for certificate, served in (("trusted", True), ("old", True), ("untrusted", False)):
            out, errors = s_client(bench, *options, certificate=certificate)
            check(out.startswith(b"HTTP/1.1 200 OK") == served, "%s %s: %s", options,
                  certificate, errors)


@row
def signatures_with_sha_1_are_old_too(bench):
    weak = ("-tls1_2", "-client_sigalgs", "ECDSA+SHA1")
    for options in (weak, weak + ("-sigalgs", "ECDSA+SHA1")):
        restarted(bench)  # the log has ten lines of a kind in a minute
        out, errors = s_client(bench, *options)
        check(out.startswith(b"HTTP/1.1 200 OK"), "%s: %s", options, errors)
        before, mark = refused(bench, "version_or_cipher"), bench.mrasd.mark()
        out, errors = s_client(bench, *options, certificate="trusted")
        check(b"HTTP" not in out, "%s: %s", options, out)
        check(bench.mrasd.says("TLSv1.2 with ECDHE-ECDSA-AES256-GCM-SHA384 and SHA-1 is too old",
                               mark), "%s: %s", options, bench.mrasd.log()[mark:])
        check(refused(bench, "version_or_cipher") == before + 1, "%s: not counted", options)
        for certificate in ("trusted", "old"):
            out, errors = s_client(bench, *options, source=FAR, certificate=certificate)
            check(b"HTTP" not in out, "%s from elsewhere: %s", options, out)


@row
def forward_secrecy_and_strong_certificates_are_required(bench):
    for certificate, cipher, want in (("old", "AES128-SHA", "version_or_cipher"),
                                      ("old", "NULL", "version_or_cipher"),
                                      ("weak", "ALL", "certificate")):
        before = refused(bench, want)
        out, errors = s_client(bench, "-tls1", certificate=certificate, cipher=cipher)
        check(b"HTTP" not in out and "alert" in errors, "%s %s: %s", certificate, cipher, errors)
        check(refused(bench, want) == before + 1, "%s %s", certificate, cipher)
    check("EE certificate key too weak" in bench.mrasd.log(), "%s", bench.mrasd.log()[-2000:])


def refused(bench, reason):
    """The count of refused handshakes for that reason."""
    with urllib.request.urlopen("http://%s/metrics" % METRICS, timeout=5) as answer:
        text = answer.read().decode()
    return int(re.search(r'handshakes_refused_total\{reason="%s"\} (\d+)' % reason,
                         text).group(1))


@row
def the_log_names_client_offer_and_key(bench):
    remedy = r'; update the server, or set legacy_tls = true and networks in server "%s"'
    for options, cipher, source, certificate, want in (
            (("-tls1",), CBC, MIDDLE, "middle",
             "refused %s:[0-9]+: it offers TLS 1.0 at most and no AEAD suite: %s" % (MIDDLE, CBC) +
             '; update it; if this is server "middle.lab.example", legacy_tls = true and networks '
             'there permit it'),
            (("-tls1_1",), "AES256-SHA:AES128-SHA", FAR, "old",
             "refused %s:[0-9]+: it offers TLS 1.1 at most and no AEAD suite: AES256-SHA, "
             "AES128-SHA" % FAR + remedy % "NAME"),
            (("-tls1_2",), "AES128-GCM-SHA256", FAR, "old",
             "it offers TLS 1.2 at most and AEAD suites: AES128-GCM-SHA256"),
            (("-tls1_2",), "AES:!AESGCM:!AESCCM", FAR, "old",
             "and no AEAD suite: ([-A-Z0-9]+, ){3}[-A-Z0-9]+ and [0-9]+ more;"),
            (("-tls1",), "AES128-SHA", OLD, "old",
             "AES128-SHA; legacy_tls permits TLS 1.0 to 1.2 with ECDHE or DHE and AES: update "
             "the server"),
            (("-tls1_1",), "ALL", OLD, "trusted",
             r"refused %s:[0-9]+: TLSv1.1 with ECDHE-ECDSA-AES256-SHA and SHA-1 is too old" % OLD +
             remedy % "fe01.lab.example")):
        restarted(bench)
        mark = bench.mrasd.mark()
        s_client(bench, *options, cipher=cipher, source=source, certificate=certificate)
        check(bench.mrasd.says(want, mark), "%s %s: %s", options, cipher,
              bench.mrasd.log()[mark:])
        check(refused(bench, "version_or_cipher") == 1, "%s %s", options, cipher)


@row
def a_reload_ends_what_it_no_longer_permits(bench):
    keep = GET.replace(b"close", b"keep-alive")
    base = os.path.join(bench.directory, "old")
    for options, ends in ((["-tls1", "-cipher", "ALL:@SECLEVEL=0"], True), (["-tls1_2"], False)):
        reloaded(bench, LEGACY)
        with subprocess.Popen(
                ["openssl", "s_client", "-quiet", "-bind", OLD, "-connect",
                 "%s:%d" % (INSIDE, PORT), "-cert", base + ".pem", "-key", base + ".key"] + options,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as peer:
            try:
                peer.stdin.write(keep)
                peer.stdin.flush()
                check(peer.stdout.readline() == b"HTTP/1.1 200 OK\r\n", "%s", options)
                mark = bench.mrasd.mark()
                reloaded(bench, dict(LEGACY, **{
                    "old.lab.example": LEGACY["old.lab.example"][:1]}))
                said = bench.mrasd.says("no longer trusted: TLSv1 with ", mark, within=2)
                check(said == ends, "%s: %s", options, bench.mrasd.log()[mark:])
                if ends:
                    check(peer.wait(5) is not None, "it stays open")
            finally:
                peer.kill()
    reloaded(bench, LEGACY)


@row
def the_last_of_500_names_is_trusted(bench):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with Client(bench.mrasd, "many", version=version) as client:
            client.send(GET)
            check(client.response()[0] == "HTTP/1.1 200 OK", "%s", version)
        try:
            with Client(bench.mrasd, "many-others", version=version) as client:
                client.send(GET)
                client.response()
            check(False, "%s: served", version)
        except Refused:
            pass


@row
def a_certificate_above_64_kib_is_refused_by_name(bench):
    mark, before = bench.mrasd.mark(), refused(bench, "certificate_size")
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        try:
            with Client(bench.mrasd, "huge", version=version) as client:
                client.send(GET)
                client.response()
            check(False, "%s: served", version)
        except Refused as err:
            check("alert" in str(err) or "reset" in str(err) or "pipe" in str(err), "%s", err)
    check(bench.mrasd.says("its certificate and chain exceed 64 KiB", mark), "%s",
          bench.mrasd.log()[mark:])
    check(refused(bench, "certificate_size") == before + 2, "not counted")


if __name__ == "__main__":
    sys.exit(mras_bench.main(begin=begin))
