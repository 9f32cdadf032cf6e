"""The `stellwerk` command: it parses, calls, and prints."""

import typer

from stellwerk import __version__
from stellwerk.cli import (
    doctor,
    hub,
    keys,
    models,
    projects,
    queue,
    queue_worker,
    serve,
    usage,
    worker,
)

app = typer.Typer(
    name="stellwerk",
    help="A self-hosted server for the OpenAI API.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("serve")(serve.serve)
app.command("worker")(worker.worker)
app.add_typer(keys.app, name="keys")
app.add_typer(projects.app, name="projects")
app.add_typer(models.app, name="models")
app.command("usage")(usage.usage)
app.add_typer(queue.app, name="queue")
app.command("doctor")(doctor.doctor)
app.command("hub", hidden=True)(hub.hub)
app.command("queue-worker", hidden=True)(queue_worker.queue_worker)


@app.command("version")
def version() -> None:
    """Print the version."""
    typer.echo(__version__)
