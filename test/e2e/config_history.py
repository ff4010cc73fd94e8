"""Judges whether a fleet was changed as its versions say: by the documents of `config show`, the
events, and what was found of its processes whenever nothing was under way.

What a version means for each instance is reckoned here anew, from the files alone, so that a
mistake of the loader, of the plan and of the rollout shows alike."""

import json
import re

# What a process cannot get but by a new start (docs/config.md, «When a change is in force»).
RESTART = ("command", "directory", "user", "group", "umask", "environment", "environment_file",
           "pass_environment", "watchdog", "nice", "oom_score_adj", "no_new_privs")
RESERVED = ("profiles", "secrets", "tenants", "mixins")
CHANGED = "its config has changed"
GONE = "it is no longer in the config"
UP = {"starting", "running", "degraded", "paused"}
DOWN = {"defined", "stopped", "completed", "failed"}
ENDED = {"healthy", "stopped", "rolled back", "superseded"}


def merge(base, patch):
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(base) if isinstance(base, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def names_of(value):
    """`extends`: one name or several."""
    return [value] if isinstance(value, str) else list(value or ())


def with_mixins(files, names, seen):
    """Weakest first, each once."""
    result = []
    for name in names:
        if name not in seen:
            seen.add(name)
            content = files[f"mixins/{name}.json"]
            result += with_mixins(files, names_of(content.get("extends")), seen)
            result.append({k: v for k, v in content.items() if k != "extends"})
    return result


def settings_of(files, overrides):
    """{instance: all that its files and what was set say of it}; without profiles."""
    result = {}
    for path in files:
        bot = path.removesuffix(".json")
        parts = bot.split("/")
        if parts[-1] == "group" or bot == "runtime" or parts[0] in RESERVED and len(parts) > 1:
            continue
        groups = [files.get("/".join([*parts[:depth], "group.json"]), {})
                  for depth in range(len(parts))]
        tenant = {}
        for group in groups:
            if "tenant" in group:
                tenant = files[f"tenants/{group['tenant']}.json"] if group["tenant"] else {}
        defaults = [group.get("defaults", {}) for group in groups]
        own = [files[path], (tenant.get("bots") or {}).get(bot, {})]
        weak = [defaults[0], tenant.get("defaults", {}), *defaults[1:]]
        extends = {}
        for layer in (*weak, *own):
            extends = merge(extends, {k: v for k, v in layer.items() if k == "extends"})
        layers = [*weak, *with_mixins(files, names_of(extends.get("extends")), set()), *own]
        by_hand = overrides.get(bot, {})
        whole = {}
        for layer in layers:
            whole = merge(whole, {k: v for k, v in layer.items() if k != "instances"})
        overridden = {k: v for k, v in by_hand.items() if k != "instances"}
        for index in range(merge(whole, overridden).get("replicas", 1)):
            mine = whole
            for layer in own:
                mine = merge(mine, (layer.get("instances") or {}).get(str(index), {}))
            mine = merge(mine, overridden)
            mine = merge(mine, (by_hand.get("instances") or {}).get(str(index), {}))
            result[f"{bot}#{index}"] = mine
    return result


class Version:
    """One document of `config show`."""

    def __init__(self, document):
        self.number = document["number"]
        self.row = document
        self.files = {each["path"]: each["text"] for each in document["files"]}
        self.overrides = document["overrides"]
        # Many, and mostly the same: as texts, each once.
        self.parts = {name: KNOWN.setdefault(text, text) for name, text in (
            (name, json.dumps({key: one[key] for key in RESTART if key in one}, sort_keys=True))
            for name, one in self.settings().items())}

    def settings(self):
        return settings_of({path: json.loads(text) for path, text in self.files.items()},
                           self.overrides)


KNOWN = {}


class Moment:
    """What was found when nothing was under way: when, under which version, and of each instance
    `pid`, `incarnation`, `state`, and its process's `command`, `environment` (of the names that
    the test gives) and `open_files`."""

    def __init__(self, time, version, rows):
        self.time, self.version, self.rows = time, version, rows


def check_versions(versions):
    """`versions` is {number: Version} with the rows as they were last listed."""
    complaints = []
    numbers = sorted(versions)
    if numbers != list(range(1, len(numbers) + 1)):
        complaints.append(f"the versions are numbered {numbers}")
    healthy = None
    for number in numbers:
        row = versions[number].row
        where = f"version {number}"
        before = versions.get(number - 1)
        if row["state"] not in ENDED:
            complaints.append(f"{where} is left {row['state']}")
        if row["state"] == "stopped" and number != numbers[-1]:
            complaints.append(f"{where} is stopped, but there are later ones")
        if before and row["time"] < before.row["time"]:
            complaints.append(f"{where} is older than the one before it")
        if before and row["hash"] == before.row["hash"] and before.row["state"] == "healthy":
            complaints.append(f"{where} is the same as the one before it")
        told = re.match(r"rollback of (\d+)", row["reason"])
        failed = int(told[1]) if told else None
        if before and (before.row["state"] == "rolled back") != (failed == number - 1):
            complaints.append(f"{where} ({row['reason']}) follows one that is "
                              f"{before.row['state']}")
        if failed and healthy and row["hash"] != healthy["hash"]:
            complaints.append(f"{where} brings back something else than {healthy['number']}")
        told = re.match(r"rollback to (\d+)", row["reason"])
        if told and int(told[1]) in versions and row["hash"] != versions[int(told[1])].row["hash"]:
            complaints.append(f"{where} is another than the {told[1]} that it goes back to")
        if row["state"] == "healthy":
            healthy = row
    return complaints


def check_moments(versions, moments):
    """Each time everything was as the version in force says, and only what two versions have
    different got another process in between, however often the runtime died."""
    complaints = []
    before = None
    for moment in moments:
        version = versions[moment.version]
        where = f"at {moment.time}, version {moment.version}"
        wanted = version.settings()
        if set(wanted) != set(moment.rows):
            complaints.append(f"{where}: there are {sorted(set(wanted) ^ set(moment.rows))} too "
                              "many or too few")
        for name in sorted(set(wanted) & set(moment.rows)):
            row = moment.rows[name]
            if row["state"] != "running":
                complaints.append(f"{where}: {name} is {row['state']}")
                continue
            for key, expected in (("command", wanted[name]["command"]),
                                  ("environment", wanted[name].get("environment", {}))):
                if row[key] != expected:
                    complaints.append(f"{where}: {name} has {key} {row[key]}, not {expected}")
            # Not everyone may raise the limit of a process that runs.
            limit = wanted[name].get("limits", {}).get("open_files", row["open_files"])
            if row["open_files"] > limit:
                complaints.append(f"{where}: {name} has open_files {row['open_files']}, not "
                                  f"{limit}")
        if before:
            complaints += check_between(versions, before, moment, where)
        before = moment
    return complaints


def check_between(versions, before, now, where):
    if now.version < before.version:
        return [f"{where}: it was version {before.version} before"]
    between = [versions[n].parts for n in range(before.version, now.version + 1) if n in versions]
    complaints = []
    for name in set(before.rows) & set(now.rows):
        was, is_now = before.rows[name], now.rows[name]
        same = (was["pid"], was["incarnation"]) == (is_now["pid"], is_now["incarnation"])
        if not same and len({parts.get(name) for parts in between}) == 1:
            complaints.append(f"{where}: {name} was touched, though nothing of it has changed: "
                              f"{was['pid']}@{was['incarnation']}, {is_now['pid']}@"
                              f"{is_now['incarnation']}")
        if (was["pid"] == is_now["pid"]) != (was["incarnation"] == is_now["incarnation"]):
            complaints.append(f"{where}: {name} has changed its pid or its incarnation alone")
    return complaints


class Touches:
    """Goes through the events. Between two settled moments what an instance was started under is
    one of several, and so is what is in force: events and versions are written apart, and a death
    of the runtime may have cost an event. Whatever could have been is believed, no more."""

    def __init__(self, versions, may_die):
        self.versions, self.may_die = versions, may_die
        self.numbers = sorted(versions)
        self.settled = self.announced = 0
        self.stands = {}
        self.parts = {}  # what its process may have been started with
        self.older = {}  # the same, before the version in force was told healthy
        self.applied = set()
        self.complaints = []

    def rest(self, number, seen=False):
        """Everything is as this version says. When that is only told, one that is just being
        started may be as a version between has it, and is replaced once it is there."""
        if number not in self.versions:
            return
        between = [self.versions[n].parts for n in range(self.settled or number, number)
                   if n in self.versions]
        self.settled = self.announced = max(number, self.announced)
        before = self.parts
        self.older = {} if seen else before
        self.parts = {name: {part} for name, part in self.versions[number].parts.items()}
        for name, known in before.items():
            if not seen and name in self.parts and self.stands.get(name) != "running":
                self.parts[name] |= known | {parts[name] for parts in between if name in parts}

    def on_config(self, event):
        told = (re.match(r"version (\d+) (applied|is healthy|stopped|:)", event["cause"])
                or re.search(r"version \d+ (comes back as) (\d+)", event["cause"]))
        if not told:
            return
        number = int(told[1] if told[1].isdigit() else told[2])
        begins = told[2] == "applied" or told[1] == "comes back as"
        where = f"event {event['seq']} («{event['cause']}»)"
        if number not in self.versions:
            self.complaints.append(f"{where}: there is no such version")
        if number < self.announced or begins and number in self.applied:
            self.complaints.append(f"{where}: comes after version {self.announced}")
        self.announced = max(self.announced, number)
        if begins:
            self.applied.add(number)
        elif told[2] == "is healthy":
            self.rest(number)

    def candidates(self, event):
        """Versions that may have been in force."""
        low = self.settled or (self.numbers[0] if self.numbers else 0)
        return [self.versions[n] for n in range(low, self.numbers[-1] + 1) if n in self.versions
                and (n <= self.announced or self.versions[n].row["time"] <= event["time"])]

    def on_event(self, event):
        name, was, now = event["instance"], event["from"], event["to"]
        if was == now:
            return
        stood = self.stands.get(name, "defined")
        self.stands[name] = now
        possible = self.candidates(event)
        wanted = {version.parts.get(name) for version in possible}
        started = self.parts.get(name, set())
        complain = None
        if was == "defined" and stood not in DOWN:
            complain = f"it begins anew, but it was {stood}"
        elif now == "starting":
            if wanted == {None}:
                complain = "it starts, but is in no version"
            self.parts[name] = (wanted - {None}) | started
        elif was in UP and now in ("stopping", "draining"):
            if event["cause"].startswith(CHANGED):
                if not any(a != b for a in started for b in wanted - {None}):
                    complain = "it is replaced, but nothing of it has changed"
            elif event["cause"] == GONE:
                if None not in wanted:
                    complain = "it is stopped, but it is in each version"
            else:
                complain = "it is stopped for no reason of the config"
        elif was in UP and now not in UP:
            # A runtime may have died after it asked for that end, and before it wrote so down.
            asked = "killed by signal" in event["cause"] and (
                None in wanted or any(a != b for b in wanted
                                      for a in started | self.older.get(name, set())))
            made_to = any(self.may_die(json.loads(part)) for part in started | (wanted - {None}))
            if not asked and not made_to:
                complain = "it ends by itself, but is not made to"
        elif was == "running" and now != "running":
            complain = "it is touched for no reason of the config"
        if complain:
            self.complaints.append(f"event {event['seq']} of {name}, {was} -> {now} "
                                   f"«{event['cause']}»: {complain} (versions "
                                   f"{[version.number for version in possible]})")

    def run(self, events, moments):
        left = list(moments)
        for event in events:
            while left and left[0].time < event["time"]:
                self.rest(left.pop(0).version, seen=True)
            if event["instance"] == "config":
                self.on_config(event)
            else:
                self.on_event(event)
        return self.complaints


def check_events(events, versions, moments, may_die=lambda settings: False):
    """No instance was touched without a reason. `may_die` tells of the settings of a process
    whether it may end by itself."""
    return Touches(versions, may_die).run(events, moments)


def story(complaint, events):
    """What happened around the event that a complaint names, to its instance and to the config."""
    told = re.match(r"event (\d+) of ([^,:]+)", complaint)
    if not told:
        return ""
    near = [e for e in events if e["instance"] in ("config", told[2])
            and abs(e["seq"] - int(told[1])) < 100]
    return "\n".join(f"  {e['seq']} {e['time']} {e['instance']}@{e['incarnation']} {e['from']} -> "
                     f"{e['to']}: {e['cause']}" for e in near)


def check(events, versions, moments, may_die=lambda settings: False):
    return (check_versions(versions) + check_moments(versions, moments)
            + check_events(events, versions, moments, may_die))
