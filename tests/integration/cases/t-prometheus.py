#!/usr/bin/python3
"""A real Prometheus scrapes both daemons under load: the rules and their tests pass, promtool
accepts both daemons' metrics, every query of the dashboard and of the rules returns data, and
docs/metrics.md names exactly the existing metrics."""

import contextlib
import json
import math
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

import lib  # adds ../lib to the path
import netns
import mras
import mras_bench
import relay
from netns import check

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
RULES = os.path.join(TOP, "conf", "prometheus")
INSIDE, OUTSIDE = mras_bench.INSIDE, mras_bench.OUTSIDE
TARGETS = {"avedge-relay": "127.0.0.1:9478", "avedge-mras": "127.0.0.1:9479"}
SERVER = "127.0.0.1:19090"
SETTINGS = {"limits": relay.NO_LIMITS["limits"] + ["stranger_rate = 0"],
            "metrics": ['address = "%s"' % TARGETS["avedge-relay"]]}
# Their events do not happen here, so these queries may return nothing.
RARE = {"avedge_mras_crl_expiry_timestamp_seconds", "avedge_drain_deadline_timestamp_seconds"}


def fetch(where, path, accept="*/*"):
    request = urllib.request.Request("http://%s%s" % (where, path), headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


# --- without a server -------------------------------------------------------------------------

def check_rules():
    for args in (["check", "rules", "avedge.rules.yml"], ["test", "rules", "avedge.test.yml"],
                 ["check", "config", "--syntax-only", "prometheus.yml"]):
        got = subprocess.run(["promtool", *args], cwd=RULES, capture_output=True, text=True,
                             timeout=60, check=False)
        check(got.returncode == 0, "promtool %s: %s", " ".join(args), got.stdout + got.stderr)
    with open(os.path.join(RULES, "avedge.rules.yml"), encoding="utf-8") as rules, \
            open(os.path.join(RULES, "avedge.test.yml"), encoding="utf-8") as tests:
        alerts = set(re.findall(r"- alert: (\w+)", rules.read()))
        tested = set(re.findall(r"alertname: (\w+)", tests.read()))
    check(alerts == tested, "alerts without a test: %s", alerts ^ tested)


def check_text(text, form):
    got = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                         capture_output=True, timeout=30, check=False)
    check(got.returncode == 0 and not got.stderr, "%s: promtool: %s", form, got.stderr)


def check_page(names):
    """docs/metrics.md names the existing metrics."""
    with open(os.path.join(TOP, "docs", "metrics.md"), encoding="utf-8") as page:
        told = set(re.findall(r"^\| `((?:avedge|process)_\w+)`", page.read(), re.M))
    check(told == names, "docs/metrics.md lacks %s and has besides %s", names - told, told - names)


def families(text):
    """Metric names; that of a histogram without suffix."""
    return set(re.findall(r"^# TYPE (\w+) ", text, re.M))


# --- the server -------------------------------------------------------------------------------

@contextlib.contextmanager
def prometheus(directory):
    config = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
              "rule_files": [os.path.abspath(os.path.join(RULES, "avedge.rules.yml"))],
              "scrape_configs": [{"job_name": job, "static_configs": [{"targets": [target]}]}
                                 for job, target in TARGETS.items()]}
    with open(os.path.join(directory, "prometheus.yml"), "w", encoding="utf-8") as out:
        json.dump(config, out)  # which is YAML, too
    with open(os.path.join(directory, "prometheus.log"), "w", encoding="utf-8") as log:
        child = subprocess.Popen(
            ["prometheus", "--config.file=" + out.name, "--web.listen-address=" + SERVER,
             "--storage.tsdb.path=" + os.path.join(directory, "data")], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                fetch(SERVER, "/-/ready")
                break
            except OSError:
                check(child.poll() is None and time.monotonic() < deadline,
                      "prometheus does not start:\n%s",
                      open(log.name, encoding="utf-8").read()[-2000:])
                time.sleep(0.2)
        yield
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(15)
        except subprocess.TimeoutExpired:
            child.kill()


def ask(expression):
    """The current values of a query."""
    query = urllib.parse.urlencode({"query": expression})
    answer = json.loads(fetch(SERVER, "/api/v1/query?" + query))
    check(answer["status"] == "success", "%s: %s", expression, answer)
    return [float(sample["value"][1]) for sample in answer["data"]["result"]]


def dashboard():
    """(title, expression) of every query, with variables replaced as Grafana does."""
    with open(os.path.join(TOP, "conf", "grafana", "avedge.json"), encoding="utf-8") as file:
        board = json.load(file)
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            expression = target["expr"].replace("$__rate_interval", "10s")
            yield panel["title"], expression.replace("$instance", ".*")
    for note in board["annotations"]["list"]:
        yield note["name"], note["expr"].replace("$instance", ".*").rsplit(" > ", 1)[0]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], re.match(r"label_values\((.*), \w+\)$",
                                             variable["query"]["query"]).group(1)


def parts_of_rules():
    """Each selector of the rules: the metrics of an alert must exist."""
    with open(os.path.join(RULES, "avedge.rules.yml"), encoding="utf-8") as file:
        text = re.sub(r"^ *(summary|description|- alert|#).*$", "", file.read(), flags=re.M)
    return sorted(set(re.findall(r"\b(?:avedge|process)_\w+(?:\{[^}]*\})?", text)))


def check_counters_page():
    """Queries that replace performance counters are valid and return data."""
    with open(os.path.join(TOP, "docs", "performance-counters.md"), encoding="utf-8") as page:
        expressions = set(re.findall(r"`([^`]*avedge_[^`]*)`", page.read()))
    for expression in expressions - {"conf/prometheus/avedge.rules.yml"}:
        check(ask(expression.replace("\\|", "|")), "no data for %s", expression)
    return len(expressions)


# --- traffic ---------------------------------------------------------------------------------

def load(server, where, user, *more, form="rest"):
    name, password = server.credential(user, form=form)
    return subprocess.Popen(
        [relay.program("avedge-load"), "--server", where, "--user", name, "--password", password,
         "--peer-address", "127.0.3.1", "--insecure", "--quiet", *more],
        stdout=subprocess.DEVNULL)


def make_traffic(server, bench):
    """Long and short calls of every kind, errors, and credentials."""
    long = [load(server, "udp:%s:3478" % INSIDE, "alice", "--clients", "4", "--duration", "90s"),
            load(server, "tls:%s:443" % OUTSIDE, "bob", "--clients", "2", "--duration", "90s"),
            load(server, "tcp:%s:443" % OUTSIDE, "carol", "--clients", "2", "--duration", "90s"),
            load(server, "udp:%s:3478" % OUTSIDE, "frank", "--dialect", "ms", "--duration", "90s",
                 form="mras")]
    end = time.monotonic() + 14
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as noise:
        while time.monotonic() < end:
            short = load(server, "udp:%s:3478" % OUTSIDE, "dave", "--cycles", "5")
            wrong = subprocess.run(
                [relay.program("avedge-load"), "--server", "udp:%s:3478" % OUTSIDE, "--user",
                 "9999999999:eve", "--password", "guessed", "--peer-address", "127.0.3.1",
                 "--quiet"], check=False, capture_output=True, timeout=30)
            check(wrong.returncode != 0, "a guessed password works")
            noise.sendto(b"\xff" * 30, (OUTSIDE, 3478))
            mras.ask_sip(bench.mrasd)
            status = mras.ask_http(bench.mrasd, {"user": "alice", "ttl": 600, "form": "rest"})[0]
            check(status == 200, "no credential: %s", status)
            mras.ask_http(bench.mrasd, {"user": "", "ttl": 600, "form": "rest"})
            check(short.wait(30) == 0, "short calls fail")
            time.sleep(0.3)
    return long


def check_queries():
    queries = list(dashboard())
    for title, expression in queries:
        values = [v for v in ask(expression) if not math.isnan(v)]
        check(values, "\"%s\" shows nothing: %s", title, expression)
    for selector in parts_of_rules():
        if selector.split("{")[0] not in RARE:
            check(ask(selector), "no data for %s of the rules", selector)
    figures = {name: ask(expression)[0] for name, expression in (
        ("throughput", "sum(rate(avedge_relayed_bytes_total[10s]))"),
        ("allocations", "sum(avedge_allocations)"),
        ("busy", "sum(avedge_worker_busy_ratio)"))}
    check(abs(figures["throughput"] / (9 * 2 * 50 * 160) - 1) < 0.2, "throughput %s", figures)
    check(figures["allocations"] == 9 and figures["busy"] > 0, "%s", figures)
    check(ask('avedge_allocations{dialect="ms", side="outside", transport="udp", '
              'relay_transport="udp"}') == [1], "the call of a Microsoft client is not there")
    alerts = [a["labels"]["alertname"] for a in json.loads(
        fetch(SERVER, "/api/v1/alerts"))["data"]["alerts"] if a["state"] == "firing"]
    # The certificates of this test are valid for a day.
    check(set(alerts) <= {"AvedgeCertificateEnded", "AvedgeMrasRevocationListEnds"},
          "alerts of a relay that is well: %s", alerts)
    return len(queries)


def main():
    for name in ("prometheus", "promtool"):
        if not shutil.which(name):
            print(name + " is not installed")
            sys.exit(77)
    netns.begin()
    if mras.unavailable():
        print(mras.unavailable())
        sys.exit(77)
    check_rules()
    with tempfile.TemporaryDirectory(prefix="avedge-prometheus-") as directory, \
            netns.running(inside=[INSIDE], outside=[OUTSIDE], allow=["127.0.0.0/8"],
                          settings=SETTINGS) as server:
        bench = mras_bench.Bench(directory)
        shutil.copy(server.path("keys"), os.path.join(directory, "keys"))
        bench.mrasd.text = bench.text().replace('address = ""',
                                                'address = "%s"' % TARGETS["avedge-mras"])
        with bench.mrasd.running(), prometheus(directory):
            calls = make_traffic(server, bench)
            try:
                queries = check_queries()
                counters = check_counters_page()
            finally:
                for call in calls:
                    call.terminate()
                    call.wait(20)
            names = set()
            for job, target in TARGETS.items():
                plain = fetch(target, "/metrics", "text/plain")
                check_text(plain, job)
                check(families(fetch(target, "/metrics", "application/openmetrics-text"))
                      == {re.sub("_(total|info)$", "", n) for n in families(plain)},
                      "%s: the two forms differ", job)
                names |= families(plain)
            check_page(names)
    print("%d queries of the dashboard and %d of the counters' page have data, %d metrics are "
          "documented" % (queries, counters, len(names)))


if __name__ == "__main__":
    main()
