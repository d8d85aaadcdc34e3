"""Every refusal that the server can give, provoked and compared whole: status, headers, document, and its form for HEAD."""

import base64
import datetime
import re
import time
import xml.etree.ElementTree as xml
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate, parsedate_to_datetime

import oss2
import pytest
from harness import client, encoder, wire
from harness.awaiting import until
from harness.server import ACCESS_KEY_ID
from harness.shell import Shell

# The codes of the API; those that only a request made on the way provokes; those that no request meets here.
CODES = """
AccessDenied AccessForbidden AccessKeyIdAndSecurityTokenNotMatch BadRequest BucketAlreadyExists BucketNotEmpty ChannelStillLive
EntityTooLarge EntityTooSmall FileAlreadyExists InvalidAccessKeyId InvalidArgument InvalidBucketName InvalidChannelName InvalidCRC64 InvalidDigest
InvalidObjectName InvalidPart InvalidPartOrder InvalidRange InvalidRequest InvalidSecurityToken LiveChannelDisabled MalformedXML MethodNotAllowed MissingContentLength
NoSuchBucket NoSuchCORSConfiguration NoSuchKey NoSuchLifecycle NoSuchLiveChannel NoSuchUpload NotImplemented PreconditionFailed
RequestTimeTooSkewed SecondLevelDomainForbidden SecurityTokenExpired SignatureDoesNotMatch TooManyBuckets
""".split()
LATER = "EntityTooSmall InvalidPart InvalidPartOrder NoSuchUpload RequestTimeTooSkewed SecurityTokenExpired SignatureDoesNotMatch TooManyBuckets".split()
NEVER = {
    "InvalidCRC64": "append is not offered, and no other request announces a CRC-64",
    "LiveChannelDisabled": "only a publisher meets a disabled channel, and is told over RTMP",
    "SecondLevelDomainForbidden": "path style is served",
}

BUCKET, PUBLIC = "refusing", "shown"
CHANNEL = b"<LiveChannelConfiguration><Target><Type>HLS</Type>%s</Target></LiveChannelConfiguration>"
ANONYMOUS = {"secret": None}
PREFLIGHT = {"origin": "http://page.test", "access-control-request-method": "GET"}


class Refusal:
    """A request, and the whole of what refuses it."""

    def __init__(self, code, status, message, request, ec="", details=None, headers=None):
        self.code, self.status, self.message, self.ec = code, status, message, ec
        self.request, self.details, self.headers = request, details or {}, headers or {}


def request(method, bucket=BUCKET, key="", **options):
    return {"method": method, "bucket": bucket, "key": key, **options}


def live(code, message, ec, status=400, method="PUT", key="channel", sub=None, **options):
    """A refusal of a live channel operation."""
    return Refusal(code, status, message, request(method, key=key, sub={"live": "", **(sub or {})}, **options.pop("request", {})), ec, **options)


def vod(message, ec, start, end, playlist="vod.m3u8", details=None):
    span = {name: value for name, value in (("startTime", start), ("endTime", end)) if value is not None}
    asked = request("POST", key=f"channel/{playlist}", sub={"vod": "", **span}, headers={"content-length": "0"})
    return Refusal("InvalidArgument", 400, message, asked, ec, details)


REFUSALS = {
    # Who asks.
    "anonymous": Refusal(
        "AccessDenied", 403, "You have no right to access this object because of bucket acl.", request("GET", key="object", **ANONYMOUS), "0003-00000001"
    ),
    "anonymous-channel": Refusal(
        "AccessDenied", 403, "Anonymous user has no right to access this bucket.", request("DELETE", bucket=PUBLIC, key="channel", sub={"live": ""}, **ANONYMOUS), "0003-00000001"
    ),
    "object-acl": Refusal(
        "AccessDenied", 403, "You have no right to access this object because of object acl.", request("GET", bucket=PUBLIC, key="hidden", **ANONYMOUS), "0003-00000001"
    ),
    "expired": Refusal(
        "AccessDenied",
        403,
        "Request has expired.",
        request("GET", key="object", query={"OSSAccessKeyId": ACCESS_KEY_ID, "Expires": "1700000000", "Signature": "x"}, **ANONYMOUS),
        "0003-00000001",
    ),
    "unknown-id": Refusal(
        "InvalidAccessKeyId",
        403,
        "The OSS Access Key Id you provided does not exist in our records.",
        request("GET", key="object", id="LTAInobody"),
        "0002-00000902",
        {"OSSAccessKeyId": "LTAInobody"},
    ),
    "header-and-url": Refusal(
        "InvalidArgument",
        400,
        "Only one auth mechanism allowed: header or query string.",
        request("GET", key="object", query={"OSSAccessKeyId": ACCESS_KEY_ID, "Expires": "1", "Signature": "x"}),
    ),
    "token-of-no-key": Refusal(
        "InvalidSecurityToken",
        403,
        "The security token you provided is invalid.",
        request("GET", key="object", headers={"x-oss-security-token": "token"}),
        "0002-00000006",
    ),
    "another-account": Refusal(
        "AccessDenied", 403, "The bucket you access does not belong to you.", request("GET", sub={"acl": ""}, key_of="another account"), "0003-00000001"
    ),
    "another's-bucket": Refusal(
        "BucketAlreadyExists",
        409,
        "The requested bucket name is not available.",
        request("PUT", headers={"content-length": "0"}, key_of="another account"),
        "0015-00000104",
    ),
    "wrong-token": Refusal(
        "AccessKeyIdAndSecurityTokenNotMatch",
        403,
        "The access key id and the security token do not match.",
        request("GET", key="object", headers={"x-oss-security-token": "another"}, key_of="temporary"),
        "0002-00000004",
    ),
    # What is named.
    "no-bucket": Refusal(
        "NoSuchBucket", 404, "The specified bucket does not exist.", request("GET", bucket="nobody-has-this"), "0015-00000101", {"BucketName": "nobody-has-this"}
    ),
    "no-bucket-for-a-channel": Refusal(
        "NoSuchBucket",
        404,
        "The specified bucket does not exist.",
        request("GET", bucket="nobody-has-this", key="channel", sub={"live": ""}),
        "0015-00000101",
        {"BucketName": "nobody-has-this"},
    ),
    "bucket-name": Refusal("InvalidBucketName", 400, "The specified bucket is not valid.", request("PUT", bucket="No_Bucket", headers={"content-length": "0"})),
    "no-object": Refusal("NoSuchKey", 404, "The specified key does not exist.", request("GET", key="mis<sing>"), "0026-00000001", {"Key": "mis<sing>"}),
    "object-name": Refusal("InvalidObjectName", 400, "The specified object is not valid.", request("PUT", key="\\object", body=b"")),
    "long-object-name": Refusal("InvalidObjectName", 400, "The specified object is not valid.", request("PUT", key="k" * 1024, body=b"")),
    "verb": Refusal(
        "MethodNotAllowed",
        405,
        "The specified method is not allowed against this resource.",
        request("POST", key="object", body=b""),
        headers={"Allow": "GET, HEAD, PUT, POST, DELETE"},
    ),
    "not-offered": Refusal("NotImplemented", 400, "website is not implemented.", request("GET", sub={"website": ""})),
    "header-not-offered": Refusal(
        "NotImplemented", 400, "x-oss-tagging is not implemented.", request("PUT", key="new", headers={"x-oss-tagging": "a=b"}, body=b""), details={"Header": "x-oss-tagging"}
    ),
    # Buckets and objects.
    "bucket-in-use": Refusal(
        "BucketNotEmpty", 409, "The bucket has objects, multipart uploads or live channels. Please delete them first.", request("DELETE"), "0015-00000301", {"BucketName": BUCKET}
    ),
    "length-unknown": Refusal("MissingContentLength", 411, "You must provide the Content-Length HTTP header.", request("PUT", key="new")),
    "too-large": Refusal(
        "EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed size.", request("PUT", key="new", headers={"content-length": str((5 << 30) + 1)})
    ),
    "document-too-large": Refusal(
        "EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed size.", request("PUT", key="channel", sub={"live": ""}, headers={"content-length": str(1 << 20)})
    ),
    "digest": Refusal(
        "InvalidDigest", 400, "The Content-MD5 you specified was invalid.", request("PUT", key="new", headers={"content-md5": "1B2M2Y8AsgTpgAmY7PhCfg=="}, body=b"content")
    ),
    "overwrite": Refusal(
        "FileAlreadyExists",
        409,
        "The object you specified already exists and can not be overwritten.",
        request("PUT", key="object", headers={"x-oss-forbid-overwrite": "true"}, body=b"other"),
    ),
    "condition": Refusal(
        "PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold.", request("GET", key="object", headers={"if-match": '"0"'})
    ),
    "range": Refusal(
        "InvalidRange",
        416,
        "The requested range cannot be satisfied.",
        request("GET", key="object", headers={"range": "bytes=100-200", "x-oss-range-behavior": "standard"}),
        details={"RangeRequested": "bytes=100-200", "ActualObjectSize": "7"},
    ),
    "answer-headers": Refusal(
        "InvalidRequest",
        400,
        "Request specific response headers cannot be used for anonymous GET requests.",
        request("GET", bucket=PUBLIC, key="object", sub={"response-content-type": "text/html"}, **ANONYMOUS),
    ),
    "no-lifecycle": Refusal("NoSuchLifecycle", 404, "No Row found in Lifecycle Table.", request("GET", sub={"lifecycle": ""})),
    # Pages of other origins.
    "no-cors": Refusal("NoSuchCORSConfiguration", 404, "The CORS Configuration does not exist.", request("GET", sub={"cors": ""})),
    "preflight": Refusal(
        "BadRequest",
        400,
        "Insufficient information. Origin and Access-Control-Request-Method request headers are needed.",
        request("OPTIONS", key="object", **ANONYMOUS),
    ),
    "preflight-without-rules": Refusal(
        "AccessForbidden",
        403,
        "CORSResponse: CORS is not enabled for this bucket.",
        request("OPTIONS", key="object", headers=PREFLIGHT, **ANONYMOUS),
    ),
    "preflight-without-a-rule-that-fits": Refusal(
        "AccessForbidden",
        403,
        "CORSResponse: This CORS request is not allowed. No rule of the bucket allows its Origin, Access-Control-Request-Method and "
        "Access-Control-Request-Headers together.",
        request("OPTIONS", bucket=PUBLIC, key="object", headers=PREFLIGHT, **ANONYMOUS),
    ),
    # Channels.
    "no-channel": live("NoSuchLiveChannel", "The specified live channel does not exist.", "0026-00000021", 404, "GET", "missing"),
    "channel-name-length": live("InvalidChannelName", "The length of live channel name must be less than 64.", "0017-00000258", key="c" * 64, request={"body": CHANNEL % b""}),
    "channel-name-slash": live("InvalidChannelName", "The live channel name must not contain a slash.", "0017-00000260", key="a/b", request={"body": CHANNEL % b""}),
    "channel-name-empty": live("InvalidChannelName", "The live channel name must not be empty.", "", key="", request={"body": CHANNEL % b""}),
    "no-xml": live(
        "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema.", "0031-00000001", request={"body": b"<Live"}
    ),
    "type": live(
        "InvalidArgument",
        "The target type must be HLS.",
        "0044-00000013",
        request={"body": (CHANNEL % b"").replace(b"HLS", b"DASH")},
        details={"ArgumentName": "Type", "ArgumentValue": "DASH"},
    ),
    "frag-duration": live(
        "InvalidArgument",
        "FragDuration must be an integer between 1 and 100.",
        "0044-00000014",
        request={"body": CHANNEL % b"<FragDuration>101</FragDuration><FragCount>3</FragCount>"},
        details={"ArgumentName": "FragDuration", "ArgumentValue": "101"},
    ),
    "frag-count": live(
        "InvalidArgument",
        "FragCount must be an integer between 1 and 100.",
        "0044-00000015",
        request={"body": CHANNEL % b"<FragDuration>5</FragDuration><FragCount>0</FragCount>"},
        details={"ArgumentName": "FragCount", "ArgumentValue": "0"},
    ),
    "snapshot": live(
        "InvalidArgument",
        "Snapshot is not supported in this region.",
        "0044-00000004",
        request={"body": (CHANNEL % b"").replace(b"<Target>", b"<Snapshot><Interval>1</Interval></Snapshot><Target>")},
    ),
    "status": live(
        "InvalidArgument",
        "The live channel status must be enabled or disabled.",
        "0017-00000255",
        sub={"status": "off"},
        request={"headers": {"content-length": "0"}},
        details={"ArgumentName": "status", "ArgumentValue": "off"},
    ),
    "max-keys": live(
        "InvalidArgument",
        "max-keys must be an integer between 1 and 1000.",
        "0044-00000101",
        method="GET",
        key="",
        request={"query": {"max-keys": "1001"}},
        details={"ArgumentName": "max-keys", "ArgumentValue": "1001"},
    ),
    "vod-start": vod(
        "startTime must be given as Unix time in seconds.", "0044-00000304", "now", "2", details={"ArgumentName": "startTime", "ArgumentValue": "now"}
    ),
    "vod-end": vod("endTime must be given as Unix time in seconds.", "0044-00000305", "1", None, details={"ArgumentName": "endTime", "ArgumentValue": ""}),
    "vod-order": vod("The endTime must not be earlier than the startTime.", "0044-00000306", "2", "1"),
    "vod-span": vod("The time span between startTime and endTime must not exceed one day.", "0044-00000307", "0", "86401"),
    "vod-nothing": vod("No ts file found in specified time span.", "0044-00000308", "1700000000", "1700000000"),
    "live-replaced": live(
        "ChannelStillLive",
        "Live channel couldn't be updated or deleted when channel is live.",
        "0044-00000201",
        409,
        key="pushed",
        request={"body": CHANNEL % b""},
    ),
    "live-deleted": live(
        "ChannelStillLive", "Live channel couldn't be updated or deleted when channel is live.", "0044-00000201", 409, method="DELETE", key="pushed"
    ),
}


def test_every_code_is_provoked():
    provoked = {one.code for one in REFUSALS.values()}
    assert sorted([*provoked, *LATER, *NEVER]) == sorted(CODES)


@pytest.fixture(scope="module")
def refusing(server, media):
    """A bucket with an object, a channel, and a channel that is live; and a public bucket."""
    bucket = client.make_bucket(server, BUCKET)
    bucket.put_object("object", b"content")
    client.make_channel(bucket, "channel")
    client.make_channel(bucket, "pushed")
    public = client.make_bucket(server, PUBLIC, oss2.BUCKET_ACL_PUBLIC_READ)
    public.put_object("object", b"content")
    public.put_bucket_cors(oss2.models.BucketCors([oss2.models.CorsRule(["http://other.test"], ["GET"])]))
    public.put_object("hidden", b"content", headers={"x-oss-object-acl": oss2.OBJECT_ACL_PRIVATE})
    with encoder.ffmpeg(media.long(), client.sign(bucket, "pushed")):
        until(lambda: client.is_live(bucket, "pushed"), "the publish")
        yield server


@pytest.fixture(scope="module")
def keys(server):
    """Access keys besides the root's, as `alluvium key add` prints them."""
    shell = Shell(ALLUVIUM_DATA=str(server.data))
    return {
        "another account": shell.json("key", "add", "--owner", "another"),
        "temporary": shell.json("key", "add", "--expires", "1h"),
        "short": shell.json("key", "add", "--expires", "1s"),
    }


def send(server, keys, method, key_of=None, **asked):
    """Sends a request with the root's key or the one of that name."""
    if key_of is not None:
        asked |= {"id": keys[key_of]["access_key_id"], "secret": keys[key_of]["access_key_secret"]}
    return wire.send(server, method, **asked)


def check(answer, refusal, details=None, head=False):
    """Compares an answer with all that the contract says of a refusal."""
    headers, ec = answer.headers, refusal.ec
    assert (answer.status, headers["Content-Type"]) == (refusal.status, "application/xml"), answer.body
    request_id = headers["x-oss-request-id"]
    assert re.fullmatch("[0-9A-F]{24}", request_id), request_id
    assert abs(parsedate_to_datetime(headers["Date"]).timestamp() - time.time()) < 60
    assert (headers["Server"], headers["x-oss-ec"]) == ("AliyunOSS", ec or None)
    for name, value in refusal.headers.items():
        assert headers[name] == value, name
    if head:
        assert answer.body == b""
        text = base64.b64decode(headers["x-oss-err"], validate=True)
    else:
        assert (headers["x-oss-err"], int(headers["Content-Length"])) == (None, len(answer.body))
        text = answer.body
    assert text.startswith(b'<?xml version="1.0" encoding="UTF-8"?>'), text
    root = xml.fromstring(text)
    assert (root.tag, root.attrib) == ("Error", {})
    assert [(element.tag, element.text or "") for element in root] == [
        ("Code", refusal.code),
        ("Message", refusal.message),
        ("RequestId", request_id),
        ("HostId", answer.host),
        *(refusal.details if details is None else details).items(),
        ("EC", ec),
        ("RecommendDoc", f"https://api.aliyun.com/troubleshoot?q={ec}"),
    ]


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_is_as_the_contract_says(refusing, keys, refusal):
    check(send(refusing, keys, **refusal.request), refusal)


# A HEAD has no ranges, and a bucket and a channel's configuration have no HEAD.
READS = {name: one for name, one in REFUSALS.items() if one.request["method"] == "GET" and one.request["key"] and not one.request.get("sub") and name != "range"}


@pytest.mark.parametrize("refusal", READS.values(), ids=READS)
def test_a_refusal_of_a_head_is_in_its_header(refusing, keys, refusal):
    check(send(refusing, keys, **{**refusal.request, "method": "HEAD"}), refusal, head=True)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_wrong_signature_is_answered_with_the_text_to_sign(refusing, method):
    date = int(time.time())
    answer = wire.send(refusing, **request(method, key="object", secret="wrong", date=date))
    text = wire.string_to_sign(method, BUCKET, "object", {}, {"date": formatdate(date, usegmt=True)})
    details = {
        "StringToSign": text,
        "StringToSignBytes": text.encode().hex(" ").upper(),
        "SignatureProvided": wire.signature("wrong", method, BUCKET, "object", {}, {"date": formatdate(date, usegmt=True)}),
        "OSSAccessKeyId": ACCESS_KEY_ID,
    }
    message = "The request signature we calculated does not match the signature you provided. Check your key and signing method."
    check(answer, Refusal("SignatureDoesNotMatch", 403, message, None, "0002-00000040"), details, head=method == "HEAD")


@pytest.mark.parametrize("ahead_s", [-1000, 1000])
def test_a_wrong_clock_is_answered_with_the_right_time(refusing, ahead_s):
    date = int(time.time()) + ahead_s
    answer = wire.send(refusing, **request("GET", key="object", date=date))
    told = xml.fromstring(answer.body).findtext("ServerTime")
    assert abs(datetime.datetime.fromisoformat(told).timestamp() - time.time()) < 60
    wrong = datetime.datetime.fromtimestamp(date, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    details = {"ServerTime": told, "RequestTime": wrong, "MaxAllowedSkewMilliseconds": "900000"}
    check(answer, Refusal("RequestTimeTooSkewed", 403, "The difference between the request time and the current time is too large.", None), details)


def test_no_date_is_refused(refusing):
    answer = wire.send(refusing, **request("GET", key="object", headers={"date": ""}))
    check(answer, Refusal("AccessDenied", 403, "OSS authentication requires a valid Date.", None, "0003-00000001"))


def test_a_token_that_has_expired_is_refused(refusing, keys):
    headers = {"x-oss-security-token": keys["short"]["security_token"]}
    answer = until(lambda: not_ok(send(refusing, keys, "GET", bucket=BUCKET, key="object", headers=headers, key_of="short")), "the end of the token")
    check(answer, Refusal("SecurityTokenExpired", 403, "The security token you provided has expired.", None, "0002-00000007"))


def not_ok(answer):
    return answer if answer.status != 200 else None


UPLOADS = {
    "EntityTooSmall": "Your proposed upload is smaller than the minimum allowed object size.",
    "InvalidPart": "One or more of the specified parts could not be found or the specified entity tag might not have matched the part's entity tag.",
    "InvalidPartOrder": "The list of parts was not in ascending order. The parts list must be specified in order by part number.",
    "NoSuchUpload": "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
}


def upload_refusal(code, status, details=None):
    return Refusal(code, status, UPLOADS[code], None, details=details)


def test_an_upload_in_parts_is_refused_where_it_is_wrong(refusing):
    bucket = client.open_bucket(refusing.endpoint, BUCKET)
    upload = bucket.init_multipart_upload("parts").upload_id
    small = [bucket.upload_part("parts", upload, number, b"content").etag for number in (1, 2)]
    listed = [f'<Part><PartNumber>{number}</PartNumber><ETag>"{etag}"</ETag></Part>' for number, etag in enumerate(small, 1)]
    for parts, refusal in (
        (listed, upload_refusal("EntityTooSmall", 400, {"ProposedSize": "7", "MinSizeAllowed": "102400", "PartNumber": "1"})),
        (reversed(listed), upload_refusal("InvalidPartOrder", 400)),
        ([listed[0].replace(small[0], "0")], upload_refusal("InvalidPart", 400, {"PartNumber": "1"})),
    ):
        body = f"<CompleteMultipartUpload>{''.join(parts)}</CompleteMultipartUpload>".encode()
        check(wire.send(refusing, **request("POST", key="parts", sub={"uploadId": upload}, body=body)), refusal)
    bucket.abort_multipart_upload("parts", upload)
    gone = wire.send(refusing, **request("GET", key="parts", sub={"uploadId": upload}))
    check(gone, upload_refusal("NoSuchUpload", 404, {"UploadId": upload}))


def test_one_bucket_too_many_is_refused(server):
    owned = len(oss2.Service(client.v1(), server.endpoint).list_buckets(max_keys=1000).buckets)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: wire.send(server, "PUT", f"many-{n}", headers={"content-length": "0"}).status, range(1000 - owned)))
    assert set(made) == {200}
    answer = wire.send(server, "PUT", "one-more", headers={"content-length": "0"})
    check(answer, Refusal("TooManyBuckets", 400, "You have attempted to create more buckets than allowed.", None))
