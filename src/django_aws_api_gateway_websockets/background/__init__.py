"""The entry points of Celery's and Django's task workers. They load rows from keys and send."""
