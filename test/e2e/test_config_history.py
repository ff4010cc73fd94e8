"""The checker of config histories finds each kind of fault: by histories that are made by hand."""

import copy
import json
import unittest

import config_history
from config_history import Moment, Version, merge, settings_of

BOT = {"command": ["sleep", "1"]}


def tree(**bots):
    files = {"group": {}, **bots}
    return {name.replace("__", "/") + ".json": content for name, content in files.items()}


def version(number, files, state="healthy", reason="edited", overrides=None):
    return Version({"number": number, "time": f"2026-01-01T00:00:{10 * number:02}.000Z",
                    "state": state, "reason": reason, "overrides": overrides or {},
                    "hash": json.dumps([files, overrides or {}], sort_keys=True),
                    "files": [{"path": path, "text": json.dumps(content)}
                              for path, content in files.items()]})


class Told:
    """A list of events, and the moments in between."""

    def __init__(self):
        self.events, self.moments, self.clock = [], [], 10

    @property
    def time(self):
        return f"2026-01-01T00:00:{self.clock:02}.{500 + len(self.events)}Z"

    def at(self, seconds):
        self.clock = seconds
        return self

    def add(self, instance, was, now, cause="so", incarnation=1):
        self.events.append({
            "seq": len(self.events) + 1, "time": self.time, "instance": instance,
            "incarnation": incarnation, "from": was, "to": now, "cause": cause})
        return self

    def config(self, cause):
        return self.add("config", "defined", "defined", cause, 0)

    def start(self, name, incarnation=1):
        return (self.add(name, "waiting", "starting", "process 1 started", incarnation)
                .add(name, "starting", "running", "up", incarnation))

    def replace(self, name, incarnation):
        return (self.add(name, "running", "stopping", "its config has changed: command",
                         incarnation - 1)
                .add(name, "stopping", "waiting", "killed, as asked", incarnation - 1)
                .start(name, incarnation))

    def rest(self, number, **rows):
        """Rows: name of a bot → pid, incarnation, and what differs from the usual."""
        self.moments.append(Moment(self.time, number, {
            f"{name}#0": {"pid": pid, "incarnation": incarnation, "state": "running",
                          "command": ["sleep", "1"], "environment": {}, "open_files": 1024, **more}
            for name, (pid, incarnation, more) in rows.items()}))
        return self


def changed(number):
    return {"command": ["sleep", str(number)]}


class History(unittest.TestCase):
    def versions(self):
        return {1: version(1, tree(a=BOT, b=BOT)), 2: version(2, tree(a=changed(2), b=BOT))}

    def told(self):
        return (Told().start("a#0").start("b#0").rest(1, a=(11, 1, {}), b=(12, 1, {}))
                .at(20).config("version 2 applied by runtime: 1 restart"))

    def complaints(self, versions, told, **more):
        return config_history.check(told.events, versions, told.moments, **more)

    def found(self, pattern, versions, told, **more):
        complaints = self.complaints(versions, told, **more)
        self.assertRegex("\n".join(complaints), pattern)

    def test_a_good_one(self):
        told = (self.told().replace("a#0", 2).config("version 2 is healthy")
                .rest(2, a=(21, 2, changed(2)), b=(12, 1, {})))
        self.assertEqual([], self.complaints(self.versions(), told))

    def test_an_event_that_was_lost_is_no_fault(self):
        told = self.told()
        told.events.pop()
        told.replace("a#0", 2).rest(2, a=(21, 2, changed(2)), b=(12, 1, {}))
        self.assertEqual([], self.complaints(self.versions(), told))

    def test_one_is_replaced_that_has_not_changed(self):
        told = self.told().replace("b#0", 2)
        self.found("of b#0.*nothing of it has changed", self.versions(), told)

    def test_one_is_replaced_before_the_version(self):
        told = Told().start("a#0").rest(1, a=(11, 1, {}), b=(12, 1, {}))
        told.at(15).replace("a#0", 2)
        self.found("of a#0.*nothing of it has changed", self.versions(), told)

    def test_one_is_replaced_twice(self):
        told = self.told().replace("a#0", 2).config("version 2 is healthy").replace("a#0", 3)
        self.found("of a#0.*nothing of it has changed", self.versions(), told)

    def test_one_is_touched_without_a_word(self):
        for pid, incarnation in ((22, 2), (12, 2), (22, 1)):
            told = (self.told().replace("a#0", 2).config("version 2 is healthy")
                    .rest(2, a=(21, 2, changed(2)), b=(pid, incarnation, {})))
            self.found("b#0 (was touched|has changed its pid)", self.versions(), told)

    def test_one_is_left_behind(self):
        told = self.told().config("version 2 is healthy").rest(2, a=(11, 1, {}), b=(12, 1, {}))
        self.found("a#0 has command .'sleep', '1'.*not .'sleep', '2'", self.versions(), told)

    def test_half_an_environment(self):
        for found in ({}, {"E": "1", "F": "2"}, {"E": "1", "F": "1", "G": "1"}):
            versions = {1: version(1, tree(a={**BOT, "environment": {"E": "1", "F": "1"}}))}
            told = Told().start("a#0").rest(1, a=(11, 1, {"environment": found}))
            self.found("a#0 has environment", versions, told)

    def test_a_limit_that_does_not_hold(self):
        versions = {1: version(1, tree(a={**BOT, "limits": {"open_files": 100}}))}
        self.found("a#0 has open_files 1024", versions, Told().rest(1, a=(11, 1, {})))

    def test_one_too_many_and_one_too_few(self):
        versions = {1: version(1, tree(a=BOT, b=BOT))}
        self.found("b#0", versions, Told().rest(1, a=(11, 1, {})))
        self.found("c#0", versions, Told().rest(1, **dict.fromkeys("abc", (11, 1, {}))))
        self.found("b#0 is backoff", versions,
                   Told().rest(1, a=(11, 1, {}), b=(12, 1, {"state": "backoff"})))

    def test_stops_and_starts_that_no_version_wants(self):
        told = self.told().add("b#0", "running", "stopping", "it is no longer in the config")
        self.found("it is in each version", self.versions(), told)
        self.found("in no version", self.versions(), self.told().start("c#0"))
        told = self.told().add("b#0", "running", "draining", "one_for_all: a failed")
        self.found("no reason of the config", self.versions(), told)

    def test_what_is_removed_may_stop(self):
        versions = {1: version(1, tree(a=BOT, b=BOT)), 2: version(2, tree(b=BOT))}
        told = self.told().add("a#0", "running", "stopping", "it is no longer in the config")
        told.rest(2, b=(12, 1, {}))
        self.assertEqual([], self.complaints(versions, told))

    def test_one_that_runs_begins_anew(self):
        told = self.told().add("b#0", "defined", "waiting", "autostart", 0)
        self.found("begins anew, but it was running", self.versions(), told)

    def test_one_was_just_being_started(self):
        told = (self.told().add("a#0", "running", "stopping", "its config has changed: command")
                .add("a#0", "stopping", "waiting", "killed, as asked")
                .config("version 2 is healthy").start("a#0", 2).replace("a#0", 3))
        self.assertEqual([], self.complaints(self.versions(), told))

    def test_a_runtime_died_before_it_wrote_down_whom_it_had_asked_to_end(self):
        told = self.told().config("version 2 is healthy")
        told.add("a#0", "running", "backoff", "killed by signal 15 (TERM)")
        self.assertEqual([], self.complaints(self.versions(), told))
        told.add("b#0", "running", "backoff", "killed by signal 15 (TERM)")
        self.found("b#0.*ends by itself", self.versions(), told)

    def test_one_ends_by_itself(self):
        told = self.told().add("b#0", "running", "backoff", "exited with code 1")
        self.found("ends by itself", self.versions(), told)
        self.assertEqual([], self.complaints(self.versions(), told, may_die=lambda part: True))

    def test_versions(self):
        good = self.versions()
        for fault, pattern in (
                (lambda v: v.pop(1), "are numbered"),
                (lambda v: v[2].row.update(state="updating"), "left updating"),
                (lambda v: v[1].row.update(state="stopped"), "later ones"),
                (lambda v: v[1].row.update(state="rolled back"), "follows one that is rolled back"),
                (lambda v: v[2].row.update(reason="rollback of 1: x"), "follows one that is"),
                (lambda v: v[2].row.update(reason="rollback to 1"), "another than the 1"),
                (lambda v: v[2].row.update(hash=v[1].row["hash"]), "the same as"),
                (lambda v: v[2].row.update(time="2025"), "older")):
            versions = copy.deepcopy(good)
            fault(versions)
            self.assertRegex("\n".join(config_history.check_versions(versions)), pattern)
        self.assertEqual([], config_history.check_versions(good))

    def test_what_comes_back_is_what_was_healthy(self):
        versions = {1: version(1, tree(a=BOT)), 2: version(2, tree(a=changed(2)), "rolled back"),
                    3: version(3, tree(a=BOT), reason="rollback of 2: a#0")}
        self.assertEqual([], config_history.check_versions(versions))
        versions[3] = version(3, tree(a=changed(3)), reason="rollback of 2: a#0")
        self.assertIn("brings back something else", config_history.check_versions(versions)[0])

    def test_versions_that_are_told_wrongly(self):
        for cause, pattern in (("version 3 applied by uid 0: 1 start", "no such version"),
                               ("version 2 applied by uid 0: 1 start", "comes after version 2"),
                               ("version 1 is healthy", "comes after version 2")):
            self.found(pattern, self.versions(), self.told().config(cause))


class Settings(unittest.TestCase):
    def test_merge(self):
        self.assertEqual({"a": {"c": 2}}, merge({"a": {"b": 1}}, {"a": {"b": None, "c": 2}}))
        self.assertEqual({"a": [1]}, merge({"a": {"b": 1}}, {"a": [1]}))

    def test_scopes_weakest_first(self):
        scopes = ["root", "tenant", "group", "mixin", "bot", "of tenant", "instance", "set"]

        def mark(scope):
            return {"environment": {key: scope for key in scopes[:scopes.index(scope) + 1]}}
        files = tree(group={"defaults": mark("root")}, tenants__t={
            "defaults": mark("tenant"), "bots": {"g/a": mark("of tenant")}},
            g__group={"tenant": "t", "defaults": mark("group")},
            mixins__m={**mark("mixin"), "command": ["x"]},
            g__a={**mark("bot"), "extends": "m", "replicas": 2,
                  "instances": {"1": mark("instance")}})
        found = settings_of(files, {"g/a": {"instances": {"0": mark("set")}}})
        self.assertEqual(["g/a#0", "g/a#1"], sorted(found))
        self.assertEqual(dict.fromkeys(scopes, "set"), found["g/a#0"]["environment"])
        self.assertEqual(dict.fromkeys(scopes[:7], "instance"), found["g/a#1"]["environment"])
        self.assertEqual(["x"], found["g/a#0"]["command"])
        # What a stronger one does not say holds.
        del files["g/a.json"]["environment"]
        del files["tenants/t.json"]["bots"]
        found = settings_of(files, {"g/a": {"replicas": 3}})
        self.assertEqual({**dict.fromkeys(scopes[:4], "mixin")}, found["g/a#2"]["environment"])


if __name__ == "__main__":
    unittest.main()
