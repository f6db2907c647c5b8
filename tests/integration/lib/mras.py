"""mrasd for the integration tests: its certificates, start and stop, and a SIP and HTTP client that
shares no code with it."""

import contextlib
import datetime
import functools
import json
import os
import re
import select
import signal
import socket
import ssl
import subprocess
import time
import xml.etree.ElementTree

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import relay

try:
    import lxml.etree
except ImportError:
    lxml = None

NAMESPACE = "{http://schemas.microsoft.com/2006/09/sip/mrasp}"
CONTENT_TYPE = "application/msrtc-media-relay-auth+xml"
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
CODE_SIGNING = ExtendedKeyUsageOID.CODE_SIGNING


def unavailable():
    for name in ("mrasd", "avedgectl"):
        if not os.access(relay.program(name), os.X_OK):
            return "%s is not built" % name
    return None if lxml else "python3-lxml is not installed"


@functools.cache
def schema():
    return lxml.etree.XMLSchema(file=os.path.join(
        os.path.dirname(os.path.abspath(__file__)), "../../vectors/mras/mrasp.xsd"))


def fits_schema(body):
    """Fail unless this message of [MS-AVEDGEA] is valid."""
    try:
        schema().assertValid(lxml.etree.fromstring(body))
    except (lxml.etree.DocumentInvalid, lxml.etree.XMLSyntaxError) as err:
        raise SystemExit("FAIL: not in the schema: %s: %s" % (err, body)) from err


# --- certificates ---------------------------------------------------------------------------

def now():
    return datetime.datetime.now(datetime.timezone.utc)


def seconds(count):
    return datetime.timedelta(seconds=count)


class Ca:
    """A certification authority; its files are DIRECTORY/NAME.pem and so on."""

    def __init__(self, directory, name, parent=None):
        self.directory, self.name, self.parent = directory, name, parent
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA " + name)])
        issuer = parent or self
        self.certificate = (
            x509.CertificateBuilder().subject_name(self.subject).issuer_name(issuer.subject)
            .public_key(self.key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now() - seconds(3600)).not_valid_after(now() + seconds(86400))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(issuer.key, hashes.SHA256()))
        self.revoked = []
        write(self.path("pem"), self.pem())

    def path(self, ending):
        return os.path.join(self.directory, "%s.%s" % (self.name, ending))

    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, file, common_name, names=(), addresses=(), usage=(SERVER, CLIENT),
              lasts=86400, begins=-3600, key=None):
        """Write DIRECTORY/FILE.pem with its chain, and FILE.key; names None: no subjectAltName."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        builder = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(self.subject)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now() + seconds(begins))
            .not_valid_after(now() + seconds(lasts)))
        if names is not None:
            alternatives = [x509.DNSName(n) for n in names]
            alternatives += [x509.IPAddress(relay.ipaddress.ip_address(a)) for a in addresses]
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), False)
        if usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usage), False)
        certificate = builder.sign(self.key, hashes.SHA256())
        text = certificate.public_bytes(serialization.Encoding.PEM)
        if self.parent:
            text += self.pem()
        base = os.path.join(self.directory, file)
        write(base + ".pem", text)
        write(base + ".key", key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()))
        return certificate

    def revoke(self, certificate):
        self.revoked.append(certificate.serial_number)

    def crl(self, lasts=86400):
        builder = (x509.CertificateRevocationListBuilder().issuer_name(self.subject)
                   .last_update(now() - seconds(60)).next_update(now() + seconds(lasts)))
        for serial in self.revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(serial)
                .revocation_date(now() - seconds(30)).build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(
            serialization.Encoding.PEM)


def write(path, data):
    """Replace the file atomically: mrasd may be reading."""
    with open(path + ".new", "wb") as out:
        out.write(data)
    os.rename(path + ".new", path)


# --- the daemon -----------------------------------------------------------------------------

class Mrasd:
    """A running mrasd and its directory."""

    def __init__(self, directory, address, port, text, cpu=None):
        self.directory, self.address, self.port, self.text = directory, address, port, text
        self.child, self.cpu = None, cpu

    def path(self, name):
        return os.path.join(self.directory, name)

    def configure(self, text):
        self.text = text
        write(self.path("mrasd.conf"), text.encode())

    def start(self):
        self.configure(self.text)
        env = dict(os.environ)
        env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
        pinned = ["taskset", "-c", str(self.cpu)] if self.cpu is not None else []
        with open(self.path("mrasd.log"), "ab") as log:
            mark = log.tell()
            self.child = subprocess.Popen(
                pinned + [relay.program("mrasd"), "-c", self.path("mrasd.conf")], stdout=log,
                stderr=log, env=env, stdin=subprocess.DEVNULL)
        if not self.says("serving on port", mark):
            self.child.kill()
            raise SystemExit("mrasd does not serve:\n" + self.log()[-4000:])
        return self

    def log(self):
        with open(self.path("mrasd.log"), encoding="utf-8", errors="replace") as log:
            return log.read()

    def says(self, pattern, since=0, within=10):
        """Wait until the log matches after byte since."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if re.search(pattern, self.log()[since:]):
                return True
            if self.child.poll() is not None:
                return False
            time.sleep(0.02)
        return False

    def mark(self):
        return len(self.log())

    def reload(self):
        os.kill(self.child.pid, signal.SIGHUP)

    def stop(self):
        wrong = []
        if self.child.poll() is not None:
            wrong.append("mrasd exited before it was stopped")
        self.child.send_signal(signal.SIGTERM)
        try:
            if self.child.wait(10) != 0:
                wrong.append("mrasd exited with status %d" % self.child.returncode)
        except subprocess.TimeoutExpired:
            self.child.kill()
            wrong.append("mrasd did not stop within ten seconds of SIGTERM")
        return wrong + ["log: " + line for line in self.log().splitlines()
                        if relay.REPORT.search(line)]

    @contextlib.contextmanager
    def running(self):
        self.start()
        try:
            yield self
        except BaseException:
            self.stop()
            print("--- end of mrasd's log\n" + self.log()[-3000:])
            raise
        wrong = self.stop()
        if wrong:
            raise SystemExit("\n".join(["FAIL:"] + wrong))


def config(directory, address, port, relays, servers, more="", crl=None, outside=(), metrics=""):
    """relays: (location, host, udp, tcp); servers: name -> lines."""
    text = 'addresses = {"%s"}\nport = %d\nkeys = "%s/keys"\nrealm = "edge"\n' % (
        address, port, directory)
    if outside:
        text += "outside_addresses = %s\n" % relay.quoted(outside)
    text += ('tls {\n\tcertificate = "%s/mras.pem"\n\tprivate_key = "%s/mras.key"\n'
             '\tca = "%s/trust.pem"\n%s}\n' % (
                 directory, directory, directory, '\tcrl = "%s"\n' % crl if crl else ""))
    for name, lines in servers.items():
        text += 'server "%s" {\n%s}\n' % (name, "".join("\t%s\n" % i for i in lines))
    for location, host, udp, tcp in relays:
        text += ('relay {\n\tlocation = %s\n\thost = "%s"\n\tudp_ports = %d\n\ttcp_ports = %d\n'
                 '}\n' % (location, host, udp, tcp))
    if "control {" not in more:
        text += 'control {\n\tsocket = "%s/mrasd.sock"\n}\n' % directory
    text += 'metrics {\n\taddress = "%s"\n}\n' % metrics
    return text + more


# --- the client -----------------------------------------------------------------------------

class Refused(Exception):
    """The connection was closed without an answer, or the answer is an error."""


class Client:
    """One TLS connection; certificate NAME is DIRECTORY/NAME.pem, None: no certificate."""

    def __init__(self, server, certificate, directory=None, version=None, timeout=5.0):
        directory = directory or server.directory
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(os.path.join(directory, "ca.pem"))
        if certificate:
            base = os.path.join(directory, certificate)
            context.load_cert_chain(base + ".pem", base + ".key")
        if version:
            context.minimum_version = context.maximum_version = version
        raw = socket.create_connection((server.address, server.port), timeout)
        try:
            self.sock = context.wrap_socket(raw, server_hostname="mras.lab.example")
        except (ssl.SSLError, ConnectionError) as err:
            raw.close()
            raise Refused(str(err)) from err
        self.buffer = b""

    def send(self, data):
        try:
            self.sock.sendall(data)
        except (ssl.SSLError, ConnectionError) as err:
            raise Refused(str(err)) from err

    def more(self):
        try:
            chunk = self.sock.recv(65536)
        except ssl.SSLWantReadError:
            raise
        except (ssl.SSLError, ConnectionError) as err:
            raise Refused(str(err)) from err
        if not chunk:
            raise Refused("end of the stream")
        self.buffer += chunk

    def send_and_read(self, data, timeout=20):
        """Send everything while buffering what arrives, in one thread: an SSL object is not
        thread-safe."""
        self.sock.setblocking(False)
        deadline, sent = time.monotonic() + timeout, 0
        while sent < len(data):
            if time.monotonic() > deadline:
                raise TimeoutError("mrasd did not read %d bytes" % (len(data) - sent))
            try:
                sent += self.sock.send(data[sent:sent + 16384])
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                select.select([self.sock], [self.sock], [], 0.1)
            with contextlib.suppress(ssl.SSLWantReadError):
                self.more()
        self.sock.settimeout(timeout)

    def take(self, count):
        while len(self.buffer) < count:
            self.more()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def response(self):
        """(first line, [(lower-case header, value)], body) of SIP or HTTP."""
        while b"\r\n\r\n" not in self.buffer:
            self.more()
        head = self.take(self.buffer.index(b"\r\n\r\n") + 4).decode()
        first, *lines = head[:-4].split("\r\n")
        headers = [(k.strip().lower(), v.strip()) for k, v in
                   (line.split(":", 1) for line in lines)]
        body = self.take(int(dict(headers).get("content-length", 0)))
        if dict(headers).get("content-type") == CONTENT_TYPE:
            fits_schema(body)
        return first, headers, body

    def ends(self, within):
        """True if the server closes the connection in that time without sending more."""
        self.sock.settimeout(within)
        try:
            return self.sock.recv(1) == b""
        except (ssl.SSLError, ConnectionError):
            return True
        except TimeoutError:
            return False

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


_count = 0


def service_request(identity="sip:alice@lab.example", minutes=480, location=None, count=1,
                    version="2.0"):
    """A SERVICE as a Lync front end forwards it: (Call-ID, bytes)."""
    global _count
    _count += 1
    asked = "".join(
        '<credentialsRequest credentialsRequestID="%d"><identity>%s</identity>%s'
        "<duration>%d</duration></credentialsRequest>" % (
            i, identity, "<location>%s</location>" % location if location else "", minutes)
        for i in range(count))
    to = "sip:edge01.dmz.lab.example@lab.example;gruu;opaque=srvr:MRAS:kJ3mPq0x1UuW2yZ"
    body = ('<request requestID="%d" version="%s" to="%s" from="%s" xmlns="%s" xmlns:xsi='
            '"http://www.w3.org/2001/XMLSchema-instance">%s</request>' % (
                _count, version, to, "sip:alice@lab.example", NAMESPACE[1:-1], asked)).encode()
    call_id = "7b0f3f0f6d9c4f20a4b2-%d" % _count
    head = "\r\n".join((
        "SERVICE sip:edge01.dmz.lab.example:5062;grid SIP/2.0",
        "Via: SIP/2.0/TLS 192.0.2.10:49152;branch=z9hG4bK0A1B2C3D.%X;branched=FALSE" % _count,
        "Via: SIP/2.0/TLS 192.0.2.55:50733;ms-received-port=50733;ms-received-cid=1F00",
        "Max-Forwards: 69",
        'From: "Alice"<sip:alice@lab.example>;tag=5f2c01aa;epid=0badc0ffee',
        "To: <%s>" % to, "Call-ID: " + call_id, "CSeq: 1 SERVICE",
        "Record-Route: <sip:fe01.lab.example:5061;transport=tls;opaque=state:T;lr>;"
        "tag=F00DFACE",
        "Contact: <sip:alice@lab.example;opaque=user:epid:AbCdEfGhIj;gruu>",
        "User-Agent: lab-client/1.0", "Content-Type: " + CONTENT_TYPE,
        "Content-Length: %d" % len(body), "", ""))
    return call_id, head.encode() + body


def sip_request(method, *headers):
    global _count
    _count += 1
    lines = ("%s sip:edge01.dmz.lab.example:5062 SIP/2.0" % method,
             "Via: SIP/2.0/TLS 192.0.2.10:49152;branch=z9hG4bK%X" % _count,
             "Max-Forwards: 69", "From: <sip:fe01.lab.example>;tag=1",
             "To: <sip:edge01.dmz.lab.example>", "Call-ID: c%d" % _count,
             "CSeq: 1 " + method) + headers + ("Content-Length: 0", "", "")
    return "\r\n".join(lines).encode()


def read_answer(body):
    """(reasonPhrase, [credentials as dict], [relays as dict]) of a response."""
    root = xml.etree.ElementTree.fromstring(body)

    def fields(node):
        return {child.tag.replace(NAMESPACE, ""): child.text for child in node}
    return (root.get("reasonPhrase"),
            [fields(node) for node in root.iter(NAMESPACE + "credentials")],
            [fields(node) for node in root.iter(NAMESPACE + "mediaRelay")])


def http_request(method, path, document=None, headers=(), body=None):
    if body is None:
        body = b"" if document is None else json.dumps(document).encode()
    lines = ["%s %s HTTP/1.1" % (method, path), "Host: mras.lab.example"]
    if document is not None:
        lines.append("Content-Type: application/json")
    lines += list(headers)
    if body or method == "POST":
        lines.append("Content-Length: %d" % len(body))
    return "\r\n".join(lines + ["", ""]).encode() + body


def ask_sip(server, certificate="trusted", **kw):
    """Credentials and relays, over a new connection."""
    with Client(server, certificate) as client:
        client.send(service_request(**kw)[1])
        first, _, body = client.response()
        if first != "SIP/2.0 200 OK":
            raise Refused(first)
        return read_answer(body)


def ask_http(server, document, certificate="trusted"):
    """(status, headers, document)"""
    with Client(server, certificate) as client:
        client.send(http_request("POST", "/v1/credentials", document))
        first, headers, body = client.response()
        return int(first.split()[1]), dict(headers), json.loads(body)
