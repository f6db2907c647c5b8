#!/usr/bin/python3
"""sipp, an independent program, asks mrasd for credentials: thousands of SERVICE and OPTIONS, on
one connection and on many. Debian builds it without TLS, so a forwarder here presents the
certificate."""

import asyncio
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading

import lib  # adds ../lib to the path
import mras
import mras_bench
from netns import check
from mras_bench import INSIDE, PORT, row

FORWARDER = ("127.0.0.1", 15061)
SCENARIO = """<?xml version="1.0" encoding="ISO-8859-1" ?>
<!DOCTYPE scenario SYSTEM "sipp.dtd">
<scenario name="credentials">
  <send retrans="500"><![CDATA[

    OPTIONS sip:edge.lab.example:5062 SIP/2.0
    Via: SIP/2.0/TLS [local_ip]:[local_port];branch=[branch]
    Max-Forwards: 70
    From: <sip:fe01@lab.example>;tag=[pid]SIPpTag00[call_number]
    To: <sip:edge.lab.example>
    Call-ID: [call_id]
    CSeq: 1 OPTIONS
    Content-Length: 0

  ]]></send>
  <recv response="200"/>
  <send retrans="500"><![CDATA[

    SERVICE sip:edge.lab.example:5062;grid SIP/2.0
    Via: SIP/2.0/TLS [local_ip]:[local_port];branch=[branch]
    v: SIP/2.0/TLS 192.0.2.55:50733;ms-received-port=50733;ms-received-cid=1F00
    Max-Forwards: 70
    From: "Alice" <sip:alice@lab.example>;tag=[pid]SIPpTag00[call_number];epid=0badc0ffee
    To: <sip:edge.lab.example@lab.example;gruu;opaque=srvr:MRAS:kJ3mPq0x1UuW2yZ>
    i: [call_id]
    CSeq: 2 SERVICE
    c: application/msrtc-media-relay-auth+xml
    Content-Length: [len]

    <request requestID="[call_number]" version="3.0" to="sip:edge.lab.example@lab.example"
     from="sip:alice@lab.example" xmlns="http://schemas.microsoft.com/2006/09/sip/mrasp">
     <credentialsRequest credentialsRequestID="[call_number]">
     <identity>sip:alice[call_number]@lab.example</identity>
     <duration>480</duration></credentialsRequest></request>
  ]]></send>
  <recv response="200">
    <action>
      <ereg regexp="reasonPhrase=.OK." search_in="msg" check_it="true" assign_to="answer"/>
      <ereg regexp="&lt;username&gt;AgAAJ[A-Za-z0-9+/]*=*&lt;" search_in="msg"
            check_it="true" assign_to="answer"/>
      <log message="[$answer]"/>
    </action>
  </recv>
</scenario>
"""


class Forwarder:
    """Plain TCP on one side, mutual TLS on the other."""

    def __init__(self, directory):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.load_verify_locations(os.path.join(directory, "ca.pem"))
        base = os.path.join(directory, "trusted")
        self.context.load_cert_chain(base + ".pem", base + ".key")
        self.loop, self.ready = asyncio.new_event_loop(), threading.Event()
        threading.Thread(target=self.run, daemon=True).start()
        self.ready.wait(5)

    @classmethod
    def begin(cls, directory, only=[]):
        """All rows share one."""
        if not only:
            only.append(cls(directory))

    def run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(asyncio.start_server(self.carry, *FORWARDER))
        self.ready.set()
        self.loop.run_forever()

    async def carry(self, reader, writer):
        far_reader, far_writer = await asyncio.open_connection(
            INSIDE, PORT, ssl=self.context, server_hostname="mras.lab.example")

        async def pump(source, sink):
            try:
                while data := await source.read(65536):
                    sink.write(data)
                    await sink.drain()
            except ConnectionError:
                pass
            sink.close()
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))


def sipp(bench, calls, *args):
    """Run it; every call must succeed."""
    Forwarder.begin(bench.directory)
    with tempfile.TemporaryDirectory(dir=bench.directory) as directory:
        scenario = os.path.join(directory, "credentials.xml")
        mras.write(scenario, SCENARIO.encode())
        out = subprocess.run(
            ["sipp", "-sf", scenario, "-m", str(calls), "-i", "127.0.0.1", "-nostdin",
             "-timeout", "60s", "-timeout_error", "-trace_err", *args,
             "%s:%d" % FORWARDER], check=False, capture_output=True, text=True, cwd=directory,
            timeout=90)
        errors = "".join(open(os.path.join(directory, f), encoding="utf-8").read()[:2000]
                         for f in os.listdir(directory) if f.endswith("_errors.log"))
        check(out.returncode == 0, "sipp: %d\n%s\n%s", out.returncode, out.stdout[-1500:],
              errors)


@row
def one_connection(bench):
    mark = bench.mrasd.mark()
    sipp(bench, 2000, "-t", "t1", "-r", "500", "-l", "50")
    issued = bench.mrasd.log()[mark:].count("credential issued")
    check(issued == 2000, "%d credentials for 2000 calls", issued)


@row
def a_connection_for_each_call(bench):
    sipp(bench, 100, "-t", "tn", "-r", "100", "-l", "20", "-max_socket", "50")


if __name__ == "__main__":
    if shutil.which("sipp") is None:
        print("sipp is not installed")
        sys.exit(77)
    sys.exit(mras_bench.main())
