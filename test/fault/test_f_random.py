"""A fleet of 200 bots that is edited at random while its runtime is killed again and again: no
instance is touched without a reason, and no version stays half applied.

TROUPE_SEED chooses what happens; a failure tells it. TROUPE_LONG makes it 1000 edits."""

import copy
import datetime
import json
import os
import random
import subprocess
import time
import unittest
from pathlib import Path

import config_history
import history
from config_case import ConfigCase
from config_history import Moment, Version
from troupe_case import poll_until
from troupe_test import PATIENCE, TROUPE, Failed, clean_environment, times, write_tree

GROUPS, IN_GROUP = 8, 25
MARKS = "E_"  # variables of the tests
CRASH = ["false"]
# A death within the grace is a failed start, however slow the machine is.
CRASHING = {"command": CRASH, "start_grace": "30s"}


def may_die(settings):
    return settings.get("command") == CRASH


def first_tree():
    """Scopes of all kinds, so that one edit may reach one instance, or many."""
    files = {
        "runtime.json": {"auto_apply": True},
        "group.json": {"defaults": {
            "start_grace": "10ms", "stop_timeout": "5s", "environment": {"E_ROOT": "0"},
            "delay": {"initial": "20ms", "max": "200ms"}}},
        "mixins/worker.json": {"command": ["sleep", "100000"], "extends": "base"},
        "mixins/base.json": {"environment": {"E_BASE": "0"}, "labels": {"of": "base"}},
        "tenants/acme.json": {"defaults": {"environment": {"E_TENANT": "0"}}},
    }
    for g in range(GROUPS):
        group = f"g{g}" if g < 6 else f"g5/sub{g}"
        files[f"{group}/group.json"] = {"defaults": {"environment": {"E_GROUP": "0"}},
                                        **({"tenant": "acme"} if g in (1, 5) else {})}
        for i in range(IN_GROUP):
            bot = {"command": ["sleep", "100000"], "environment": {"E_BOT": "0"}}
            if i % 6 == 5:
                bot = {"extends": "worker", "environment": {"E_BOT": "0"}}
            if i % 8 == 3:
                bot.update(replicas=2 + i % 2, update={"batch": 1 + i % 2})
            if i % 5 == 4:
                bot["depends_on"] = {f"b{i - 2:02}": "started", f"b{i - 3:02}": "ready"}
            files[f"{group}/b{i:02}.json"] = bot
    return files


class Fact:
    """What a process says of itself."""

    def __init__(self, pid):
        path = Path(f"/proc/{pid}")
        self.command = (path / "cmdline").read_bytes().decode().split("\0")[:-1]
        pairs = (path / "environ").read_bytes().decode().split("\0")
        self.environment = dict(one.split("=", 1) for one in pairs if one.startswith(MARKS))
        limit = next(line for line in (path / "limits").read_text().splitlines()
                     if line.startswith("Max open files"))
        self.open_files = int(limit.split()[3])


class Driver:
    """What the tree says, what is in force, and what may be done next."""

    def __init__(self, case, fleet, seed):
        self.case, self.fleet = case, fleet
        self.random = random.Random(seed)
        self.disk = first_tree()  # what it holds, or should hold
        self.force, self.overrides = copy.deepcopy(self.disk), {}
        self.seen = set()  # trees that there were
        self.number = 1
        self.count = 0
        self.versions, self.moments = {}, []
        self.kill_next = False  # the runtime, while the next change is under way
        self.doing = ""
        self.kills = 0

    # -- the tree -----------------------------------------------------------------------------

    def text(self, content):
        return content if isinstance(content, str) else json.dumps(content)

    def write(self, path, content):
        self.disk[path] = content
        if self.random.random() < 0.8:
            (self.fleet.tree / path).parent.mkdir(parents=True, exist_ok=True)
            self.case.replace(self.fleet, path, self.text(content))
        else:
            write_tree(self.fleet.tree, {path: self.text(content)})

    def remove(self, path):
        del self.disk[path]
        (self.fleet.tree / path).unlink()

    def bots(self):
        return sorted(path for path in self.disk if path.startswith("g") and "/" in path
                      and not path.endswith("group.json"))

    def plain_bots(self):
        return [path for path in self.bots() if "command" in self.disk[path]]

    def edited(self, path, **more):
        """Merged into what is there, and written."""
        self.write(path, config_history.merge(self.disk[path], more))

    # -- edits that are right -------------------------------------------------------------------

    def edit_environment(self):
        path = self.random.choice(self.bots())
        self.edited(path, environment={"E_BOT": str(self.count)})

    def edit_command(self):
        self.edited(self.random.choice(self.plain_bots()),
                    command=["sleep", str(100000 + self.count)])

    def edit_instance(self):
        path = self.random.choice([p for p in self.bots() if self.disk[p].get("replicas", 1) > 1])
        index = self.random.randrange(self.disk[path]["replicas"])
        self.edited(path, instances={str(index): {"environment": {"E_ONE": str(self.count)}}})

    def edit_in_place(self):
        self.edited(self.random.choice(self.bots()), **self.random.choice((
            {"limits": {"open_files": 5000 - self.count}}, {"labels": {"edit": str(self.count)}},
            {"description": f"edit {self.count}"}, {"update": {"batch": "50%"}},
            {"start_timeout": f"{100 + self.count}s"})))

    def edit_replicas(self):
        path = self.random.choice(self.bots())
        # What is said of an instance must be said of one that there is.
        self.write(path, {**{k: v for k, v in self.disk[path].items() if k != "instances"},
                          "replicas": self.random.choice(
                              [n for n in (1, 2, 3) if n != self.disk[path].get("replicas", 1)])})

    def edit_added(self):
        group = self.random.choice(["g0", "g3", "g5", "g5/sub6"])
        self.write(f"{group}/x{self.count}.json", {
            "command": ["sleep", str(100000 + self.count)], "replicas": self.random.choice((1, 2)),
            "depends_on": {"b00": "ready"}})

    def edit_removed(self):
        added = [path for path in self.bots() if "/x" in path]
        if added and not (self.random.random() < 0.1):
            self.remove(self.random.choice(added))
        else:
            self.edit_added()

    def edit_group(self):
        path = self.random.choice(sorted(p for p in self.disk if p.endswith("/group.json")))
        self.edited(path, defaults=self.random.choice((
            {"environment": {"E_GROUP": str(self.count)}}, {"labels": {"edit": str(self.count)}})))

    def edit_mixin(self):
        self.edited("mixins/base.json", **self.random.choice((
            {"environment": {"E_BASE": str(self.count)}}, {"limits": {"core_size": 0}},
            {"description": str(self.count)})))

    def edit_tenant(self):
        bot = self.random.choice([p for p in self.bots() if p.startswith("g1/b")])
        self.edited("tenants/acme.json", **self.random.choice((
            {"defaults": {"environment": {"E_TENANT": str(self.count)}}},
            {"bots": {bot.removesuffix(".json"): {"environment": {"E_TENANT": "own",
                                                                  "E_BOT": None}}}},
            {"bots": None})))

    def edit_root(self):
        self.edited("group.json", defaults={"limits": {"open_files": 9000 - self.count}})

    def edit_dependency(self):
        path = self.random.choice([p for p in self.bots() if "depends_on" not in self.disk[p]
                                   and "/b" in p and not p.endswith(("b00.json", "b01.json"))])
        self.edited(path, depends_on={"b01": "started"})

    EDITS = {edit_environment: 10, edit_command: 8, edit_instance: 4, edit_in_place: 10,
             edit_replicas: 8, edit_added: 5, edit_removed: 5, edit_group: 2, edit_mixin: 2,
             edit_tenant: 2, edit_root: 1, edit_dependency: 2}

    def edit(self):
        """To a tree that there never was: what was in force already does not come by itself
        after a rollback, or a death."""
        self.seen.add(self.shown(self.disk))
        while self.shown(self.disk) in self.seen:
            edit, = self.random.choices(list(self.EDITS), list(self.EDITS.values()))
            edit(self)
            self.count += 1

    @staticmethod
    def shown(tree):
        return json.dumps(tree, sort_keys=True)

    # -- steps ----------------------------------------------------------------------------------

    def step_edits(self):
        """A few at once: they may be seen together or apart."""
        for _ in range(self.random.choice((1, 1, 1, 2, 3))):
            self.edit()
        if self.random.random() < 0.1:
            self.case.hang_up(self.fleet)
        self.disturb()
        self.settle(self.disk, self.overrides)

    def step_broken(self):
        """It changes nothing; then it is repaired, by what was there or by something else."""
        path = self.random.choice(self.bots())
        good = self.disk[path]
        broken = self.random.choice((
            self.text(good)[:-1], "", self.text({**good, "comand": ["x"]}),
            self.text({**good, "replicas": -1}), self.text({**good, "extends": "nobody"}),
            self.text({**good, "depends_on": ["nobody"]})))
        self.write(path, broken)
        # What is sound waits for what is not.
        self.disk[path] = good
        if self.random.random() < 0.3:
            self.edit()
            if self.disk.get(path) != good:  # repaired by chance
                self.write(path, broken)
                self.disk[path] = good
        self.disturb()
        self.wait(lambda now: now["disk"]["state"] == "invalid", "the broken tree is seen")
        self.settle(self.force, self.overrides, same=True)
        if self.random.random() < 0.5:
            self.write(path, good)
        else:
            self.write(path, {**good, "description": f"repaired {self.count}"})
        self.settle(self.disk, self.overrides)

    def step_crash(self):
        """It comes back by itself; then the edit is repaired."""
        before = self.number
        path = self.random.choice([*self.random.sample(self.plain_bots(), 3), "mixins/worker.json"])
        good = self.disk[path]
        self.count += 1
        # Another one each time: what has failed is not applied by itself again.
        self.edited(path, **CRASHING, description=f"crash {self.count}")
        self.disturb()
        self.wait(lambda now: now["version"] >= before + 2 and now["state"] == "healthy",
                  "what was healthy comes back")
        self.settle(self.force, self.overrides)
        if self.random.random() < 0.3:
            self.disturb(always=True)
            self.settle(self.force, self.overrides, same=True)
        if self.random.random() < 0.5:
            self.write(path, good)
        else:
            self.write(path, {**good, "command": ["sleep", str(200000 + self.count)]})
        self.settle(self.disk, self.overrides)

    def command(self, *words, force=None, overrides=None):
        """Whether it came into force is open when the runtime dies under it, but not by half."""
        before = self.force, self.overrides
        after = force or self.force, self.overrides if overrides is None else overrides
        if not self.kill_next:
            self.fleet.ask(*words, "--wait")
            return self.settle(*after)
        with subprocess.Popen([str(TROUPE), "--state", str(self.fleet.state), *map(str, words)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              env=clean_environment()) as client:
            self.disturb()
            client.wait(PATIENCE)
        return self.settle(*after, otherwise=before)

    def step_set(self):
        bots = [path.removesuffix(".json") for path in sorted(self.force)
                if path.endswith(("b00.json", "b01.json", "b02.json"))]
        bot = self.random.choice(bots)
        where = self.random.choice(("environment.E_SET", "limits.file_size"))
        value = str(self.count) if "E_SET" in where else f"{1 + self.count}MiB"
        outer, inner = where.split(".")
        self.count += 1
        self.command("set", bot, where, json.dumps(value), overrides=config_history.merge(
            self.overrides, {bot: {outer: {inner: value}}}))

    def step_unset(self):
        if not self.overrides:
            return self.step_set()
        bot = self.random.choice(sorted(self.overrides))
        rest = {k: v for k, v in self.overrides.items() if k != bot}
        return self.command("unset", bot, overrides=rest)

    def step_rollback(self):
        """The tree stays as it is; the next edit brings all of it."""
        earlier = [n for n in range(max(1, self.number - 30), self.number)
                   if n in self.versions and self.versions[n].row["state"] == "healthy"]
        if not earlier:
            return self.step_edits()
        chosen = self.versions[self.random.choice(earlier)]
        force = {path: json.loads(text) for path, text in chosen.files.items()}
        self.command("rollback", chosen.number, force=force, overrides=chosen.overrides)
        if self.random.random() < 0.5:
            self.disturb(always=True)
            self.settle(self.force, self.overrides, same=True)
        how = self.random.choice(("apply", "reload", "HUP", "edit"))
        if how == "edit":
            return self.step_edits()
        if how == "HUP":
            self.case.hang_up(self.fleet)
            return self.settle(self.disk, self.overrides)
        self.fleet.ask(how, *(["-y"] if how == "apply" else []), "--wait")
        return self.settle(self.disk, self.overrides)

    STEPS = {step_edits: 30, step_broken: 5, step_crash: 3, step_set: 3, step_unset: 2,
             step_rollback: 3}

    def step(self, kill):
        step, = self.random.choices(list(self.STEPS), list(self.STEPS.values()))
        self.kill_next = kill
        self.doing = step.__name__
        step(self)
        self.kill_next = False

    # -- what disturbs ----------------------------------------------------------------------------

    def disturb(self, always=False):
        """Kills the runtime, if it is to be killed: at any moment, or in the midst of a change."""
        if not (self.kill_next or always):
            return
        self.kill_next = False
        how = self.random.choice(("now", "soon", "soon", "applied", "stopping", "starting",
                                  "twice"))
        after = self.fleet.mark()
        if how in ("applied", "stopping", "starting"):
            try:
                self.fleet.wait_event(lambda e: e["to"] == how or "applied by" in e["cause"]
                                      and how == "applied", after, 0.5)
            except Failed:
                pass  # not every change has it
        elif how != "now":
            time.sleep(self.random.uniform(0, 0.4))  # the fault itself
        self.fleet.kill_runtime()
        self.kills += 1
        if how == "twice":
            time.sleep(self.random.uniform(0, 0.4))
            self.fleet.kill_runtime()
            self.kills += 1

    # -- what comes of it -------------------------------------------------------------------------

    def wait(self, check, what):
        def stands():
            said = self.fleet("config", "standing", "--json")
            return said.exit == 0 and check(said.document) and said.document
        try:
            return poll_until(stands, 2 * PATIENCE)
        except Failed:
            raise Failed(f"waiting until {what}: {self.fleet('config', 'standing').out}") from None

    def settle(self, force, overrides, otherwise=None, same=False):
        """Waits until nothing is under way and this is in force, and looks at every process."""
        wanted = [(force, overrides), *([otherwise] if otherwise else [])]
        wanted = [({path: self.text(content) for path, content in tree.items()}, sets)
                  for tree, sets in wanted]
        found = {}

        def stands(now):
            if now["state"] != "healthy" or now["deciding"]:
                return False
            if self.number != now["version"] or not found:
                found["version"] = self.show(now["version"])
            version = found["version"]
            there = {path: self.canonical(text) for path, text in version.files.items()}
            return any(there == {path: self.canonical(text) for path, text in files.items()}
                       and version.overrides == sets for files, sets in wanted)
        before = self.number
        now = self.wait(stands, "this is in force")
        self.number = now["version"]
        version = found["version"]
        if same and self.number != before:
            raise Failed(f"version {self.number} came of what is to change nothing")
        self.force = {path: json.loads(text) for path, text in version.files.items()}
        self.overrides = version.overrides
        self.look(version)

    @staticmethod
    def canonical(text):
        return json.dumps(json.loads(text), sort_keys=True)

    def show(self, number):
        return Version(self.fleet.ask("config", "show", number))

    def list_versions(self):
        for row in self.fleet.ask("config", "versions", "--last", 50)["versions"]:
            number = row["number"]
            if number not in self.versions:
                self.versions[number] = self.show(number)
            known = self.versions[number].row
            for key in ("hash", "time", "author", "reason"):
                self.case.assertEqual(known[key], row[key], f"version {number} is another now")
            known["state"] = row["state"]

    def look(self, version):
        wanted = version.settings()

        def complete():
            rows = self.fleet.status()
            if set(rows) != set(wanted):
                return None
            if any(row["state"] != "running" for row in rows.values()):
                return None
            # Events may be seen later than what they tell of.
            now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
            result = {}
            for name, row in rows.items():
                fact = Fact(row["pid"])
                limit = wanted[name].get("limits", {}).get("open_files")
                # Told to a process after its settings are in force.
                if limit is not None and fact.open_files > limit:
                    self.behind = f"{name} has {fact.open_files} open files, not {limit}"
                    return None
                result[name] = {"pid": row["pid"], "incarnation": row["incarnation"],
                                "state": row["state"], "command": fact.command,
                                "environment": fact.environment, "open_files": fact.open_files}
            return now.replace("+00:00", "Z"), result
        self.behind = ""
        try:
            when, rows = poll_until(complete, 2 * PATIENCE, 0.02)
        except Failed:
            rows = self.fleet.status()
            odd = {name: rows.get(name, {}).get("state") for name in {*rows, *wanted}
                   if name not in rows or name not in wanted or rows[name]["state"] != "running"}
            raise Failed(f"not all as version {self.number} says: {odd or self.behind}") from None
        self.list_versions()
        self.moments.append(Moment(when, self.number, rows))
        complaints = config_history.check_moments(self.versions, self.moments[-2:])
        self.case.assertEqual([], complaints[:20])


class Random(ConfigCase):
    def test_random_edits_and_kills(self):
        seed = int(os.environ.get("TROUPE_SEED") or random.randrange(10**6))
        edits, kills = times(60, 1000), times(6, 100)
        fleet = self.prepared({}, innocents=False)
        write_tree(fleet.tree, {path: json.dumps(content)
                                for path, content in first_tree().items()})
        fleet.start()
        fleet.wait_running()
        driver = Driver(self, fleet, seed)
        step = 0
        try:
            driver.settle(driver.disk, {}, same=True)
            while driver.count < edits or driver.kills < kills:
                step += 1
                # Evenly over all of it.
                driver.step(kill=driver.kills * edits < driver.count * kills)
        except BaseException:
            print(f"\nTROUPE_SEED={seed}: step {step} ({driver.doing}), {driver.count} edits, "
                  f"{driver.kills} deaths, version {driver.number}\n{fleet.said()[-10000:]}")
            raise
        driver.list_versions()
        events = list(fleet.events)
        complaints = config_history.check(events, driver.versions, driver.moments, may_die)
        # What comes back after it was removed begins anew; `config_history` judges that.
        complaints += history.check_events(events, lives=edits)
        for complaint in complaints[:5]:
            print(complaint, config_history.story(complaint, events), sep="\n")
        self.assertEqual([], complaints[:20], f"TROUPE_SEED={seed}")
        self.assertTrue(fleet.ask("audit", "verify")["ok"])
        self.check_ping(fleet)
        self.check_no_zombies(fleet)
        fleet.end()


if __name__ == "__main__":
    unittest.main()
