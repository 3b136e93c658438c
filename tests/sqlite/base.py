"""Django's SQLite backend, set up for threads that write at the same time, on every version of Django.

From Django 5.1 on, OPTIONS can say the same: ``transaction_mode`` and ``init_command``.
"""

from __future__ import annotations

from django.db.backends.sqlite3 import base


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params):
        connection = super().get_new_connection(conn_params)
        connection.execute("PRAGMA journal_mode = WAL")  # Readers do not wait for the writer.
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    def _start_transaction_under_autocommit(self):
        # A transaction that reads first could not wait for another writer when it writes.
        self.cursor().execute("BEGIN IMMEDIATE")
