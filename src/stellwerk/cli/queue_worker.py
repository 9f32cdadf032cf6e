"""`stellwerk queue-worker`: one worker process. Only a parent process starts it."""


def queue_worker() -> None:
    """Run requests of the queue, as the parent process says on standard input."""
    from stellwerk.compose.queue_worker import main

    main()
