"""`radgate alerts`: whether receivers of alerts can be reached, and which notifications are silenced."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from radgate_server.cli.shared.admin import caller_for
from radgate_server.cli.shared.options import RadgateGroup, config_option, current_settings, json_option
from radgate_server.cli.shared.output import hint, print_rows
from radgate_server.core.alerts.alert import AlertState, Silence, that_hold, trial_notice
from radgate_server.core.errors import ConfigurationError, NotDeliveredError
from radgate_server.settings.alerts import AlertReceiver, AlertsSettings

if TYPE_CHECKING:
    from radgate_server.services.alerts.silencing import Silencing

_ABOUT = ("tenant", "pacs")


@click.group(cls=RadgateGroup)
def alerts() -> None:
    """Notifications by mail, Slack, PagerDuty or webhook when something is wrong."""


@alerts.command()
@click.argument("alert", required=False)
@config_option
def runbook(alert: str | None) -> None:
    """Print the runbook (Markdown), or its section on one alert: what it means and what to do."""
    page = _runbook_page()
    if alert is None:
        click.echo(page, nl=False)
        return
    sections = {text.partition("\n")[0].strip().lower(): text for text in page.split("\n## ")[1:]}
    if (section := sections.get(alert.lower())) is None:
        raise click.ClickException(f"the runbook has no section {alert!r}; radgate alerts runbook prints all of it")
    click.echo(f"## {section.rstrip()}")


def _runbook_page() -> str:
    """The page as the wheel carries it; in a clone of the repository that in docs."""
    package = Path(__file__).parents[1]
    shipped = package / "pages" / "runbook.md"
    page = shipped if shipped.exists() else package.parents[1] / "docs" / "runbook.md"
    return page.read_text(encoding="utf-8")


@alerts.command()
@json_option
@config_option
def test(as_json: bool) -> None:
    """Send a test message to every receiver, then one that it is over, and say how it went.

    Exit status 1 when one did not take it.
    """
    settings = current_settings().alerts
    if not settings.receivers:
        raise ConfigurationError("no receiver is configured; see alerts.receivers in docs/alerts.md")
    rows = asyncio.run(_send_tests(settings))
    print_rows(rows, ("receiver", "kind", "result"), as_json=as_json)
    if any(row["result"] != "sent" for row in rows):
        sys.exit(1)


@alerts.command()
@click.argument("alert")
@click.option("--tenant", metavar="TENANT", help="Only what is about this tenant.")
@click.option("--pacs", metavar="NAME", help="Only what is about this PACS.")
@click.option("--hours", type=click.FloatRange(0, 24 * 31, min_open=True), default=1, help="For how long.")
@config_option
def silence(alert: str, tenant: str | None, pacs: str | None, hours: float) -> None:
    """Suppress the notifications of an alert for a while, such as RadgatePacsDown during maintenance.

    Running servers of this data_dir see it at once. Prints the silence's id.
    """
    labels = tuple(zip(_ABOUT, (tenant, pacs), strict=True))
    given = tuple((name, value) for name, value in labels if value is not None)
    new = _run(lambda silencing: silencing.begin(caller_for(), alert, given, timedelta(hours=hours)))
    click.echo(new.silence_id)


@alerts.command()
@json_option
@config_option
def silences(as_json: bool) -> None:
    """List the silences that hold."""
    rows = [
        {
            "id": each.silence_id,
            "alert": each.name,
            "until": each.until,
            **{name: dict(each.labels).get(name, "") for name in _ABOUT},
        }
        for each in _current()
    ]
    print_rows(rows, ("id", "alert", *_ABOUT, "until"), as_json=as_json)


@alerts.command()
@click.argument("silence_id", metavar="ID")
@config_option
def unsilence(silence_id: str) -> None:
    """End a silence before its time."""
    _run(lambda silencing: silencing.end(caller_for(), silence_id))
    hint("the silence is over")


async def _send_tests(settings: AlertsSettings) -> list[dict[str, str]]:
    # Only here: the imports of all receivers would make `--help` slow.
    from radgate_server.adapters.notify import build_notifier

    notice = trial_notice(settings.site_or_host, _now())

    async def send(receiver: AlertReceiver) -> dict[str, str]:
        notifier = build_notifier(receiver)
        try:
            await notifier.deliver(notice)
            await notifier.deliver(replace(notice, state=AlertState.RESOLVED))
        except NotDeliveredError as error:
            return {"receiver": receiver.name, "kind": receiver.kind, "result": f"failed: {error.message}"}
        return {"receiver": receiver.name, "kind": receiver.kind, "result": "sent"}

    return list(await asyncio.gather(*map(send, settings.receivers)))


def _current() -> Sequence[Silence]:
    from radgate_server.adapters.notify import SilenceFile

    return that_hold(SilenceFile(current_settings().data_dir).silences(), _now())


def _run[T](work: Callable[["Silencing"], Awaitable[T]]) -> T:
    """Open the installation, where silences are recorded, do `work`, and close it."""
    from radgate_server.adapters.clock import SystemClock
    from radgate_server.adapters.notify import SilenceFile
    from radgate_server.installation.opening import open_installation
    from radgate_server.services.alerts.silencing import Silencing
    from radgate_server.services.audit.recording import Auditor

    settings, clock = current_settings(), SystemClock()

    async def run() -> T:
        async with AsyncExitStack() as stack:
            installation = await open_installation(stack, settings, clock)
            return await work(Silencing(SilenceFile(settings.data_dir), Auditor(installation.audit.sink, clock), clock))

    return asyncio.run(run())


def _now() -> datetime:
    return datetime.now(UTC)
