#!/usr/bin/python3
"""The crash tests by hand: one of them, from a seed, or for as many rounds as the night is long.

    crash.py [test ...] [--rounds N] [--seed N] [--build DIR]

A test is a file (kill), a class of it (kill.Kill) or one method. Without any: all of them. N rounds: the longest
test, kill, makes so many lives instead of 50, the others in proportion. The tests stop with the first failure; its
last lines name the seed.
"""

import argparse
import glob
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tests", nargs="*")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--build", default=os.path.join(TREE, "build", "dev"))
    return parser.parse_args()


def main():
    asked = arguments()
    build = os.path.abspath(asked.build)
    environment = {
        "HOLDFAST_BIN": os.path.join(build, "bin", "holdfast"),
        "HOLDFAST_CHECK_BIN": os.path.join(build, "bin", "holdfast-check"),
        "HOLDFAST_MACHINE_SHIM": os.path.join(build, "tests", "wire", "libmachine_shim.so"),
        "HOLDFAST_POWER_LOSS_APPLY": os.path.join(build, "bin", "power_loss_apply"),
        "HOLDFAST_SHIM": os.path.join(build, "tests", "crash", "libpower_loss_shim.so"),
        "PYTHONPATH": os.path.join(TREE, "tests", "wire"),
    }
    missing = [path for path in environment.values() if not os.path.exists(path)]
    if missing:
        sys.exit("crash.py: there is no %s; build everything first: cmake --build --preset dev" % missing[0])
    for name, value in (("HOLDFAST_CRASH_ROUNDS", asked.rounds), ("HOLDFAST_CRASH_SEED", asked.seed)):
        if value is not None:
            environment[name] = str(value)
    files = sorted(os.path.basename(path)[:-len("_test.py")] for path in glob.glob(os.path.join(HERE, "*_test.py")))
    # kill.Kill.test_x -> kill_test.Kill.test_x
    names = [".".join([test.split(".")[0] + "_test", *test.split(".")[1:]]) for test in asked.tests or files]
    os.chdir(HERE)
    os.execve(sys.executable, [sys.executable, "-m", "unittest", "-v", "-f", *names], {**os.environ, **environment})


if __name__ == "__main__":
    main()
