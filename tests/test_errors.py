"""The error tree: codes are stable and single, texts keep to the style, secrets never get out."""

import re

import pytest

from twinmart.errors import MartError, error_classes, without_secrets

CLASSES = list(error_classes())[1:]


def families(kind: type[MartError]) -> list[type[MartError]]:
    return [family for family in MartError.__subclasses__() if issubclass(kind, family)]


def test_every_code_belongs_to_one_class() -> None:
    codes = [kind.code for kind in CLASSES]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"TM[1-7]\d\d", code) for code in codes)


@pytest.mark.parametrize("kind", CLASSES)
def test_every_class_says_what_it_is_and_stands_in_its_family(kind: type[MartError]) -> None:
    (family,) = families(kind)
    assert "code" in vars(kind), "a class has a code of its own"
    assert kind.code[:3] == family.code[:3]
    assert kind.exit_code == family.exit_code
    assert (kind.__doc__ or "").endswith(".")


@pytest.mark.parametrize("kind", CLASSES)
def test_no_class_lets_a_secret_out(kind: type[MartError]) -> None:
    secret = "hunter2"
    texts = (
        f"host=db user=me password={secret} dbname=mart",
        f"host=db password = '{secret} and more' user=me",
        f"could not reach postgresql://me:{secret}@db:5432/mart?sslmode=require",
        f"PGPASSWORD={secret} psql",
    )
    for text in texts:
        error = kind(text, detail=text, hint=text)
        for shown in (error.render(), str(error), str(error.to_json()), repr(error)):
            assert secret not in shown


def test_what_is_no_secret_stays() -> None:
    text = "no password supplied for user=me at https://db/mart, see passfile=/etc/pass"
    assert without_secrets(text) == text


def test_an_error_is_three_parts_one_under_the_other() -> None:
    error = MartError("site 2 gives no answer", detail="asked 10:05:31\nlast answer 10:05:33", hint="Look again.")
    assert error.render() == (
        "error TM000: site 2 gives no answer\n"
        "  detail asked 10:05:31\n"
        "         last answer 10:05:33\n"
        "  hint   Look again."
    )
    assert error.to_json() == {
        "code": "TM000",
        "message": "site 2 gives no answer",
        "detail": "asked 10:05:31\nlast answer 10:05:33",
        "hint": "Look again.",
    }


def test_an_error_may_be_one_part() -> None:
    assert MartError("site 2 gives no answer").render() == "error TM000: site 2 gives no answer"
