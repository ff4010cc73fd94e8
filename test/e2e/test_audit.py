"""Who changed what: the audit is listed, shown and verified, and tampering is found."""

import contextlib
import os
import sqlite3
import unittest

from troupe_case import Case
from troupe_test import faultbot


class Audit(Case):
    def begin(self):
        fleet = self.fleet({"a": faultbot(), "b": faultbot()}, innocents=False)
        fleet.wait_running("a#0", "b#0")
        return fleet

    def tamper(self, fleet, sql):
        path = fleet.state / "state.db"
        with contextlib.closing(sqlite3.connect(path, timeout=10)) as db, db:
            self.assertGreater(db.execute(sql).rowcount, 0, sql)

    def test_changes_are_listed_and_tampering_is_found(self):
        fleet = self.begin()
        self.assertEqual([], fleet.ask("audit", "list")["entries"])
        self.assertIn("no such entries", fleet("audit", "list").out)
        fleet.ask("stop", "a")
        fleet.ask("start", "a")
        fleet.ask("signal", "WINCH", "b")
        entries = fleet.ask("audit", "list")["entries"]
        self.assertEqual(["stop a", "start a", "signal WINCH b"],
                         [entry["command"] for entry in entries])
        for entry in entries:
            self.assertEqual((os.geteuid(), "admin.sock"), (entry["uid"], entry["origin"]))
            self.assertIn("accepted by 1", entry["outcome"])
        self.assertEqual(entries[2:], fleet.ask("audit", "list", "WINCH")["entries"])
        self.assertEqual(entries[2:], fleet.ask("audit", "list", "--last", "1")["entries"])
        self.assertEqual(entries, fleet.ask("audit", "list", "--since", "1h")["entries"])
        shown = fleet("audit", "show", str(entries[0]["id"]))
        self.assertIn("stop a", shown.out)
        self.assertEqual(1, fleet("audit", "show", "999", "--json").exit)

        good = fleet.ask("audit", "verify")
        self.assertTrue(good["ok"], good)
        self.assertEqual(6, good["entries"])  # three, and what became of them
        self.assertIn(good["hash"], fleet("audit", "verify").out)
        fleet.ask("stop", "b")
        self.assertEqual(good["last"],
                         fleet.ask("audit", "verify", "--hash", good["hash"])["noted"]["id"])

        self.tamper(fleet, "UPDATE audit SET uid = 12345 WHERE command = 'start a'")
        found = fleet("audit", "verify", "--json")
        self.assertEqual((1, False, entries[1]["id"]),
                         (found.exit, found.document["ok"], found.document["bad"]), found)
        said = fleet("audit", "verify")
        self.assertEqual(1, said.exit, said)
        self.assertIn(f"not as it was written: {entries[1]['id']}:", said.out)
        self.tamper(fleet, f"UPDATE audit SET uid = {os.geteuid()} WHERE command = 'start a'")
        self.assertTrue(fleet.ask("audit", "verify")["ok"])
        fleet.end()

    def test_a_tail_that_is_cut_off_is_found_by_the_runtime_or_a_noted_hash(self):
        fleet = self.begin()
        for _ in range(3):
            fleet.ask("resume", "a")
        noted = fleet.ask("audit", "verify")["hash"]
        self.tamper(fleet, "DELETE FROM audit WHERE seq > 4")
        self.tamper(fleet, "UPDATE audit_end SET seq = 4,"
                           " hash = (SELECT hash FROM audit WHERE seq = 4)")
        found = fleet("audit", "verify", "--json")
        self.assertEqual((1, 5), (found.exit, found.document["bad"]), found)
        # Its next life only has what is in the file.
        fleet.kill_runtime()
        fleet.wait_answer()
        self.assertTrue(fleet.ask("audit", "verify")["ok"])
        self.assertEqual(1, fleet("audit", "verify", "--hash", noted).exit)
        fleet.end()

    def test_the_audit_outlives_the_runtime_and_the_fleet(self):
        fleet = self.begin()
        fleet.ask("resume", "a")
        fleet.kill_runtime()
        fleet.wait_answer()
        fleet.ask("resume", "b")
        self.assertEqual(["resume a", "resume b"],
                         [entry["command"] for entry in fleet.ask("audit", "list")["entries"]])
        self.assertTrue(fleet.ask("audit", "verify")["ok"])
        fleet("shutdown")
        self.assertEqual(0, fleet.process.wait(60))
        fleet.start()
        fleet.wait_running("a#0", "b#0")
        self.assertEqual(2, len(fleet.ask("audit", "list", "resume")["entries"]))
        self.assertTrue(fleet.ask("audit", "verify")["ok"])
        fleet.end()


if __name__ == "__main__":
    unittest.main()
