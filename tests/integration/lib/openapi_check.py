"""Checks a daemon's answers against their OpenAPI description in docs/, and the description against
the answers: anything that it describes and no answer contained is an error, too."""

import json
import os
import re
import urllib.parse

from netns import check

try:
    import jsonschema
except ImportError:
    jsonschema = None

DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "docs")
PROBLEM = "application/problem+json"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
METHODS = ("get", "put", "post", "delete")


def unavailable():
    return None if jsonschema else "python3-jsonschema is not installed"


def is_time(value):
    return not isinstance(value, str) or TIME.fullmatch(value) is not None


class Description:
    """One file in docs/. An element of it, or of another file that it refers to, is identified by
    its reference, FILE#/POINTER."""

    def __init__(self, name):
        self.name, self.files, self.seen = name, {}, set()
        formats = jsonschema.FormatChecker(formats=())
        formats.checks("date-time")(is_time)
        self.formats = formats
        self.paths = self.look(name + "#/paths")
        self.resolver = jsonschema.RefResolver(name, self.files[name], store=self.files)
        self.all = set(self.promises())
        self.resolver.store.update(self.files)

    # --- navigation

    def look(self, reference):
        """The element at a reference."""
        name, pointer = reference.split("#")
        if name not in self.files:
            with open(os.path.join(DOCS, name), encoding="utf-8") as file:
                self.files[name] = json.load(file)
        at = self.files[name]
        for part in pointer.split("/")[1:]:
            part = part.replace("~1", "/").replace("~0", "~")
            at = at[int(part)] if isinstance(at, list) else at[part]
        return at

    def follow(self, reference):
        """The reference after following every $ref."""
        found = self.look(reference)
        while "$ref" in found:
            reference = urllib.parse.urljoin(reference.split("#")[0], found["$ref"])
            found = self.look(reference)
        return reference

    def below(self, reference, *names):
        """Reference to a member of a member ..., each followed."""
        for name in names:
            reference = self.follow("%s/%s" % (
                reference, name.replace("~", "~0").replace("/", "~1")))
        return reference

    def operation(self, method, path):
        """(template, reference), or (template, None) if the path lacks the method."""
        for template in sorted(self.paths, key=lambda t: "{" in t):
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
                here = self.below(self.name + "#/paths", template)
                if method.lower() in self.look(here):
                    return template, self.below(here, method.lower())
                return template, None
        return None, None

    def parameters(self, operation):
        """{name: its schema's reference} of the query."""
        found = {}
        for i, _ in enumerate(self.look(operation).get("parameters", ())):
            here = self.below(operation, "parameters", str(i))
            if self.look(here)["in"] == "query":
                found[self.look(here)["name"]] = here + "/schema"
        return found

    # --- schemas

    def properties(self, schema):
        """{name: reference} of an object, parts of allOf included."""
        schema = self.follow(schema)
        found = {name: self.below(schema, "properties", name)
                 for name in self.look(schema).get("properties", ())}
        for i, _ in enumerate(self.look(schema).get("allOf", ())):
            found.update(self.properties("%s/allOf/%d" % (schema, i)))
        return found

    def of_record(self, schema, name):
        """Where a property is described, which records that it was present."""
        schema = self.follow(schema)
        if name in self.look(schema).get("properties", ()):
            return "%s/properties/%s" % (schema, name)
        return next(self.of_record("%s/allOf/%d" % (schema, i), name)
                    for i, _ in enumerate(self.look(schema)["allOf"])
                    if name in self.properties("%s/allOf/%d" % (schema, i)))

    def parts(self, schema):
        """References to the parts of a schema, one level down."""
        schema = self.follow(schema)
        content = self.look(schema)
        yield from self.properties(schema).values()
        yield from ("%s/oneOf/%d" % (schema, i) for i, _ in enumerate(content.get("oneOf", ())))
        for name in ("items", "additionalProperties"):
            if isinstance(content.get(name), dict):
                yield self.below(schema, name)

    def promised_members(self, schema, known):
        schema = self.follow(schema)
        if schema in known:
            return
        known.add(schema)
        for name in self.properties(schema):
            yield self.of_record(schema, name)
        for part in self.parts(schema):
            yield from self.promised_members(part, known)

    def promises(self):
        """Everything the file describes, in the form of the members of seen."""
        known = set()
        for template in self.paths:
            here = self.below(self.name + "#/paths", template)
            for method in (m for m in METHODS if m in self.look(here)):
                operation = self.below(here, method)
                yield "%s %s" % (method.upper(), template)
                for name in self.parameters(operation):
                    yield "%s ?%s" % (operation, name)
                if "requestBody" in self.look(operation):
                    body = self.below(operation, "requestBody", "content", "application/json",
                                      "schema")
                    yield from self.promised_members(body, known)
                for status in self.look(operation)["responses"]:
                    answer = self.below(operation, "responses", status)
                    yield "%s = %s" % (answer, status)
                    for kind in self.look(answer)["content"]:
                        yield from self.promised_members(
                            self.below(answer, "content", kind, "schema"), known)

    def fits(self, schema, value, what):
        validator = jsonschema.Draft202012Validator(
            {"$ref": schema}, resolver=self.resolver, format_checker=self.formats)
        error = jsonschema.exceptions.best_match(validator.iter_errors(value))
        check(error is None, "%s is not as %s has it: %s: %s", what, schema,
              error and "/".join(str(i) for i in error.absolute_path), error and error.message)
        self.note(schema, value, what)

    def note(self, schema, value, what):
        """Record which properties are present; each must be described."""
        schema = self.follow(schema)
        content = self.look(schema)
        for i, one in enumerate(content.get("oneOf", ())):
            part = "%s/oneOf/%d" % (schema, i)
            if set(self.look(self.follow(part)).get("required", ())) <= set(value):
                self.note(part, value, what)
        if isinstance(value, dict) and "oneOf" not in content:
            known = self.properties(schema)
            rest = content.get("additionalProperties")
            for name, member in value.items():
                check(name in known or isinstance(rest, dict), "%s: %s has no member %s", what,
                      schema, name)
                if name in known and member is not None:
                    self.seen.add(self.of_record(schema, name))
                self.note(known.get(name, schema + "/additionalProperties"), member, what)
        for member in value if isinstance(value, list) else ():
            self.note(schema + "/items", member, what)

    # --- interface

    def answer(self, method, target, body, status, kind, document):
        """An answer came; body: of the request, a document or None. Fails the test if that is
        not described."""
        what = "%s %s -> %d" % (method, target, status)
        path, _, query = target.partition("?")
        template, operation = self.operation(method, path)
        if operation is None:
            check(status == (404 if template is None else 405), "%s is not described", what)
            self.other_method(template, kind, document, what)
            return
        check(str(status) in self.look(operation)["responses"], "%s: no such status", what)
        answer = self.below(operation, "responses", str(status))
        check(kind in self.look(answer)["content"], "%s: no answer of type %s", what, kind)
        self.fits(self.below(answer, "content", kind, "schema"), document, what)
        self.seen.add("%s = %d" % (answer, status))
        if status == 200:
            self.seen.add("%s %s" % (method, template))
            self.asked(operation, query, body, what)

    def other_method(self, template, kind, document, what):
        """The operations that there are may say what is answered to others."""
        here = self.below(self.name + "#/paths", template) if template else None
        for method in METHODS if template else ():
            responses = self.look(here).get(method, {}).get("responses", {})
            if "405" in responses:
                answer = self.below(here, method, "responses", "405")
                self.fits(self.below(answer, "content", kind, "schema"), document, what)
                self.seen.add("%s = 405" % answer)

    def asked(self, operation, query, body, what):
        """A request that succeeded must be described."""
        known = self.parameters(operation)
        for name, value in urllib.parse.parse_qsl(query, keep_blank_values=True):
            check(name in known, "%s: no parameter %s", what, name)
            is_number = self.look(self.follow(known[name])).get("type") == "integer"
            self.fits(known[name], int(value) if is_number else value, what)
            self.seen.add("%s ?%s" % (operation, name))
        if body:
            check("requestBody" in self.look(operation), "%s takes no body", what)
            self.fits(self.below(operation, "requestBody", "content", "application/json",
                                 "schema"), body, what)

    def everything_was_seen(self, but=()):
        """but: regular expressions of what this test cannot cause."""
        missing = [one for one in sorted(self.all - self.seen)
                   if not any(re.search(pattern, one) for pattern in but)]
        check(not missing, "described, and never answered:\n%s", "\n".join(missing))
        return "%d things of %s were answered" % (len(self.all & self.seen), self.name)
