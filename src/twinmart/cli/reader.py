"""Commands for readers of single tenants: reader add, list, remove."""

from typing import Annotated

import typer

from twinmart.cli.context import answer, answer_json, home_of, table
from twinmart.config.topology import active_site, write_dsns
from twinmart.db.connect import session
from twinmart.errors import UnknownObject
from twinmart.site.home import Site
from twinmart.site.mart import (
    DATABASE,
    allow_tenant_reader,
    allow_upkeep,
    create_reader,
    drop_reader,
    forbid_tenant_reader,
    tenant_key,
    tenant_readers,
)

_Name = Annotated[str, typer.Argument(metavar="NAME", help="Database role: lower-case letters, digits, underscores.")]
_Json = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(help="Database roles that read single tenants, for tools of others.", no_args_is_help=True)
    group.command("add")(add)
    group.command("list")(list_readers)
    group.command("remove")(remove)
    app.add_typer(group, name="reader")


def add(
    ctx: typer.Context,
    name: _Name,
    tenant: Annotated[str, typer.Option(metavar="TENANT", help="Tenant that it may read; may be given again later.")],
    as_json: _Json = False,
) -> None:
    """Let a role read the facts, aggregates and dimensions of a tenant at every site, and nothing else.

    On a server that twinmart runs the role is made, with a random password in the site's passfile; on one of your own
    its administrator makes it. Do so again after a site was away.

    Example: twinmart reader add acme_bi --tenant Acme
    """
    sites = {site.number: site for site in home_of(ctx).require_sites()}
    written = write_dsns({number: site.dsn() for number, site in sites.items()})
    with session(sites[next(iter(written))].dsn(), application_name="twinmart reader") as mart:
        tenant_key(mart, tenant)
    for number in (*written, *(number for number in sites if number not in written)):
        site = sites[number]
        if site.server is not None:
            create_reader(site.server.dsn(), name, site.server.password(name))
        with session(site.dsn(), application_name="twinmart reader", autocommit=True) as mart:
            allow_upkeep(mart)
            allow_tenant_reader(mart, name, tenant if number in written else None)
    places = {number: _login(site, name) for number, site in sites.items()}
    if as_json:
        answer_json(reader=name, tenant=tenant, logins=[{"site": site, "dsn": dsn} for site, dsn in places.items()])
        return
    answer(f'"{name}" reads tenant "{tenant}"')
    for number, login in places.items():
        answer(f"  site {number}  {login or 'on a server of your own: log in as its administrator says'}")


def list_readers(ctx: typer.Context, as_json: _Json = False) -> None:
    """List the roles that read single tenants.

    Example: twinmart reader list
    """
    dsns = {site.number: site.dsn() for site in home_of(ctx).require_sites()}
    with session(dsns[active_site(dsns)], application_name="twinmart reader") as mart:
        found = tenant_readers(mart)
    if as_json:
        answer_json(readers=[{"reader": role, "tenants": tenants} for role, tenants in found.items()])
    elif found:
        answer(table(("reader", "tenants"), [(role, ", ".join(tenants)) for role, tenants in found.items()]))
    else:
        answer("no role reads single tenants; let one with: twinmart reader add NAME --tenant TENANT")


def remove(ctx: typer.Context, name: _Name, as_json: _Json = False) -> None:
    """Take from a role all that it may read, at every site; on a server that twinmart runs the role ends.

    Example: twinmart reader remove acme_bi
    """
    sites = {site.number: site for site in home_of(ctx).require_sites()}
    written = write_dsns({number: site.dsn() for number, site in sites.items()})
    with session(sites[next(iter(written))].dsn(), application_name="twinmart reader") as mart:
        if name not in tenant_readers(mart):
            raise UnknownObject(f'no reader is called "{name}"', hint="See: twinmart reader list.")
    # The active site comes last: until all are done the role is known, and the same command goes on.
    for number in (*(number for number in sites if number not in written), *reversed(written)):
        site = sites[number]
        with session(site.dsn(), application_name="twinmart reader", autocommit=True) as mart:
            allow_upkeep(mart)
            forbid_tenant_reader(mart, name)
            if number in written:
                mart.execute("DELETE FROM ctl.tenant_reader WHERE role_name = %s", (name,))
        if site.server is not None:
            drop_reader(site.server.dsn(), name)
            site.server.forget_password(name)
    if as_json:
        answer_json(removed=name)
    else:
        answer(f'"{name}" reads nothing any more')


def _login(site: Site, name: str) -> str | None:
    return None if site.server is None else site.server.tcp_dsn(database=DATABASE, user=name)
