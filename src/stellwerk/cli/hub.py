"""`stellwerk hub`: one hub process. Only `stellwerk serve` starts it."""


def hub() -> None:
    """Serve the socket that the parent process hands over on standard input."""
    from stellwerk.compose.hub import main

    main()
