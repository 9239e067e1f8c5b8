"""What must not survive, in the places and forms where it could: a table of values and secrets.

Each is found by `check` as it came, and not any more once it was redacted.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from pytest_lambda_rollback.recording.envelopes import RECEIPT_HANDLE, renew_digests
from pytest_lambda_rollback.redaction.checking import check
from pytest_lambda_rollback.redaction.redactor import Redactor
from pytest_lambda_rollback.redaction.rules import RedactionRules

RULES = RedactionRules()

PAIRS = {
    "e-mail as a key": ([{"key": "jane.doe@acme.io", "value": "vip"}], "jane.doe"),
    "phone as a key": ({"Key": "+4915123456789", "Value": "x"}, "123456789"),
    "card as a key": ({"key": "4012888888881881", "value": {"a": 1}}, "888888881881"),
    "token as a name": ({"name": "Bearer abcdef1234567890", "value": "y"}, "abcdef1234567890"),
    "JSON as a name": ({"name": '{"password":"hunter22"}', "value": "y"}, "hunter22"),
    "the same twice": ({"key": "jane@acme.io", "value": "jane@acme.io"}, "jane"),
    "a pair among others": (
        {"key": "password", "value": "hunter22", "a": 1, "b": 2, "c": 3},
        "hunter22",
    ),
}

PLACES = {
    "phone in a path": ({"m": "/users/+4915123456789/orders"}, "123456789"),
    "phone in an encoded path": ({"rawPath": "/users/%2B4915123456789"}, "123456789"),
    "phone in a URL": ({"m": "https://x.io/sms/+4915123456789"}, "123456789"),
    "phone behind =": ({"message": "to=+4915123456789"}, "123456789"),
    "phone in a form": ({"body": "to=+4915123456789&x=1"}, "5123456789"),
    "phone of a form, decoded": ({"to": " 4915123456789"}, "5123456789"),
    "e-mail in a composite key": ({"sk": "jane@acme.io-2026"}, "jane"),
    "e-mail in a longer key": ({"sk": "USER#jane@acme.io-eu-1#1"}, "jane"),
    "phone of a form in North America": ({"to": " 14155552671"}, "14155552671"),
    "IPv4 of a builder": ({"buildAgentIp": "8.8.8.8"}, "8.8.8.8"),
    "IPv4 of a host": ({"release_host": "8.8.4.4", "firmwareIpAddress": "8.8.4.4"}, "8.8.4.4"),
    "IPv6 of a build": ({"buildInfo": "from 2a00:1450:4001:81b::200e"}, "2a00:1450"),
    "IPv4 in IPv6": ({"ip": "::ffff:87.123.45.67"}, "87.123"),
}

URLS = {
    f"{sign} in a password": (
        {"m": f"use postgresql://app:Tr0ub{sign}4dor@db.internal:5432/orders?sslmode=on now"},
        "4dor",
    )
    for sign in "#?/{^@`|"
} | {
    "two signs": ({"m": "redis://:Tr0#ub/4dor@cache:6379/0"}, "4dor"),
    "@ and another sign": ({"m": "amqp://a:Tr0#ub@4dor@mq.internal,amqp://b:x@c/"}, "4dor"),
    "@ before another sign": ({"m": "postgres://a:P@ss#w0rd4dor@db.internal/x"}, "4dor"),
    "several hosts": ({"m": "mongodb://app:Tr0/4dor@h1:27017,h2:27017/orders"}, "4dor"),
    "twice": ({"m": "a1://b:c#Tr0u@h/d a1://b:c#4dor@h/d"}, "4dor"),
}

NAMED = {
    "JSON in JSON behind a word": (
        {"m": 'INFO req {"body":"{\\"password\\":\\"hunter22\\"}"}'},
        "hunter22",
    ),
    "JSON in JSON in JSON": (
        {"m": "req " + json.dumps(json.dumps(json.dumps({"password": 'a"b\\hunter22'})))},
        "hunter22",
    ),
    "a quote in a value": ({"m": r'x "password": "a\"b, hunter22", y'}, "hunter22"),
    "a value that is cut off": ({"m": 'req {"password":"hunter 22'}, "hunter 22"),
    "a name in a value": ({"m": "see query=password=hunter22"}, "hunter22"),
    "a word with other values": (
        {"m": "user: alice password: swordfish host: db1 port=1"},
        "swordfish",
    ),
    "a name between colons": ({"m": "session:token:9f8a7b6c5d"}, "9f8a7b6c5d"),
    "a name between colons in capitals": ({"m": "login:bob:password:P@ssword!"}, "P@ssword!"),
    "an element alone": ({"m": "log <password>hunter22 and more"}, "hunter22"),
    "letters that are no word": ({"m": "db token: abcdefghijklmnopqrstuvwx retry"}, "jklmnop"),
    "a hash of Ruby": ({"m": 'Parameters: {:password=>"hunter22"}'}, "hunter22"),
    "a form's field": ({"m": '<input name="password" value="hunter22">'}, "hunter22"),
    "a field the other way round": ({"m": "<input value='hunter22' name='password'/>"}, "hunter22"),
    "an attribute in XML": (
        {"m": '<Attribute Name="password"><Value>hunter22</Value></Attribute>'},
        "hunter22",
    ),
    "a column behind one of URLs": (
        {"m": "id,site,password\n1,https://x.io/a,hunter21\n2,https://x.io/b,hunter22\n"},
        "hunter22",
    ),
    "an attribute in SAML": (
        {
            "m": '<saml:Attribute Name="http://schemas.xmlsoap.org/claims/FirstName" F="x">'
            '<saml:AttributeValue xsi:type="xs:string">Janette</saml:AttributeValue>'
            "</saml:Attribute>"
        },
        "Janette",
    ),
}


def form(*parts: bytes) -> str:
    return base64.b64encode(b"".join(b"--xYz\r\n" + part for part in parts) + b"--xYz--").decode()


def field(name: str, value: str) -> bytes:
    return f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


PICTURE = (
    b'Content-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    b"\x89PNG\r\n\x1a\n" + bytes(range(256)) + b"\xff\xfe\r\n"
)


def leaks(tmp_path: Path, event: object) -> int:
    path = tmp_path / "event.json"
    path.write_text(json.dumps(event))
    return len(check([path], RULES))


def redacted(event: object, rules: RedactionRules = RULES) -> Any:
    return Redactor(rules, b"k" * 32).redact(event)[0]


PEM = "-----BEGIN RSA PRIVATE KEY-----"
FORMATS = {
    secret[:9]: ({"note": f"it is {prefix}{secret}{end}"}, secret)
    for prefix, secret, end in (
        ("xapp-1-", "A01B2C3D4-123456789-abcdef", ""),
        ("hvs.", "CAESIJ9abcdefghijklmn0p", ""),
        ("ya29.", "a0AfB_byC1234567890abcdef", ""),
        ("glsa_", "Zx12" * 8 + "_0a1b2c3d", ""),
        ("dckr_pat_", "Yq9_" * 6, ""),
        ("dapi", "1a2b3c4d" * 4, ""),
        ("NRAK-", "K7LM9" * 5, ""),
        ("https://api.telegram.org/bot123456789:AA", "Fx3_b" * 6 + "Abc", "/sendMessage"),
        ("https://discord.com/api/webhooks/1234567890/", "Wx-9_abcdefghijklmnop", ""),
        ("https://a.webhook.office.com/webhookb2/", "0f1e2d3c-aaaa-bbbb", "/Incoming"),
        ("AccountName=shop;AccountKey=", "bG9uZ2xvbmdsb25n" * 5 + "bG9uZw==", ";EndpointSuffix=x"),
        ("pi_3MtwBwLkdIwHu7ix28a3tqPa_secret_", "YrKJUKribcBjcG8HVhfZluoGH", ""),
        (f"{PEM}\n", "MIIEowIBAAKCAQEA", ""),
        (f"{PEM}\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0F1E\n\n", "MIIBzzEFkeys", "\n--"),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n", "lQdGBGV4YW1w", "\n-----END PGP PRIV"),
    )
}
KEYS = {
    key: ({key: "Aqbcd ef7891"}, "Aqbcd")
    for key in (  # noqa: SIM905 - as readable as a table
        "password1 password_confirmation passwordConfirm pass pw SecretString secretValue"
        " security_code otpCode smsCode confirmationCode X-Auth-Key authCode encryptionKey"
        " masterKey tokens passwords secrets apiKeys pan accountNo cardholderName nameOnCard"
        " fname lname line1 mnemonic address billing_address"
    ).split()
} | {
    "a list of codes": ({"recoveryCodes": [{"code": "Aqbcd ef7891"}]}, "Aqbcd"),
    "a cardholder": ({"cardholder": "Jane Doe", "fname": "Jane"}, "Jane"),
    "tokens in DynamoDB": ({"tokens": {"SS": ["ss_tok_1"]}}, "ss_tok"),
    "an attribute of a user": ({"userAttributes": {"address": "High Street"}}, "High"),
}
KEY = f"{PEM}\nMIIEowIBAAKCAQEA\nnHx72z==\n-----END RSA PRIVATE KEY-----\n"
AROUND = {
    "before a key that is cut off": (
        {"secret": f"hunter2Q9:{PEM}\nMIIEowIBAAKCAQEA"},
        "hunter2Q9",
    ),
    "lines before a key": ({"secret_string": f"DB_PASSWORD=hunter2Q9\nJWT={KEY}"}, "hunter2Q9"),
    "after a key": ({"password": f"{KEY}swordfish99"}, "swordfish99"),
    "in a key's headers": ({"token": f"{PEM}\nX-Pin: 4dor9\n\nMIIEowIBAAKCAQEA"}, "4dor9"),
    "behind a key's header": (
        {"password": f"{PEM}\\nDEK-Info: A,0F\\nMIIEowIBAAKC\\n-----END-----\\n4dor9"},
        "4dor9",
    ),
    "a header with a key": ({"headers": {"Authorization": f"Key hunter2Q9 {KEY}"}}, "hunter2Q9"),
    "an equals sign": ({"headers": {"Authorization": "Basic dXNlcjpwYXNz=abc"}}, "dXNlcjpwYXNz"),
    "an equals sign in a token": ({"authorization": "Bearer hunter2Q9=abc"}, "hunter2Q9"),
    "a cookie with a key": ({"headers": {"Cookie": f"sid=hunter2Q9 {KEY}"}}, "hunter2Q9"),
    "in a URL's query": (
        {"x-auth-token": "https://h.test/cb?mail=me@contoso.de&ticket=superSecretTicket"},
        "superSecretTicket",
    ),
    "in a URL's query behind a password": (
        {"x-auth-token": "https://me:pw123456@h.test/cb?ticket=superSecretTicket"},
        "superSecretTicket",
    ),
    "in a URL's fragment": ({"secret": "https://a:b12345@h.test/#hunter2Q9"}, "hunter2Q9"),
    "behind a URL": (
        {"client_secret": "see https://me:pw123456@h.test/ or hunter2Q9"},
        "hunter2Q9",
    ),
    "behind the user git": ({"secret": "https://git@h.test/hunter2Q9"}, "hunter2Q9"),
    "a database's URL": (
        {"password": "postgres://admin:s3cretPw99@db.internal:5432/app"},
        "s3cretPw99",
    ),
    "an address as a user": ({"username": "81.2.69.142"}, "81.2"),
    "before a token": ({"secret": "hunter2Q9 ghp_" + "a1" * 18}, "hunter2Q9"),
}
TABLE = PAIRS | PLACES | URLS | NAMED | FORMATS | KEYS | AROUND


@pytest.mark.parametrize(("event", "secret"), TABLE.values(), ids=TABLE)
def test_it_is_replaced_and_found_by_check(tmp_path: Path, event: object, secret: str) -> None:
    assert secret in str(event)
    assert leaks(tmp_path, event)
    after = redacted(event)
    assert secret not in str(after)
    assert leaks(tmp_path, after) == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [("password", "hunter2299"), ("last_name", "M\u00fcllerfrau"), ("note", "to jane@acme.io")],
)
def test_fields_of_a_form_with_a_file(tmp_path: Path, name: str, value: str) -> None:
    event = {"body": form(field("page", "1"), field(name, value), PICTURE), "isBase64Encoded": True}
    assert leaks(tmp_path, event)
    after = redacted(event)
    assert leaks(tmp_path, after) == 0
    content = base64.b64decode(after["body"])
    assert not any(word.encode() in content for word in (value, "jane", "ller", "M\u00fc"))
    assert PICTURE in content
    assert field("page", "1") in content
    assert len(content.split(b"--xYz")) == 5


def test_url_with_a_password_stays_a_url() -> None:
    after = redacted({"password": "postgres://admin:s3cretPw99@db.internal:5432/app"})["password"]
    assert re.fullmatch(r"postgres://[a-z]{5}:\w{10}@db\.internal:5432/app", after)
    for sign in "#?/{^@":
        text = f"postgresql://app:Tr0ub{sign}4dor@db.internal:5432/orders?sslmode=on"
        after = redacted({"m": text})["m"]
        assert after.endswith("@db.internal:5432/orders?sslmode=on")
        assert len(after) == len(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://registry.npmjs.org:443/@scope/pkg",
        "https://host:8080/users/a@2.x/b",
        "postgres://{user}:{password}@host/db",
        "https://$host:${port}/x@latest/y",
        "ssh://git@github.com:22/acme/x.git",
        "see https://x.io:/a and me",
        "http://[2001:db8::1]:80/a@b/c",
    ],
)
def test_url_without_a_password_stays(text: str) -> None:
    assert redacted({"m": text}) == {"m": text}


@pytest.mark.parametrize(
    "text",
    [
        "Enter your password: then click OK",
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db2-AbCdEf",
        "read arn:aws:secretsmanager:us-east-1:123456789012:secret:shop-AbCdEf now",
        "urn:example:username:label",
        "jwt:token:refresh:x",
        "curl -H 'Authorization: Bearer <token>' https://x.y/z and read the answer",
        "Usage: login <username> with your account, <password> and a team",
        "https://<username>:<password>@x.y/z",
        "Map<String, Secret> m; Optional<Token> t = find(x); return t.get();",
        "Enter your password:\nthen click OK",
        '<input name="page" value="open sesame"><br>',
        '<input name="password"/>open<br>',
        '<Attribute Name="color"><Value>red</Value></Attribute>',
        r'req {"body":"{\"status\":\"open\"}"}',
    ],
)
def test_text_without_a_secret_stays(text: str) -> None:
    assert redacted({"m": text}) == {"m": text}


def test_records_of_a_queue_from_a_pipe_have_no_handle_and_no_old_digest() -> None:
    record = {
        "messageId": "m", "receiptHandle": "AQEBrealhandle", "body": "jane@acme.io",
        "md5OfBody": "99ab", "eventSource": "aws:sqs",
    }  # fmt: skip
    for event in ([record, 17], {"Records": [record]}):
        after: Any = renew_digests(redacted(event))
        one = (after if isinstance(after, list) else after["Records"])[0]
        assert one["receiptHandle"] == RECEIPT_HANDLE
        assert one["md5OfBody"] == hashlib.md5(one["body"].encode()).hexdigest()
    assert renew_digests([record, 17])[1] == 17  # type: ignore[index]
    assert renew_digests([1, "a"]) == [1, "a"]


def test_a_key_in_pem_keeps_its_lines() -> None:
    for key, end in (("m", "\n"), ("m", r"\n"), ("private_key", "\n")):
        lines = (PEM, "Proc-Type: 4,ENCRYPTED", "MIIEowIBAAKCAQEA", "nHx72z==", PEM[:5] + "END")
        made = redacted({key: end.join(lines)})[key].split(end)
        assert (made[:2], made[4]) == ([*lines[:2]], lines[4])
        assert [len(line) for line in made] == [len(line) for line in lines]
        assert made[2] != lines[2]


@pytest.mark.parametrize(
    "event",
    [
        {"tokens": 1200, "pass": 10, "pan": 5.5, "pin_count": 3, "line1": {"id": "A"}},
        {"usage": {"tokens": {"input": 12, "output": 340}}},
        {"encryptionKey": {"id": "alias/shop", "type": "KMS"}},
        {"cardholder": {"object": "issuing.cardholder", "status": "active"}},
        {"fname": "reports/2024/orders.csv", "body": "fname=a/b.tar.gz&page=2"},
        {"Item": {"tokens": {"N": "1250"}, "line1": {"N": "17"}, "pass": {"NS": ["12", "13"]}}},
        {"recoveryCodesRemaining": 7, "backupCodeCount": 3},
        {"ts": " 1700000000", "ms": " 1700000000123"},
        {"auth": "basic", "city": "London", "zip": "10115", "bypass": "yes"},
        {"address": "10.0.0.1:8080 eth0", "ipAddress": "fe80::1 eth0", "address2x": "12 High St"},
        {"walletAddress": "0x1f9840a85d5af5bf1d1762f925bdaddc4201f984", "address": "London"},
    ],
)
def test_what_counts_or_is_a_kind_stays(event: object) -> None:
    assert redacted(event) == event


def test_what_only_names_a_value_stays() -> None:
    event = {
        "headers": {"cookie": [{"key": "Cookie", "value": "sid=abcdef12345"}]},
        "userAttributes": [{"Name": "email", "Value": "jane@acme.io"}],
        "records": [{"topic": "t", "partition": 0, "offset": 1, "key": "token", "value": "open"}],
    }
    after = redacted(event)
    assert after["headers"]["cookie"][0]["key"] == "Cookie"
    assert after["headers"]["cookie"][0]["value"].startswith("sid=")
    assert after["userAttributes"][0]["Name"] == "email"
    assert after["records"] == event["records"]


def test_name_of_a_pair_is_replaced_where_a_pointer_says_so() -> None:
    event = {"customer": {"name": "Jane Doe", "value": "x"}, "n": [{"key": "Jane", "value": "x"}]}
    rules = RedactionRules(pointers=("/customer", "/n/*/key"))
    after = redacted(event, rules)
    assert "Jane" not in json.dumps(after)
    assert after["n"][0]["value"] == "x"
    kept = RedactionRules(keep=("/0/key",))
    assert redacted([{"key": "jane@acme.io", "value": "x"}], kept)[0]["key"] == "jane@acme.io"
