"""Judges what a fleet said about itself: its events, its deaths, and the bots' own journals."""

import collections
import json

STATES = {"defined", "waiting", "starting", "running", "degraded", "paused", "draining",
          "stopping", "stopped", "completed", "backoff", "failed"}
WITH_PROCESS = {"starting", "running", "degraded", "paused", "draining", "stopping"}


def check_events(events, lives=1):
    """Complaints about a complete list of events, in the order in which they came, of a fleet
    that was run so many times: each run begins with `defined`, whatever was before."""
    complaints = []
    last_seq = None
    stands = {}
    begun = collections.Counter()
    incarnations = {}
    for event in events:
        where = f"event {event['seq']} of {event['instance']}"
        if last_seq is not None and event["seq"] != last_seq + 1:
            complaints.append(f"{where}: follows {last_seq}")
        last_seq = event["seq"]
        if event["from"] not in STATES or event["to"] not in STATES:
            complaints.append(f"{where}: unknown state in {event['from']} -> {event['to']}")
        before = stands.get(event["instance"])
        begins = event["from"] == "defined" and begun[event["instance"]] < lives
        begun[event["instance"]] += begins
        if before not in (None, event["from"]) and not begins:
            complaints.append(f"{where}: from {event['from']}, but it was {before}")
        stands[event["instance"]] = event["to"]
        number = incarnations.get(event["instance"], 0)
        # A run begins with no process yet, which is incarnation 0.
        if event["incarnation"] < number and not (begins and event["incarnation"] == 0):
            complaints.append(f"{where}: incarnation {event['incarnation']} after {number}")
        remark = event["from"] == event["to"]
        if not remark and event["to"] == "starting" and event["incarnation"] == number and number:
            complaints.append(f"{where}: incarnation {number} starts twice")
        incarnations[event["instance"]] = max(number, event["incarnation"])
        if not event["cause"]:
            complaints.append(f"{where}: has no cause")
    return complaints


def check_deaths(deaths, events):
    """Each end once; every incarnation that had a process and has one no more has its death.

    `deaths` is what is kept (the last 100 of an instance), for the instances that count."""
    complaints = []
    seen = collections.Counter((d["instance"], d["incarnation"]) for d in deaths)
    for (instance, incarnation), times in seen.items():
        if times > 1:
            complaints.append(f"{instance} incarnation {incarnation} died {times} times")
    by_instance = collections.Counter(d["instance"] for d in deaths)
    started, over = set(), set()
    for event in events:
        key = (event["instance"], event["incarnation"])
        if event["to"] in WITH_PROCESS:
            started.add(key)
        elif event["from"] in WITH_PROCESS:
            over.add(key)
    for key in over & started:
        if key not in seen and by_instance[key[0]] < 100:
            complaints.append(f"{key[0]} incarnation {key[1]} ended without a death")
    return complaints


def read_journal(path):
    """What bots wrote about themselves; none when there is no such file."""
    try:
        with open(path) as file:
            return [json.loads(line) for line in file]
    except FileNotFoundError:
        return []


def check_journal(entries):
    """At most one life of an instance at a time, each incarnation once."""
    complaints = []
    starts = collections.Counter((e["instance"], e["incarnation"])
                                 for e in entries if e["what"] == "start")
    for (instance, incarnation), times in starts.items():
        if times > 1:
            complaints.append(f"{instance} incarnation {incarnation} was started {times} times")
    for entry in entries:
        if entry["what"] == "doubled":
            complaints.append(f"{entry['instance']}: incarnation {entry['incarnation']} began "
                              "while another one lived")
    return complaints
