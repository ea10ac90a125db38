"""Counts checks, and prints them in the words of `cargo test`, so that scripts/test adds them up."""

import traceback


class Checks:
    """The checks that one library must pass."""

    def __init__(self, name, version):
        self.title = f"interop: {name} {version}"
        self.passed = 0
        self.failed = []

    def check(self, name, act):
        """One check: `act` must not raise, and must not answer False."""
        try:
            if act() is False:
                raise AssertionError("it is not so")
        except Exception:  # whatever a library raises is a check that failed, and the next one goes on
            self.fail(name, traceback.format_exc())
        else:
            self.passed += 1

    def refuses(self, name, act, error):
        """One check: `act` must raise `error`, and nothing else."""
        try:
            answer = act()
        except error:
            self.passed += 1
        except Exception:
            self.fail(name, traceback.format_exc())
        else:
            self.fail(name, f"accepted: {answer!r}")

    def fail(self, name, why):
        self.failed.append(name)
        print(f"test {self.title}: {name} ... FAILED\n{why}", flush=True)

    def report(self):
        """Prints the totals; True when all passed."""
        print(f"     Running {self.title}")
        if not self.passed and not self.failed:
            self.fail("nothing was checked", "a run without checks proves nothing")
        verdict = "FAILED" if self.failed else "ok"
        print(f"test result: {verdict}. {self.passed} passed; {len(self.failed)} failed; 0 ignored; 0 measured", flush=True)
        return not self.failed
