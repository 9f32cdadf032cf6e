"""`stellwerk hub`: one hub process. Only `stellwerk serve` starts it."""

from stellwerk.compose.hub import main


def hub() -> None:
    """Serve the socket that the parent process hands over on standard input."""
    main()
