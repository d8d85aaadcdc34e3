"""`alluvium` as a person or a script at a shell calls it."""

import json
import os
import subprocess

from harness.awaiting import DEADLINE_S
from harness.server import ACCESS_KEY_ID, ACCESS_KEY_SECRET, binary


class Shell:
    """A shell whose environment says which server to ask, and with which access key."""

    def __init__(self, **environment):
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ALLUVIUM_")}
        self._environment = {**inherited, **environment}

    @classmethod
    def of_root(cls, server):
        return cls.of_key(server, {"access_key_id": ACCESS_KEY_ID, "access_key_secret": ACCESS_KEY_SECRET})

    @classmethod
    def of_key(cls, server, key):
        """`key` is what `alluvium key add --json` prints."""
        token = {"ALLUVIUM_SECURITY_TOKEN": key["security_token"]} if "security_token" in key else {}
        return cls(
            ALLUVIUM_ENDPOINT=server.endpoint,
            ALLUVIUM_ACCESS_KEY_ID=key["access_key_id"],
            ALLUVIUM_ACCESS_KEY_SECRET=key["access_key_secret"],
            **token,
        )

    def start(self, *words):
        """Starts `alluvium` with pipes at its ends."""
        command = [str(word) for word in (binary(), *words)]
        return subprocess.Popen(command, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def call(self, *words, stdin=""):
        """Runs `alluvium` to its end, whatever that is."""
        command = [str(word) for word in (binary(), *words)]
        return subprocess.run(command, env=self._environment, input=stdin, capture_output=True, text=True, timeout=DEADLINE_S, check=False)

    def text(self, *words, stdin=""):
        """Standard output of a call that must succeed, without its last line end."""
        ended = self.call(*words, stdin=stdin)
        assert ended.returncode == 0 and ended.stderr == "", f"{words} ended with {ended.returncode}:\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout.removesuffix("\n")

    def json(self, *words, stdin=""):
        """What a call that must succeed prints for scripts."""
        return json.loads(self.text(*words, "--json", stdin=stdin))

    def refused(self, *words):
        """Exit status and error, as scripts see them, of a call that must fail."""
        ended = self.call(*words, "--json")
        assert ended.returncode != 0 and ended.stdout == "", f"{words} succeeded:\n{ended.stdout}"
        return ended.returncode, json.loads(ended.stderr)["error"]
