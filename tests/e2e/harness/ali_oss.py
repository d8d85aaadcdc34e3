"""The vendor's client library for Node, in a process of its own that is told what to call."""

import base64
import json
import subprocess
from pathlib import Path

from harness.process import end_with_parent
from harness.server import ACCESS_KEY_ID, ACCESS_KEY_SECRET

CALLS = Path(__file__).resolve().parents[1] / "node" / "calls.js"
REGION = "oss-cn-hangzhou"


class Refused(Exception):
    """The library's own error: `status`, `code`, `ec`, `message`, `requestId`, `hostId`."""

    def __init__(self, facts):
        super().__init__(f"{facts.get('code')}: {facts.get('message')}")
        for name in ("status", "code", "ec", "message", "requestId", "hostId"):
            setattr(self, name, facts.get(name))


class Client:
    """A client whose methods are the library's: `client.putChannel("name", {...})`."""

    def __init__(self, endpoint, bucket, local=None, **options):
        chosen = {
            "accessKeyId": ACCESS_KEY_ID,
            "accessKeySecret": ACCESS_KEY_SECRET,
            "region": REGION,
            "endpoint": endpoint,
            "bucket": bucket,
            "timeout": 20000,
            "local": local,
            **options,
        }
        self._child = subprocess.Popen(
            ["node", CALLS, json.dumps(chosen)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=end_with_parent
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._child.stdin.close()
        self._child.wait(20)
        self._child.stdout.close()

    def __getattr__(self, method):
        return lambda *args: self._call(method, args)

    def _call(self, method, args):
        self._child.stdin.write(json.dumps({"method": method, "args": args}, default=to_json) + "\n")
        self._child.stdin.flush()
        line = self._child.stdout.readline()
        assert line, f"node ended with {self._child.wait(20)} at {method}"
        answer = json.loads(line, object_hook=from_json)
        if "error" in answer:
            raise Refused(answer["error"])
        return answer["value"]


def to_json(value):
    return {"$bytes": base64.b64encode(value).decode()}


def from_json(value):
    return base64.b64decode(value["$bytes"]) if "$bytes" in value else value
