"""From claims to tenants and a role, by the operator's table alone."""

from typing import Any

import pytest

from radgate_server.core.access.credentials import VerifiedToken
from radgate_server.core.access.tenancy import Role
from radgate_server.core.dicom.family_name import FamilyName, family_name
from radgate_server.core.errors import RoleNotAllowedError, UnauthenticatedError
from radgate_server.services.access.claims import identify, values_at
from radgate_server.settings.access import OidcSettings
from tests.fakes.clock import START

ROLES = {"boss": "admin", "reader": "viewer", "checker": "auditor"}


def settings(**values: Any) -> OidcSettings:
    rest = {"tenant_claim": ("hospital",), "role_claim": ("realm", "roles"), "roles": ROLES}
    return OidcSettings(name="idp", issuer="https://login.example", audience=("radgate",), **{**rest, **values})


def token(**claims: Any) -> VerifiedToken:
    known = {"sub": "jane", "hospital": "north", "realm": {"roles": ["reader"]}, "email": "jane@example.org"}
    return VerifiedToken("idp", {**known, **claims}, START)


def test_the_caller_is_the_subject_with_its_tenant_and_role_until_the_token_ends() -> None:
    found = identify(token(), settings())
    assert (found.principal.key_id, found.principal.tenant_ids) == ("oidc:idp:jane", ("north",))
    assert (found.principal.role, found.expire_time) == (Role.VIEWER, START)


def test_who_it_is_may_be_another_claim() -> None:
    assert identify(token(), settings(subject_claim="email")).principal.key_id == "oidc:idp:jane@example.org"


@pytest.mark.parametrize(
    ("value", "tenant_ids"),
    [("H1", ("north",)), (["H2", "H1", "H2"], ("south", "north")), (["group"], ("east", "west")), ("staff", ("*",))],
)
def test_tenants_are_those_of_the_table(value: object, tenant_ids: tuple[str, ...]) -> None:
    table = {"H1": "north", "H2": "south", "group": ["east", "west"], "staff": "*"}
    assert identify(token(hospital=value), settings(tenants=table)).principal.tenant_ids == tenant_ids


def test_every_tenant_is_never_the_tokens_own_word() -> None:
    for value in ("*", ["*"], ["*", "*"]):
        with pytest.raises(UnauthenticatedError):
            identify(token(hospital=value), settings())
    assert identify(token(hospital=["*", "north"]), settings()).principal.tenant_ids == ("north",)


def test_without_a_value_the_default_tenants_are_meant() -> None:
    assert identify(token(hospital=None), settings(default_tenants="west")).principal.tenant_ids == ("west",)


@pytest.mark.parametrize(
    ("roles", "role"),
    [(["reader", "boss"], Role.ADMIN), (["checker"], Role.AUDITOR), (["checker", "reader"], Role.VIEWER)],
)
def test_of_several_roles_the_first_of_the_table_is_meant(roles: list[str], role: Role) -> None:
    assert identify(token(realm={"roles": roles}), settings()).principal.role is role


def test_who_has_none_of_the_roles_is_not_let_in_unless_there_is_a_default() -> None:
    stranger = token(realm={"roles": ["cook"]})
    with pytest.raises(RoleNotAllowedError) as caught:
        identify(stranger, settings())
    assert "realm.roles names no role" in caught.value.why
    assert "cook" not in caught.value.message + caught.value.why
    assert identify(stranger, settings(default_role="viewer")).principal.role is Role.VIEWER


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"family_name": "Doe", "name": "Jane Smith"}, "Doe"),
        ({"family_name": "van der Berg"}, "vanderberg"),
        ({"name": "Jane Mary Doe"}, "Doe"),
        ({"name": "Doe, Jane"}, "Doe"),
        ({"name": " "}, ""),
        ({"family_name": 7, "name": ["x"] * 0}, ""),
        ({}, ""),
    ],
)
def test_the_family_name_is_the_claims_or_the_end_of_the_whole_name(claims: dict[str, Any], name: str) -> None:
    principal = identify(token(**claims), settings()).principal
    assert principal.family_name == family_name(name)
    assert "doe" not in repr(principal).lower()


def test_the_family_name_may_be_another_claim_or_none() -> None:
    claims = {"person": {"surname": "Doe"}, "family_name": "Smith", "name": "Jane Smith"}
    elsewhere = identify(token(**claims), settings(family_name_claim=("person", "surname")))
    assert elsewhere.principal.family_name == family_name("Doe")
    assert identify(token(**claims), settings(family_name_claim=())).principal.family_name == FamilyName()


@pytest.mark.parametrize("subject", ["", None, 7, {"a": 1}, "x" * 256, "line\nbreak", "null\0"])
def test_who_has_no_name_that_can_be_written_down_is_not_let_in(subject: object) -> None:
    with pytest.raises(UnauthenticatedError):
        identify(token(sub=subject), settings())


@pytest.mark.parametrize(
    ("claims", "values"),
    [
        ({"a": {"b": "x"}}, ("x",)),
        ({"a": {"b": ["x", 1, "", None, "y"]}}, ("x", "y")),
        ({"a": "b"}, ()),
        ({"a": ["b"]}, ()),
        ({}, ()),
        ({"a": {"b": {"c": "x"}}}, ()),
    ],
)
def test_a_path_leads_to_texts_or_to_nothing(claims: dict[str, Any], values: tuple[str, ...]) -> None:
    assert values_at(claims, ("a", "b")) == values
