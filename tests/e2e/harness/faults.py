"""Disks that fail and clocks that jump, for one server: `faults.c` between it and the C library."""

import os
from pathlib import Path

from harness import process

SOURCE = Path(__file__).with_name("faults.c")


def build(folder):
    """Compiles the library into `folder` and returns where it is."""
    library = folder / "faults.so"
    process.output(["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", library, SOURCE])
    return library


class Faults:
    """What happens to the server that is started with it: nothing, until a test says so."""

    def __init__(self, library, folder):
        self._library = library
        self._file = Path(folder) / "faults"
        self.heal()

    def set(self, *lines):
        """Puts these faults, as `faults.c` reads them, in the place of those that there were."""
        part = self._file.with_suffix(".part")
        part.write_text("".join(f"{line}\n" for line in lines))
        os.replace(part, self._file)

    def heal(self):
        self.set()

    def environment(self, data):
        """What a server with this data folder has to be started with."""
        # The kernel names open files by paths without symbolic links.
        return {"LD_PRELOAD": str(self._library), "FAULTS_FILE": str(self._file), "FAULTS_FOLDER": str(Path(data).resolve())}
