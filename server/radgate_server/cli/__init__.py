"""The command line. Results go to stdout, everything else to stderr.

Exit status: 0 done, 1 it failed (one line says why), 2 the command line is wrong.
"""

import click

from radgate_server import __version__
from radgate_server.cli.shared.options import LazyCommand, RadgateGroup, config_option

_COMMANDS = {
    "serve": LazyCommand("serve:serve", "Run the server, with Envoy in front."),
    "worker": LazyCommand("serve:worker", "Run jobs, and serve no clients."),
    "demo": LazyCommand("serve:demo", "Run everything here over example images or your own."),
    "migrate": LazyCommand("serve:migrate", "Bring the database to this version's schema."),
    "tenant": LazyCommand("access.tenant:tenant", "Customer organisations, each with PACS and keys of its own."),
    "key": LazyCommand("access.key:key", "API keys, sent by clients as `Authorization: Bearer KEY`."),
    "auth": LazyCommand("access.auth:auth", "Credentials of callers."),
    "limits": LazyCommand(
        "access.limits:limits",
        "What tenants and keys may use, and from where.",
    ),
    "pacs": LazyCommand("pacs:pacs", "Archives that Radgate stands in front of."),
    "secrets": LazyCommand("secrets:secrets", "The key that the credentials of PACS are sealed under."),
    "cache": LazyCommand("cache:cache", "The cached data of studies."),
    "quarantine": LazyCommand("quarantine:quarantine", "Instances that a PACS sent and that were refused."),
    "audit": LazyCommand("audit.group:audit", "The audit trail: who did what, when and from where."),
    "retention": LazyCommand("retention.periods:retention", "Retention periods of audit records, and legal holds."),
    "erase": LazyCommand(
        "retention.erasure:erase",
        "Erase everything that is cached of a study or a patient.",
    ),
    "certificate": LazyCommand("retention.erasure:certificate", "Certificates of deletion."),
    "servers": LazyCommand("servers:servers", "List the servers that run on this database."),
    "alerts": LazyCommand("alerts:alerts", "Notifications by mail, Slack, PagerDuty or webhook."),
    "transcode": LazyCommand("imaging:transcode", "Write DICOM files in another transfer syntax."),
    "thumbnail": LazyCommand("imaging:thumbnail", "Write thumbnails of DICOM files."),
}
"""Each is imported when it is called: all of them together take two seconds."""


@click.group(
    cls=RadgateGroup, lazy=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="radgate")
@config_option
def radgate() -> None:
    """One typed door in front of every PACS.

    Settings come from the environment (RADGATE_HTTP_PORT=8080), else from the TOML file given with --config, else from
    defaults. All commands but serve, worker, demo, alerts, transcode and thumbnail work on the database, whether or not
    a server is running; a running server sees the change within seconds.
    """
