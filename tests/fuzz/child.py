"""The process that may die: takes cases until it is stopped, and writes a line before and after each."""

import faulthandler
import resource
import sys

from tests.fuzz.damage import damaged
from tests.fuzz.seeds import seeds
from tests.fuzz.trying import outcome_of

ADDRESS_SPACE_BYTES = 3 << 30


def main() -> None:
    """`child SEED FIRST STEP`: cases FIRST, FIRST + STEP, and so on."""
    seed, case, step = map(int, sys.argv[1:4])
    frames = seeds()
    faulthandler.enable(sys.stderr)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    while True:
        sound, frame, damage = damaged(seed, case, frames)
        print("case", case, flush=True)
        print(outcome_of(sound, frame, damage, case).replace("\n", " "), flush=True)
        case += step


if __name__ == "__main__":
    main()
