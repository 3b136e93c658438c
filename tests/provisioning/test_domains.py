"""The custom domain of a row that changes its mind, loses its API, or is removed half way: nothing is left behind."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from django_aws_api_gateway_websockets.provisioning import plan_gateway, plan_removal_of, remove_gateway, update_gateway

from . import standins

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"


def domains(aws):
    return {one["DomainName"] for one in aws.by_hand.get_domain_names()["Items"]}


def described(plan):
    return [str(step) for step in plan]


@pytest.fixture
def with_domain(aws, row):
    row.domain_name, row.certificate_arn = "ws.example.com", CERTIFICATE
    row.save()
    update_gateway(row, with_domain=True)
    return row


@pytest.mark.parametrize("new", ["other.example.com", ""])
def test_deleting_after_a_domain_rename_leaves_nothing(aws, with_domain, new):
    with_domain.domain_name = new
    with_domain.save()
    assert "delete domain name ws.example.com" in described(plan_removal_of(with_domain))
    remove_gateway(with_domain)
    assert aws.apis() == []
    assert domains(aws) == set()


def test_deleting_after_the_api_is_gone_removes_the_domain(aws, with_domain):
    _delete_by_hand(aws, with_domain)
    remove_gateway(with_domain)
    assert domains(aws) == set()


def test_an_api_that_was_deleted_in_aws_gets_its_domain_again(aws, with_domain):
    _delete_by_hand(aws, with_domain)
    planned = described(plan_gateway(with_domain))
    assert "create API mapping ws.example.com" in planned
    assert "create domain name ws.example.com" not in planned
    update_gateway(with_domain)
    [mapping] = aws.by_hand.get_api_mappings(DomainName="ws.example.com")["Items"]
    assert mapping["ApiId"] == with_domain.api_id
    assert with_domain.custom_domain_created
    assert plan_gateway(with_domain).steps == ()


class Died(BaseException):
    """The process was killed."""


def _die_before_the_mapping(step):
    if str(step).startswith("create API mapping"):
        raise Died


@pytest.mark.parametrize("then", ["third.example.com", "ws.example.com"])
def test_a_rename_that_died_half_way_leaves_no_extra_domain(aws, with_domain, then):
    with_domain.domain_name = "second.example.com"
    with_domain.save()
    with pytest.raises(Died):
        update_gateway(with_domain, with_domain=True, progress=_die_before_the_mapping)
    assert domains(aws) == {"ws.example.com", "second.example.com"}
    type(with_domain).objects.update(domain_name=then, locked_by="", locked_until=None)
    with_domain.refresh_from_db()
    update_gateway(with_domain, with_domain=True)
    assert domains(aws) == {then}
    assert plan_gateway(with_domain).steps == ()


def _delete_by_hand(aws, row):
    aws.by_hand.delete_api_mapping(DomainName="ws.example.com", ApiMappingId=row.api_mapping_id)
    aws.by_hand.delete_api(ApiId=row.api_id)


def domain_tags(aws):
    return aws.by_hand.get_domain_name(DomainName="ws.example.com")["Tags"]


def test_the_domain_follows_the_tags_of_the_row_that_made_it(aws, with_domain):
    arn = "arn:aws:apigateway:us-east-1::/domainnames/ws.example.com"
    owner = domain_tags(aws)
    aws.by_hand.tag_resource(ResourceArn=arn, Tags={"who": "me", "aws:cloudformation:stack-name": "s"})
    with_domain.tags = {"team": "web"}
    with_domain.save()
    assert "update tags of the domain name ws.example.com" in described(plan_gateway(with_domain))
    run("updateApiGateway", with_domain)
    assert domain_tags(aws) == {**owner, "team": "web", "aws:cloudformation:stack-name": "s"}
    assert plan_gateway(with_domain).steps == ()


# --- a domain that this gateway did not create ---------------------------------------------------

OTHER_CERTIFICATE = CERTIFICATE.replace("12345678", "87654321")


@pytest.fixture
def foreign(aws, row):
    """The row names a domain that somebody else made."""
    configuration = {"CertificateArn": OTHER_CERTIFICATE, "EndpointType": "REGIONAL"}
    aws.by_hand.create_domain_name(
        DomainName="ws.example.com", DomainNameConfigurations=[configuration], Tags={"who": "me"}
    )
    row.domain_name, row.certificate_arn, row.tags = "ws.example.com", CERTIFICATE, {"team": "web"}
    row.save()
    row.create_gateway()
    return row


def certificate(aws):
    return aws.by_hand.get_domain_name(DomainName="ws.example.com")["DomainNameConfigurations"][0]["CertificateArn"]


@pytest.mark.parametrize("owner_tag", [{}, {"django-websockets-gateway": "not-a-reference"}])
def test_a_domain_of_somebody_else_is_refused_untouched(aws, foreign, owner_tag):
    arn = "arn:aws:apigateway:us-east-1::/domainnames/ws.example.com"
    if owner_tag:
        aws.by_hand.tag_resource(ResourceArn=arn, Tags=owner_tag)
    for options in ({"dry_run": True}, {}):
        with pytest.raises(CommandError, match=r"ws\.example\.com exists in AWS.*createCustomDomain --adopt"):
            call_command("createCustomDomain", pk=[foreign.pk], stdout=io.StringIO(), **options)
    assert domain_tags(aws) == {"who": "me", **owner_tag}
    assert certificate(aws) == OTHER_CERTIFICATE
    assert aws.by_hand.get_api_mappings(DomainName="ws.example.com")["Items"] == []
    foreign.refresh_from_db()
    assert "--adopt" in foreign.last_error


def test_a_domain_of_somebody_else_stays_when_the_gateway_goes(aws, foreign):
    remove_gateway(foreign)
    assert domains(aws) == {"ws.example.com"}


def test_an_adopted_domain_is_the_rows_until_the_end(aws, foreign):
    out = io.StringIO()
    call_command("createCustomDomain", "--adopt", pk=[foreign.pk], stdout=out)
    assert f"CertificateArn: {OTHER_CERTIFICATE} -> {CERTIFICATE}" in out.getvalue()
    foreign.refresh_from_db()
    assert domain_tags(aws) == {"team": "web", "django-websockets-gateway": str(foreign.reference)}
    assert certificate(aws) == CERTIFICATE
    assert plan_gateway(foreign).steps == ()
    remove_gateway(foreign)
    assert domains(aws) == set()


def test_gateways_of_one_site_share_a_domain(aws, with_domain):
    other = type(with_domain).objects.create(
        api_name="news",
        target_base_endpoint="https://www.example.com/news/",
        domain_name="ws.example.com",
        certificate_arn=OTHER_CERTIFICATE,
        api_mapping_key="news",
        tags={"team": "news"},
    )
    other.create_gateway()
    before = domain_tags(aws)
    run("createCustomDomain", other)
    assert plan_gateway(other).steps == ()
    assert (certificate(aws), domain_tags(aws)) == (CERTIFICATE, before)
    remove_gateway(other)
    assert domains(aws) == {"ws.example.com"}
    assert plan_gateway(with_domain).steps == ()


def test_an_imported_domain_is_compared_by_its_mapping_only(aws, with_domain):
    api_id = with_domain.api_id
    with_domain.delete()
    call_command("importApiGateway", api_id=api_id, stdout=io.StringIO())
    made = type(with_domain).objects.get()
    made.certificate_arn = OTHER_CERTIFICATE
    made.save()
    update_gateway(made)
    assert certificate(aws) == CERTIFICATE
    remove_gateway(made)
    assert domains(aws) == {"ws.example.com"}


# --- several mappings on the domain ------------------------------------------------------------


def mappings(aws):
    """Stage by mapping key, as AWS has them on the row's domain."""
    found = aws.by_hand.get_api_mappings(DomainName="ws.example.com")["Items"]
    return {one.get("ApiMappingKey", ""): one["Stage"] for one in found}


def map_by_hand(aws, api_id, stage, key):
    aws.by_hand.create_api_mapping(DomainName="ws.example.com", ApiId=api_id, Stage=stage, ApiMappingKey=key)


def run(command, row):
    options = {"interactive": False} if command == "deleteApiGateway" else {}
    call_command(command, pk=[row.pk], stdout=io.StringIO(), **options)
    row.refresh_from_db()


@pytest.mark.parametrize("wanted", ["", "chat", "extra"])
def test_a_second_mapping_of_the_stage_is_removed(aws, with_domain, wanted):
    map_by_hand(aws, with_domain.api_id, "production", "extra")
    with_domain.api_mapping_key = wanted
    with_domain.save()
    assert f"delete API mapping ws.example.com{'' if wanted == 'extra' else '/extra'}" in described(
        plan_gateway(with_domain)
    )
    run("updateApiGateway", with_domain)
    assert mappings(aws) == {wanted: "production"}
    [left] = aws.by_hand.get_api_mappings(DomainName="ws.example.com")["Items"]
    assert with_domain.api_mapping_id == left["ApiMappingId"]
    assert plan_gateway(with_domain).steps == ()


def test_the_mapping_of_a_foreign_stage_stays_while_the_api_does(aws, with_domain):
    aws.by_hand.create_stage(ApiId=with_domain.api_id, StageName="staging")
    map_by_hand(aws, with_domain.api_id, "staging", "staging")
    assert plan_gateway(with_domain).steps == ()
    with_domain.api_mapping_key = "chat"
    with_domain.save()
    run("updateApiGateway", with_domain)
    assert mappings(aws) == {"chat": "production", "staging": "staging"}
    run("deleteApiGateway", with_domain)
    assert aws.apis() == []
    assert domains(aws) == set()


@pytest.mark.parametrize("stage, key", [("production", ""), ("staging", "staging")])
def test_an_import_takes_the_mapping_of_its_stage(aws, with_domain, stage, key):
    aws.by_hand.create_stage(ApiId=with_domain.api_id, StageName="staging")
    map_by_hand(aws, with_domain.api_id, "staging", "staging")
    api_id = with_domain.api_id
    with_domain.delete()
    call_command("importApiGateway", api_id=api_id, stage=stage, stdout=io.StringIO())
    assert type(with_domain).objects.get().api_mapping_key == key


def test_deleting_two_mappings_keeps_domains_of_other_apis(aws, with_domain):
    map_by_hand(aws, with_domain.api_id, "production", "extra")
    other = aws.by_hand.create_api(
        Name="other", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
    )
    aws.by_hand.create_stage(ApiId=other["ApiId"], StageName="v1")
    map_by_hand(aws, other["ApiId"], "v1", "other")
    run("deleteApiGateway", with_domain)
    assert [one["Name"] for one in aws.apis()] == ["other"]
    assert mappings(aws) == {"other": "v1"}


# --- the alias record --------------------------------------------------------------------------


@pytest.fixture
def zones(ministack_aws, ministack_url):
    """Two hosted zones, and what they hold."""
    route53 = standins.client(ministack_url, "route53")
    ids = [
        route53.create_hosted_zone(Name=name, CallerReference=name)["HostedZone"]["Id"].split("/")[-1]
        for name in ("example.com", "example.org")
    ]

    def aliases():
        found = (route53.list_resource_record_sets(HostedZoneId=one)["ResourceRecordSets"] for one in ids)
        return {one["Name"].rstrip(".") for records in found for one in records if one["Type"] == "A"}

    return ids, aliases


@pytest.fixture
def with_record(zones, row):
    row.domain_name, row.certificate_arn = "ws.example.com", CERTIFICATE
    row.hosted_zone_id, row.manage_dns_record = zones[0][0], True
    row.save()
    update_gateway(row, with_domain=True)
    assert zones[1]() == {"ws.example.com"}
    return row


@pytest.mark.skipif(not standins.HAS_MINISTACK, reason="needs Python 3.10, as ministack does: Route 53 is only there")
@pytest.mark.parametrize(
    "domain, zone, left",
    [("live.example.com", 0, {"live.example.com"}), ("ws.example.org", 1, {"ws.example.org"}), ("", 0, set())],
)
def test_a_renamed_domain_takes_its_alias_record_along(zones, with_record, domain, zone, left):
    with_record.domain_name, with_record.hosted_zone_id = domain, zones[0][zone]
    with_record.save()
    assert "delete DNS record ws.example.com" in described(plan_gateway(with_record, with_domain=bool(domain)))
    update_gateway(with_record, with_domain=bool(domain))
    assert zones[1]() == left
    assert plan_gateway(with_record).steps == ()


@pytest.mark.skipif(not standins.HAS_MINISTACK, reason="needs Python 3.10, as ministack does: Route 53 is only there")
def test_deleting_after_a_rename_removes_the_old_record_too(zones, with_record):
    with_record.domain_name = "live.example.com"
    with_record.save()
    remove_gateway(with_record)
    assert zones[1]() == set()


@pytest.mark.skipif(not standins.HAS_MINISTACK, reason="needs Python 3.10, as ministack does: Route 53 is only there")
def test_a_record_that_is_no_longer_managed_stays(zones, with_record):
    with_record.manage_dns_record = False
    with_record.save()
    update_gateway(with_record)
    assert zones[1]() == {"ws.example.com"}


@pytest.mark.skipif(not standins.HAS_MINISTACK, reason="needs Python 3.10, as ministack does: Route 53 is only there")
@pytest.mark.parametrize(
    "record",
    [
        {"Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]},
        {"Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": "www.example.net"}]},
        {
            "Type": "A",
            "AliasTarget": {"HostedZoneId": "Z2", "DNSName": "d-other.example.net.", "EvaluateTargetHealth": False},
        },
    ],
    ids=["address", "cname", "alias"],
)
def test_a_record_of_somebody_else_is_refused_untouched(zones, ministack_url, row, record):
    route53 = standins.client(ministack_url, "route53")
    change = {"Action": "CREATE", "ResourceRecordSet": {"Name": "ws.example.com", **record}}
    route53.change_resource_record_sets(HostedZoneId=zones[0][0], ChangeBatch={"Changes": [change]})

    def held():
        found = route53.list_resource_record_sets(HostedZoneId=zones[0][0])["ResourceRecordSets"]
        return [one for one in found if one["Name"] == "ws.example.com."]

    before = held()
    row.domain_name, row.certificate_arn = "ws.example.com", CERTIFICATE
    row.hosted_zone_id, row.manage_dns_record = zones[0][0], True
    row.save()
    row.create_gateway()
    with pytest.raises(CommandError, match=f"has a record of type {record['Type']} for ws.example.com"):
        run("createCustomDomain", row)
    assert held() == before
    remove_gateway(row)
    assert held() == before


@pytest.mark.skipif(not standins.HAS_MINISTACK, reason="needs Python 3.10, as ministack does: Route 53 is only there")
def test_the_record_follows_a_domain_that_is_made_anew(zones, ministack_aws, ministack_url, with_record):
    ministack_aws.by_hand.delete_api_mapping(DomainName="ws.example.com", ApiMappingId=with_record.api_mapping_id)
    ministack_aws.by_hand.delete_domain_name(DomainName="ws.example.com")
    ministack_aws.by_hand.create_domain_name(
        DomainName="ws.example.com",
        DomainNameConfigurations=[{"CertificateArn": CERTIFICATE, "EndpointType": "REGIONAL"}],
        Tags={"django-websockets-gateway": str(with_record.reference)},
    )
    route53 = standins.client(ministack_url, "route53")
    route53.change_resource_record_sets(
        HostedZoneId=zones[0][0],
        ChangeBatch={
            "Changes": [
                {
                    "Action": "UPSERT",
                    "ResourceRecordSet": {
                        "Name": "ws.example.com",
                        "Type": "A",
                        "AliasTarget": {
                            "HostedZoneId": "Z2",
                            "DNSName": "d-before.example.net",
                            "EvaluateTargetHealth": False,
                        },
                    },
                }
            ]
        },
    )
    type(with_record).objects.update(api_gateway_domain_name="d-before.example.net")
    with_record.refresh_from_db()
    assert "update DNS record ws.example.com" in described(plan_gateway(with_record))
    update_gateway(with_record)
    found = route53.list_resource_record_sets(HostedZoneId=zones[0][0])["ResourceRecordSets"]
    [alias] = [one["AliasTarget"]["DNSName"] for one in found if one["Type"] == "A"]
    assert alias.rstrip(".") == with_record.api_gateway_domain_name
    assert plan_gateway(with_record).steps == ()
