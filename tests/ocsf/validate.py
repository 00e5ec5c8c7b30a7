#!/usr/bin/env python3
"""Validates alerts against the published OCSF schema, independently of the program that wrote them.

    validate.py FILE...        JSONL (one alert a line) or a file with one JSON document; `-` or nothing is stdin
    validate.py --self-test    shows that each kind of broken alert is refused

Prints what is wrong, then `N valid, M invalid`; the exit code is 1 where anything is invalid or nothing was read.

Three checks, each able to refuse an alert alone:

1. The JSON Schema of the Detection Finding class, for the version and profiles that the alert itself names, made by
   `ocsf-json-schema` from the schema as published: types, enum values, required attributes, `at_least_one`
   constraints, patterns, and no attribute that OCSF does not know.
2. What a JSON Schema cannot say, read from the same published schema: each enum id agrees with its caption, `type_uid`
   is `class_uid * 100 + activity_id`, times are in order and agree with their `_dt` twins.
3. `py-ocsf-models`, unchanged: an older, partial model (no `actor`, `src_endpoint`, `anomaly_analyses` or
   `enrichments.desc`) which in places asks for more than OCSF does.
"""

import copy
import datetime
import json
import pathlib
import sys
import warnings

import jsonschema
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema
from py_ocsf_models.events.findings.detection_finding import DetectionFinding

CLASS_UID = 2004
OLDEST_VERSION = (1, 4, 0)
OTHER = 99
# Errors shown for one alert; the rest are counted.
MAX_SHOWN_ERRORS = 5


class Published:
    """The OCSF schema of one version, as published."""

    def __init__(self, version):
        self.raw = get_ocsf_schema(version=version)
        self.json_schemas = OcsfJsonSchemaEmbedded(self.raw)
        self.class_name = self.json_schemas.lookup_class_name_from_uid(CLASS_UID)
        self.validators = {}

    def validator(self, profiles):
        key = tuple(sorted(profiles))
        if key not in self.validators:
            schema = self.json_schemas.get_class_schema(self.class_name, list(key))
            self.validators[key] = jsonschema.Draft202012Validator(schema)
        return self.validators[key]

    def caption_errors(self, alert):
        return list(self._captions(self.raw["classes"][self.class_name], alert, "$"))

    def _captions(self, definition, value, path):
        attributes = definition["attributes"]
        for name, attribute in attributes.items():
            if name not in value:
                continue
            sibling, enum = attribute.get("sibling"), attribute.get("enum")
            if sibling and enum and sibling in value:
                yield from self._caption(f"{path}.{name}", value[name], enum, value[sibling])
            if attribute.get("type") == "object_t":
                inner = self.raw["objects"][attribute["object_type"]]
                many = value[name] if attribute.get("is_array") else [value[name]]
                for index, item in enumerate(many if isinstance(many, list) else []):
                    if isinstance(item, dict):
                        yield from self._captions(inner, item, f"{path}.{name}[{index}]")

    @staticmethod
    def _caption(path, uid, enum, caption):
        known = enum.get(str(uid), {}).get("caption")
        if uid == OTHER:
            if not caption or caption == known:
                yield f"{path} is {OTHER}, so its caption must be the source's own word, not {caption!r}"
        elif known is not None and caption != known:
            yield f"{path} is {uid}, which is {known!r}, but the caption says {caption!r}"


class Validator:
    """Validates alerts of any OCSF version."""

    def __init__(self):
        self.published = {}

    def errors(self, alert):
        """What is wrong with one alert; empty where nothing is."""
        if not isinstance(alert, dict):
            return ["not a JSON object"]
        version = alert.get("metadata", {}).get("version")
        try:
            if tuple(int(part) for part in version.split(".")) < OLDEST_VERSION:
                return [f"OCSF {version} is older than 1.4.0"]
            schema = self.published.get(version) or Published(version)
        except (AttributeError, ValueError, FileNotFoundError, KeyError) as error:
            return [f"metadata.version {version!r} is no published OCSF version ({error})"]
        self.published[version] = schema
        if alert.get("class_uid") != CLASS_UID:
            return [f"class_uid is {alert.get('class_uid')!r}, not {CLASS_UID}"]
        found = schema_errors(schema, alert) or schema.caption_errors(alert) + sum_errors(alert)
        return found + model_errors(alert)


def schema_errors(schema, alert):
    profiles = alert["metadata"].get("profiles", [])
    found = schema.validator(profiles).iter_errors(alert)
    return sorted(f"{error.json_path}: {error.message[:300]}" for error in found)


def sum_errors(alert):
    """What has to agree within the alert; runs only on alerts that fit the schema."""
    errors = []
    if alert["type_uid"] != alert["class_uid"] * 100 + alert["activity_id"]:
        errors.append(f"type_uid {alert['type_uid']} is not class_uid * 100 + activity_id")
    if alert["category_uid"] != alert["class_uid"] // 1000:
        errors.append(f"category_uid {alert['category_uid']} is not that of class {alert['class_uid']}")
    for score in ("risk_score", "confidence_score"):
        if not 0 <= alert.get(score, 0) <= 100:
            errors.append(f"{score} {alert[score]} is not within 0 to 100")
    if alert.get("start_time", 0) > alert.get("end_time", alert.get("start_time", 0)):
        errors.append("start_time is after end_time")
    return errors + time_errors(alert, "$")


def time_errors(value, path):
    """Each `x_dt` says the same as its `x`."""
    errors = []
    for name, item in value.items():
        for index, inner in enumerate(item if isinstance(item, list) else [item]):
            if isinstance(inner, dict):
                errors += time_errors(inner, f"{path}.{name}[{index}]")
        if name.endswith("_dt") and name[:-3] in value:
            parsed = datetime.datetime.fromisoformat(item.replace("Z", "+00:00"))
            if round(parsed.timestamp() * 1000) != value[name[:-3]]:
                errors.append(f"{path}.{name} {item} is not the time {value[name[:-3]]}")
    return errors


def model_errors(alert):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            DetectionFinding.model_validate(alert)
    except ValueError as error:
        details = getattr(error, "errors", lambda: [{"loc": (), "msg": str(error)}])()
        return [f"py-ocsf-models: {'.'.join(map(str, item['loc']))}: {item['msg']}" for item in details]
    return []


def documents(text):
    """The JSON documents of a file with their line numbers: the whole of it, or one a line."""
    try:
        return [(1, json.loads(text))]
    except ValueError:
        pass
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                found.append((number, json.loads(line)))
            except ValueError as error:
                found.append((number, f"not JSON: {error}"))
    return found


def validate(names):
    validator, valid, invalid = Validator(), 0, 0
    for name in names or ["-"]:
        text = sys.stdin.read() if name == "-" else pathlib.Path(name).read_text(encoding="utf-8")
        for number, document in documents(text):
            errors = validator.errors(document)
            invalid, valid = invalid + bool(errors), valid + (not errors)
            for error in errors[:MAX_SHOWN_ERRORS]:
                print(f"{name}:{number}: {error}")
            if len(errors) > MAX_SHOWN_ERRORS:
                print(f"{name}:{number}: and {len(errors) - MAX_SHOWN_ERRORS} more")
    print(f"{valid} valid, {invalid} invalid")
    return 0 if valid and not invalid else 1


# How to break an alert, and the words that the refusal must hold.
BREAKAGES = [
    ("no class", lambda a: a.pop("class_uid"), "class_uid"),
    ("another class", lambda a: a.update(class_uid=2003), "class_uid"),
    ("type of another activity", lambda a: a.update(type_uid=200403, type_name="Detection Finding: Close"), "type_uid"),
    ("no finding_info.uid", lambda a: a["finding_info"].pop("uid"), "uid"),
    ("no time", lambda a: a.pop("time"), "time"),
    ("time as text", lambda a: a.update(time="2026-01-31T00:00:00Z"), "time"),
    ("time_dt of another time", lambda a: a.update(time=a["time"] + 1), "time_dt"),
    ("unknown severity", lambda a: a.update(severity_id=42), "severity_id"),
    ("caption of another severity", lambda a: a.update(severity="Low"), "severity_id"),
    ("caption of another status", lambda a: a.update(status="Resolved"), "status_id"),
    ("99 without a word of its own", lambda a: a.update(status_id=99, status="Other"), "status_id"),
    ("caption of another risk level", lambda a: a.update(risk_level_id=1), "risk_level_id"),
    ("caption deep inside", lambda a: a["finding_info"]["analytic"].update(type_id=1), "analytic"),
    ("caption in evidence", lambda a: a["evidences"][0]["actor"]["user"].update(type_id=2), "user"),
    ("attribute unknown to OCSF", lambda a: a.update(owner="team"), "owner"),
    ("unknown attribute deep inside", lambda a: a["evidences"][0]["src_endpoint"].update(network="x"), "network"),
    ("not an address", lambda a: a["evidences"][0]["src_endpoint"].update(ip="nowhere"), "ip"),
    ("an endpoint without any name", lambda a: a["evidences"][0]["src_endpoint"].pop("ip"), "src_endpoint"),
    ("api without operation", lambda a: a["evidences"][0]["api"].pop("operation"), "operation"),
    ("anomaly without parameter", lambda a: a["anomaly_analyses"][0]["anomalies"][0].pop("observation_parameter"), "observation_parameter"),
    ("cloud profile without cloud", lambda a: a.pop("cloud"), "cloud"),
    ("cloud without its profile", lambda a: a["metadata"].update(profiles=["datetime"]), "cloud"),
    ("time_dt without its profile", lambda a: a["metadata"].update(profiles=["cloud"]), "time_dt"),
    ("no product", lambda a: a["metadata"].pop("product"), "product"),
    ("no published version", lambda a: a["metadata"].update(version="1.5.99"), "1.5.99"),
    ("too old a version", lambda a: a["metadata"].update(version="1.3.0"), "1.3.0"),
    ("risk above 100", lambda a: a.update(risk_score=101), "risk_score"),
    ("ends before it starts", lambda a: a.update(start_time=a["end_time"] + 1), "start_time"),
    ("refused by py-ocsf-models alone", lambda a: a["evidences"][0]["api"]["service"].pop("version"), "py-ocsf-models"),
]


def self_test():
    validator = Validator()
    sample = json.loads((pathlib.Path(__file__).parent / "alerts" / "create.json").read_text(encoding="utf-8"))
    failures = [f"the unbroken alert: {error}" for error in validator.errors(sample)]
    for name, break_it, words in BREAKAGES:
        broken = copy.deepcopy(sample)
        break_it(broken)
        errors = validator.errors(broken)
        if not any(words in error for error in errors):
            failures.append(f"{name}: expected an error about {words!r}, found {errors or 'none'}")
    for failure in failures:
        print(f"FAILED {failure}")
    print(f"{len(BREAKAGES) - len(failures)} of {len(BREAKAGES)} kinds of broken alerts refused")
    return 1 if failures else 0


if __name__ == "__main__":
    arguments = sys.argv[1:]
    sys.exit(self_test() if arguments == ["--self-test"] else validate(arguments))
