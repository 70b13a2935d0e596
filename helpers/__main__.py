"""The launcher: `python3 -m helpers lab | run | test | ...`.

This file keeps to what every Python 3 understands, so that an old one gets a sentence and not a syntax error.
"""

import shutil
import sys

OLDEST, NEWEST = (3, 11), (3, 13)


def version_problem(version, which=shutil.which, windows=(sys.platform == "win32")):
    """A sentence for a Python that the course does not run on, or None."""
    if OLDEST <= tuple(version[:2]) <= NEWEST:
        return None
    age = "too old" if tuple(version[:2]) < OLDEST else "too new"
    advice = "Install Python 3.%d and call the command with it." % NEWEST[1]
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        if which("python3.%d" % minor):
            advice = "This machine has another one: call `python3.%d -m helpers ...` instead." % minor
            break
    if windows:
        advice += " On Windows that is `py -3.%d -m helpers ...`." % NEWEST[1]
    facts = (version[0], version[1], age, OLDEST[1], NEWEST[1], advice)
    return "Python %d.%d is %s: the course runs on Python 3.%d to 3.%d. %s" % facts


if __name__ == "__main__":
    problem = version_problem(sys.version_info)
    if problem:
        sys.stderr.write(problem + "\n")
        sys.exit(2)
    from helpers.tools.cli import launch

    sys.exit(launch(sys.argv[1:]))
