"""The command line. Results go to stdout, everything else to stderr.

Exit status: 0 done, 1 it failed (one line says why), 2 the command line is wrong.
"""

import click

from radgate_server import __version__
from radgate_server.cli.alerts import alerts
from radgate_server.cli.audit import audit
from radgate_server.cli.audit_reading import report, search
from radgate_server.cli.audit_schedule import schedule
from radgate_server.cli.cache import cache
from radgate_server.cli.erasure import certificate, erase
from radgate_server.cli.images import thumbnail, transcode
from radgate_server.cli.key import key
from radgate_server.cli.limits import limits
from radgate_server.cli.options import RadgateGroup, config_option
from radgate_server.cli.pacs import pacs
from radgate_server.cli.retention import retention
from radgate_server.cli.secrets import secrets
from radgate_server.cli.serve import demo, migrate, serve
from radgate_server.cli.tenant import tenant


@click.group(cls=RadgateGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="radgate")
@config_option
def radgate() -> None:
    """One typed door in front of every PACS.

    Settings come from the environment (RADGATE_HTTP_PORT=8080), else from the TOML file given with --config, else from
    defaults. All commands but serve, demo, alerts, transcode and thumbnail work on the database, whether or not a
    server is running; a running server sees the change within seconds.
    """


for command in (
    serve,
    demo,
    migrate,
    tenant,
    key,
    limits,
    pacs,
    secrets,
    cache,
    audit,
    retention,
    erase,
    certificate,
    alerts,
    transcode,
    thumbnail,
):
    radgate.add_command(command)

for command in (search, report, schedule):
    audit.add_command(command)
