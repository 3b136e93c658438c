"""What the workers of Celery and of Django's tasks enter by: rows are loaded from keys, and the send goes down."""
