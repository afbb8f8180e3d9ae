"""`radgate audit` with all of its commands."""

from radgate_server.cli.audit.chain import audit
from radgate_server.cli.audit.edge_log import import_edge_log
from radgate_server.cli.audit.reading import report, search
from radgate_server.cli.audit.schedule import schedule
from radgate_server.cli.audit.spool import import_spool

for _command in (search, report, schedule, import_spool, import_edge_log):
    audit.add_command(_command)

__all__ = ["audit"]
