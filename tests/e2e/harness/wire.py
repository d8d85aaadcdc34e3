"""Single HTTP requests with nothing added that the test has not asked for, signed in version 1 by the contract's text."""

import base64
import hashlib
import hmac
import http.client
import time
from email.utils import formatdate
from urllib.parse import quote

from harness.server import ACCESS_KEY_ID, ACCESS_KEY_SECRET


class Answer:
    """Status, headers and body of one answer."""

    def __init__(self, host, response):
        self.host = host
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()


def send(server, method, bucket="", key="", sub=None, query=None, headers=None, body=None, id=ACCESS_KEY_ID, secret=ACCESS_KEY_SECRET, date=None):
    """Sends one request by path; `sub` is signed, `query` is not; without a secret the request is anonymous.

    `headers` may hold what is announced and never sent, such as a length.
    """
    sub, headers = sub or {}, {name.lower(): value for name, value in (headers or {}).items()}
    if secret is not None:
        headers.setdefault("date", formatdate(time.time() if date is None else date, usegmt=True))
        headers["authorization"] = f"OSS {id}:{signature(secret, method, bucket, key, sub, headers)}"
    if body is not None:
        headers.setdefault("content-length", str(len(body)))
    path = "/" + (f"{bucket}/{quote(key)}" if bucket else "")
    parameters = "&".join(quote(name, safe="") + (f"={quote(value, safe='')}" if value else "") for name, value in {**sub, **(query or {})}.items())
    connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=20)
    try:
        connection.putrequest(method, path + (f"?{parameters}" if parameters else ""), skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        return Answer(f"127.0.0.1:{server.http_port}", connection.getresponse())
    finally:
        connection.close()


def string_to_sign(method, bucket, key, sub, headers):
    canonical = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers) if name.startswith("x-oss-"))
    parameters = "&".join(f"{name}={sub[name]}" if sub[name] else name for name in sorted(sub))
    resource = "/" + (f"{bucket}/{key}" if bucket else "") + (f"?{parameters}" if parameters else "")
    lines = (method, headers.get("content-md5", ""), headers.get("content-type", ""), headers["date"], canonical + resource)
    return "\n".join(lines)


def signature(secret, *request):
    return base64.b64encode(hmac.new(secret.encode(), string_to_sign(*request).encode(), hashlib.sha1).digest()).decode()
